"""Contacts by the hundred: what fails as a whole, and what fails record by record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.connectors.sandbox.hubspot.conftest import Platform

CONTACTS = "/crm/v3/objects/contacts"
BATCH = f"{CONTACTS}/batch"


def update(record_id: str, **properties: Any) -> dict[str, Any]:
    return {"id": record_id, "properties": properties}


def unique_property(hubspot: Platform, name: str = "member_no") -> None:
    definition = {"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": "contactinformation"}
    answer = hubspot.post("/crm/v3/properties/contacts", {**definition, "hasUniqueValue": True})
    assert answer.status_code == 201


@pytest.mark.parametrize("verb", ["read", "create", "update", "upsert", "archive"])
def test_a_batch_has_at_most_100_inputs(hubspot: Platform, verb: str) -> None:
    answer = hubspot.post(f"{BATCH}/{verb}", {"inputs": [update(str(n), city="x") for n in range(101)]})

    assert answer.status_code == 400


def test_a_read_tells_the_ids_that_are_not_there_in_a_207(hubspot: Platform) -> None:
    record_id = hubspot.add("ada@people.test")

    answer = hubspot.post(f"{BATCH}/read", {"properties": ["email"], "inputs": [{"id": "999"}, {"id": record_id}]})

    body = answer.json()
    assert (answer.status_code, body["status"], body["numErrors"]) == (207, "COMPLETE", 1)
    assert [row["id"] for row in body["results"]] == [record_id]
    assert body["errors"][0]["context"] == {"ids": ["999"]}
    assert set(body["errors"][0]) == {"status", "category", "message", "context", "errors", "links"}


def test_a_read_by_address_is_not_in_the_order_of_its_inputs(hubspot: Platform) -> None:
    ada, bob = hubspot.add("ada@people.test"), hubspot.add("bob@people.test")

    answer = hubspot.post(
        f"{BATCH}/read",
        {
            "idProperty": "email",
            "properties": ["email"],
            "inputs": [{"id": "bob@people.test"}, {"id": "ADA@people.test"}],
        },
    )

    assert (answer.status_code, [row["id"] for row in answer.json()["results"]]) == (200, [ada, bob])


def test_a_read_follows_a_merged_id_to_the_contact_it_became(hubspot: Platform) -> None:
    first, second = hubspot.add("ada@people.test"), hubspot.add("ada@work.test")
    merged = hubspot.post(f"{CONTACTS}/merge", {"primaryObjectId": first, "objectIdToMerge": second}).json()["id"]

    body = hubspot.post(f"{BATCH}/read", {"inputs": [{"id": first}, {"id": second}]}).json()

    assert [row["id"] for row in body["results"]] == [merged]


def test_an_update_answers_what_it_wrote_and_null_for_what_it_cleared(hubspot: Platform) -> None:
    record_id = hubspot.add("ada@people.test", city="Bern")

    answer = hubspot.post(f"{BATCH}/update", {"inputs": [update(record_id, city="", country="CH")]})

    properties = answer.json()["results"][0]["properties"]
    assert answer.status_code == 200
    assert (properties["city"], properties["country"]) == (None, "CH")
    assert set(properties) == {"city", "country", "lastmodifieddate"}


def test_an_update_writes_the_known_and_tells_the_unknown(hubspot: Platform) -> None:
    record_id = hubspot.add("ada@people.test")

    answer = hubspot.post(f"{BATCH}/update", {"inputs": [update("999", city="x"), update(record_id, city="Bern")]})

    assert answer.status_code == 207
    assert answer.json()["errors"][0]["category"] == "OBJECT_NOT_FOUND"
    assert hubspot.shown(record_id, "city")["city"] == "Bern"


def test_one_wrong_value_refuses_the_whole_update(hubspot: Platform) -> None:
    ada, bob = hubspot.add("ada@people.test"), hubspot.add("bob@people.test")

    answer = hubspot.post(f"{BATCH}/update", {"inputs": [update(ada, city="Bern"), update(bob, hs_persona="x")]})

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "INVALID_OPTION")
    assert hubspot.shown(ada, "city")["city"] is None


def test_an_update_by_address_fails_or_changes_nothing_and_tells_nobody(hubspot: Platform) -> None:
    record_id = hubspot.add("ada@people.test")
    entry = update("ada@people.test", city="Bern")

    with_property = hubspot.post(f"{BATCH}/update", {"inputs": [{**entry, "idProperty": "email"}]})
    without = hubspot.post(f"{BATCH}/update", {"inputs": [entry]})

    assert with_property.status_code == 400
    assert "non-unique 0-1 property" in with_property.json()["message"]
    assert (without.status_code, without.json()["results"]) == (200, [])
    assert "errors" not in without.json()
    assert hubspot.shown(record_id, "city")["city"] is None


def test_the_same_id_twice_refuses_the_update(hubspot: Platform) -> None:
    record_id = hubspot.add("ada@people.test")

    answer = hubspot.post(f"{BATCH}/update", {"inputs": [update(record_id, city="a"), update(record_id, city="b")]})

    assert answer.status_code == 400


def test_an_address_moves_from_one_contact_to_none_other(hubspot: Platform) -> None:
    ada, bob = hubspot.add("ada@people.test"), hubspot.add("bob@people.test")

    taken = hubspot.post(f"{BATCH}/update", {"inputs": [update(bob, email="ada@people.test")]})
    free = hubspot.post(f"{BATCH}/update", {"inputs": [update(bob, email="robert@people.test")]})

    assert (taken.status_code, taken.json()["message"]) == (409, f"Contact already exists. Existing ID: {ada}")
    assert free.status_code == 200
    assert hubspot.get(f"{CONTACTS}/robert@people.test", idProperty="email")["id"] == bob
    assert hubspot.call("GET", f"{CONTACTS}/bob@people.test", idProperty="email").status_code == 404


def test_a_creation_is_all_or_nothing(hubspot: Platform) -> None:
    ada = hubspot.add("ada@people.test")
    inputs = [{"properties": {"email": address}} for address in ("new@people.test", "ada@people.test")]

    answer = hubspot.post(f"{BATCH}/create", {"inputs": inputs})

    assert (answer.status_code, answer.json()["message"]) == (409, f"Contact already exists. Existing ID: {ada}")
    assert len(hubspot.get(CONTACTS)["results"]) == 1


def test_a_creation_with_trace_ids_tells_each_refusal(hubspot: Platform) -> None:
    hubspot.add("ada@people.test")
    addresses = {"w-1": "new@people.test", "w-2": "ada@people.test"}
    inputs = [{"objectWriteTraceId": key, "properties": {"email": address}} for key, address in addresses.items()]

    answer = hubspot.post(f"{BATCH}/create", {"inputs": inputs})

    body = answer.json()
    assert answer.status_code == 207
    assert [row["objectWriteTraceId"] for row in body["results"]] == ["w-1"]
    assert [error["context"]["objectWriteTraceId"] for error in body["errors"]] == [["w-2"]]


def test_an_address_twice_in_one_creation_is_a_conflict(hubspot: Platform) -> None:
    inputs = [{"properties": {"email": address}} for address in ("ada@people.test", "Ada@people.test")]

    answer = hubspot.post(f"{BATCH}/create", {"inputs": inputs})

    assert answer.status_code == 409
    assert hubspot.get(CONTACTS)["results"] == []


def test_an_upsert_by_address_changes_or_creates(hubspot: Platform) -> None:
    record_id = hubspot.add("ada@people.test")
    inputs = [
        {"id": address, "idProperty": "email", "objectWriteTraceId": address, "properties": {"city": "Bern"}}
        for address in ("ada@people.test", "new@people.test")
    ]

    answer = hubspot.post(f"{BATCH}/upsert", {"inputs": inputs})

    first, second = answer.json()["results"]
    assert answer.status_code == 200
    assert (first["id"], first["new"], first["objectWriteTraceId"]) == (record_id, False, "ada@people.test")
    assert (second["new"], second["properties"]["email"]) == (True, "new@people.test")


def test_an_upsert_is_all_or_nothing(hubspot: Platform) -> None:
    inputs = [
        {"id": "ada@people.test", "idProperty": "email", "properties": {"city": "Bern"}},
        {"id": "bob@people.test", "idProperty": "email", "properties": {"nonsense": "x"}},
    ]

    answer = hubspot.post(f"{BATCH}/upsert", {"inputs": inputs})

    assert answer.status_code == 400
    assert hubspot.get(CONTACTS)["results"] == []


def test_an_upsert_goes_by_address_or_by_a_property_with_unique_values(hubspot: Platform) -> None:
    unique_property(hubspot)
    record_id = hubspot.add("ada@people.test")
    hubspot.post(f"{BATCH}/update", {"inputs": [update(record_id, member_no="m-1")]})
    entry = {"id": "m-1", "idProperty": "member_no", "properties": {"city": "Bern"}}

    by_unique = hubspot.post(f"{BATCH}/upsert", {"inputs": [entry]})
    by_other = hubspot.post(f"{BATCH}/upsert", {"inputs": [{**entry, "idProperty": "city"}]})

    assert by_unique.json()["results"][0]["id"] == record_id
    assert by_other.status_code == 400


def test_an_archive_answers_204_whatever_was_there(hubspot: Platform) -> None:
    record_id = hubspot.add("ada@people.test")

    answer = hubspot.post(f"{BATCH}/archive", {"inputs": [{"id": record_id}, {"id": "999"}]})

    assert (answer.status_code, answer.content) == (204, b"")
    assert hubspot.get(CONTACTS)["results"] == []


def test_several_chosen_values_are_replaced_or_appended(hubspot: Platform) -> None:
    options = [{"label": letter.upper(), "value": letter, "hidden": False} for letter in "abc"]
    definition = {"name": "likes", "label": "Likes", "type": "enumeration", "fieldType": "checkbox"}
    hubspot.post("/crm/v3/properties/contacts", {**definition, "groupName": "contactinformation", "options": options})
    record_id = hubspot.add("ada@people.test")
    shown = []
    for value in ("a;b", ";c", "c"):
        hubspot.post(f"{BATCH}/update", {"inputs": [update(record_id, likes=value)]})
        shown.append(hubspot.shown(record_id, "likes")["likes"])

    assert shown == ["a;b", "a;b;c", "c"]
