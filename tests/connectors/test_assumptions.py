"""What connectors do where an assumption of the ledger holds, and where it is broken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from connectors.errors import RejectedError
from connectors.evidence import load_evidence
from connectors.hubspot.connector import HubSpot
from connectors.hubspot.emails import campaign_rows
from connectors.mailchimp import members
from connectors.mailchimp.campaigns import CampaignReport
from connectors.mailchimp.connector import Mailchimp
from connectors.records import Change, FieldDefinition
from connectors.sandbox.door import InjectedFault
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.server import Sandbox
from tests.connectors.hubspot.test_reading import add, call

OpenHubSpot = Callable[..., HubSpot]
OpenMailchimp = Callable[..., Mailchimp]


def on_lists(hubspot: HubSpot, cursor: Any = None) -> tuple[set[str], Any]:
    pages = list(hubspot.read("memberships", cursor or {}))
    return {row["platform_id"] for page in pages for row in page.rows.to_pylist()}, pages[-1].cursor


@pytest.mark.parametrize("minus", [0, 1])
def test_both_forms_of_a_falling_sort_find_the_same(sandbox: Sandbox, open_hubspot: OpenHubSpot, minus: int) -> None:
    ids = [add(sandbox, f"p{number}@people.test") for number in range(5)]

    answer = open_hubspot(limits={"search_falls_by_minus": minus})._found.highest()

    assert [row["id"] for row in answer["results"]] == ids[::-1]


@pytest.mark.parametrize("version", ["v3", "2026-09"])
def test_lists_that_no_search_finds_are_read_all_the_same(
    sandbox: Sandbox, open_hubspot: OpenHubSpot, version: str
) -> None:
    hubspot = open_hubspot(api_version=version)
    hubspot.create(hubspot.missing([], ["champions"])[0])
    ids = {add(sandbox, f"p{number}@people.test") for number in range(3)}
    call(sandbox, "PUT", "/crm/v3/lists/1/memberships/add", sorted(ids))
    nothing = {"lists": [], "offset": 0, "hasMore": False, "total": 0}
    sandbox.journal.faults[:] = [
        InjectedFault(kind="status", status=200, body=nothing, match="/search", method="POST", times=9)
    ]

    first, cursor = on_lists(open_hubspot(api_version=version))
    second, _ = on_lists(open_hubspot(api_version=version), cursor)

    assert first == ids
    assert second in (ids, set())  # nothing said, nothing moved


def test_lists_are_read_again_after_a_day_whatever_they_say(sandbox: Sandbox, open_hubspot: OpenHubSpot) -> None:
    hubspot = open_hubspot(api_version="2026-09")
    hubspot.create(hubspot.missing([], ["champions"])[0])
    contact = add(sandbox, "ada@people.test")
    call(sandbox, "PUT", "/crm/v3/lists/1/memberships/add", [contact])
    _, cursor = on_lists(hubspot)

    unchanged, cursor = on_lists(hubspot, cursor)
    sandbox.world.clock.advance(timedelta(hours=25))
    after_a_day, _ = on_lists(open_hubspot(api_version="2026-09"), cursor)

    assert (unchanged, after_a_day) == (set(), {contact})


def test_an_email_without_counters_is_a_campaign_without_totals() -> None:
    named = {"id": "1", "stats": {"counters": {"sent": 7, "open": 3}}}
    others = {"id": "2", "stats": {"counters": {"SENT": 7}}}

    rows = campaign_rows("crm", [named, others, {"id": "3", "stats": None}], "USD").to_pylist()

    assert [(row["sent"], row["opened"], row["clicked"]) for row in rows] == [(7, 3, None), (None,) * 3, (None,) * 3]


def test_a_report_without_counters_is_a_campaign_without_totals(
    sandbox: Sandbox, open_mailchimp: OpenMailchimp
) -> None:
    del sandbox
    bare = {"id": "c1", "campaign_title": "T", "subject_line": "S", "send_time": "2026-01-05T09:00:00+00:00"}
    reports = [CampaignReport(bare), CampaignReport({**bare, "emails_sent": 7, "opens": {"unique_opens": 3}})]

    rows = open_mailchimp()._campaigns.rows(reports).to_pylist()

    shown = [(row["sent"], row["opened"], row["clicked"], row["bounced"]) for row in rows]
    assert shown == [(None, None, None, None), (7, 3, None, None)]
    assert reports[0].figures != reports[1].figures


@pytest.mark.parametrize("status", [404, 400])
def test_a_list_is_made_only_where_404_says_that_there_is_none(
    sandbox: Sandbox, open_hubspot: OpenHubSpot, status: int
) -> None:
    hubspot = open_hubspot(api_version="2026-09")
    body = {"status": "error", "message": "no such list", "category": "OBJECT_NOT_FOUND"}
    sandbox.journal.faults[:] = [InjectedFault(kind="status", status=status, body=body, match="/name/", times=9)]

    if status == 400:
        with pytest.raises(RejectedError, match="no such list"):
            hubspot.missing([], ["champions"])
    else:
        assert [step.name for step in hubspot.missing([], ["champions"])] == ["champions"]
    assert HubSpotState.of(sandbox.world).lists == {}


def test_account_information_without_keys_is_none(sandbox: Sandbox, open_hubspot: OpenHubSpot) -> None:
    hubspot = open_hubspot()
    assert hubspot.production() == ""
    sandbox.journal.faults[:] = [InjectedFault(kind="status", status=200, body={}, match="/account-info/", times=9)]

    assert "does not tell its kind" in hubspot.production()
    assert (hubspot._account.number, hubspot._account.currency) == ("", "")
    assert hubspot.check()[0].state == "ok"


def test_only_described_names_are_asked_for() -> None:
    evidence = load_evidence().of("reads", "shows")
    operation = "GET /lists/{list_id}/members"

    for asked in (members.FIELDS, members.TAGGED, members.STATUSES):
        for name in asked.split(","):
            assert evidence[operation, name.replace("members.", "members[].", 1)] == "description", name


@pytest.mark.parametrize("batches_from", [300, 1])
def test_a_member_is_written_by_contact_id_alone_and_in_a_batch(
    sandbox: Sandbox, open_mailchimp: OpenMailchimp, batches_from: int
) -> None:
    state, audience = MailchimpState.of(sandbox.world), sandbox.access["audience"]
    state.add_member(audience, "ada@people.test")
    (member,) = state.members(audience).values()
    contact = member["contact_id"]
    mailchimp = open_mailchimp(limits={"batches_from": batches_from})
    mailchimp.create(mailchimp.missing([FieldDefinition("PERSONA", "Persona", "text")], [])[0])
    known, gone = (
        Change("email", key, "p", "ada@people.test", "field", "PERSONA", None, "Analyst") for key in (contact, "0" * 32)
    )

    outcomes = [outcome for batch in mailchimp.push([known, gone]) for outcome in batch]

    states = {outcome.change.platform_id: (outcome.state, outcome.code) for outcome in outcomes}
    assert states == {contact: ("applied", ""), "0" * 32: ("rejected", "not_found")}
    assert state.members(audience)[contact]["merge_fields"]["PERSONA"] == "Analyst"


def test_a_tag_and_a_list_take_somebody_twice(
    sandbox: Sandbox, open_hubspot: OpenHubSpot, open_mailchimp: OpenMailchimp
) -> None:
    member = MailchimpState.of(sandbox.world).add_member(sandbox.access["audience"], "ada@people.test")
    contact = HubSpotState.of(sandbox.world).add_contact(
        {"email": "ada@people.test"}, created_at=sandbox.world.clock.now()
    )

    for connector, key in ((open_hubspot(), contact), (open_mailchimp(), member)):
        connector.create(connector.missing([], ["champions"])[0])
        change = Change(connector.name, key, "p", "ada@people.test", "group", "champions", None, "member")
        states = [outcome.state for _ in range(2) for batch in connector.push([change]) for outcome in batch]

        assert states == ["applied", "unchanged"]
