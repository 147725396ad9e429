"""What `apply` asks before it writes: how much, what if nobody answers, in parts, of many; what releases somebody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from connectors.mailchimp import members as mailchimp_members
from connectors.records import CONTACTS, platform_key
from connectors.sandbox.deeds import do
from connectors.sandbox.door import InjectedFault
from connectors.sandbox.fill import AUDIENCE
from sync.apply import consent_check, push
from sync.apply.job import PlanSelection, apply
from sync.consent import opt_outs
from sync.consent.strictest import is_released, strictest_consent
from sync.plan.job import plan
from sync.pull.job import pull
from sync.session import Session
from tests.sync.conftest import Platforms

DAY = timedelta(days=1)
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
Versions = list[dict[str, Any]]


def both(platforms: Platforms) -> list[str]:
    """Addresses of people who subscribed and are contacts of the CRM too."""
    known = {row["properties"].get("email", "") for row in platforms.crm.contact_records.rows()}
    return sorted(
        m["email_address"] for m in platforms.members() if m["status"] == "subscribed" and m["email_address"] in known
    )


def asked(platforms: Platforms, since: int) -> dict[str, int]:
    """Requests of each platform that wrote nothing, up to the first that wrote."""
    counts = {"hubspot": 0, "mailchimp": 0}
    for entry in list(platforms.sandbox.journal.entries)[since:]:
        if entry.write:
            break
        counts[entry.platform] += 1
    return counts


def test_at_most_three_requests_a_platform_ask_and_nobody_is_asked_for_nothing(
    platforms: Platforms, ready: Session
) -> None:
    plan(ready)
    before = len(platforms.sandbox.journal.entries)
    applied = apply(ready)
    took = asked(platforms, before)
    before = len(platforms.sandbox.journal.entries)
    ready.control.plans.move(applied.plan_id, "applying")
    again = apply(ready)

    assert (applied.skipped, again.states) == (0, {})
    assert all(1 <= count <= 3 for count in took.values()), took
    assert len(platforms.sandbox.journal.entries) == before


@pytest.mark.parametrize("platform", ["hubspot", "mailchimp"])
def test_nothing_is_written_where_nobody_can_be_asked_and_the_same_command_goes_on(
    platforms: Platforms, ready: Session, platform: str
) -> None:
    planned = plan(ready)
    writes = len(platforms.writes())
    platforms.sandbox.journal.faults[:] = [InjectedFault(kind="status", platform=platform, status=403, times=1)]
    with pytest.raises(
        Exception, match=r"Unsubscribes since the last pull could not be checked on .*Nothing has been written"
    ):
        apply(ready)
    nothing = len(platforms.writes()) - writes
    applied = apply(ready)

    assert nothing == 0
    assert sum(applied.states.values()) == len(planned.plan.changes)


@pytest.mark.parametrize("people", ["few", "many"])
def test_every_apply_of_a_part_asks_again(
    platforms: Platforms, ready: Session, monkeypatch: pytest.MonkeyPatch, people: str
) -> None:
    """Of many people search and statuses tell, of a few their records."""
    if people == "many":
        monkeypatch.setattr(consent_check, "FEW", 0)
        monkeypatch.setattr(mailchimp_members, "NEWEST", 1)
    plan(ready)
    apply(ready, part=PlanSelection(limit=3))
    done = {
        row["properties"].get("email")
        for row in platforms.crm.contact_records.rows()
        if row["properties"].get("personasync_persona")
    }
    first, other = [email for email in both(platforms) if email not in done][:2]
    do(platforms.sandbox.world, "unsubscribe", first, {})
    do(platforms.sandbox.world, "edit contact", other, {"properties": {"hs_email_optout": "true"}})
    applied = apply(ready)
    shown = [
        row["properties"].get("personasync_persona")
        for row in platforms.crm.contact_records.rows()
        if row["properties"].get("email") in {first, other}
    ]
    outcomes = {
        (outcome.state, outcome.code, outcome.reason)
        for outcome in ready.control.ledger.outcomes(applied.run_id)
        if outcome.code
    }

    assert [value for value in shown if value] == []
    assert applied.skipped > 0
    assert outcomes == {
        ("skipped", "consent_changed", "Unsubscribed on email since the last pull."),
        ("skipped", "consent_changed", "Unsubscribed on crm since the last pull."),
    }
    assert applied.waiting == 0


def version(
    number: int, consent: str, *, connection: str = "email", state: str = "active", **more: Any
) -> dict[str, Any]:
    at = BEGIN + number * DAY
    known = {"connection": connection, "platform_id": "m", "sequence": number, "recorded_at": at, "updated_at": at}
    return {**known, "consent": consent, "state": state, "created_at": BEGIN - DAY, **more}


NO = [version(1, "subscribed"), version(2, "unsubscribed"), version(4, "unsubscribed", state="deleted")]


@pytest.mark.parametrize(
    ("other", "released"),
    [
        ([version(1, "subscribed")], False),  # was subscribed all the time
        ([version(5, "subscribed")], False),  # seen late, and subscribed long before
        ([version(5, "subscribed", created_at=BEGIN + 5 * DAY)], True),  # signed up afterwards
        ([version(5, "subscribed", created_at=None)], False),  # nobody knows since when
        ([version(1, "pending"), version(3, "subscribed")], True),  # confirmed after the refusal
        ([version(0, "pending"), version(1, "subscribed")], False),
        ([version(1, "unsubscribed"), version(3, "unknown")], True),  # lifted where it was held
        ([version(1, "unsubscribed", connection="crm"), version(3, "unknown", connection="crm")], False),
        ([version(5, "unknown", created_at=BEGIN + 5 * DAY)], False),  # silence is no yes
        ([version(5, "unsubscribed", created_at=BEGIN + 5 * DAY)], False),
        ([version(5, "subscribed", created_at=BEGIN + 5 * DAY), version(6, "subscribed", state="archived")], False),
    ],
)
def test_only_a_newer_yes_releases(other: Versions, released: object) -> None:
    assert is_released(NO, other) == released


def test_silence_of_a_gone_record_is_no_refusal() -> None:
    gone, here = version(2, "subscribed", state="archived"), version(2, "unknown", connection="crm")
    assert strictest_consent([gone, here]) == "unknown"
    assert strictest_consent([{**gone, "consent": "cleaned"}, here]) == "cleaned"


def test_what_earlier_versions_forgot_is_recalled_once(ready: Session) -> None:
    """They kept no consent of who was gone: the versions before tell."""
    for number, (state, consent) in enumerate([("active", "unsubscribed"), ("deleted", "unknown")]):
        known = version(
            number, consent, state=state, email="ada@old.test", additional_emails=[], merged_ids=[], properties="{}"
        )
        row = {name: known[name] for name in CONTACTS.columns.names}
        rows = pa.Table.from_pylist([row], schema=CONTACTS.columns)
        ready.warehouse.append(CONTACTS.name, rows, recorded_at=known["recorded_at"])
    ready.control.cursors.move(*opt_outs.RECALLED, {}, "test")
    opt_outs.follow_opt_outs(ready.warehouse, ready.control, "test", ready.now())
    refusals = [row for row in opt_outs.refusals_of_gone(ready.warehouse) if row["platform_id"] == "m"]
    opt_outs.follow_opt_outs(ready.warehouse, ready.control, "test", ready.now())

    assert [(row["state"], row["consent"]) for row in refusals] == [("deleted", "unsubscribed")]
    assert [row for row in opt_outs.refusals_of_gone(ready.warehouse) if row["platform_id"] == "m"] == refusals


def test_opt_outs_that_earlier_pulls_read_are_noted_once_for_the_service(platforms: Platforms, ready: Session) -> None:
    """A pull reads only what changed, and noted nothing before."""
    refusing = [m["contact_id"] for m in platforms.members() if m["status"] == "unsubscribed"]
    keys = [platform_key("email", key) for key in refusing]
    ready.control.opt_outs.note({}, keys)
    ready.control.cursors.move(*opt_outs.NOTED, {}, "test")

    pull(ready)

    assert keys
    assert ready.control.opt_outs.of(keys) == dict.fromkeys(keys, "unsubscribed")


def test_what_the_service_noted_after_a_read_began_is_not_withdrawn_by_it(ready: Session) -> None:
    began = ready.now()
    ready.control.opt_outs.note({"email:m": "unsubscribed"}, ())
    ready.control.opt_outs.note({}, ["email:m"], seen_before=began)
    kept = ready.control.opt_outs.of(["email:m"])
    ready.control.opt_outs.note({}, ["email:m"], seen_before=ready.now() + DAY)

    assert (kept, ready.control.opt_outs.of(["email:m"])) == ({"email:m": "unsubscribed"}, {})


def test_who_opted_in_again_is_released_at_a_pull_without_any_news(ready: Session) -> None:
    """The pull that read the newer yes was killed before it came to that."""
    shown = {"additional_emails": [], "merged_ids": [], "properties": "{}", "email": "ada@old.test"}
    shown["connection"] = "past"  # a connection that is in the workspace no more
    old = [version(1, "unsubscribed"), version(2, "unsubscribed", state="deleted")]
    new = {**version(3, "subscribed", created_at=BEGIN + 3 * DAY), "platform_id": "n"}
    for known in (*old, new):
        row = {name: {**known, **shown}[name] for name in CONTACTS.columns.names}
        rows = pa.Table.from_pylist([row], schema=CONTACTS.columns)
        ready.warehouse.append(CONTACTS.name, rows, recorded_at=known["recorded_at"])

    pulled = pull(ready)

    assert not pulled.versions.get(CONTACTS.name)
    assert [row for row in opt_outs.refusals_of_gone(ready.warehouse) if row["platform_id"] == "m"] == []


@pytest.mark.parametrize("gone", ["archived", "deleted"])
def test_an_opt_out_that_only_the_service_saw_counts_after_its_record_is_gone(
    platforms: Platforms, ready: Session, gone: str
) -> None:
    """Of an archived member Mailchimp shows no consent; one that was deleted is in no answer."""
    email = both(platforms)[0]
    planned = plan(ready)
    person = next(change.person_id for change in planned.plan.changes if change.email == email)
    member = platforms.email.directory(AUDIENCE).find(email)
    assert member is not None
    ready.control.opt_outs.note({platform_key("email", member["contact_id"]): "unsubscribed"}, ())
    if gone == "archived":
        member |= {"status": "archived", "last_changed": platforms.email.now()}
        platforms.email.directory(AUDIENCE).save(member)
    else:
        platforms.email.remove_member(AUDIENCE, member)

    applied = apply(ready)

    outcomes = [
        outcome for outcome in ready.control.ledger.outcomes(applied.run_id) if outcome.change.person_id == person
    ]
    assert {(outcome.state, outcome.code) for outcome in outcomes} == {("skipped", "consent_changed")}
    assert {outcome.reason for outcome in outcomes} == {"Unsubscribed on email since the last pull."}


@pytest.mark.parametrize("people", ["few", "many"])
def test_an_opt_out_of_a_contact_that_was_made_since_the_pull_counts(
    platforms: Platforms, ready: Session, monkeypatch: pytest.MonkeyPatch, people: str
) -> None:
    """The person was known in Mailchimp alone: no contact of theirs in HubSpot could be named."""
    if people == "many":
        monkeypatch.setattr(consent_check, "FEW", 0)
    in_both = both(platforms)
    email = next(
        m["email_address"]
        for m in platforms.members()
        if m["status"] == "subscribed" and m["email_address"] not in in_both
    )
    planned = plan(ready)
    do(platforms.sandbox.world, "create contact", email, {"properties": {"hs_email_optout": "true"}})
    before = len(platforms.sandbox.journal.entries)

    applied = apply(ready)

    outcomes = [outcome for outcome in ready.control.ledger.outcomes(applied.run_id) if outcome.change.email == email]
    assert [change for change in planned.plan.changes if change.email == email]
    assert {(outcome.state, outcome.reason) for outcome in outcomes} == {
        ("skipped", "Unsubscribed on crm since the last pull.")
    }
    assert asked(platforms, before)["hubspot"] <= 3


def test_who_unsubscribes_during_a_long_apply_is_found_before_their_slice(
    platforms: Platforms, ready: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "AT_ONCE", 20)
    monkeypatch.setattr(consent_check, "FRESH", timedelta(0))
    planned = plan(ready)
    emails = [change.email for change in planned.plan.changes if change.connection == "crm"]
    last = next(email for email in reversed(emails) if email in both(platforms))
    steps: list[tuple[str, int, int]] = []

    def progress(what: str, done: int, total: int | None) -> None:
        if not steps:
            do(platforms.sandbox.world, "unsubscribe", last, {})
        steps.append((what, done, total or 0))

    applied = apply(ready, progress=progress)

    outcomes = [outcome for outcome in ready.control.ledger.outcomes(applied.run_id) if outcome.change.email == last]
    assert {(outcome.state, outcome.reason) for outcome in outcomes} == {
        ("skipped", "Unsubscribed on email since the last pull.")
    }
    assert sum(applied.states.values()) == len(planned.plan.changes)
    crm = [done for what, done, _ in steps if what == "crm changes"]
    assert crm == sorted(crm)
    assert {total for what, _, total in steps if what == "crm changes"} == {len(emails)}
    writes = sum(entry.write and "batch/update" in entry.path for entry in platforms.sandbox.journal.entries)
    assert applied.predicted["crm"]["POST contacts/batch/update"] == writes > 1
