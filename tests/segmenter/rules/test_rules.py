"""Rules: what can be said, what is refused and where, and that both ways to evaluate mean the same."""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmenter.errors import DefinitionError
from segmenter.rules.evaluate import as_ibis, holds
from segmenter.rules.rules import parse_rule
from segmenter.traits.builtin import catalogue
from segmenter.traits.definitions import MappedTrait
from tests.examples import examples

KNOWN = catalogue([MappedTrait("renewal", "crm", "renewal", "date"), MappedTrait("vip", "crm", "vip", "boolean")])


def parsed(text: str) -> Any:
    return parse_rule(text, KNOWN, where="segment 's'")


@pytest.mark.parametrize(
    ("rule", "person", "expected"),
    [
        ("orders_365d >= 3 and days_since_order < 60", {"orders_365d": 3.0, "days_since_order": 59.9}, True),
        ("orders_365d >= 3 and days_since_order < 60", {"orders_365d": 3.0, "days_since_order": None}, False),
        ("not (orders_total > 0)", {"orders_total": 0.0}, True),
        ("not (days_since_order > 10)", {"days_since_order": None}, False),
        ("country in ('GB', 'DE')", {"country": "DE"}, True),
        ("country not in ('GB', 'DE')", {"country": None}, False),
        ("country is null", {"country": None}, True),
        ("country is not null and lower(country) = 'gb'", {"country": "GB"}, True),
        ("favourite_category like 'kit%'", {"favourite_category": "kitchen"}, True),
        ("orders_total between 2 and 4", {"orders_total": 4.0}, True),
        ("renewal < '2027-01-01'", {"renewal": date(2026, 12, 31)}, True),
        ("vip", {"vip": True}, True),
        ("revenue_total / orders_total > 20", {"revenue_total": 100.0, "orders_total": 0.0}, False),
        ("coalesce(days_since_click, 999) > 90", {"days_since_click": None}, True),
        ("abs(orders_total - 5) <= 1 or orders_total * 2 = 6", {"orders_total": 3.0}, True),
        ("-orders_total < 0", {"orders_total": 1.0}, True),
    ],
)
def test_a_rule_means_what_sql_means(rule: str, person: dict[str, Any], expected: bool) -> None:  # noqa: FBT001
    assert holds(parsed(rule), person) is expected


@pytest.mark.parametrize(
    ("rule", "told", "line", "column"),
    [
        ("order_365d >= 3", "did you mean 'orders_365d'", 1, 1),
        ("orders_365d >= 3 and\n  days_since_ordr < 60", "did you mean 'days_since_order'", 2, 3),
        ("orders_365d", "not a condition", 1, 1),
        ("orders_365d > 'three'", "can't compare number with text", 1, 15),
        ("country > 3 and", "can't be read", 1, None),
        ("orders_365d = 1; drop table contacts", "one expression", 1, 1),
        ("(select 1) = 1", "is not supported in rules", 1, None),
        ("read_csv('x') = 'y'", "is not supported in rules", 1, None),
        ("contacts.email = 'x'", "can't contain a dot", 1, None),
        ("orders_total / 0 > 1", "division by zero", 1, None),
        ("country + 1 > 2", "is not a number", 1, 1),
        ("orders_total like lower(country)", "not supported|can't compare", 1, None),
        ("orders_total is 3", "IS works with NULL", 1, None),
        ("orders_total and vip", "where a condition is needed", 1, 1),
        ("lower(orders_total) = 'x'", "needs text", 1, None),
        ("case when vip then true end", "is not supported in rules", 1, None),
        ("", "is empty", 1, 1),
        ("'unclosed", "can't be read", 1, 1),
    ],
)
def test_what_is_wrong_is_told_with_its_place(rule: str, told: str, line: int, column: int | None) -> None:
    with pytest.raises(DefinitionError, match=told) as caught:
        parsed(rule)

    assert "segment 's'" in str(caught.value)
    assert caught.value.line == line
    assert column is None or caught.value.column == column


def test_the_place_is_shown_with_a_caret() -> None:
    with pytest.raises(DefinitionError) as caught:
        parsed("orders_total > 1 and cuntry = 'GB'")

    lines = str(caught.value).splitlines()
    assert lines[-2].index("cuntry") == lines[-1].index("^")


NUMBERS = ("orders_total", "days_since_order", "revenue_total")
number = st.one_of(st.none(), st.integers(-3, 5).map(float))
text = st.one_of(st.none(), st.sampled_from(["GB", "gb", "DE", "G%", ""]))


def terms(depth: int) -> st.SearchStrategy[str]:
    plain = st.one_of(st.sampled_from(NUMBERS), st.integers(-3, 5).map(str))
    if depth == 0:
        return plain
    both = st.tuples(terms(depth - 1), st.sampled_from("+-*"), terms(depth - 1))
    return st.one_of(plain, both.map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"))


comparison = st.tuples(terms(1), st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), terms(1)).map(" ".join)
ratio = st.tuples(st.sampled_from(NUMBERS), st.sampled_from(NUMBERS)).map(lambda two: f"{two[0]} / {two[1]} > 1")
words = st.sampled_from(
    [
        "country = 'GB'",
        "country <> 'GB'",
        "country in ('GB', 'DE')",
        "country not in ('GB')",
        "country like 'G%'",
        "lower(country) = 'gb'",
        "country is null",
        "orders_total between 0 and 3",
        "days_since_order is not null",
        "coalesce(country, 'none') = 'none'",
        "abs(orders_total) > 1",
    ]
)
rules = st.recursive(
    st.one_of(comparison, ratio, words),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda parts: f"({parts[0]}) {parts[1]} ({parts[2]})"
        ),
        inner.map(lambda rule: f"not ({rule})"),
    ),
    max_leaves=5,
)
people = st.lists(st.tuples(number, number, number, text), min_size=1, max_size=8)


@examples(60)
@given(rules, people)
def test_everybody_at_once_and_one_by_one_get_the_same_answer(rule: str, found: list[tuple[Any, ...]]) -> None:
    names = (*NUMBERS, "country")
    rows = [dict(zip(names, values, strict=True)) for values in found]
    schema = pa.schema([*((name, pa.float64()) for name in NUMBERS), ("country", pa.string())])
    table = ibis.memtable(pa.Table.from_pylist(rows, schema=schema)).mutate(place=ibis.row_number())
    checked = parsed(rule)
    answered = table.mutate(held=as_ibis(checked.tree, table).fill_null(False))  # noqa: FBT003 - an expression

    by_engine = [row["held"] for row in answered.order_by("place").to_pyarrow().to_pylist()]

    assert by_engine == [holds(checked, row) for row in rows]
