"""Traps of the official SDKs and of the platforms that have no better place: what we do so that none of them bites."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC

import pytest
import responses

from connectors.errors import FixSettingsError
from connectors.hubspot import api as hubspot_api
from connectors.hubspot import operations
from connectors.hubspot.api import HIDDEN_TOKEN
from connectors.hubspot.connector import HubSpot
from connectors.hubspot.operations import CONTACTS_PAGE, CONTACTS_SEARCH, Operation
from connectors.hubspot.times import hubspot_moment
from connectors.mailchimp import api as mailchimp_api
from connectors.mailchimp.api import ENDPOINTS
from connectors.mailchimp.connector import Mailchimp
from connectors.records import Change
from connectors.sandbox.door import InjectedFault
from connectors.sandbox.fill import AUDIENCE
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.server import Sandbox

OpenHubSpot = Callable[..., HubSpot]
OpenMailchimp = Callable[..., Mailchimp]


def test_s4_a_slash_in_an_id_reaches_no_other_path(sandbox: Sandbox, open_mailchimp: OpenMailchimp) -> None:
    change = Change("email", "x/actions/delete-permanent", "p", "x@people.test", "field", "PERSONA", None, "a")

    with pytest.raises(FixSettingsError, match="not an allowed Mailchimp request"):
        list(open_mailchimp().push([change]))

    assert [entry for entry in sandbox.journal.entries if entry.write] == []


def test_s5_tags_are_written_with_arguments_in_the_sdks_own_order(
    sandbox: Sandbox, open_mailchimp: OpenMailchimp
) -> None:
    MailchimpState.of(sandbox.world).add_member(AUDIENCE, "ada@people.test")
    mailchimp = open_mailchimp()
    for step in mailchimp.missing([], ["champions"]):
        mailchimp.create(step)
    change = Change("email", "x", "p", "ada@people.test", "group", "champions", None, "member")

    assert [outcome.state for batch in mailchimp.push([change]) for outcome in batch] == ["applied"]


def test_s6_a_urllib3_with_which_the_sdk_can_not_work_is_refused_at_once(
    open_hubspot: OpenHubSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubspot_api, "installed", lambda _name: "2.6.0")

    with pytest.raises(FixSettingsError, match="Upgrade urllib3"):
        open_hubspot()


def test_another_sdk_under_the_name_of_mailchimps_is_refused_at_once(
    open_mailchimp: OpenMailchimp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailchimp_api, "installed", lambda _name: "3.0.81")

    with pytest.raises(FixSettingsError, match=r"Install version 3\.0\.80"):
        open_mailchimp()


def test_s7_a_post_that_meets_a_limit_is_sent_again(sandbox: Sandbox, open_hubspot: OpenHubSpot) -> None:
    """The SDK's own retry leaves POST out, and so every search and batch."""
    hubspot = open_hubspot()
    hubspot._transport.wait = lambda _seconds: None
    body = {"status": "error", "message": "You have reached your secondly limit.", "policyName": "SECONDLY"}
    sandbox.journal.faults[:] = [InjectedFault(kind="status", match="/search", status=429, body=body, times=2)]

    assert list(hubspot.read("contacts", {"since": "0"}))
    assert [entry.status for entry in sandbox.journal.entries if entry.path.endswith("/search")] == [429, 429, 200]


def test_s7_every_request_has_a_time_limit(open_hubspot: OpenHubSpot) -> None:
    hubspot = open_hubspot(base_url="https://api.hubapi.com")
    with responses.RequestsMock() as world:
        world.get("https://api.hubapi.com/crm/v3/objects/contacts", json={"results": []})
        hubspot._api.call(CONTACTS_PAGE, query={"limit": 1})

        assert world.calls[0].request.req_kwargs["timeout"] == (5.0, 125.0)  # type: ignore[attr-defined] # responses adds it


@pytest.mark.parametrize(
    "text", ["2026-11-20T10:15:00.000Z", "2026-11-20T11:15:00+01:00", "2026-11-20T10:15:00", "1795169700000"]
)
def test_s9_moments_are_always_utc(text: str) -> None:
    moment = hubspot_moment(text)

    assert moment is not None
    assert (moment.tzinfo, moment.hour, moment.minute) == (UTC, 10, 15)


def test_s10_the_sdk_never_holds_the_token(sandbox: Sandbox, open_hubspot: OpenHubSpot) -> None:
    """A token that is renewed reaches every request, since the transport alone knows it."""
    hubspot = open_hubspot()
    hubspot._api.call(CONTACTS_PAGE, query={"limit": 1})
    method = hubspot._api._method(CONTACTS_PAGE)

    assert method.__self__.api_client.configuration.access_token == HIDDEN_TOKEN
    assert sandbox.journal.entries[-1].status == 200


def test_h3_contacts_come_in_pages_and_never_all_at_once(sandbox: Sandbox, open_hubspot: OpenHubSpot) -> None:
    state = HubSpotState.of(sandbox.world)
    for number in range(2_150):
        state.add_contact({"email": f"p{number}@people.test"}, created_at=sandbox.world.clock.now())
    pages = open_hubspot().read("contacts", {})

    assert 2_000 <= next(pages).rows.num_rows < 2_150
    assert sum(entry.path.endswith(("/contacts", "/search")) for entry in sandbox.journal.entries) < 22


def test_h11_one_client_serves_every_call(open_hubspot: OpenHubSpot) -> None:
    api = open_hubspot()._api

    assert api._method(CONTACTS_SEARCH) is api._method(CONTACTS_SEARCH)


def test_m2_m12_nothing_adds_members_or_reads_the_feed_that_ends_at_fifty() -> None:
    names = {f"{endpoint.method} {endpoint.name}" for endpoint in ENDPOINTS}

    assert not {name for name in names if "activity" in name and "email-activity" not in name}
    assert "POST members" not in names
    assert all(endpoint.method in {"GET", "POST", "PATCH"} for endpoint in ENDPOINTS)


def test_only_what_the_sdk_lacks_goes_around_it() -> None:
    without = [var.endpoint for var in vars(operations).values() if isinstance(var, Operation) and var.sdk is None]

    assert without == [
        "communication-preferences/statuses/batch/read",
        "lists/records/memberships/batch/read",
        "email events",
        "account",
    ]
