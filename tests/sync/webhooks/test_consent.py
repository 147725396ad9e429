"""The service reads a person's consent fresh before each write, and remembers a refusal whose record is gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.sandbox.deeds import do
from connectors.sandbox.fill import AUDIENCE
from connectors.sandbox.mailchimp.directory import subscriber_hash
from sync.assign.job import assign
from sync.pull.job import pull
from tests.sync.conftest import Platforms
from tests.sync.webhooks.conftest import serving, session_on

PERSONA = "personasync_persona"


def delete_member(platforms: Platforms, email: str) -> None:
    member = platforms.email.directory(AUDIENCE).find(subscriber_hash(email))
    assert member is not None
    platforms.email.remove_member(AUDIENCE, member)


def test_a_refusal_counts_before_its_event_comes_and_after_its_record_is_gone(looped: Platforms) -> None:
    with serving(looped) as served:
        world = looped.sandbox.world
        ada, bea = served.newcomer("ada@new.test"), served.newcomer("bea@new.test")
        for email in ("ada@new.test", "bea@new.test"):
            served.subscribe(email)
        do(world, "unsubscribe", "ada@new.test", {})  # no event of it was delivered
        served.turn(ada)
        do(world, "unsubscribe", "bea@new.test", {})
        served.mailchimp("unsubscribe", email="bea@new.test", action="unsub")
        served.idle()
        first = [served.property(newcomer, PERSONA) for newcomer in (ada, bea)]
        for email in ("ada@new.test", "bea@new.test"):
            delete_member(looped, email)
        for number, contact in enumerate((ada, bea), start=3):
            served.turn(contact, number=number)
        served.idle()
        second = [served.property(newcomer, PERSONA) for newcomer in (ada, bea)]

    assert (first, second) == (["", ""], ["", ""])


def archive_member(platforms: Platforms, email: str) -> None:
    member = platforms.email.directory(AUDIENCE).find(subscriber_hash(email))
    assert member is not None
    platforms.email.directory(AUDIENCE).save(member | {"status": "archived", "last_changed": platforms.email.now()})


@pytest.mark.long
@pytest.mark.parametrize("go", [archive_member, delete_member])
def test_the_service_remembers_a_refusal_that_only_a_pull_saw(
    looped: Platforms, go: Callable[[Platforms, str], None]
) -> None:
    with serving(looped) as served:
        ada = served.newcomer("ada@new.test")
        served.subscribe("ada@new.test")
        with session_on(looped) as session:
            pull(session)
            do(looped.sandbox.world, "unsubscribe", "ada@new.test", {})  # no event of it was delivered
            pull(session)
            assign(session, as_of=session.now())
        go(looped, "ada@new.test")
        served.turn(ada)
        served.idle()
        written = served.property(ada, PERSONA)

    assert written == ""


@pytest.mark.long
def test_what_a_pull_saw_and_what_the_service_saw_is_known_to_both(looped: Platforms) -> None:
    with serving(looped) as served:
        ada, bea = served.newcomer("ada@new.test"), served.newcomer("bea@new.test")
        for email in ("ada@new.test", "bea@new.test"):
            served.subscribe(email)
        with session_on(looped) as session:
            pull(session)
        do(looped.sandbox.world, "unsubscribe", "ada@new.test", {})
        served.mailchimp("unsubscribe", email="ada@new.test", action="unsub")  # between two pulls
        served.idle()
        delete_member(looped, "ada@new.test")
        with session_on(looped) as session:
            pull(session)
            pull(session)
            links = session.control.links.mapping()
            rows = session.warehouse.current("contacts").to_pyarrow().to_pylist()
        mine = [r for r in rows if links[f"{r['connection']}:{r['platform_id']}"] == links[f"crm:{ada}"]]

    assert bea
    assert {(row["connection"], row["state"], row["consent"]) for row in mine} == {
        ("crm", "active", "unknown"),
        ("email", "deleted", "unsubscribed"),
    }
