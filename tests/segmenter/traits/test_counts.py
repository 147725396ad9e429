"""Counts that rules ask for: parsed with a place for every fault, and counted as a loop over the rows counts."""

from __future__ import annotations

import fnmatch
from datetime import timedelta
from typing import Any

import ibis
import pytest
from hypothesis import given

from connectors.records import CAMPAIGNS
from segmenter.errors import DefinitionError
from segmenter.rules.evaluate import as_ibis, holds
from segmenter.rules.rules import Rule, counted_in, describe, parse_rule, rule_text
from segmenter.rules.segments import Segment, rule_answer, waterfall, with_rules
from segmenter.traits.builtin import Catalogue, catalogue
from segmenter.traits.counts import CountedTrait
from segmenter.traits.traits import traits
from tests.examples import examples
from tests.segmenter.traits.trait_rows import NOW, Rows, contact, happened, history, inputs

RULES = (
    "count(clicks) > 0",
    "count(clicks, days = 14, campaign = 'c1') > 0",
    'count(opens, days = 45, campaign = "*2") > 0',
    "count(visits, days = 14) > 0",
    "count(visits, address = '*tea*') > 0",
    "count(events, kind = 'reply', days = 200) > 0",
    "count(events, value >= 2, product = 'T-*') > 0",
    "count(orders, days = 20) > 0",
    "count(orders, product = 'P1', days = 300) > 0",
    "count(orders, category = 'c*3') > 0",
    "count(deliveries, days = 60) > 0",
)


def counted(*rules: str) -> tuple[Catalogue, list[Rule]]:
    known = catalogue((), counted=[count for rule in rules for count in counted_in(rule, where="x")])
    return known, [parse_rule(rule, known, where="x") for rule in rules]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("count(clikcs) > 1", "'clikcs' can't be counted; did you mean 'clicks'?"),
        ("count(clicks, day = 14) > 1", "has no argument 'day'; did you mean 'days'?"),
        ("count(clicks, days = 1.5) > 1", "days must be a whole number from 1 to 3,660"),
        ("count(clicks, days = 'x') > 1", "days must be a whole number"),
        ("count(clicks, days > 3) > 1", "days must be a whole number"),
        ("count(clicks, days = 3, days = 4) > 1", "days is given twice"),
        ("count(clicks, 14) > 1", "an argument of count() has a name and a value"),
        ("count(deliveries, address = 'x') > 1", "count(deliveries) has no argument 'address'"),
        ("count(visits, value = 'x') > 1", "value is compared with a number"),
        ("count(visits, address > 'x') > 1", "address is compared with a text"),
        ("count(visits, address = '*') > 1", "address is compared with a text"),
        ("count(*) > 1", "needs what to count first"),
        ("count(distinct clicks) > 1", "needs what to count first"),
        ("count() > 1", "needs what to count first"),
        ("count(clicks)", "is a value where a condition is needed"),
        ("count(clicks) = 'x'", "can't compare number with text"),
    ],
)
def test_what_is_wrong_with_a_count_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        counted(f"orders_total > 0 and {text}")

    assert told in str(caught.value)
    assert "^" in str(caught.value)


def test_a_count_is_one_trait_however_it_is_written_and_reads_as_written() -> None:
    known, [first, other] = counted(
        "count(clicks, days = 14, campaign = \"spring*\") >= 2 and country = 'CH'",
        "COUNT(clicks, campaign='spring*', days=14) >= 2",
    )

    assert set(known.counted) == set(first.names) & set(known.counted) == set(other.names)
    assert rule_text(describe(first)[0]) == "count(clicks, days = 14, campaign = 'spring*') >= 2"
    assert known.digest() != catalogue().digest()


def expected(count: CountedTrait, rows: dict[str, Rows], who: str) -> int:
    keys: set[Any] = set()
    lines = {line["order_id"]: line for line in rows["order_lines"]}
    for row in rows[count.table]:
        mine = row["contact_key"] in {f"crm:{who}", f"mailto:{who}@people.test"}
        since = count.days is None or row["at"] > NOW - timedelta(days=count.days)
        if not (mine and since and row["at"] <= NOW) or row.get("state") == "cancelled":
            continue
        if count.kind is not None and row["kind"] != count.kind:
            continue
        if all(fits(condition.name, condition.value, row, lines) for condition in count.filters):
            once = {"orders": "order_id", "deliveries": "campaign_id"}.get(count.table, "event_id")
            alone = row.get("kind") in {None, "visit", "form", "unsubscribe"}
            keys.add((row.get("kind"), row[once] if alone else row["campaign_id"]))
    return len(keys)


def fits(name: str, value: Any, row: dict[str, Any], lines: dict[str, Any]) -> bool:
    if name == "value":
        return row.get("value") is not None and bool(row["value"] >= value)
    text = {
        "campaign": row.get("campaign_id"),
        "address": row.get("url"),
        "kind": row.get("kind"),
        "product": lines.get(row.get("order_id", ""), {}).get("product_id") or row.get("product"),
        "category": lines.get(row.get("order_id", ""), {}).get("category"),
    }[name]
    return text is not None and fnmatch.fnmatchcase(text.lower(), value.lower())


@pytest.mark.long
@examples(12, deadline=None)
@given(happened)
def test_counts_are_those_of_a_loop_over_the_rows(found: list[tuple[str, float, str, int]]) -> None:
    rows = history(found)
    for number, event in enumerate(rows["engagements"]):
        event |= {"url": f"https://shop.test/{['tea', 'cup'][number % 2]}", "product": f"t-{number % 3}", "value": 1.5}
        event["value"] += number % 2
    known, rules = counted(*RULES)
    counts = traits(inputs(contacts=[contact("a"), contact("b")], **rows), known, NOW).to_pyarrow().to_pylist()

    people = {row["person_id"]: row for row in counts}
    for rule in rules:
        [count] = rule.counted
        for who in "ab":
            assert people[who][count.name] == expected(count, rows, who), rule.text


@pytest.mark.slow
def test_the_name_of_a_campaign_counts_and_reasons_are_equal_in_sql_and_in_python() -> None:
    rows = history([("a", 3, "click", 1), ("a", 4, "click", 1), ("a", 5, "click", 2), ("b", 3, "click", 2)])
    campaigns = [{"connection": "email", "campaign_id": "c1", "name": "Spring (1.5_%) 2026", "state": "sent"}]
    given_tables = inputs(contacts=[contact("a"), contact("b")], **rows)
    object.__setattr__(given_tables, "campaigns", ibis.memtable(_table(campaigns)))
    text = "count(clicks, days = 14, campaign = 'spring (*.5_%)*26') >= 1 and orders_total = 0"
    known, [rule] = counted(text)
    segments = waterfall([Segment("readers", "Readers", text)], known)
    people = traits(given_tables, known, NOW)

    outcomes = with_rules(people, segments, "x_").to_pyarrow().to_pylist()
    rows_of = {row["person_id"]: row for row in outcomes}
    assert [rows_of[who]["x_segment"] for who in "ab"] == ["readers", None]
    reason = "count(clicks, days = 14, campaign = 'spring (*.5_%)*26') >= 1 (count is 1)"
    assert rows_of["a"]["x_reasons"].startswith(reason)
    for row in outcomes:
        assert rule_answer(row, segments)[3] == row["x_reasons"]
        assert holds(rule, row) == (row["x_segment"] is not None)
    assert as_ibis(rule.tree, people).type().is_boolean()


def _table(rows: Rows) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    return pa.Table.from_pylist(rows, schema=CAMPAIGNS.columns)
