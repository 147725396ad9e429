"""Newsletters of the real Ghost reach everybody in a label, also where one batch does not hold them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real.ghost import RECIPIENTS, ghost
from tests.real.mailgun import Mailgun
from tests.real.people import RealPerson, copy_member

pytestmark = [pytest.mark.real, pytest.mark.outside]
PEOPLE = RECIPIENTS + 200


def test_a_newsletter_reaches_more_people_than_a_batch_holds(scratch: Path) -> None:
    people = [RealPerson("Ada", "", "", f"reader{number}@people.test", ()) for number in range(PEOPLE)]
    with Mailgun() as mailgun, ghost(scratch / "newsletter", mailgun.url) as site:
        first = {"email": people[0].ghost, "labels": [{"name": "many"}]}
        site.call("POST", "members/", {"members": [first]})
        copy_member(people[0], people[1:], site)
        site.send("To many", "many", "https://shop.example/offer")

        assert sorted(mail.recipient for mail in mailgun.mails) == sorted(person.ghost for person in people)
