"""Undo: everything that is still as we wrote it goes back, everything else stays; an undo can be undone."""

from __future__ import annotations

import re
from typing import Any

import pytest

from connectors.errors import FixSettingsError
from connectors.sandbox.deeds import do
from connectors.sandbox.door import InjectedFault
from connectors.sandbox.fill import AUDIENCE
from connectors.sandbox.hubspot.contacts import archive_contact
from sync.apply.job import apply
from sync.apply.undo import intended, undo
from sync.assign.job import assign
from sync.cli.main import run as command
from sync.clock import now
from sync.ops.setup import create_missing, missing_steps
from sync.plan.job import plan
from sync.pull.job import pull
from sync.session import Session, open_session
from tests.sync.conftest import Platforms


def shown(platforms: Platforms) -> dict[str, Any]:
    """Everything of ours on both platforms."""
    crm = {
        key: {name: value for name, value in row["properties"].items() if name.startswith("personasync_") and value}
        for key, row in platforms.crm.contact_records.table.items()
    }
    email = {
        member["contact_id"]: {n: v for n, v in member["merge_fields"].items() if n.startswith(("P", "PS_")) and v}
        for member in platforms.members()
    }
    lists = {key: sorted(members) for key, members in platforms.crm.members.items()}
    tags = {member["contact_id"]: sorted(member["tags"]) for member in platforms.members()}
    return {"crm": crm, "email": email, "lists": lists, "tags": tags}


@pytest.mark.long
def test_an_undo_restores_everything_and_an_undo_of_it_brings_it_back(platforms: Platforms, session: Session) -> None:
    pull(session)
    assign(session, as_of=session.now())
    create_missing(session, missing_steps(session))
    before = shown(platforms)
    plan(session)
    first = apply(session)
    after = shown(platforms)
    intent = intended(session, first.run_id)
    undone = undo(session, intent)
    assert shown(platforms)["crm"] == before["crm"]
    assert shown(platforms)["email"] == before["email"]
    assert shown(platforms)["tags"] == before["tags"]
    assert not any(shown(platforms)["lists"].values())
    assert (undone.restored, undone.left) == (first.count("applied"), 0)

    redone = undo(session, intended(session, undone.run_id))

    assert shown(platforms) == after
    assert redone.restored == undone.restored


def test_what_a_person_changed_since_stays(platforms: Platforms, session: Session, applied: str) -> None:
    member = next(member for member in platforms.members() if member["merge_fields"].get("PERSONA"))
    member["merge_fields"]["PERSONA"] = "by hand"
    platforms.email.directory(AUDIENCE).save(member)
    contact = next(
        r for r in platforms.crm.contact_records.table.values() if r["properties"].get("personasync_persona")
    )
    platforms.crm.touch_contact(contact, {"personasync_reason": "by hand"})

    intent = intended(session, "last")
    undone = undo(session, intent)

    assert (intent.changed_since, undone.left) == (2, 2)
    assert member["merge_fields"]["PERSONA"] == "by hand"
    assert contact["properties"]["personasync_reason"] == "by hand"
    assert not contact["properties"].get("personasync_persona")


def test_a_contact_that_is_gone_is_counted_and_no_error(platforms: Platforms, session: Session, applied: str) -> None:
    ids = [
        key for key, row in platforms.crm.contact_records.table.items() if row["properties"].get("personasync_persona")
    ]
    archive_contact(platforms.crm, ids[0])

    intent = intended(session, applied)
    undone = undo(session, intent)

    assert intent.gone > 0
    assert undone.rejected == 0


def test_the_same_undo_twice_does_nothing_the_second_time(platforms: Platforms, session: Session, applied: str) -> None:
    undo(session, intended(session, "last"))
    writes = len(platforms.writes())
    again = intended(session, "last")
    undo(session, again)

    assert (again.count, len(platforms.writes())) == (0, writes)


@pytest.mark.long
def test_an_undo_that_breaks_off_goes_on_where_it_stopped(platforms: Platforms, session: Session, applied: str) -> None:
    platforms.sandbox.journal.faults[:] = [
        InjectedFault(kind="html", match="/members/", method="PATCH", status=502, times=999)
    ]
    email: Any = session.connector("email")
    email._transport._wait = lambda _seconds: None
    first = undo(session, intended(session, "last"))
    platforms.sandbox.journal.faults[:] = []
    second = undo(session, intended(session, "last"))

    assert "email" in first.failed
    assert second.failed == {}
    assert not any(shown(platforms)["email"].values())


@pytest.mark.long
def test_a_plan_is_needed_after_an_undo_and_would_do_it_all_again(
    platforms: Platforms, session: Session, applied: str
) -> None:
    undone = undo(session, intended(session, applied))
    pull(session)

    assert len(plan(session).plan.changes) == undone.restored


@pytest.mark.parametrize("run", ["nonsense", "pull"])
def test_only_what_wrote_can_be_undone(session: Session, applied: str, run: str) -> None:
    newest = session.control.runs.latest("pull")
    assert newest is not None
    with pytest.raises(FixSettingsError, match="history"):
        intended(session, newest.run_id if run == "pull" else run)


@pytest.mark.long
def test_the_command_shows_first_and_needs_a_yes(
    platforms: Platforms, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in platforms.environment.items():
        monkeypatch.setenv(name, value)
    where = ["--workspace", str(platforms.folder)]
    for step in (["setup", "--yes"], ["pull"], ["assign"], ["plan"], ["apply"]):
        assert command([*step, *where]) == 0
    writes = len(platforms.writes())

    assert command(["undo", "last", *where]) == 2
    assert "would be restored" in capsys.readouterr().err
    assert len(platforms.writes()) == writes
    assert command(["undo", "last", "--yes", *where]) == 0
    assert "restored; 0 skipped" in capsys.readouterr().out


def test_an_undo_takes_words_from_who_unsubscribed_and_an_undo_of_it_does_not_bring_them_back(
    platforms: Platforms, session: Session, applied: str
) -> None:
    member = next(member for member in platforms.members() if member["merge_fields"].get("PERSONA"))
    address = member["email_address"]
    do(platforms.sandbox.world, "unsubscribe", address, {})
    undone = undo(session, intended(session, applied))
    taken = {name for name, text in member["merge_fields"].items() if name in {"PERSONA", "PS_HEAD"} and text}
    redone = undo(session, intended(session, undone.run_id))
    again = next(member for member in platforms.members() if member["email_address"] == address)

    assert taken == set()
    assert not again["merge_fields"].get("PERSONA")
    assert redone.count("skipped") > 0
    assert redone.count("applied") > 0


@pytest.mark.long
def test_an_undo_gives_no_earlier_words_back_to_who_unsubscribed(
    platforms: Platforms, session: Session, applied: str
) -> None:
    """The second apply changed their persona: what it replaced is not written to them; what is only ours is cleared."""
    before = [member for member in platforms.members() if member["merge_fields"].get("PS_HEAD")]
    path = platforms.folder / "personas.toml"
    path.write_text(re.sub(r'(headline\s*=\s*")', r"\1Other: ", path.read_text("utf-8")), "utf-8")
    with open_session(platforms.folder, now=now, environment=platforms.environment) as again:
        pull(again)
        assign(again, as_of=again.now())
        plan(again)
        second = apply(again, override=frozenset({"max_changed"}))
        member = platforms.email.directory(AUDIENCE).find(before[0]["email_address"])
        assert member is not None
        assert member["merge_fields"]["PS_HEAD"].startswith("Other: ")
        do(platforms.sandbox.world, "unsubscribe", member["email_address"], {})
        undone = undo(again, intended(again, second.run_id))
        shown = platforms.email.directory(AUDIENCE).find(member["email_address"])
        skipped = [outcome for outcome in again.control.ledger.outcomes(undone.run_id) if outcome.state == "skipped"]

    assert shown is not None
    assert shown["merge_fields"]["PS_HEAD"].startswith("Other: ")
    assert {outcome.code for outcome in skipped} == {"consent_changed"}
    assert {outcome.change.email for outcome in skipped} == {member["email_address"]}
    assert all(outcome.change.after is not None for outcome in skipped)
    assert undone.count("applied") > 0
