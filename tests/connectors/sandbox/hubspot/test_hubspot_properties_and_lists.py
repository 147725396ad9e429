"""Definitions of properties, their groups, and lists with their members."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

if TYPE_CHECKING:
    from tests.connectors.sandbox.hubspot.conftest import Platform

PROPERTIES = "/crm/v3/properties/contacts"
LISTS = "/crm/v3/lists"


def option(value: str) -> dict[str, Any]:
    return {"label": value.title(), "value": value, "hidden": False}


def definition(name: str = "ps_persona", **more: Any) -> dict[str, Any]:
    chosen = {"type": "enumeration", "fieldType": "select", "options": [option("analyst"), option("buyer")]}
    return {"name": name, "label": name, "groupName": "contactinformation", **chosen, **more}


def new_list(hubspot: Platform, name: str = "personasync: buyers") -> str:
    body = {"name": name, "objectTypeId": "0-1", "processingType": "MANUAL"}
    answer = hubspot.post(LISTS, body)
    assert answer.status_code == 200, answer.text
    list_id: str = answer.json()["list"]["listId"]
    return list_id


def on_list(hubspot: Platform, list_id: str) -> list[str]:
    return [row["recordId"] for row in hubspot.get(f"{LISTS}/{list_id}/memberships", limit=250)["results"]]


def test_the_default_properties_are_there_at_once(hubspot: Platform) -> None:
    contacts = {row["name"]: row for row in hubspot.get(PROPERTIES)["results"]}
    deals = {row["name"] for row in hubspot.get("/crm/properties/2026-03/deals")["results"]}

    assert {"email", "lifecyclestage", "hs_persona", "lastmodifieddate", "hs_email_optout"} <= set(contacts)
    assert contacts["hs_email_optout"]["modificationMetadata"]["readOnlyValue"] is True
    assert [entry["value"] for entry in contacts["hs_persona"]["options"]] == ["persona_1", "persona_2"]
    assert {"dealname", "amount", "closedate", "deal_currency_code", "hs_lastmodifieddate"} <= deals


def test_a_group_and_a_property_are_made_once(hubspot: Platform) -> None:
    group = {"name": "personasync", "label": "Personasync", "displayOrder": -1}
    first = hubspot.post(f"{PROPERTIES}/groups", group)
    made = hubspot.post(PROPERTIES, definition(groupName="personasync"))

    assert (first.status_code, first.json()) == (201, {**group, "archived": False})
    assert (made.status_code, made.json()["options"][1]["value"]) == (201, "buyer")
    for path, body in ((f"{PROPERTIES}/groups", group), (PROPERTIES, definition())):
        again = hubspot.post(path, body)

        assert (again.status_code, again.json()["category"]) == (409, "OBJECT_ALREADY_EXISTS")


@pytest.mark.parametrize(
    "wrong",
    [
        {"label": ""},
        {"groupName": "nowhere"},
        {"type": "colour"},
        {"fieldType": "slider"},
        {"options": []},
        {"options": [{"label": "A", "value": "a"}]},
        {"options": [option("a"), option("a")]},
        {"options": "a"},
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(hubspot: Platform, wrong: dict[str, Any]) -> None:
    assert hubspot.post(PROPERTIES, definition() | wrong).status_code == 400


def test_a_patch_with_options_replaces_the_whole_list_and_one_without_keeps_it(hubspot: Platform) -> None:
    hubspot.post(PROPERTIES, definition())
    path = f"{PROPERTIES}/ps_persona"

    kept = hubspot.call("PATCH", path, {"label": "Persona"}).json()
    replaced = hubspot.call("PATCH", path, {"options": [option("gift")]}).json()

    assert (kept["label"], [entry["value"] for entry in kept["options"]]) == ("Persona", ["analyst", "buyer"])
    assert [entry["value"] for entry in replaced["options"]] == ["gift"]


def test_creating_an_archived_property_restores_it(hubspot: Platform) -> None:
    hubspot.post(PROPERTIES, definition())
    path = f"{PROPERTIES}/ps_persona"
    assert hubspot.call("DELETE", path).status_code == 204
    gone = hubspot.call("GET", path).status_code
    archived = [row["name"] for row in hubspot.get(PROPERTIES, archived="true")["results"]]

    assert (gone, archived) == (404, ["ps_persona"])
    assert hubspot.post(PROPERTIES, definition()).status_code == 201
    assert hubspot.get(path)["archived"] is False


def test_what_hubspot_defined_stays_as_it_is_but_personas_can_be_added(hubspot: Platform) -> None:
    city = hubspot.call("PATCH", f"{PROPERTIES}/city", {"label": "Town"})
    persona = hubspot.call("PATCH", f"{PROPERTIES}/hs_persona", {"options": [option("persona_3")]})

    assert (city.status_code, persona.status_code) == (400, 200)
    assert hubspot.call("DELETE", f"{PROPERTIES}/city").status_code == 400


def test_a_group_with_active_properties_cannot_be_archived(hubspot: Platform) -> None:
    hubspot.post(f"{PROPERTIES}/groups", {"name": "ps", "label": "Ps"})
    hubspot.post(PROPERTIES, definition(groupName="ps"))
    with_property = hubspot.call("DELETE", f"{PROPERTIES}/groups/ps").status_code
    hubspot.call("DELETE", f"{PROPERTIES}/ps_persona")

    assert with_property == 400
    assert hubspot.call("PATCH", f"{PROPERTIES}/groups/ps", {"label": "Personas"}).json()["label"] == "Personas"
    assert hubspot.call("DELETE", f"{PROPERTIES}/groups/ps").status_code == 204
    assert hubspot.call("GET", f"{PROPERTIES}/groups/ps").status_code == 404
    assert "ps" not in {row["name"] for row in hubspot.get(f"{PROPERTIES}/groups")["results"]}


def test_batches_of_definitions_tell_what_failed(hubspot: Platform) -> None:
    made = hubspot.post(f"{PROPERTIES}/batch/create", {"inputs": [definition(), definition("email")]})
    read = hubspot.post(f"{PROPERTIES}/batch/read", {"inputs": [{"name": "ps_persona"}, {"name": "nonsense"}]})
    archived = hubspot.post(f"{PROPERTIES}/batch/archive", {"inputs": [{"name": "ps_persona"}, {"name": "nonsense"}]})

    assert (made.status_code, made.json()["errors"][0]["category"]) == (207, "OBJECT_ALREADY_EXISTS")
    assert (read.status_code, [row["name"] for row in read.json()["results"]]) == (207, ["ps_persona"])
    assert archived.status_code == 204
    assert hubspot.call("GET", f"{PROPERTIES}/ps_persona").status_code == 404


def test_the_limit_of_custom_properties_is_told(hubspot: Platform) -> None:
    hubspot.post(PROPERTIES, definition())

    limits = hubspot.get("/crm/v3/limits/custom-properties")

    contacts = next(row for row in limits["byObjectType"] if row["objectTypeId"] == "0-1")
    assert (contacts["limit"], contacts["usage"], contacts["percentage"]) == (1000, 1, 0.1)
    assert limits["overallUsage"] == 1


def test_a_list_is_found_by_id_by_name_in_any_case_and_by_search(hubspot: Platform) -> None:
    list_id = new_list(hubspot)

    by_name = hubspot.get(f"{LISTS}/object-type-id/0-1/name/Personasync: BUYERS")["list"]
    searched = hubspot.post(f"{LISTS}/search", {"query": "BUY"}).json()

    assert hubspot.get(f"{LISTS}/{list_id}")["list"] == by_name
    assert (by_name["listId"], by_name["size"], by_name["processingType"]) == (list_id, 0, "MANUAL")
    assert (searched["total"], searched["hasMore"], searched["offset"]) == (1, False, 1)
    assert "size" not in searched["lists"][0]
    assert searched["lists"][0]["additionalProperties"]["hs_list_size"] == "0"
    assert hubspot.call("GET", f"{LISTS}/object-type-id/0-1/name/nobody").status_code == 404


def test_search_of_lists_is_paged(hubspot: Platform) -> None:
    made = [new_list(hubspot, f"list {number}") for number in range(5)]

    first = hubspot.post(f"{LISTS}/search", {"count": 3}).json()
    second = hubspot.post(f"{LISTS}/search", {"count": 3, "offset": first["offset"]}).json()

    assert [row["listId"] for row in first["lists"] + second["lists"]] == made
    assert (first["hasMore"], second["hasMore"]) == (True, False)
    assert hubspot.post(f"{LISTS}/search", {"count": 501}).status_code == 400


def test_a_name_is_taken_once_whatever_its_case(hubspot: Platform) -> None:
    list_id = new_list(hubspot)
    other = new_list(hubspot, "other")
    body = {"name": "PERSONASYNC: buyers", "objectTypeId": "0-1", "processingType": "MANUAL"}

    assert hubspot.post(LISTS, body).status_code == 400
    assert hubspot.call("PUT", f"{LISTS}/{other}/update-list-name", listName="Personasync: Buyers").status_code == 400
    renamed = hubspot.call("PUT", f"{LISTS}/{list_id}/update-list-name", listName="buyers").json()
    assert renamed["updatedList"]["name"] == "buyers"


def test_lists_that_fill_themselves_are_refused_aloud(hubspot: Platform) -> None:
    answer = hubspot.post(LISTS, {"name": "l", "objectTypeId": "0-1", "processingType": "DYNAMIC"})

    assert (answer.status_code, "not imitated" in answer.json()["message"]) == (400, True)


def test_members_join_and_leave_and_the_missing_are_told(hubspot: Platform) -> None:
    list_id = new_list(hubspot)
    ada, bob, eve = (hubspot.add(f"{name}@people.test") for name in ("ada", "bob", "eve"))
    path = f"{LISTS}/{list_id}/memberships"

    added = hubspot.call("PUT", f"{path}/add", [ada, bob, "999"]).json()
    again = hubspot.call("PUT", f"{path}/add", [ada]).json()
    moved = hubspot.call("PUT", f"{path}/add-and-remove", {"recordIdsToAdd": [eve], "recordIdsToRemove": [ada]}).json()
    removed = hubspot.call("PUT", f"{path}/remove", [bob, ada]).json()

    assert added == {"recordsIdsAdded": [ada, bob], "recordIdsMissing": ["999"]}
    assert again == {}
    assert (moved["recordsIdsAdded"], moved["recordIdsRemoved"]) == ([eve], [ada])
    assert removed["recordIdsRemoved"] == [bob]
    assert on_list(hubspot, list_id) == [eve]
    assert hubspot.get(f"{LISTS}/{list_id}")["list"]["size"] == 1


def test_memberships_take_a_bare_array(hubspot: Platform) -> None:
    path = f"{LISTS}/{new_list(hubspot)}/memberships/add"

    assert hubspot.call("PUT", path, {"recordIds": ["101"]}).status_code == 400


def test_memberships_are_paged_by_id_and_by_time_of_joining(hubspot: Platform) -> None:
    list_id = new_list(hubspot)
    ids = [hubspot.add(f"p{number}@people.test") for number in range(5)]
    path = f"{LISTS}/{list_id}/memberships"
    for record_id in reversed(ids):
        hubspot.call("PUT", f"{path}/add", [record_id])
        hubspot.world.clock.advance(timedelta(seconds=1))

    first = hubspot.get(path, limit=3)
    second = hubspot.get(path, limit=3, after=unquote(first["paging"]["next"]["after"]))
    anew = hubspot.get(path, limit=3, after=first["paging"]["next"]["after"])  # encoded twice
    hubspot.world.settings.encoded_cursors = True
    either = hubspot.get(path, limit=3, after=first["paging"]["next"]["after"])
    back = hubspot.get(path, limit=3, before=unquote(second["paging"]["prev"]["before"]))
    joined = hubspot.get(f"{path}/join-order", limit=5)

    assert [row["recordId"] for row in first["results"] + second["results"]] == ids
    assert (first["total"], "next" in second.get("paging", {})) == (5, False)
    assert back["results"] == anew["results"] == first["results"]
    assert either["results"] == second["results"]
    assert first["paging"]["next"]["after"].endswith("%3D")
    assert [row["recordId"] for row in joined["results"]] == ids[::-1]
    assert hubspot.call("GET", path, limit=251).status_code == 400


def test_lists_are_emptied_copied_deleted_and_restored(hubspot: Platform) -> None:
    source, target = new_list(hubspot, "source"), new_list(hubspot, "target")
    record_id = hubspot.add("ada@people.test")
    hubspot.call("PUT", f"{LISTS}/{source}/memberships/add", [record_id])
    path = f"{LISTS}/{target}"

    assert hubspot.call("PUT", f"{path}/memberships/add-from/{source}").status_code == 204
    assert on_list(hubspot, target) == [record_id]
    assert hubspot.call("DELETE", f"{path}/memberships").status_code == 204
    assert on_list(hubspot, target) == []
    assert hubspot.call("DELETE", path).status_code == 204
    assert hubspot.call("GET", path).status_code == 404
    assert hubspot.call("PUT", f"{path}/restore").status_code == 204
    assert hubspot.get(path)["list"]["name"] == "target"
    assert [row["listId"] for row in hubspot.get(LISTS, listIds=[source, target])["lists"]] == [source, target]


def test_the_lists_of_a_contact_are_told_and_end_with_its_archiving(hubspot: Platform) -> None:
    list_id = new_list(hubspot)
    record_id = hubspot.add("ada@people.test")
    hubspot.call("PUT", f"{LISTS}/{list_id}/memberships/add", [record_id])
    path = f"{LISTS}/records/0-1/{record_id}/memberships"
    inputs = {"inputs": [{"objectTypeId": "0-1", "recordId": record_id}]}

    memberships = hubspot.get(path)["results"]
    many = hubspot.post(f"{LISTS}/records/memberships/batch/read", inputs).json()["results"]
    hubspot.call("DELETE", f"/crm/v3/objects/contacts/{record_id}")

    assert [row["listId"] for row in memberships] == [list_id]
    assert many[0]["recordListMemberships"] == memberships
    assert hubspot.get(path)["results"] == []
    assert on_list(hubspot, list_id) == []


def test_a_search_for_lists_in_a_dated_version_needs_both_filters(hubspot: Platform) -> None:
    new_list(hubspot)
    path = "/crm/lists/2026-09/search"

    refused = hubspot.post(path, {"query": "personasync", "offset": 0})
    answer = hubspot.post(path, {"query": "personasync", "offset": 0, "listIds": [], "processingTypes": []})

    assert (refused.status_code, "[listIds, processingTypes]" in refused.json()["message"]) == (400, True)
    assert len(answer.json()["lists"]) == 1
    assert len(hubspot.post(f"{LISTS}/search", {"query": "personasync", "offset": 0}).json()["lists"]) == 1
