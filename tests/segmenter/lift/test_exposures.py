"""Rates with intervals: equal to SciPy and to what Newcombe published; campaigns counted by hand."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from connectors.records import TABLES, TIME
from segmenter.lift.exposures import BEFORE_ANY, campaign_results, reached
from segmenter.stats.proportions import Responses, newcombe, wilson

SENT = datetime(2026, 11, 10, 8, tzinfo=UTC)


@given(
    st.integers(1, 5000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), st.sampled_from([0.9, 0.95, 0.99])
)
def test_wilson_is_what_scipy_computes(counts: tuple[int, int], level: float) -> None:
    people, converted = counts
    expected = binomtest(converted, people).proportion_ci(confidence_level=level, method="wilson")

    interval = wilson(Responses(people, converted), level=level)

    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize(
    ("one", "two", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17: 873-890, table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
@pytest.mark.reproduces(
    "Intervals of differences of two rates",
    "Newcombe 1998, Statistics in Medicine 17: 873-890, table II, method 10",
)
def test_newcombe_is_what_newcombe_published(
    one: tuple[int, int], two: tuple[int, int], low: float, high: float
) -> None:
    interval = newcombe(Responses(one[1], one[0]), Responses(two[1], two[0]))

    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


def test_nobody_asked_means_nothing_known() -> None:
    assert (newcombe(Responses(0, 0), Responses(5, 1)).low, newcombe(Responses(0, 0), Responses(5, 1)).high) == (
        -1.0,
        1.0,
    )
    with pytest.raises(ValueError, match="4 of 3 people is not a valid count"):
        Responses(3, 4)


def table(name: str, *rows: dict[str, Any]) -> ibis.Table:
    given_rows = [{"connection": "email", **row} for row in rows]
    return ibis.memtable(pa.Table.from_pylist(given_rows, schema=TABLES[name].columns))


def delivery(who: str, campaign: str = "c1", status: str = "sent", variant: str | None = None) -> dict[str, Any]:
    return {"campaign_id": campaign, "contact_key": f"mailto:{who}", "at": SENT, "status": status, "variant": variant}


def act(who: str, kind: str, campaign: str = "c1", event: str = "1") -> dict[str, Any]:
    key = f"{campaign}{who}{kind}{event}"
    return {"campaign_id": campaign, "contact_key": f"mailto:{who}", "kind": kind, "at": SENT, "event_id": key}


def bought(who: str, days: float, amount: float, campaign: str | None = None) -> dict[str, Any]:
    at = SENT + timedelta(days=days)
    common = {"order_id": f"{who}{days}", "contact_key": f"mailto:{who}", "currency": "USD", "state": "placed"}
    return {**common, "at": at, "amount": amount, "campaign_id": campaign}


def assigned(*rows: tuple[str, str | None, float]) -> ibis.Table:
    schema = pa.schema(
        [("person_id", pa.string()), ("persona", pa.string()), ("recorded_at", TIME), ("sequence", pa.int64())]
    )
    made = [
        {"person_id": who, "persona": persona, "recorded_at": SENT + timedelta(days=days), "sequence": place}
        for place, (who, persona, days) in enumerate(rows)
    ]
    return ibis.memtable(pa.Table.from_pylist(made, schema=schema))


def test_people_are_counted_under_the_persona_that_was_in_force_when_the_mail_went_out() -> None:
    links = ibis.memtable(
        {"contact_key": [f"mailto:{who}" for who in "abcdef"], "person_id": ["a", "b", "c", "d", "e", "a"]}
    )
    rows = (
        campaign_results(
            deliveries=table(
                "deliveries",
                *(delivery(who, "v1" if who < "c" else "v2") for who in "abcd"),
                delivery("e", "v1", "hard"),
                delivery("f", "v1"),  # another address of a: one person
            ),
            engagements=table(
                "engagements",
                act("a", "open", "v1"),
                act("a", "open", "v1", "2"),
                act("b", "click", "v1"),
                act("c", "unsubscribe", "v2"),
            ),
            orders=table(
                "orders", bought("a", 1, 20, "v1"), bought("b", 2, 30), bought("b", 40, 99), bought("c", -1, 50)
            ),
            assignments=assigned(("a", "rita", -2), ("a", "bo", 1), ("b", "rita", -1), ("c", None, -1), ("d", "bo", 3)),
            links=links,
            campaigns=table(
                "campaigns",
                {"campaign_id": "c1"},
                {"campaign_id": "v1", "parent_id": "c1", "variant": "one"},
                {"campaign_id": "v2", "parent_id": "c1", "variant": "two"},
            ),
        )
        .to_pyarrow()
        .to_pylist()
    )
    cells = {(row["variant"], row["persona"]): row for row in rows}
    rita = cells["one", "rita"]

    assert {row["campaign_id"] for row in rows} == {"c1"}
    assert (rita["delivered"], rita["opened"], rita["clicked"], rita["ordered"]) == (2, 1, 1, 2)
    assert rita["revenue"] == 50.0
    assert cells["two", None]["unsubscribed"] == 1
    assert cells["two", None]["ordered"] == 0
    assert len(cells) == 3  # and d, who was assigned after the mail only


def test_figures_are_those_of_counting_people_one_by_one() -> None:
    """Of two variants of one campaign and one of another, at addresses of which some are the same person's."""
    chance = random.Random(7)  # noqa: S311 - no secret
    names = [f"{letter}{number}" for letter in "abcd" for number in range(12)]
    person_of = {f"mailto:{name}": name if name < "d" else f"a{name[1:]}" for name in names}
    mails = [(name, mail) for name in names for mail in ("v1", "v2", "c2") if chance.random() < 0.6]
    deeds = [(*one, kind, n) for one in mails for kind in ("open", "click") for n in "12" if chance.random() < 0.3]
    sent = [delivery(name, mail) for name, mail in mails]
    acts = [{**act(name, kind, mail, n), "machine": chance.random() < 0.4} for name, mail, kind, n in deeds]
    orders = [bought(name, days, 10.0) for name in names for days in (-1, 6, 8, 30) if chance.random() < 0.2]
    filed = {"v1": ("c1", "one"), "v2": ("c1", "two"), "c2": ("c2", None)}
    expected: dict[tuple[str, str | None, str], dict[str, set[str]]] = {}
    for one in sent:
        person, mail = person_of[one["contact_key"]], one["campaign_id"]
        mine = [a for a in acts if person_of[a["contact_key"]] == person and a["campaign_id"] == mail]
        opens = [a["machine"] for a in mine if a["kind"] == "open"]
        did = {
            "delivered": True,
            "opened": False in opens,
            "machine_only": set(opens) == {True},
            "clicked": any(a["kind"] == "click" and not a["machine"] for a in mine),
            "ordered": any(
                person_of[o["contact_key"]] == person and SENT <= o["at"] <= SENT + timedelta(days=7) for o in orders
            ),
        }
        cell = expected.setdefault((*filed[mail], "rita"), {name: set() for name in did})
        for name, answer in did.items():
            cell[name] |= {person} if answer else set()
    counted = campaign_results(
        deliveries=table("deliveries", *sent),
        engagements=table("engagements", *acts),
        orders=table("orders", *orders),
        assignments=assigned(*((person, "rita", -1) for person in sorted(set(person_of.values())))),
        links=ibis.memtable({"contact_key": list(person_of), "person_id": list(person_of.values())}),
        campaigns=table(
            "campaigns",
            {"campaign_id": "c1"},
            {"campaign_id": "c2"},
            {"campaign_id": "v1", "parent_id": "c1", "variant": "one"},
            {"campaign_id": "v2", "parent_id": "c1", "variant": "two"},
        ),
    )
    found = {(row["campaign_id"], row["variant"], row["persona"]): row for row in counted.to_pyarrow().to_pylist()}

    assert found.keys() == expected.keys()
    for key, cell in expected.items():
        assert {name: int(found[key][name]) for name in cell} == {name: len(people) for name, people in cell.items()}


def test_the_version_in_force_is_the_newest_until_the_mail_and_the_last_of_those_that_came_at_once() -> None:
    chance = random.Random(3)  # noqa: S311 - no secret
    names = [f"p{number:02d}" for number in range(60)]
    versions = [
        (name, chance.choice(["rita", "bo", "gus", None]), chance.choice([-2.0, -1.0, 0.0, 1.0]))
        for name in names
        for _ in range(chance.randrange(5))
    ]
    expected = {}
    for name in names:
        before = [(days, place, persona) for place, (who, persona, days) in enumerate(versions) if who == name]
        before = [each for each in before if each[0] <= 0]
        expected[name] = max(before, key=lambda each: each[:2])[2] if before else BEFORE_ANY
    found = reached(
        table("deliveries", *(delivery(name) for name in names)),
        ibis.memtable({"contact_key": [f"mailto:{name}" for name in names], "person_id": names}),
        table("campaigns", {"campaign_id": "c1"}),
        assigned(*versions),
    ).to_pyarrow()

    assert dict(zip(found["person_id"].to_pylist(), found["persona"].to_pylist(), strict=True)) == expected
    assert found.num_rows == len(names)
    assert len(set(expected.values())) == 5
