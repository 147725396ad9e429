"""Token, scopes, limits, and what every answer carries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from connectors.sandbox.world import Settings

if TYPE_CHECKING:
    from tests.connectors.sandbox.hubspot.conftest import Platform

    Serve = Callable[[Settings], Platform]

CONTACTS = "/crm/v3/objects/contacts"
RATE = "X-HubSpot-RateLimit-"


def rate_headers(answer: requests.Response) -> dict[str, str]:
    return {name[len(RATE) :]: value for name, value in answer.headers.items() if name.startswith(RATE)}


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer nobody"}, {"Authorization": "pat-sandbox-0000"}])
def test_without_the_token_the_answer_is_401(hubspot: Platform, header: dict[str, str]) -> None:
    answer = hubspot.session.get(f"{hubspot.url}{CONTACTS}", headers=header, timeout=10)

    assert answer.status_code == 401
    assert answer.json()["correlationId"] == answer.headers["X-HubSpot-Correlation-Id"]


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("crm.objects.contacts.read", "GET", CONTACTS),
        ("crm.objects.contacts.read", "POST", f"{CONTACTS}/search"),
        ("crm.objects.contacts.read", "POST", f"{CONTACTS}/batch/read"),
        ("crm.objects.contacts.write", "POST", CONTACTS),
        ("crm.objects.contacts.write", "PATCH", f"{CONTACTS}/101"),
        ("crm.objects.contacts.write", "POST", f"{CONTACTS}/batch/update"),
        ("crm.objects.contacts.write", "POST", f"{CONTACTS}/merge"),
        ("crm.objects.contacts.write", "POST", f"{CONTACTS}/gdpr-delete"),
        ("crm.schemas.contacts.write", "POST", "/crm/v3/properties/contacts"),
        ("crm.schemas.contacts.write", "PATCH", "/crm/v3/properties/contacts/city"),
        ("crm.schemas.contacts.write", "POST", "/crm/v3/properties/contacts/groups"),
        ("crm.lists.read", "POST", "/crm/v3/lists/search"),
        ("crm.lists.read", "GET", "/crm/v3/lists/1/memberships"),
        ("crm.lists.read", "PUT", "/crm/v3/lists/1/memberships/add"),
        ("crm.lists.write", "PUT", "/crm/v3/lists/1/memberships/add"),
        ("crm.lists.write", "POST", "/crm/v3/lists"),
        ("crm.objects.deals.read", "GET", "/crm/v3/objects/deals"),
        ("crm.objects.deals.read", "POST", "/crm/v3/objects/0-3/search"),
        ("crm.objects.deals.read", "POST", "/crm/v4/associations/deals/contacts/batch/read"),
        ("content", "GET", "/email/public/v1/events"),
        ("marketing-email", "POST", "/marketing/v3/emails/1/publish"),
        ("communication_preferences.read", "GET", "/communication-preferences/v3/definitions"),
        ("communication_preferences.write", "POST", "/communication-preferences/v3/subscribe"),
        ("communication_preferences.statuses.batch.read", "POST", "/communication-preferences/v4/statuses/batch/read"),
        ("crm.objects.owners.read", "GET", "/crm/v3/owners"),
        ("crm.objects.contacts.read", "GET", "/crm/objects/2026-03/contacts"),
        ("crm.lists.write", "POST", "/crm/lists/2026-03"),
    ],
)
def test_a_scope_that_is_missing_is_named(hubspot: Platform, scope: str, method: str, path: str) -> None:
    granted = {
        "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.write", "crm.lists.read",
        "crm.lists.write", "crm.objects.deals.read", "content", "marketing-email", "crm.objects.owners.read",
        "communication_preferences.read", "communication_preferences.write",
        "communication_preferences.statuses.batch.read",
    }  # fmt: skip
    hubspot.world.settings.scopes = frozenset(granted - {scope})
    refused = hubspot.call(method, path)
    hubspot.world.settings.scopes = frozenset(granted)
    allowed = hubspot.call(method, path)

    assert refused.status_code == 403
    assert scope in alternatives(refused.json())
    assert allowed.status_code != 403


def alternatives(body: dict[str, Any]) -> list[str]:
    return [scope for error in body["errors"] for scope in error["context"]["requiredGranularScopes"]]


@pytest.mark.parametrize("scope", ["content", "marketing.email.read", "marketing.email.write"])
def test_any_of_three_scopes_reads_marketing_emails(hubspot: Platform, scope: str) -> None:
    hubspot.world.settings.scopes = frozenset({scope})

    assert hubspot.call("GET", "/marketing/v3/emails").status_code == 200
    assert hubspot.call("GET", "/email/public/v1/events").status_code == (200 if scope == "content" else 403)


def test_creating_a_list_needs_no_right_to_read_lists(hubspot: Platform) -> None:
    hubspot.world.settings.scopes = frozenset({"crm.lists.write"})
    body = {"name": "l", "objectTypeId": "0-1", "processingType": "MANUAL"}

    assert hubspot.post("/crm/v3/lists", body).status_code == 200
    assert alternatives(hubspot.call("DELETE", "/crm/v3/lists/1").json()) == ["crm.lists.read"]


def test_definitions_are_read_with_a_right_to_contacts_or_to_their_schema(hubspot: Platform) -> None:
    path = "/crm/v3/properties/contacts"
    for scope, status in (
        ("crm.objects.contacts.read", 200),
        ("crm.schemas.contacts.read", 200),
        ("crm.schemas.contacts.write", 403),
    ):
        hubspot.world.settings.scopes = frozenset({scope})

        assert hubspot.call("GET", path).status_code == status


def test_ordinary_answers_tell_what_is_left_of_the_limits(serve: Serve) -> None:
    platform = serve(Settings(burst_requests=50, daily_requests=1000))
    platform.get(CONTACTS)

    headers = rate_headers(platform.call("GET", CONTACTS))

    assert headers == {
        "Daily": "1000",
        "Daily-Remaining": "998",
        "Interval-Milliseconds": "10000",
        "Max": "50",
        "Remaining": "48",
        "Secondly": "5",
        "Secondly-Remaining": "3",
    }


def test_the_bucket_of_ten_seconds_refuses_what_does_not_fit(serve: Serve) -> None:
    platform = serve(Settings(burst_requests=3))
    statuses = [platform.call("GET", CONTACTS).status_code for _ in range(4)]

    refused = platform.call("GET", CONTACTS)

    body = refused.json()
    assert statuses == [200, 200, 200, 429]
    assert "Retry-After" not in refused.headers
    assert (body["errorType"], body["policyName"]) == ("RATE_LIMIT", "TEN_SECONDLY_ROLLING")
    assert set(body) == {"status", "message", "errorType", "correlationId", "policyName", "requestId"}
    assert rate_headers(refused)["Remaining"] == "0"
    assert platform.post(f"{CONTACTS}/search", {}).status_code == 200


def test_search_has_a_lane_of_its_own_and_no_rate_headers(serve: Serve) -> None:
    platform = serve(Settings())
    answers = [platform.post(f"{CONTACTS}/search", {}) for _ in range(12)]

    refused = next(answer for answer in answers if answer.status_code == 429)

    assert [answer.status_code for answer in answers[:5]] == [200] * 5
    assert refused.json()["message"] == "You have reached your secondly limit."
    assert refused.json()["category"] == "RATE_LIMITS"
    assert all(rate_headers(answer) == {} for answer in answers)
    assert rate_headers(platform.call("GET", CONTACTS))["Remaining"] == "189"


def test_the_daily_limit_ends_at_midnight(serve: Serve) -> None:
    platform = serve(Settings(daily_requests=2))
    statuses = [platform.call("GET", CONTACTS).status_code for _ in range(2)]
    refused = platform.call("GET", CONTACTS)
    platform.world.clock.advance(timedelta(days=1))

    assert statuses == [200, 200]
    assert (refused.status_code, refused.json()["policyName"]) == (429, "DAILY")
    assert refused.json()["message"] == "You have reached your daily limit."
    assert platform.call("GET", CONTACTS).status_code == 200


def test_limits_are_told_but_not_enforced_when_switched_off(serve: Serve) -> None:
    platform = serve(Settings(burst_requests=1, enforce_limits=False))

    assert [platform.call("GET", CONTACTS).status_code for _ in range(3)] == [200] * 3


def test_a_url_that_is_too_long_is_refused(hubspot: Platform) -> None:
    names = ",".join(f"personasync_property_{number}" for number in range(400))

    assert hubspot.call("GET", CONTACTS, properties=names).status_code == 414


def test_the_account_tells_who_it_is_and_how_much_it_was_used(hubspot: Platform) -> None:
    details = hubspot.get("/account-info/v3/details")
    usage = hubspot.get("/account-info/2026-03/api-usage/daily/private-apps")["results"][0]
    owners = hubspot.get("/crm/v3/owners/", limit=2)

    assert (details["accountType"], details["timeZone"]) == ("DEVELOPER_TEST", "UTC")
    assert (usage["currentUsage"], usage["usageLimit"]) == (2, 625_000)
    assert len(owners["results"]) == 2
    assert hubspot.get(f"/crm/v3/owners/{owners['results'][0]['id']}") == owners["results"][0]
    assert hubspot.call("GET", "/crm/v3/owners/99").status_code == 404


@pytest.mark.parametrize("path", ["/crm/v3/properties/companies", "/crm/v3/objects/tickets", "/crm/v3/objects/0-2"])
def test_object_types_that_this_account_holds_nothing_of_are_refused_for_their_scope(
    hubspot: Platform, path: str
) -> None:
    refused = hubspot.call("GET", path)
    unknown = hubspot.call("GET", "/crm/v3/properties/starships")

    assert (refused.status_code, refused.json()["category"]) == (403, "MISSING_SCOPES")
    assert refused.json()["errors"][0]["context"]["requiredGranularScopes"]
    assert (unknown.status_code, unknown.json()["category"]) == (404, "OBJECT_NOT_FOUND")


def test_an_account_without_object_types_of_its_own_says_so(hubspot: Platform) -> None:
    assert hubspot.get("/crm/v3/schemas") == {"results": []}
    assert hubspot.get("/crm-object-schemas/2026-03/schemas") == {"results": []}
