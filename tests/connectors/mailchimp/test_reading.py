"""Reading Mailchimp: nobody lost while members change, nothing of other audiences, every act of every recipient."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import CredentialError, FixSettingsError, PlatformDownError
from connectors.mailchimp.campaigns import CampaignReport
from connectors.mailchimp.connector import Mailchimp
from connectors.mailchimp.members import member_rows
from connectors.sandbox import marketer
from connectors.sandbox.door import InjectedFault
from connectors.sandbox.fill import AUDIENCE, fill
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.server import Sandbox
from tests.connectors.conftest import read_on, rows

Open = Callable[..., Mailchimp]


@pytest.fixture
def state(sandbox: Sandbox) -> MailchimpState:
    return MailchimpState.of(sandbox.world)


def add(state: MailchimpState, count: int, **more: Any) -> list[str]:
    return [state.add_member(AUDIENCE, f"p{number}@people.test", **more) for number in range(count)]


def contacts(mailchimp: Mailchimp, cursor: Any = None) -> tuple[list[dict[str, Any]], Any]:
    pages = read_on(mailchimp, "contacts", cursor)
    return [row for page in pages for row in page.rows.to_pylist()], pages[-1].cursor


def send(sandbox: Sandbox, **variants: str) -> str:
    access = sandbox.access
    return marketer.send_campaign(
        access["mailchimp_url"],
        access["mailchimp_key"],
        AUDIENCE,
        title="November",
        subject="Hello",
        variants=variants or {"a": "<p>x</p>", "b": "<p>sale</p>"},
    )


def test_more_members_than_ten_are_read(state: MailchimpState, open_mailchimp: Open) -> None:
    """Trap M5: whoever does not ask for more gets ten."""
    add(state, 37)

    assert len(contacts(open_mailchimp())[0]) == 37


def test_a_member_becomes_a_contact(state: MailchimpState, open_mailchimp: Open) -> None:
    state.add_merge_field(AUDIENCE, "PERSONA", name="Persona")
    fields = {"FNAME": "Ada", "PERSONA": "a", "COUNTRY": "GB"}
    state.add_member(AUDIENCE, "Ada@People.test", status="unsubscribed", merge_fields=fields)

    row = contacts(open_mailchimp())[0][0]

    assert (row["email"], row["consent"], row["state"]) == ("ada@people.test", "unsubscribed", "active")
    assert json.loads(row["properties"]) == {"COUNTRY": "GB", "PERSONA": "a"}


def test_nobody_is_lost_when_members_change_while_they_are_read(
    sandbox: Sandbox, state: MailchimpState, open_mailchimp: Open
) -> None:
    start = sandbox.world.clock.now() - timedelta(days=30)
    keys = [
        state.add_member(AUDIENCE, f"p{number}@people.test", at=start + timedelta(minutes=number))
        for number in range(95)
    ]
    mailchimp = open_mailchimp(limits={"page": 10})
    seen = set()
    for place, page in enumerate(mailchimp.read("contacts", {})):
        seen |= {row["email"] for row in page.rows.to_pylist()}
        if place < 9:  # whoever was read just now changes, and with it every offset behind
            for key in keys[place * 10 : place * 10 + 5]:
                member = state.directory(AUDIENCE).find(key)
                assert member is not None
                member["last_changed"] = state.now()
                state.directory(AUDIENCE).save(member)

    assert seen == {f"p{number}@people.test" for number in range(95)}


def test_more_members_than_a_page_in_one_second_are_all_read(
    sandbox: Sandbox, state: MailchimpState, open_mailchimp: Open
) -> None:
    at = sandbox.world.clock.now() - timedelta(hours=1)
    add(state, 64, at=at)
    for number in range(7):
        state.add_member(AUDIENCE, f"later{number}@people.test", at=at + timedelta(seconds=1 + number))

    members, cursor = contacts(open_mailchimp(limits={"page": 10}))

    assert len({row["email"] for row in members}) == 71
    assert contacts(open_mailchimp(), cursor)[0] == []


def test_a_member_that_was_deleted_for_good_is_known_as_deleted(
    sandbox: Sandbox, state: MailchimpState, open_mailchimp: Open
) -> None:
    keys = add(state, 25, at=sandbox.world.clock.now() - timedelta(hours=1))
    mailchimp = open_mailchimp(limits={"page": 4})
    _, cursor = contacts(mailchimp)
    _, cursor = contacts(mailchimp, cursor)
    gone = state.directory(AUDIENCE).find(keys[3])
    assert gone is not None
    state.remove_member(AUDIENCE, gone)
    members, cursor = contacts(mailchimp, cursor)
    quiet, _ = contacts(mailchimp, cursor)

    deleted = [(row["platform_id"], row["email"], row["properties"]) for row in members if row["state"] == "deleted"]
    assert deleted == [(gone["contact_id"], None, "{}")]
    assert [row for row in quiet if row["state"] == "deleted"] == []


def test_where_members_are_deleted_every_day_while_others_join_that_is_noticed(
    sandbox: Sandbox, state: MailchimpState, open_mailchimp: Open
) -> None:
    """The difference to Mailchimp's count is another one each day, and there is never a day on which nobody joins."""
    keys = add(state, 40, at=sandbox.world.clock.now() - timedelta(hours=1))
    mailchimp = open_mailchimp(limits={"page": 7})
    _, cursor = contacts(mailchimp)
    _, cursor = contacts(mailchimp, cursor)
    gone, deletions = set(), set()
    for day in range(4):
        sandbox.world.clock.advance(timedelta(days=1))
        for key in keys[3 * day : 3 * day + 1 + day % 2]:
            member = state.directory(AUDIENCE).find(key)
            assert member is not None
            state.remove_member(AUDIENCE, member)
            gone.add(member["contact_id"])
        state.add_member(AUDIENCE, f"joined{day}@people.test")
        members, cursor = contacts(mailchimp, cursor)
        deletions |= {row["platform_id"] for row in members if row["state"] == "deleted"}

    assert deletions == gone


def test_a_changed_address_keeps_its_id(state: MailchimpState, open_mailchimp: Open) -> None:
    key = state.add_member(AUDIENCE, "old@people.test")
    mailchimp = open_mailchimp()
    before, _ = contacts(mailchimp)
    member = state.directory(AUDIENCE).find(key)
    assert member is not None
    state.rename_member(AUDIENCE, member, "new@people.test")
    after, _ = contacts(mailchimp)

    assert [row["platform_id"] for row in before] == [row["platform_id"] for row in after]
    assert after[0]["email"] == "new@people.test"


def test_orders_are_those_of_our_audience_with_categories(
    sandbox: Sandbox, state: MailchimpState, open_mailchimp: Open
) -> None:
    fill(sandbox.world, 60)
    other = state.add_audience("Other")
    state.add_store(other, "theirs", "Theirs")
    order = {
        "id": "1",
        "customer": {"id": "c", "email_address": "x@people.test"},
        "order_total": 5,
        "currency_code": "USD",
        "processed_at_foreign": state.now(),
        "lines": [],
    }
    state.add_order("theirs", dict(order))
    mailchimp = open_mailchimp()
    pages = list(mailchimp.read("orders", {}))
    orders, lines = rows(iter(pages), "orders"), rows(iter(pages), "order_lines")
    sent = sum(mailchimp.traffic.requests.values())
    again = list(mailchimp.read("orders", pages[-1].cursor or {}))
    cost = sum(mailchimp.traffic.requests.values()) - sent
    state.add_order("shop", {**order, "id": "new"})
    fresh = list(mailchimp.read("orders", pages[-1].cursor or {}))

    assert len(orders) == len(state.shop("shop", "orders")) - 1 > 10
    assert all(row["order_id"].startswith("shop/") for row in orders)
    assert {row["category"] for row in lines} <= {"kitchen", "garden", "paper"}
    assert (rows(iter(again), "orders"), cost) == ([], 1)
    assert len(rows(iter(fresh), "orders")) == len(orders) + 1


def test_variants_stand_under_their_campaign_with_their_names(sandbox: Sandbox, open_mailchimp: Open) -> None:
    fill(sandbox.world, 200)
    campaign = send(sandbox, generic="<p>x</p>", personal="<p>sale</p>")
    mailchimp = open_mailchimp()
    campaigns = {row["variant"]: row for row in rows(mailchimp.read("campaigns", {}), "campaigns")}
    delivered = rows(mailchimp.read("activity", {}), "deliveries")

    assert set(campaigns) == {None, "generic", "personal"}
    assert (
        campaigns[None]["campaign_id"]
        == campaigns["generic"]["parent_id"]
        == campaigns["personal"]["parent_id"]
        == campaign
    )
    assert len(delivered) == campaigns[None]["sent"] == campaigns["generic"]["sent"] + campaigns["personal"]["sent"]
    assert {row["variant"] for row in delivered} == {"generic", "personal"}


def test_late_activity_is_found_and_unchanged_totals_cost_nothing(sandbox: Sandbox, open_mailchimp: Open) -> None:
    """Traps M6 and M7: pages of 500, and never `since`, which leaves people out."""
    fill(sandbox.world, 800)
    send(sandbox)
    mailchimp = open_mailchimp()
    sandbox.world.clock.advance(timedelta(hours=2))
    pages = list(mailchimp.read("activity", {}))
    early = {row["event_id"] for row in rows(iter(pages), "engagements")}
    sandbox.world.clock.advance(timedelta(days=4))
    later = list(mailchimp.read("activity", pages[-1].cursor or {}))
    late = {row["event_id"] for row in rows(iter(later), "engagements")}
    before = mailchimp.traffic.requests.copy()
    nothing = list(mailchimp.read("activity", later[-1].cursor or {}))
    states = MailchimpState.of(sandbox.world)
    acts = [
        act
        for campaign in states.campaigns.values()
        for delivery in states.deliveries(campaign["id"]).values()
        for act in [*delivery["activity"], delivery["unsubscribed"], delivery["complaint"]]
        if act
    ]

    assert early < late
    assert len(late) == len(acts)
    assert {"open", "click", "bounce", "unsubscribe"} <= {row["kind"] for row in rows(iter(later), "engagements")}
    assert sum(page.rows.num_rows for page in nothing) == 0
    assert mailchimp.traffic.requests["GET reports/email-activity"] == before["GET reports/email-activity"]
    assert 504 not in {entry.status for entry in sandbox.journal.entries}


@pytest.mark.parametrize("status", [403, 429])
def test_an_error_without_a_body_is_no_data(
    sandbox: Sandbox, open_mailchimp: Open, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """Trap S1: the SDK returns such an answer as if it were data. M10: too many requests are asked for again."""
    mailchimp = open_mailchimp()
    mailchimp._transport.wait = lambda _seconds: None
    sandbox.journal.faults[:] = [InjectedFault(kind="empty", status=status, times=2)]

    assert contacts(mailchimp)[0] == []
    assert [entry.status for entry in sandbox.journal.entries][:3] == [status, status, 200]


def test_an_address_that_holds_the_word_server_stays_as_it_is(sandbox: Sandbox, open_mailchimp: Open) -> None:
    """Trap S2: the SDK replaces it anywhere."""
    with pytest.raises(FixSettingsError, match="no audience 'serverlist'"):
        list(open_mailchimp(audience="serverlist").read("contacts", {}))

    assert any("/lists/serverlist/" in entry.path for entry in sandbox.journal.entries)


def test_a_refused_connection_is_told_as_one(open_mailchimp: Open) -> None:
    """Trap S3: the SDK hides it in the text of an error without status."""
    mailchimp = open_mailchimp(base_url="http://127.0.0.1:9/3.0")
    mailchimp._transport.wait = lambda _seconds: None

    with pytest.raises(PlatformDownError, match="could not be reached"):
        mailchimp.now()


def test_wrong_settings_are_told(sandbox: Sandbox, open_mailchimp: Open) -> None:
    with pytest.raises(CredentialError, match="no API key"):
        open_mailchimp(api_key="")
    with pytest.raises(FixSettingsError, match="has no audience"):
        open_mailchimp(audience="")
    with pytest.raises(CredentialError, match="data center"):
        open_mailchimp(api_key="abc", base_url="")
    with pytest.raises(FixSettingsError, match="not an allowed host"):
        open_mailchimp(base_url="https://evil.example/3.0")
    wrong = {finding.check: finding.state for finding in open_mailchimp(audience="nope").check()}
    fine = {finding.check: finding.state for finding in open_mailchimp().check()}

    assert wrong == {"credentials": "ok", "audience": "fail"}
    assert fine == {"credentials": "ok", "audience": "ok", "merge fields": "ok"}
    assert [entry for entry in sandbox.journal.entries if entry.write] == []


def test_recorded_answers_are_understood(shared: Path) -> None:
    """Answers that the real Mailchimp gave to others."""
    with gzip.open(shared / "recorded" / "mailchimp.jsonl.gz", "rt", encoding="utf-8") as file:
        recorded = [json.loads(line) for line in file]
    bodies = [
        recording["response_body"]
        for recording in recorded
        if recording["status"] == 200 and isinstance(recording["response_body"], dict)
    ]
    whole = {"id", "status", "email_address", "merge_fields", "last_changed"}
    members = [m for body in bodies for m in body.get("members", ()) if whole <= set(m)]
    reports = [r for body in bodies for r in body.get("reports", ()) if "opens" in r and "clicks" in r]

    table = member_rows("email", members, ["FNAME"])

    assert table.num_rows == len(members) > 0
    assert all(row["consent"] != "unknown" or row["state"] == "archived" for row in table.to_pylist())
    assert all(CampaignReport(report).figures for report in reports)


@pytest.mark.parametrize("times", [1, 2])
def test_a_page_in_the_place_of_the_next_is_asked_for_again(sandbox: Sandbox, open_mailchimp: Open, times: int) -> None:
    fill(sandbox.world, 60)
    whole = rows(open_mailchimp(limits={"page": 5}).read("orders", {}), "orders")
    sandbox.journal.faults[:] = [
        InjectedFault(kind="again", match="/stores/shop/orders", method="GET", skip=2, times=times)
    ]

    assert rows(open_mailchimp(limits={"page": 5}).read("orders", {}), "orders") == whole
    assert len(whole) > 10


def test_a_page_that_comes_instead_of_the_next_for_ever_ends_the_reading(
    sandbox: Sandbox, open_mailchimp: Open
) -> None:
    fill(sandbox.world, 60)
    sandbox.journal.faults[:] = [
        InjectedFault(kind="again", match="/stores/shop/orders", method="GET", skip=2, times=99)
    ]

    with pytest.raises(PlatformDownError, match="The pages of Mailchimp's orders repeat"):
        rows(open_mailchimp(limits={"page": 5}).read("orders", {}), "orders")
