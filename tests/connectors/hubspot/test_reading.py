"""Reading HubSpot: nothing lost across caps, lags, merges and archives; the same rows in both versions of the API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from connectors.hubspot.connector import HubSpot
from connectors.records import platform_key
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.server import Sandbox
from tests.connectors.conftest import rows
from tests.connectors.hubspot.conftest import ends

Open = Callable[..., HubSpot]
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
CONTACTS = "/crm/v3/objects/contacts"


def add(sandbox: Sandbox, email: str | None, at: datetime = NOON, **properties: str) -> str:
    values = properties if email is None else {"email": email, **properties}
    return HubSpotState.of(sandbox.world).add_contact(values, created_at=at)


def call(sandbox: Sandbox, method: str, path: str, body: Any = None) -> requests.Response:
    """Do something in HubSpot, as a person there would."""
    headers = {"Authorization": f"Bearer {sandbox.access['hubspot_token']}"}
    answer = requests.request(method, sandbox.hubspot_url + path, json=body, headers=headers, timeout=10)
    assert answer.status_code < 300, answer.text
    return answer


@pytest.mark.parametrize("version", ["v3", "2026-03", "2026-09"])
def test_every_contact_is_read_in_either_version(sandbox: Sandbox, open_hubspot: Open, version: str) -> None:
    ids = {add(sandbox, f"p{number}@people.test") for number in range(330)}

    contacts, _ = ends(open_hubspot(api_version=version), "contacts")

    assert {row["platform_id"] for row in contacts} == ids
    assert contacts[0]["created_at"] == NOON


def test_addresses_consent_and_properties_become_ours(sandbox: Sandbox, open_hubspot: Open) -> None:
    add(sandbox, "Ada@People.test", hs_additional_emails="ADA@work.test;ada@home.test", country="GB")
    HubSpotState.of(sandbox.world).add_contact({"email": "bob@people.test"}, created_at=NOON, opted_out=True)
    add(sandbox, "eve@people.test", hs_email_hard_bounce_reason_enum="UNKNOWN_USER")
    add(sandbox, None, firstname="Visitor")

    contacts, _ = ends(open_hubspot(), "contacts")

    assert [row["email"] for row in contacts] == ["ada@people.test", "bob@people.test", "eve@people.test", None]
    assert contacts[0]["additional_emails"] == ["ada@home.test", "ada@work.test"]
    assert contacts[0]["properties"] == '{"country": "GB"}'
    assert [row["consent"] for row in contacts] == ["unknown", "unsubscribed", "cleaned", "unknown"]


def test_only_what_changed_is_read_again(sandbox: Sandbox, open_hubspot: Open) -> None:
    ids = [add(sandbox, f"p{number}@people.test") for number in range(250)]
    hubspot = open_hubspot()
    _, cursor = ends(hubspot, "contacts")
    call(sandbox, "PATCH", f"{CONTACTS}/{ids[7]}", {"properties": {"country": "DE"}})
    before = hubspot.traffic.requests.copy()
    contacts, _ = ends(hubspot, "contacts", cursor)

    assert [row["platform_id"] for row in contacts] == [ids[7]]
    assert sum(hubspot.traffic.requests.values()) - sum(before.values()) == 1


def test_more_contacts_than_a_search_shows_that_changed_in_one_moment_are_all_read(
    sandbox: Sandbox, open_hubspot: Open
) -> None:
    """Traps H5 and H6: the cap of a query, and a bulk update that gives thousands the same time stamp."""
    ids = {add(sandbox, f"p{number}@people.test", sandbox.world.clock.now()) for number in range(950)}
    hubspot = open_hubspot()
    ends(hubspot, "contacts")
    first = len(sandbox.journal.entries)

    contacts, _ = ends(hubspot, "contacts", {"since": "0"})

    assert {row["platform_id"] for row in contacts} == ids
    assert len(sandbox.journal.entries) - first <= 6  # the rows of one page may come twice
    searches = [entry for entry in sandbox.journal.entries if entry.path.endswith("/search")]
    assert {search.status for search in searches} == {200}


@pytest.mark.long
def test_the_real_cap_of_ten_thousand_is_crossed(sandbox: Sandbox, open_hubspot: Open) -> None:
    count = 10_450
    for number in range(count):
        add(sandbox, f"p{number}@people.test", sandbox.world.clock.now())
    sandbox.world.settings.enforce_limits = False
    hubspot = open_hubspot(limits={"search_per_second": 100_000})

    contacts, _ = ends(hubspot, "contacts", {"since": "0"})

    assert len({row["platform_id"] for row in contacts}) == count


def test_what_the_search_index_does_not_show_yet_is_read_the_next_time(sandbox: Sandbox, open_hubspot: Open) -> None:
    """Trap H8: a write is found some moments later; the next window reaches back behind the end of this one."""
    contact = add(sandbox, "ada@people.test")
    hubspot = open_hubspot()
    _, cursor = ends(hubspot, "contacts")
    sandbox.world.settings.search_lag = 20.0
    call(sandbox, "PATCH", f"{CONTACTS}/{contact}", {"properties": {"country": "DE"}})
    early, cursor = ends(hubspot, "contacts", cursor)
    sandbox.world.clock.advance(timedelta(seconds=30))
    late, _ = ends(hubspot, "contacts", cursor)

    assert [row["properties"] for row in early] == []
    assert [row["properties"] for row in late] == ['{"country": "DE"}']


def test_our_own_write_comes_back_once_and_then_stays_the_same(sandbox: Sandbox, open_hubspot: Open) -> None:
    """Trap H12: a write moves the time stamp; what comes back is what we know, and no new version."""
    contact = add(sandbox, "ada@people.test")
    hubspot = open_hubspot()
    _, cursor = ends(hubspot, "contacts")
    call(sandbox, "PATCH", f"{CONTACTS}/{contact}", {"properties": {"country": "DE"}})
    once, cursor = ends(hubspot, "contacts", cursor)
    twice, _ = ends(hubspot, "contacts", cursor)

    assert once == twice


@pytest.mark.parametrize("keeps_id", [False, True])
def test_a_merge_names_both_ids(sandbox: Sandbox, open_hubspot: Open, *, keeps_id: bool) -> None:
    sandbox.world.settings.merge_keeps_primary_id = keeps_id
    first, two = add(sandbox, "one@people.test"), add(sandbox, "two@people.test")
    hubspot = open_hubspot()
    _, cursor = ends(hubspot, "contacts")
    call(sandbox, "POST", f"{CONTACTS}/merge", {"primaryObjectId": first, "objectIdToMerge": two})
    contacts, _ = ends(hubspot, "contacts", cursor)
    states = {row["platform_id"]: row["state"] for row in contacts}
    alive = next(row for row in contacts if row["state"] == "active")

    assert states[two] == "merged"
    assert {two, first} - {alive["platform_id"]} <= set(alive["merged_ids"])
    assert "two@people.test" in alive["additional_emails"]


def test_an_archived_contact_is_known_as_archived(sandbox: Sandbox, open_hubspot: Open) -> None:
    contact = add(sandbox, "ada@people.test")
    hubspot = open_hubspot()
    _, cursor = ends(hubspot, "contacts")
    call(sandbox, "DELETE", f"{CONTACTS}/{contact}")
    contacts, _ = ends(hubspot, "contacts", cursor)

    assert [(row["platform_id"], row["state"]) for row in contacts] == [(contact, "archived")]


@pytest.mark.parametrize("since", [None, {"since": "0", "currency": "USD"}])
@pytest.mark.parametrize("version", ["v3", "2026-03"])
def test_won_deals_are_orders_of_their_contact(
    sandbox: Sandbox, open_hubspot: Open, since: dict[str, str] | None, version: str
) -> None:
    contact = add(sandbox, "ada@people.test")
    state = HubSpotState.of(sandbox.world)
    won = state.add_deal({"amount": "12.50", "deal_currency_code": "EUR"}, contact_id=contact, at=NOON)
    lost = state.add_deal({"amount": "9", "hs_is_closed_won": "false"}, contact_id=contact, at=NOON)
    nobodys = state.add_deal({"amount": "1"}, contact_id=None, at=NOON)

    orders = {row["order_id"]: row for row in ends(open_hubspot(api_version=version), "orders", since)[0]}

    assert (orders[won]["amount"], orders[won]["currency"], orders[won]["at"]) == (12.5, "EUR", NOON)
    assert orders[won]["contact_key"] == platform_key("crm", contact)
    assert (orders[won]["state"], orders[lost]["state"]) == ("placed", "cancelled")
    assert (orders[nobodys]["contact_key"], orders[nobodys]["currency"]) == (None, "USD")


def test_emails_and_their_events_become_campaigns_deliveries_and_engagements(
    sandbox: Sandbox, open_hubspot: Open
) -> None:
    for number in range(200):
        add(sandbox, f"p{number}@people.test")
    email = call(sandbox, "POST", "/marketing/v3/emails", {"name": "November", "subject": "Hello"}).json()
    call(sandbox, "POST", f"/marketing/v3/emails/{email['id']}/publish")
    hubspot = open_hubspot()
    sandbox.world.clock.advance(timedelta(days=4))
    campaign = ends(hubspot, "campaigns")[0][0]
    pages = list(hubspot.read("activity", {}))
    delivered, engaged = rows(iter(pages), "deliveries"), rows(iter(pages), "engagements")
    again = list(hubspot.read("activity", pages[-1].cursor or {}))
    machine = {
        f"ev-{key}" for key, event in HubSpotState.of(sandbox.world).events.items() if event.get("filteredEvent")
    }

    assert (campaign["campaign_id"], campaign["name"], campaign["sent"]) == (email["id"], "November", 200)
    assert len(delivered) == 200
    assert {row["status"] for row in delivered} <= {"sent", "hard", "soft"}
    assert {"open", "click"} <= {row["kind"] for row in engaged}
    assert machine
    assert {row["event_id"] for row in engaged if row["machine"]} == machine
    assert sum(page.rows.num_rows for page in again) == 0
