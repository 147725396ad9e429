"""Rules that name a segment, in any order of the file; circles and unknown names say who."""

from __future__ import annotations

from typing import Any

import ibis
import pyarrow as pa
import pytest

from segmenter.errors import DefinitionError
from segmenter.rules.rules import parse_rule, rule_text
from segmenter.rules.segments import Segment, Waterfall, rule_answer, waterfall, with_rules
from segmenter.traits.builtin import catalogue

CHAMPIONS = Segment("champions", "Champions", "orders_365d >= 3 and days_since_order < 90", parent="buyers")
BUYERS = Segment("buyers", "Buyers", "orders_total >= 1")
PEOPLE: list[dict[str, Any]] = [
    {"person_id": "a", "orders_365d": 4.0, "days_since_order": 5.0, "orders_total": 9.0, "clv": 10.0},
    {"person_id": "b", "orders_365d": None, "days_since_order": 5.0, "orders_total": 1.0, "clv": 9.0},
    {"person_id": "c", "orders_365d": None, "days_since_order": None, "orders_total": None, "clv": None},
]


def made(*rules: Segment) -> Waterfall:
    return waterfall(rules, catalogue())


def answers(steps: Waterfall) -> dict[str, tuple[str | None, float | None, str | None, str]]:
    """Everybody's answer, by the engine; and it is what each person's alone is."""
    rows = with_rules(ibis.memtable(pa.Table.from_pylist(PEOPLE)), steps, "").to_pyarrow().to_pylist()
    outcomes = {r["person_id"]: (r["segment"], r["confidence"], r["runner_up"], r["reasons"]) for r in rows}
    assert outcomes == {person["person_id"]: rule_answer(person, steps) for person in PEOPLE}
    return outcomes


def test_a_rule_may_name_a_segment_that_comes_later_and_a_rule_that_is_open_is_not_met() -> None:
    steps = made(
        Segment("vips", "VIPs", 'in("champions") and clv > 5'), Segment("rest", "Rest", "not in('champions')"),
        BUYERS, CHAMPIONS,
    )  # fmt: skip

    outcomes = answers(steps)

    assert {person: answer[0] for person, answer in outcomes.items()} == {"a": "vips", "b": "rest", "c": "rest"}
    assert outcomes["a"][3].startswith(
        'in("champions") (orders_total is 9, orders_365d is 4, days_since_order is 5); clv'
    )
    assert set(steps.by_name()["vips"].rule.names) == {"orders_365d", "days_since_order", "orders_total", "clv"}
    tool = parse_rule('in("vips", "buyers") or country in (\'DE\')', catalogue(), where="t", segments=steps.rules())
    assert rule_text(tool.tree) == 'in("vips", "buyers") OR country IN (\'DE\')'


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"a": 'in("b")', "b": 'clv > 1 or not in("a")'}, "segment 'a': circular rules: 'a' names 'b', 'b' names 'a'"),
        ({"a": 'in("a")'}, "circular rules: 'a' names 'a'"),
        ({"a": 'in("champion")', "champions": "clv > 1"}, "there is no segment 'champion'; did you mean 'champions'?"),
        ({"a": 'in("b")', "b": "false"}, "segment 'b' has no rule, so nobody is in it by a rule"),
        ({"a": 'in("b") > 1', "b": "clv > 1"}, "can't compare boolean with number"),
        ({"a": 'in("b"', "b": "clv > 1"}, "the rule can't be read"),
    ],
)
def test_what_can_not_be_asked_is_named(rules: dict[str, str], message: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        made(*(Segment(name, name, rule) for name, rule in rules.items()))

    assert message in str(refused.value)


def test_rules_that_double_with_every_name_are_refused_before_they_fill_the_memory() -> None:
    rules = [Segment("s0", "s0", "clv > 1")]
    rules += [Segment(f"s{i}", "s", f'in("s{i - 1}") or not in("s{i - 1}")') for i in range(1, 40)]

    with pytest.raises(DefinitionError, match="too long"):
        made(*rules)


@pytest.mark.parametrize(
    ("cap", "by", "message"),
    [
        (5, "", "cap needs cap_by"),
        (5, "clw", "not 'clw'; did you mean 'clv'?"),
        (5, "country", "must be a trait that is a number"),
        (None, "clv", "cap_by needs a cap"),
    ],
)
def test_a_cap_needs_a_ranking_by_a_number(cap: int | None, by: str, message: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        made(Segment("s", "s", "clv > 1", cap=cap, cap_by=by))

    assert message in str(refused.value)
