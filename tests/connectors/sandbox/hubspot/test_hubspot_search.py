"""Search: operators, caps, the lag of the index."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.connectors.sandbox.hubspot.conftest import Platform

CONTACTS = "/crm/v3/objects/contacts"
SEARCH = f"{CONTACTS}/search"


def where(name: str, operator: str, value: object = None, **more: object) -> dict[str, Any]:
    given = {} if value is None else {"value": value}
    return {"propertyName": name, "operator": operator, **given, **more}


def ids(answer: dict[str, Any]) -> list[str]:
    return [row["id"] for row in answer["results"]]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (where("city", "EQ", "bern"), [0]),
        (where("city", "NEQ", "Bern"), [1]),
        (where("annualrevenue", "LT", "20"), [0]),
        (where("annualrevenue", "LTE", "20"), [0, 1]),
        (where("annualrevenue", "GT", "20"), [2]),
        (where("annualrevenue", "GTE", "9.5"), [0, 1, 2]),
        (where("annualrevenue", "BETWEEN", "15", highValue="25"), [1]),
        (where("city", "IN", values=["Bern", "Basel"]), [0, 1]),
        (where("city", "NOT_IN", values=["Bern"]), [1]),
        (where("city", "HAS_PROPERTY"), [0, 1]),
        (where("city", "NOT_HAS_PROPERTY"), [2]),
        (where("email", "CONTAINS_TOKEN", "work*"), [2]),
        (where("email", "CONTAINS_TOKEN", "*@people.test"), [0, 1]),
        (where("email", "NOT_CONTAINS_TOKEN", "people"), [2]),
        (where("email", "EQ", "Ada@people.test"), [0]),
        (where("birthdate", "GTE", "2000-01-01"), [1]),
    ],
)
def test_each_operator_finds_what_it_means(hubspot: Platform, condition: dict[str, Any], found: list[int]) -> None:
    added = [
        hubspot.add("ada@people.test", city="Bern", annualrevenue="10", birthdate="1990-01-01"),
        hubspot.add("bob@people.test", city="Basel", annualrevenue="20", birthdate="2001-01-01"),
        hubspot.add("eve@work.test", annualrevenue="30"),
    ]

    assert ids(hubspot.search(condition)) == [added[place] for place in found]


def test_filters_of_a_group_all_apply_and_groups_are_alternatives(hubspot: Platform) -> None:
    ada = hubspot.add("ada@people.test", city="Bern", country="CH")
    hubspot.add("bob@people.test", city="Bern")
    eve = hubspot.add("eve@people.test", city="Basel")
    groups = [
        {"filters": [where("city", "EQ", "Bern"), where("country", "EQ", "CH")]},
        {"filters": [where("city", "EQ", "Basel")]},
    ]

    answer = hubspot.post(SEARCH, {"filterGroups": groups}).json()

    assert (ids(answer), answer["total"]) == ([ada, eve], 2)


def test_the_query_looks_into_names_and_addresses(hubspot: Platform) -> None:
    ada = hubspot.add("ada@people.test", firstname="Ada")
    hubspot.add("bob@people.test", firstname="Bob")

    assert ids(hubspot.post(SEARCH, {"query": "ADA"}).json()) == [ada]


def test_what_changed_in_a_window_comes_by_id(hubspot: Platform) -> None:
    ids_before = [hubspot.add(f"p{number}@people.test") for number in range(3)]
    hubspot.world.clock.advance(timedelta(hours=1))
    since = hubspot.state.now_ms()
    hubspot.call("PATCH", f"{CONTACTS}/{ids_before[2]}", {"properties": {"city": "Bern"}})
    hubspot.call("PATCH", f"{CONTACTS}/{ids_before[0]}", {"properties": {"city": "Bern"}})
    window = [where("lastmodifieddate", "GTE", str(since)), where("hs_object_id", "GT", "0")]

    both = hubspot.search(*window, sorts=["hs_object_id"], limit=1)
    rest = hubspot.search(*window, sorts=["hs_object_id"], limit=1, after=both["paging"]["next"]["after"])
    beyond = hubspot.search(window[0], where("hs_object_id", "GT", ids_before[0]), sorts=["hs_object_id"])

    assert (both["total"], ids(both), ids(rest)) == (2, [ids_before[0]], [ids_before[2]])
    assert "paging" not in rest
    assert ids(beyond) == [ids_before[2]]


@pytest.mark.parametrize(
    ("sorts", "order"),
    [
        (["city"], [1, 0, 2]),
        ([{"propertyName": "city", "direction": "DESCENDING"}], [2, 0, 1]),
        ([{"propertyName": "annualrevenue", "direction": "ASCENDING"}], [2, 1, 0]),
        (["-hs_object_id"], [2, 1, 0]),
        ([], [0, 1, 2]),
    ],
)
def test_one_sort_as_text_or_object(hubspot: Platform, sorts: list[Any], order: list[int]) -> None:
    added = [
        hubspot.add("a@people.test", city="Bern", annualrevenue="100"),
        hubspot.add("b@people.test", city="Basel", annualrevenue="20"),
        hubspot.add("c@people.test", city="Chur", annualrevenue="3"),
    ]

    assert ids(hubspot.search(sorts=sorts)) == [added[place] for place in order]


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"after": "10000"},
        {"after": "9900", "limit": 200},
        {"after": "x"},
        {"sorts": ["city", "email"]},
        {"query": "x" * 3_001},
        {"filterGroups": [{"filters": [where("city", "EQ", "x")]}] * 6},
        {"filterGroups": [{"filters": [where("city", "EQ", "x")] * 7}]},
        {"filterGroups": [{"filters": [where("city", "EQ", "x")] * 5}] * 4},
        {"filterGroups": [{"filters": [where("nonsense", "EQ", "x")]}]},
        {"filterGroups": [{"filters": [where("city", "LIKE", "x")]}]},
        {"filterGroups": [{"filters": [where("city", "EQ")]}]},
        {"filterGroups": [{"filters": [where("city", "IN", "x")]}]},
        {"filterGroups": [{"filters": [where("annualrevenue", "GT", "much")]}]},
    ],
)
def test_search_refuses_what_is_beyond_its_limits(hubspot: Platform, body: dict[str, Any]) -> None:
    answer = hubspot.post(SEARCH, body)

    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


def test_results_end_at_ten_thousand_although_the_total_goes_on(hubspot: Platform) -> None:
    for number in range(10_050):
        hubspot.add(f"p{number}@people.test")

    last = hubspot.search(limit=200, after="9800")

    assert (last["total"], len(last["results"])) == (10_050, 200)
    assert last["paging"]["next"]["after"] == "10000"
    assert hubspot.post(SEARCH, {"limit": 200, "after": "10000"}).status_code == 400


def test_the_index_lags_behind_writes(hubspot: Platform) -> None:
    old = hubspot.add("old@people.test", city="Bern")
    hubspot.world.settings.search_lag = 5.0
    made = hubspot.post(CONTACTS, {"properties": {"email": "new@people.test", "city": "Bern"}}).json()["id"]
    hubspot.call("PATCH", f"{CONTACTS}/{old}", {"properties": {"city": "Basel"}})

    at_once = hubspot.search(where("city", "EQ", "Bern"), properties=["city"])
    hubspot.world.clock.advance(timedelta(seconds=6))
    later = hubspot.search(where("city", "EQ", "Bern"), properties=["city"])

    assert (ids(at_once), at_once["results"][0]["properties"]["city"]) == ([old], "Bern")
    assert ids(later) == [made]


def test_archived_contacts_are_never_found(hubspot: Platform) -> None:
    hubspot.world.settings.search_lag = 5.0
    record_id = hubspot.add("ada@people.test", city="Bern")
    hubspot.call("PATCH", f"{CONTACTS}/{record_id}", {"properties": {"country": "CH"}})
    hubspot.call("DELETE", f"{CONTACTS}/{record_id}")

    assert hubspot.search(where("city", "EQ", "Bern"))["total"] == 0
