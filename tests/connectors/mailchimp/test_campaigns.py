"""Variants of Mailchimp's campaigns, as its reports tell them by recipient."""

from __future__ import annotations

import pytest

from connectors.mailchimp.campaigns import split_variant


@pytest.mark.parametrize(("group", "variant"), [("a", "a"), ("b", "b"), ("winner", None), ("", None), (None, None)])
def test_the_rest_who_got_the_winner_hours_later_are_in_no_variant(group: str | None, variant: str | None) -> None:
    assert split_variant({"email_address": "ann@people.test", "absplit_group": group}) == variant
