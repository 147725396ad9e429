"""What is missing, impossible, unreadable or twice there is counted; what people looked like is kept small."""

from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from connectors.records import CONTACTS, ORDERS
from segmenter.monitor.quality import (
    TraitQuality,
    amount_faults,
    amount_figures,
    duplicate_faults,
    duplicate_figures,
    moment_faults,
    moment_figures,
    trait_figures,
    trait_qualities,
    unreadable_faults,
    unreadable_figures,
    worst,
)
from segmenter.stats.distribution import NOTHING, OTHERS, Distribution, distributions
from segmenter.traits.definitions import MappedTrait, Trait

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SHARE = Trait("share", "", "share 0 to 1", "number", "engagements", least=0.0, most=1.0)
DAYS = Trait("days", "", "days", "number", "orders", least=0.0)
RENEWAL = Trait("renewal", "", "", "date", "contacts")
CITY = Trait("city", "", "", "text", "contacts")


def row_of(table: ibis.Table) -> dict[str, Any]:
    row: dict[str, Any] = table.to_pyarrow().to_pylist()[0]
    return row


def contacts(*rows: dict[str, Any]) -> ibis.Table:
    whole = [{**dict.fromkeys(CONTACTS.columns.names), "connection": "crm", "state": "active", **row} for row in rows]
    return ibis.memtable(pa.Table.from_pylist(whole, schema=CONTACTS.columns))


def orders(*rows: dict[str, Any]) -> ibis.Table:
    whole = [{**dict.fromkeys(ORDERS.columns.names), "state": "placed", "amount": 1.0, **row} for row in rows]
    return ibis.memtable(pa.Table.from_pylist(whole, schema=ORDERS.columns))


def test_values_that_cannot_be_are_counted_apart_from_those_that_are_missing() -> None:
    people = ibis.memtable(
        pa.table(
            {
                "share": pa.array([0.5, 1.2, -0.1, float("nan"), None]),
                "days": pa.array([0.0, 739_000.0, 3.0, float("inf"), None]),
                "renewal": pa.array([NOW.date(), datetime(1, 1, 1, tzinfo=UTC).date(), None, None, None]),
                "city": pa.array(["Ulm", None, None, None, None]),
            }
        )
    )
    traits = [SHARE, DAYS, RENEWAL, CITY]

    qualities = trait_qualities(row_of(trait_figures(people, traits, NOW)), traits)

    assert qualities == [
        TraitQuality("share", 5, 1, 3),
        TraitQuality("days", 5, 1, 2),
        TraitQuality("renewal", 5, 3, 1),
        TraitQuality("city", 5, 4, 0),
    ]
    assert [trait_quality.light for trait_quality in qualities] == ["red", "amber", "amber", "green"]
    assert TraitQuality("any", 0, 0, 0).share_missing == 0.0
    assert TraitQuality("any", 5, 5, 0).light == "amber"
    assert worst(["green", "red", "amber"]) == "red"
    assert worst([]) == "green"


def test_moments_before_1900_and_ahead_of_now_are_told_with_an_example() -> None:
    times = [datetime(1, 1, 1, tzinfo=UTC), NOW, NOW + timedelta(hours=5), NOW + timedelta(days=400)]
    rows = orders(*({"at": at} for at in times))

    data_faults = moment_faults("orders", row_of(moment_figures(rows, "at", NOW)))

    assert [(fault.rows, fault.what) for fault in data_faults] == [
        (1, "1 rows have dates before 1900"),
        (1, "1 rows have future dates"),
    ]
    assert data_faults[0].example.startswith("0001-01-01")
    assert data_faults[1].example.startswith("2027-12-29")


def test_a_negative_amount_is_a_fault_only_where_the_order_stands() -> None:
    rows = orders({"amount": -5.0}, {"amount": -9.0, "state": "cancelled"}, {"amount": 3.0})

    (fault,) = amount_faults(row_of(amount_figures(rows)))

    assert (fault.rows, fault.example) == (1, "-5.00")
    assert amount_faults(row_of(amount_figures(orders({"amount": 0.0})))) == []


def test_text_where_a_number_was_mapped_is_told_without_an_address() -> None:
    mapped = [MappedTrait("points", "crm", "points", "number"), MappedTrait("due", "crm", "due", "date")]
    rows = contacts(
        {"properties": '{"points": "many", "due": "2026-01-01"}'},
        {"properties": '{"points": "12"}'},
        {"properties": '{"points": "", "due": "ada@people.test"}'},
        {"properties": '{"points": "other platform"}', "connection": "email"},
    )

    points, due = unreadable_faults(row_of(unreadable_figures(rows, mapped)), mapped)

    assert (points.rows, points.example) == (1, "many")
    assert "points of 1 contacts of crm is not a number" in points.what
    assert (due.rows, due.example) == (1, "")


def test_people_who_are_twice_there_are_counted() -> None:
    rows = contacts(
        {"platform_id": "1", "email": "ada@people.test"},
        {"platform_id": "2", "email": "ada@people.test"},
        {"platform_id": "3", "email": "eve@people.test"},
        {"platform_id": "4", "email": "eve@people.test", "state": "archived"},
        {"platform_id": "5", "email": None},
    )
    links = ibis.memtable(
        pa.table({"contact_key": ["crm:1", "crm:2", "crm:3", "crm:4", "crm:5"], "person_id": ["a", "b", "c", "d", "c"]})
    )
    addresses, persons = (row_of(table)["n"] for table in duplicate_figures(rows, links))

    assert (addresses, persons) == (1, 1)
    assert [fault.rows for fault in duplicate_faults(addresses, persons)] == [1, 1]
    assert duplicate_faults(0, 0) == []


def test_a_distribution_counts_what_pandas_counts() -> None:
    rng = np.random.default_rng(5)
    values = np.where(rng.random(2_000) < 0.4, 0.0, rng.gamma(2.0, 10.0, 2_000))
    values[:50] = np.nan
    people = ibis.memtable(pa.table({"days": pa.array(values, from_pandas=True)}))

    distribution = distributions(people, [DAYS], {})["days"]

    known = pd.Series(values).dropna()
    edges = sorted(set(known.quantile(np.arange(0.1, 0.95, 0.1))))
    assert distribution.edges == pytest.approx(edges)
    bins = pd.cut(known, [-np.inf, *edges, np.inf], right=False).value_counts(sort=False)
    assert list(distribution.counts.values()) == [*(n for n in bins if n), 50]
    assert distribution.known == pytest.approx(0.975)


def test_later_people_are_counted_in_the_bins_of_the_reference() -> None:
    people = ibis.memtable(pa.table({"days": [1.0, 5.0, 9.0, None]}))

    distribution = distributions(people, [DAYS], {"days": (5.0,)})["days"]

    assert distribution.counts == {"below 5": 1, "5 or more": 2, NOTHING: 1}


def test_nobody_has_a_distribution_too() -> None:
    people = ibis.memtable(pa.table({"days": pa.array([], pa.float64()), "city": pa.array([], pa.string())}))

    by_trait = distributions(people, [DAYS, CITY], {})

    assert by_trait == {"days": Distribution({}), "city": Distribution({})}
    assert by_trait["days"].known == 0.0


def test_rare_words_count_as_others_and_later_words_too() -> None:
    people = ibis.memtable(pa.table({"city": ["Ulm"] * 3 + [f"town {n:02}" for n in range(60)]}))

    distribution = distributions(people, [CITY], {})["city"]

    assert distribution.counts["Ulm"] == 3
    assert distribution.counts[OTHERS] == 11
    assert distribution.matched({"Ulm": 5, "Rome": 2}) == {"Ulm": 5, OTHERS: 2}
    assert Distribution({"Ulm": 1}).matched({"Rome": 2}) == {"Rome": 2}
