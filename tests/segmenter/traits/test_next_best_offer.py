"""The next best item: against a computation by hand, with little support, and what was bought lately."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import sqrt
from typing import Any

import ibis
from hypothesis import given
from hypothesis import strategies as st

from connectors.records import ORDER_LINES, ORDERS
from segmenter.traits.next_best_offer import Support, next_best
from tests.examples import examples

NOW = datetime(2026, 11, 1, tzinfo=UTC)
OLD = 200.0
Bought = list[tuple[str, str, float]]  # person, item, days ago


def suggested(bought: Bought, *, people: int = 1, rest_days: int = 90, of: Any = "category") -> dict[str, str]:
    orders, lines = [], []
    for number, (person, item, ago) in enumerate(bought):
        at = NOW - timedelta(days=ago)
        head = {"connection": "shop", "order_id": str(number)}
        orders.append(
            {**dict.fromkeys(ORDERS.columns.names), **head, "contact_key": person, "at": at, "state": "placed"}
        )
        product = {"line_id": "1", "product_id": f"id of {item}", "title": f"{item}!", "category": item}
        lines.append({**dict.fromkeys(ORDER_LINES.columns.names), **head, **product})
    links = [{"contact_key": person, "person_id": person} for person in sorted({purchase[0] for purchase in bought})]
    offers = next_best(
        ibis.memtable(orders, schema=ibis.Schema.from_pyarrow(ORDERS.columns)),
        ibis.memtable(lines, schema=ibis.Schema.from_pyarrow(ORDER_LINES.columns)),
        ibis.memtable(links, schema={"contact_key": "string", "person_id": "string"}),
        NOW,
        of=of,
        support=Support(people, rest_days),
    )
    return {row["person_id"]: row["item"] for row in offers.to_pyarrow().to_pylist()}


TEA: Bought = [("a", "tea", OLD), ("a", "cups", OLD), ("b", "tea", OLD), ("b", "cups", OLD), ("c", "tea", OLD)]


def test_who_bought_tea_is_shown_what_others_bought_with_it() -> None:
    assert suggested(TEA)["c"] == "cups"
    assert suggested(TEA, of="product")["c"] == "cups!"


def test_nothing_is_suggested_that_too_few_bought_together() -> None:
    assert suggested(TEA, people=3) == {}


def test_nothing_is_suggested_that_was_bought_lately_but_after_the_rest_it_is() -> None:
    again = [*TEA, ("d", "tea", OLD), ("d", "cups", 10.0)]

    assert "d" not in suggested(again, rest_days=30) or suggested(again, rest_days=30)["d"] != "cups"
    assert suggested(again, rest_days=5)["d"] == "cups"


def test_what_comes_after_the_moment_does_not_count() -> None:
    later = [("c", "tea", OLD), ("a", "tea", -1.0), ("a", "cups", -1.0)]

    assert suggested(later) == {}


PURCHASES = st.lists(
    st.tuples(
        st.sampled_from("abcdef"), st.sampled_from(["tea", "cups", "pots", "cake"]), st.sampled_from([10.0, OLD])
    ),
    min_size=1,
    max_size=25,
)


@examples(30)
@given(PURCHASES)
def test_suggestions_are_those_of_the_formula(bought: Bought) -> None:
    owners: dict[str, set[str]] = {}
    for person, item, _ in bought:
        owners.setdefault(item, set()).add(person)
    recent = {(person, item) for person, item, ago in bought if ago < 90}
    expected = {}
    for person in {purchase[0] for purchase in bought}:
        own = [item for item in owners if person in owners[item]]
        scores = {
            other: sum(
                len(owners[item] & owners[other]) / sqrt(len(owners[item]) * len(owners[other]))
                for item in own
                if item != other and len(owners[item] & owners[other]) >= 2
            )
            for other in owners
            if (person, other) not in recent
        }
        best = min(scores, key=lambda other: (-round(scores[other], 9), other), default=None)
        if best is not None and scores[best] > 0:
            expected[person] = best

    assert suggested(bought, people=2) == expected
