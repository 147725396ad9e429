"""Deals and whose they are; consent in both of its families."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.connectors.sandbox.hubspot.conftest import Platform

DEALS = "/crm/v3/objects/deals"
V3 = "/communication-preferences/v3"
V4 = "/communication-preferences/v4"
ADA = "ada@people.test"


def add_deals(hubspot: Platform, contact_id: str | None, at: datetime, *amounts: str) -> list[str]:
    state = hubspot.state
    return [
        state.add_deal({"amount": amount, "deal_currency_code": "EUR"}, contact_id=contact_id, at=at)
        for amount in amounts
    ]


def test_deals_are_listed_with_their_contacts(hubspot: Platform, noon: datetime) -> None:
    contact = hubspot.add(ADA)
    first, second = add_deals(hubspot, contact, noon, "10", "20")
    (nobodys,) = add_deals(hubspot, None, noon, "5")

    page = hubspot.get(DEALS, associations="contacts", properties="amount,closedate,deal_currency_code", limit=100)

    rows = {row["id"]: row for row in page["results"]}
    assert list(rows) == [first, second, nobodys]
    assert rows[first]["associations"] == {"contacts": {"results": [{"id": contact, "type": "deal_to_contact"}]}}
    assert "associations" not in rows[nobodys]
    assert rows[second]["properties"]["amount"] == "20"
    assert rows[second]["properties"]["closedate"] == "2026-11-01T12:00:00Z"
    assert hubspot.shown(contact, "num_associated_deals")["num_associated_deals"] == "2"


def test_deals_are_searched_by_their_own_modification_time(hubspot: Platform, noon: datetime) -> None:
    add_deals(hubspot, None, noon, "1")
    (later,) = add_deals(hubspot, None, noon + timedelta(days=1), "2")
    condition = {"propertyName": "hs_lastmodifieddate", "operator": "GT", "value": "2026-11-01T13:00:00Z"}

    answer = hubspot.post(f"{DEALS}/search", {"filterGroups": [{"filters": [condition]}]}).json()

    assert [row["id"] for row in answer["results"]] == [later]


def test_deals_are_read_in_a_batch_and_their_contacts_through_v4(hubspot: Platform, noon: datetime) -> None:
    contact = hubspot.add(ADA)
    deals = add_deals(hubspot, contact, noon, "10")
    alone = add_deals(hubspot, None, noon, "5")
    inputs = {"inputs": [{"id": key} for key in (*deals, *alone)]}

    read = hubspot.post(f"{DEALS}/batch/read", inputs)
    links = hubspot.post("/crm/v4/associations/deals/contacts/batch/read", inputs)
    dated = hubspot.post("/crm/associations/2026-03/0-3/0-1/batch/read", inputs)
    back = hubspot.get(f"/crm/v4/objects/contacts/{contact}/associations/deals")["results"]

    assert (read.status_code, len(read.json()["results"])) == (200, 2)
    assert links.status_code == 207
    assert [(row["from"]["id"], row["to"][0]["toObjectId"]) for row in links.json()["results"]] == [(deals[0], contact)]
    assert dated.json()["results"] == links.json()["results"]
    assert [row["toObjectId"] for row in back] == deals
    assert set(back[0]["associationTypes"][0]) == {"category", "typeId", "label"}


def test_the_words_of_consent_differ_between_v3_and_v4(hubspot: Platform) -> None:
    before = (hubspot.get(f"{V3}/status/email/{ADA}"), hubspot.get(f"{V4}/statuses/{ADA}", channel="EMAIL"))
    hubspot.post(f"{V3}/unsubscribe", {"emailAddress": ADA, "subscriptionId": "71"})
    after = (hubspot.get(f"{V3}/status/email/{ADA}"), hubspot.get(f"{V4}/statuses/{ADA}", channel="EMAIL"))

    assert before[0]["subscriptionStatuses"][0]["status"] == "NOT_SUBSCRIBED"
    assert before[1]["results"][0]["status"] == "NOT_SPECIFIED"
    assert after[0]["subscriptionStatuses"][0]["status"] == "NOT_SUBSCRIBED"
    assert after[1]["results"][0]["status"] == "UNSUBSCRIBED"


def test_v3_subscribes_and_tells_the_basis(hubspot: Platform) -> None:
    basis = {"legalBasis": "CONSENT_WITH_NOTICE", "legalBasisExplanation": "form"}

    answer = hubspot.post(f"{V3}/subscribe", {"emailAddress": ADA, "subscriptionId": "71", **basis})

    status = hubspot.get(f"{V3}/status/email/{ADA}")["subscriptionStatuses"][0]
    assert answer.status_code == 200
    assert (status["status"], status["sourceOfStatus"]) == ("SUBSCRIBED", "SUBSCRIPTION_STATUS")
    assert {name: status[name] for name in basis} == basis


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"emailAddress": ADA, "subscriptionId": "71"}, 400),
        ({"emailAddress": ADA, "subscriptionId": "71", "legalBasis": "CONSENT_WITH_NOTICE"}, 400),
        (
            {
                "emailAddress": ADA,
                "subscriptionId": "71",
                "legalBasis": "CONSENT_WITH_NOTICE",
                "legalBasisExplanation": "form",
            },
            200,
        ),
    ],
)
def test_a_gdpr_account_demands_a_basis_and_its_explanation(
    hubspot: Platform, body: dict[str, Any], status: int
) -> None:
    hubspot.world.settings.gdpr = True

    assert hubspot.post(f"{V3}/unsubscribe", body).status_code == status


@pytest.mark.parametrize(
    "body",
    [
        {"emailAddress": ADA},
        {"emailAddress": "nobody", "subscriptionId": "71"},
        {"emailAddress": ADA, "subscriptionId": "71", "legalBasis": "BECAUSE"},
    ],
)
def test_a_consent_write_that_makes_no_sense_is_refused(hubspot: Platform, body: dict[str, Any]) -> None:
    assert hubspot.post(f"{V3}/subscribe", body).status_code == 400


def test_v4_answers_in_the_batch_envelope_and_wants_a_channel(hubspot: Platform) -> None:
    body = {"channel": "EMAIL", "subscriptionId": 71, "statusState": "SUBSCRIBED"}

    written = hubspot.post(f"/communication-preferences/2026-03/statuses/{ADA}", body).json()

    row = written["results"][0]
    assert written["status"] == "COMPLETE"
    assert (row["subscriberIdString"], row["subscriptionId"], row["status"]) == (ADA, 71, "SUBSCRIBED")
    assert row["setStatusSuccessReason"] == "REQUESTED_CHANGE_OCCURRED"
    assert hubspot.call("GET", f"{V4}/statuses/{ADA}").status_code == 400
    assert hubspot.post(f"{V4}/statuses/{ADA}", {**body, "subscriptionId": "71"}).status_code == 400
    assert len(hubspot.get(f"{V4}/definitions")["results"]) == 2
    assert len(hubspot.get(f"{V3}/definitions")["subscriptionDefinitions"]) == 2


def test_an_opt_out_from_everything_shows_everywhere(hubspot: Platform) -> None:
    contact = hubspot.add(ADA)
    path = f"{V4}/statuses/{ADA}/unsubscribe-all?channel=EMAIL"
    before = hubspot.get(path)["results"]
    hubspot.post(path, None)

    after = hubspot.get(path)["results"]

    assert before == []
    assert (after[0]["status"], after[0]["wideStatusType"]) == ("UNSUBSCRIBED", "PORTAL_WIDE")
    assert hubspot.shown(contact, "hs_email_optout")["hs_email_optout"] == "true"
    status = hubspot.get(f"{V3}/status/email/{ADA}")["subscriptionStatuses"][0]
    assert (status["status"], status["sourceOfStatus"]) == ("NOT_SUBSCRIBED", "PORTAL_WIDE_STATUS")


def test_v4_batches_read_and_write_many(hubspot: Platform) -> None:
    write = {"channel": "EMAIL", "subscriptionId": 71, "statusState": "UNSUBSCRIBED"}
    inputs = [
        {**write, "subscriberIdString": ADA},
        {**write, "subscriberIdString": "eve@people.test", "subscriptionId": 9},
    ]
    written = hubspot.post(f"{V4}/statuses/batch/write", {"inputs": inputs})
    hubspot.post(f"{V4}/statuses/batch/unsubscribe-all?channel=EMAIL", {"inputs": ["bob@people.test"]})

    read = hubspot.post(f"{V4}/statuses/batch/read?channel=EMAIL", {"inputs": [ADA]}).json()
    opted = hubspot.post(
        f"{V4}/statuses/batch/unsubscribe-all/read?channel=EMAIL", {"inputs": [ADA, "bob@people.test"]}
    )

    assert (written.status_code, written.json()["errors"][0]["category"]) == (207, "OBJECT_NOT_FOUND")
    assert read["results"][0]["statuses"][0]["status"] == "UNSUBSCRIBED"
    assert [len(row["wideStatuses"]) for row in opted.json()["results"]] == [0, 1]


def test_a_contact_that_was_added_as_opted_out_cannot_be_subscribed_on_their_behalf(
    hubspot: Platform, noon: datetime
) -> None:
    record_id = hubspot.state.add_contact({"email": ADA}, created_at=noon, opted_out=True)

    answer = hubspot.post(f"{V3}/subscribe", {"emailAddress": ADA, "subscriptionId": "71"})

    assert answer.status_code == 400
    assert hubspot.shown(record_id, "hs_email_optout")["hs_email_optout"] == "true"
