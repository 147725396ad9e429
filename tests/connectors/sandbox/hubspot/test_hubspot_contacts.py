"""Contacts one by one: reading, paging, writing, merging, deleting."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from connectors.sandbox.hubspot.times import iso, parse_ms

if TYPE_CHECKING:
    from tests.connectors.sandbox.hubspot.conftest import Platform

CONTACTS = "/crm/v3/objects/contacts"


def ids_of_all_pages(hubspot: Platform, **query: Any) -> list[str]:
    record_ids: list[str] = []
    after = None
    while True:
        page = hubspot.get(CONTACTS, **query, **({"after": after} if after else {}))
        record_ids += [row["id"] for row in page["results"]]
        if "paging" not in page:
            return record_ids
        after = page["paging"]["next"]["after"]


def test_pages_come_in_order_of_id_and_the_last_has_no_paging(hubspot: Platform) -> None:
    ids = [hubspot.add(f"p{number}@people.test") for number in range(25)]

    assert ids_of_all_pages(hubspot) == ids
    assert len(hubspot.get(CONTACTS)["results"]) == 10


def test_paging_goes_on_where_it_stopped_when_a_contact_is_archived_meanwhile(hubspot: Platform) -> None:
    ids = [hubspot.add(f"p{number}@people.test") for number in range(6)]
    first = hubspot.get(CONTACTS, limit=3)
    hubspot.call("DELETE", f"{CONTACTS}/{ids[3]}")

    second = hubspot.get(CONTACTS, limit=3, after=first["paging"]["next"]["after"])

    assert [row["id"] for row in second["results"]] == ids[4:]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"limit": 100}, 200),
        ({"limit": 101}, 400),
        ({"limit": 0}, 400),
        ({"limit": "many"}, 400),
        ({"limit": 50, "propertiesWithHistory": "email"}, 200),
        ({"limit": 51, "propertiesWithHistory": "email"}, 400),
        ({"after": "not-ours"}, 400),
    ],
)
def test_a_page_has_at_most_100_contacts_and_50_with_history(
    hubspot: Platform, query: dict[str, object], status: int
) -> None:
    assert hubspot.call("GET", CONTACTS, **query).status_code == status


def test_properties_are_repeated_or_separated_by_commas_and_unknown_ones_are_ignored(hubspot: Platform) -> None:
    hubspot.add("ada@people.test", city="Bern")

    repeated = hubspot.get(CONTACTS, properties=["city", "country", "nonsense"])["results"][0]["properties"]
    with_commas = hubspot.get(CONTACTS, properties="city,country,nonsense")["results"][0]["properties"]

    assert repeated == with_commas
    assert set(repeated) == {"city", "country", "createdate", "hs_object_id", "lastmodifieddate"}
    assert (repeated["city"], repeated["country"]) == ("Bern", None)


def test_history_shows_what_a_property_was_before(hubspot: Platform) -> None:
    record_id = hubspot.add("ada@people.test", city="Bern")
    hubspot.call("PATCH", f"{CONTACTS}/{record_id}", {"properties": {"city": "Basel"}})

    row = hubspot.get(f"{CONTACTS}/{record_id}", propertiesWithHistory="city")

    assert [entry["value"] for entry in row["propertiesWithHistory"]["city"]] == ["Basel", "Bern"]
    assert all(entry["timestamp"] and entry["sourceType"] for entry in row["propertiesWithHistory"]["city"])


def test_a_created_contact_is_answered_with_all_its_properties(hubspot: Platform) -> None:
    answer = hubspot.post(
        CONTACTS, {"properties": {"email": "Ada@People.test", "firstname": "Ada"}, "associations": []}
    )

    body = answer.json()
    assert answer.status_code == 201
    assert body["properties"]["email"] == "ada@people.test"
    assert body["properties"]["hs_object_id"] == body["id"]
    assert body["archived"] is False


def test_a_second_contact_with_an_address_is_a_conflict_that_ends_with_the_id(hubspot: Platform) -> None:
    record_id = hubspot.add("ada@people.test")

    answer = hubspot.post(CONTACTS, {"properties": {"email": "ADA@people.test"}})

    assert (answer.status_code, answer.json()["category"]) == (409, "CONFLICT")
    assert answer.json()["message"].endswith(f"Existing ID: {record_id}")


def test_a_contact_needs_an_address_or_a_name(hubspot: Platform) -> None:
    assert hubspot.post(CONTACTS, {"properties": {"city": "Bern"}}).status_code == 400
    assert hubspot.post(CONTACTS, {"properties": {"lastname": "Lovelace"}}).status_code == 201


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("nonsense", "x", "PROPERTY_DOESNT_EXIST"),
        ("hs_email_optout", "true", "READ_ONLY_VALUE"),
        ("hs_object_id", "7", "READ_ONLY_VALUE"),
        ("hs_persona", "Regular Rita", "INVALID_OPTION"),
        ("lifecyclestage", "Lead", "INVALID_OPTION"),
        ("annualrevenue", "1,000", "INVALID_NUMBER"),
        ("birthdate", "2026-11-22T10:00:00Z", "INVALID_DATE"),
        ("birthdate", "yesterday", "INVALID_DATE"),
        ("email", "nobody", "INVALID_EMAIL"),
        ("city", ["Bern"], "INVALID_VALUE"),
        ("city", "x" * 65_537, "INVALID_STRING"),
    ],
)
def test_a_value_that_its_property_does_not_take_is_named(
    hubspot: Platform, name: str, value: object, code: str
) -> None:
    record_id = hubspot.add("ada@people.test", city="Bern")

    answer = hubspot.call("PATCH", f"{CONTACTS}/{record_id}", {"properties": {name: value, "firstname": "Ada"}})

    error = answer.json()["errors"][0]
    assert (answer.status_code, error["code"], error["context"]) == (400, code, {"propertyName": [name]})
    assert hubspot.shown(record_id, "firstname")["firstname"] is None


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("annualrevenue", 12.5, "12.5"),
        ("annualrevenue", "-3", "-3"),
        ("birthdate", "1990-02-28", "1990-02-28"),
        ("birthdate", "86400000", "1970-01-02"),
        ("hs_persona", "persona_2", "persona_2"),
        ("city", "", None),
        ("city", "Zürich", "Zürich"),
    ],
)
def test_values_are_kept_as_text_and_an_empty_one_clears(
    hubspot: Platform, name: str, value: object, kept: str | None
) -> None:
    record_id = hubspot.add("ada@people.test", city="Bern")

    answer = hubspot.call("PATCH", f"{CONTACTS}/{record_id}", {"properties": {name: value}})

    assert answer.json()["properties"][name] == kept
    assert hubspot.shown(record_id, name)[name] == kept


def test_the_lifecycle_stage_goes_forward_only_unless_it_is_cleared_first(hubspot: Platform) -> None:
    record_id = hubspot.add("ada@people.test", lifecyclestage="customer")
    stages = []
    for stage in ("lead", "", "lead"):
        hubspot.call("PATCH", f"{CONTACTS}/{record_id}", {"properties": {"lifecyclestage": stage}})
        stages.append(hubspot.shown(record_id, "lifecyclestage")["lifecyclestage"])

    assert stages == ["customer", None, "lead"]


def test_every_write_moves_the_modification_time(hubspot: Platform) -> None:
    record_id = hubspot.add("ada@people.test", city="Bern")
    before = parse_ms(hubspot.shown(record_id)["lastmodifieddate"]) or 0
    hubspot.world.clock.advance(timedelta(minutes=1))
    hubspot.call("PATCH", f"{CONTACTS}/{record_id}", {"properties": {"city": "Bern"}})

    assert (parse_ms(hubspot.shown(record_id)["lastmodifieddate"]) or 0) >= before + 60_000


def test_an_address_finds_its_contact_and_can_be_its_id(hubspot: Platform) -> None:
    record_id = hubspot.add("ada@people.test")

    contact = hubspot.get(f"{CONTACTS}/Ada@people.test", idProperty="email")
    changed = hubspot.call("PATCH", f"{CONTACTS}/ada@people.test?idProperty=email", {"properties": {"city": "Bern"}})

    assert (contact["id"], changed.status_code) == (record_id, 200)


def test_an_archived_contact_is_gone_from_lists_and_its_address_is_free(hubspot: Platform) -> None:
    record_id = hubspot.add("ada@people.test")
    assert hubspot.call("DELETE", f"{CONTACTS}/{record_id}").status_code == 204

    archived = hubspot.get(CONTACTS, archived="true")["results"]

    assert hubspot.get(CONTACTS)["results"] == []
    assert [(row["id"], row["archived"], "archivedAt" in row) for row in archived] == [(record_id, True, True)]
    assert hubspot.call("GET", f"{CONTACTS}/{record_id}").status_code == 404
    assert hubspot.post(CONTACTS, {"properties": {"email": "ada@people.test"}}).status_code == 201


def test_a_merge_makes_a_new_contact_to_which_the_old_ids_lead(hubspot: Platform) -> None:
    first = hubspot.add("ada@people.test", city="Bern")
    second = hubspot.add("ada@work.test", city="Basel", country="CH")

    merged = hubspot.post(f"{CONTACTS}/merge", {"primaryObjectId": first, "objectIdToMerge": second}).json()

    shown = hubspot.get(
        f"{CONTACTS}/{second}", properties="email,city,country,hs_additional_emails,hs_merged_object_ids"
    )
    assert shown["id"] == merged["id"] not in {first, second}
    assert ids_of_all_pages(hubspot) == [merged["id"]]
    assert {name: shown["properties"][name] for name in ("email", "city", "country")} == {
        "email": "ada@people.test",
        "city": "Bern",
        "country": "CH",
    }
    assert shown["properties"]["hs_additional_emails"] == "ada@work.test"
    assert shown["properties"]["hs_merged_object_ids"] == f"{first};{second}"


def test_a_merge_can_keep_the_primary_id(hubspot: Platform) -> None:
    hubspot.world.settings.merge_keeps_primary_id = True
    first, second = hubspot.add("ada@people.test"), hubspot.add("ada@work.test")

    merged = hubspot.post(f"{CONTACTS}/merge", {"primaryObjectId": first, "objectIdToMerge": second}).json()

    assert merged["id"] == first
    assert merged["properties"]["hs_merged_object_ids"] == second
    assert hubspot.get(f"{CONTACTS}/{second}")["id"] == first
    assert ids_of_all_pages(hubspot) == [first]


def test_an_additional_address_is_a_unique_identifier_too(hubspot: Platform) -> None:
    first, second = hubspot.add("ada@people.test"), hubspot.add("ada@work.test")
    merged = hubspot.post(f"{CONTACTS}/merge", {"primaryObjectId": first, "objectIdToMerge": second}).json()["id"]

    conflict = hubspot.post(CONTACTS, {"properties": {"email": "ada@work.test"}})
    read = hubspot.post(
        f"{CONTACTS}/batch/read",
        {
            "idProperty": "email",
            "properties": ["email"],
            "inputs": [{"id": "ada@work.test"}, {"id": "ada@people.test"}],
        },
    ).json()

    assert conflict.json()["message"].endswith(merged)
    assert [row["id"] for row in read["results"]] == [merged]


def test_a_merge_keeps_lists_and_deals(hubspot: Platform) -> None:
    first, second = hubspot.add("ada@people.test"), hubspot.add("ada@work.test")
    hubspot.state.add_deal({"amount": "10"}, contact_id=second, at=hubspot.world.clock.now())
    created = hubspot.post("/crm/v3/lists", {"name": "l", "objectTypeId": "0-1", "processingType": "MANUAL"}).json()
    path = f"/crm/v3/lists/{created['list']['listId']}/memberships"
    hubspot.call("PUT", f"{path}/add", [second])

    merged = hubspot.post(f"{CONTACTS}/merge", {"primaryObjectId": first, "objectIdToMerge": second}).json()["id"]

    row = hubspot.get(f"{CONTACTS}/{merged}", associations="deals")
    assert [entry["recordId"] for entry in hubspot.get(path)["results"]] == [merged]
    assert len(row["associations"]["deals"]["results"]) == 1


def test_a_contact_cannot_be_merged_with_itself_or_with_nobody(hubspot: Platform) -> None:
    record_id = hubspot.add("ada@people.test")

    same = hubspot.post(f"{CONTACTS}/merge", {"primaryObjectId": record_id, "objectIdToMerge": record_id})
    nobody = hubspot.post(f"{CONTACTS}/merge", {"primaryObjectId": record_id, "objectIdToMerge": "999"})

    assert (same.status_code, nobody.status_code) == (400, 404)


def test_a_privacy_deletion_is_for_good_and_an_unknown_address_can_never_be_added(hubspot: Platform) -> None:
    record_id = hubspot.add("ada@people.test")
    for body in ({"objectId": record_id}, {"objectId": "eve@people.test", "idProperty": "email"}):
        assert hubspot.post(f"{CONTACTS}/gdpr-delete", body).status_code == 204

    assert hubspot.get(CONTACTS, archived="true")["results"] == []
    assert hubspot.call("GET", f"{CONTACTS}/{record_id}").status_code == 404
    assert hubspot.post(CONTACTS, {"properties": {"email": "eve@people.test"}}).status_code == 400


def test_both_families_of_paths_show_one_state(hubspot: Platform) -> None:
    made = hubspot.post("/crm/objects/2026-03/contacts", {"properties": {"email": "ada@people.test"}}).json()

    assert hubspot.get(f"{CONTACTS}/{made['id']}") == hubspot.get(f"/crm/objects/2026-03/contacts/{made['id']}")


def test_what_is_not_imitated_answers_404_in_the_platforms_shape(hubspot: Platform) -> None:
    for method, path in (("GET", "/crm/v3/objects/starships"), ("GET", "/crm/v3/nothing"), ("PUT", CONTACTS)):
        answer = hubspot.call(method, path)

        assert answer.status_code == 404
        assert {"status", "message", "correlationId", "category"} <= set(answer.json())


def test_a_body_that_is_no_json_is_refused(hubspot: Platform) -> None:
    headers = {"Authorization": "Bearer pat-sandbox-0000"}
    answer = hubspot.session.post(f"{hubspot.url}{CONTACTS}", data=b"{", headers=headers, timeout=10)

    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


def test_a_whole_second_is_printed_without_a_fraction() -> None:
    assert (iso(1_795_168_800_000), iso(1_795_168_800_250)) == ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00.250Z")


def test_a_cursor_beyond_the_last_contact_begins_anew(hubspot: Platform) -> None:
    ids = [hubspot.add(f"p{number}@people.test") for number in range(3)]

    assert [row["id"] for row in hubspot.get(CONTACTS, limit=2, after="999999")["results"]] == ids[:2]
