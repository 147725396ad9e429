"""The loop, end to end, on local platforms over real sockets: what is written, what is not, and what comes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from connectors.errors import FixSettingsError
from connectors.records import CONTACTS, ENGAGEMENTS
from connectors.sandbox import marketer
from connectors.sandbox.door import InjectedFault
from connectors.sandbox.fill import AUDIENCE
from connectors.sandbox.server import Sandbox
from sync.apply.job import apply
from sync.assign.job import assign
from sync.breach import GuardrailError
from sync.clock import now
from sync.ops.run import Loop, run_loop
from sync.ops.setup import missing_steps
from sync.plan.job import plan
from sync.pull.job import pull
from sync.report.sentences import differences
from sync.results.campaigns import newest_campaigns
from sync.session import Session, open_session
from tests.sync.conftest import Platforms, connected, filled

SEGMENTS = {"regulars", "gift_buyers", "bargain_hunters", "newcomers"}


def run(session: Session) -> Loop:
    return run_loop(session, as_of=session.now(), set_up=True)


@dataclass
class Once:
    """One run, for all tests that only look at what came of it; and what had been there before."""

    platforms: Platforms
    session: Session
    done: Loop
    statuses: dict[str, str]
    optouts: dict[str, Any]


def statuses_of(platforms: Platforms) -> dict[str, str]:
    return {member["contact_id"]: member["status"] for member in platforms.members()}


def optouts_of(platforms: Platforms) -> dict[str, Any]:
    return {row["id"]: row["properties"].get("hs_email_optout") for row in platforms.crm.contact_records.rows()}


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Once]:
    with Sandbox(filled()) as sandbox:
        platforms = connected(sandbox, tmp_path_factory.mktemp("once") / "workspace")
        statuses, optouts = statuses_of(platforms), optouts_of(platforms)
        with open_session(platforms.folder, now=now, environment=platforms.environment) as session:
            yield Once(platforms, session, run(session), statuses, optouts)


def test_whoever_may_be_written_to_shows_their_persona_on_both_platforms(once: Once) -> None:
    platforms, done = once.platforms, once.done

    shown = [row["properties"].get("personasync_persona") for row in platforms.crm.contact_records.rows()]
    tagged = {
        member["contact_id"]
        for member in platforms.members()
        if any(platforms.email.segments(AUDIENCE)[tag]["name"].startswith("ps:") for tag in member["tags"])
    }
    assert done.applied.rejected == 0
    assert sum(done.applied.states.values()) == len(done.planned.plan.changes) > 0
    assert {value for value in shown if value} <= {"rita_regular", "gus_gift", "bo_bargain", "nora_new", "unclassified"}
    assert {m["status"] for m in platforms.members() if m["contact_id"] in tagged} == {"subscribed"}
    assert any(member["merge_fields"].get("PS_HEAD") == "Welcome to the shop" for member in platforms.members())


@pytest.mark.long
def test_the_second_run_of_the_same_moment_plans_and_writes_nothing(platforms: Platforms, session: Session) -> None:
    as_of = session.now()
    first = run_loop(session, as_of=as_of, set_up=True)
    before = len(platforms.writes())
    second = run_loop(session, as_of=as_of)

    assert len(first.planned.plan.changes) > 0
    assert len(second.planned.plan.changes) == 0
    assert platforms.writes()[before:] == []
    assert sum(second.pulled.versions.values()) > 0  # what the first run wrote is read back, once
    settings = session.workspace.directory / "personasync.toml"
    settings.write_text(settings.read_text("utf-8") + '\n[export]\nfolder = "tables"\n', "utf-8")
    session.reload()
    third = run_loop(session, as_of=as_of)
    assert sum(third.pulled.versions.values()) == 0
    assert "tables" in third.seconds
    assert {path.suffix for path in (session.workspace.directory / "tables").iterdir()} == {
        ".parquet",
        ".yml",
        ".jsonl",
    }


def test_nobody_is_subscribed_archived_deleted_or_mailed(once: Once) -> None:
    assert statuses_of(once.platforms) == once.statuses
    assert optouts_of(once.platforms) == once.optouts
    assert [
        write
        for write in once.platforms.writes()
        if write.startswith("DELETE") or "actions" in write or "publish" in write
    ] == []


@pytest.mark.long
def test_nothing_is_written_before_a_plan_is_applied(platforms: Platforms, session: Session) -> None:
    pull(session)
    assign(session, as_of=session.now())
    missing_steps(session)
    plan(session)

    assert platforms.writes() == []


def test_who_unsubscribed_anywhere_is_left_alone_everywhere(once: Once) -> None:
    platforms, done = once.platforms, once.done
    blocked = {row["id"] for row in platforms.crm.contact_records.rows() if row["properties"].get("hs_email_optout")}
    gone = {m["email_address"].lower() for m in platforms.members() if m["status"] in {"unsubscribed", "cleaned"}}
    written = {
        row["id"]: row["properties"].get("email", "")
        for row in platforms.crm.contact_records.rows()
        if row["properties"].get("personasync_persona")
    }

    assert blocked
    assert gone
    assert blocked.isdisjoint(written)
    assert gone.isdisjoint(written.values())
    assert any(reason.startswith("crm: consent") for reason in done.planned.summary["skipped"])


def test_two_spellings_of_one_address_are_one_person(platforms: Platforms, session: Session) -> None:
    platforms.crm.add_contact({"email": "ada@spelling.test"}, created_at=session.now())
    platforms.email.add_member(AUDIENCE, "ADA@Spelling.test")
    pull(session)
    links = session.control.links.mapping()
    rows = session.warehouse.current(CONTACTS.name).to_pyarrow().to_pylist()
    mine = {links[f"{row['connection']}:{row['platform_id']}"] for row in rows if row["email"] == "ada@spelling.test"}

    assert len([row for row in rows if row["email"] == "ada@spelling.test"]) == 2
    assert len(mine) == 1


def test_a_person_keeps_their_id_when_the_address_changes(platforms: Platforms, session: Session) -> None:
    key = platforms.email.add_member(AUDIENCE, "old@moving.test")
    pull(session)
    member = platforms.email.directory(AUDIENCE).find(key)
    assert member is not None
    before = session.control.links.mapping()[f"email:{member['contact_id']}"]
    platforms.email.rename_member(AUDIENCE, member, "new@moving.test")
    member["last_changed"] = platforms.email.now()
    platforms.email.directory(AUDIENCE).save(member)
    pull(session)

    assert session.control.links.mapping()[f"email:{member['contact_id']}"] == before
    assert session.control.links.mapping()["mailto:new@moving.test"] == before


def test_contacts_that_are_merged_stay_one_person(platforms: Platforms, session: Session) -> None:
    first = platforms.crm.add_contact({"email": "one@merging.test"}, created_at=session.now())
    two = platforms.crm.add_contact({"email": "two@merging.test"}, created_at=session.now())
    pull(session)
    apart = session.control.links.mapping()
    merge(platforms, first, two)
    pull(session)
    links = session.control.links.mapping()

    assert apart[f"crm:{first}"] != apart[f"crm:{two}"]
    assert links[f"crm:{first}"] == links[f"crm:{two}"] == links["mailto:two@merging.test"]


def merge(platforms: Platforms, keep: str, other: str) -> None:
    import requests  # noqa: PLC0415 - what a person does in HubSpot, no part of the product

    answer = requests.post(
        f"{platforms.sandbox.hubspot_url}/crm/v3/objects/contacts/merge",
        json={"primaryObjectId": keep, "objectIdToMerge": other},
        headers={"Authorization": f"Bearer {platforms.sandbox.access['hubspot_token']}"},
        timeout=10,
    )
    assert answer.status_code == 200, answer.text


@pytest.mark.long
def test_an_apply_that_breaks_off_goes_on_where_it_stopped(platforms: Platforms, ready: Session) -> None:
    planned = plan(ready)
    page = InjectedFault(kind="html", match="/members/", method="PATCH", status=502, times=10_000, skip=30)
    platforms.sandbox.journal.faults[:] = [page]
    email: Any = ready.connector("email")
    email._transport._wait = lambda _seconds: None
    first = apply(ready, planned.path)
    platforms.sandbox.journal.faults[:] = []
    patched = [write for write in platforms.writes() if write.startswith("PATCH")]
    second = apply(ready, planned.path)
    again = [write for write in platforms.writes() if write.startswith("PATCH")][len(patched) :]
    pull(ready)

    assert "email" in first.failed
    assert second.failed == {}
    assert len(again) < len({change.platform_id for change in planned.plan.changes if change.connection == "email"})
    assert len(plan(ready).plan.changes) == 0


@pytest.mark.long
def test_a_stale_an_edited_and_an_applied_plan_are_refused(platforms: Platforms, ready: Session) -> None:
    stale = plan(ready)
    pull(ready)
    with pytest.raises(FixSettingsError, match=r"out of date. Changed since it was made: pull"):
        apply(ready, stale.path)
    edited = plan(ready)
    text = edited.path.read_text("utf-8")
    edited.path.write_text(text.replace("Welcome to the shop", "Welcome to the shop!"), "utf-8")
    with pytest.raises(FixSettingsError, match=r"edited|changed"):
        apply(ready, edited.path)
    good = plan(ready)
    apply(ready, good.path)
    with pytest.raises(FixSettingsError, match="already applied"):
        apply(ready, good.path)


def test_a_guardrail_refuses_until_it_is_overridden(platforms: Platforms, session: Session, applied: str) -> None:
    file = platforms.folder / "personas.toml"
    file.write_text(file.read_text("utf-8").replace("Welcome to the shop", "Come in"), "utf-8")
    file.write_text(file.read_text("utf-8").replace("The sale has started", "It is cheap today"), "utf-8")
    from sync.workspace.settings import load_workspace  # noqa: PLC0415 - the next command would read it anew

    session.workspace = load_workspace(platforms.folder)
    pull(session)
    planned = plan(session)
    with pytest.raises(GuardrailError, match="max_changed"):
        apply(session, planned.path)
    again = plan(session)
    done = apply(session, again.path, override=frozenset({"max_changed"}))

    assert {breach.guardrail for breach in planned.breaches} == {"max_changed"}
    assert done.rejected == 0


@pytest.mark.long
def test_what_the_report_counts_is_what_the_platform_counts(platforms: Platforms, session: Session) -> None:
    def campaign() -> None:
        access = platforms.sandbox.access
        marketer.send_campaign(
            access["mailchimp_url"],
            access["mailchimp_key"],
            access["audience"],
            title="November",
            subject="Hello",
            variants={"a": "<p>Sale</p>", "b": "<p>*|PS_OFFER|*</p>"},
        )
        marketer.advance_clock(access["mailchimp_url"], days=4)

    done = run_loop(session, as_of=session.now(), set_up=True, before_results=campaign)
    measured = newest_campaigns(session)[0]
    kinds = {row["kind"] for row in session.warehouse.current(ENGAGEMENTS.name).to_pyarrow().to_pylist()}

    assert {row.variant for row in measured.rows} == {"a", "b"}
    assert sum(row.delivered for row in measured.rows) > 60
    lines = [line for line in differences(measured) if "delivered" not in line]
    assert len(lines) == 1
    assert lines[0].endswith(
        f"{sum(row.machine_only for row in measured.rows)} of them are machine opens (Apple MPP, scanners)."
    )
    assert {"open", "click"} <= kinds
    assert "<script" not in done.written.path.read_text("utf-8").split("</head>")[0] or done.written.path.stat().st_size


@pytest.mark.long
def test_the_ledger_holds_every_change_with_its_value_before(once: Once) -> None:
    done = once.done
    outcomes = once.session.control.ledger.outcomes(done.applied.run_id)

    assert len(outcomes) == len(done.planned.plan.changes)
    assert {outcome.state for outcome in outcomes} <= {"applied", "unchanged"}
    assert {outcome.change.name for outcome in outcomes} >= SEGMENTS & set(done.assigned.segments)
    assert json.dumps(done.planned.summary, default=str)
