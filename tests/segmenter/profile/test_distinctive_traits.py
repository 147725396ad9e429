"""Facts are said where groups differ, not where chance does, and never of few people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator, default_rng

from segmenter.profile.columns import TraitColumn, stem
from segmenter.profile.distinctive_traits import ANY, DistinctiveTrait, distinctive_traits, measure, one_a_stem
from segmenter.traits.builtin import BUILT_IN
from segmenter.traits.definitions import Trait
from segmenter.traits.trait_families import Family

PEOPLE, GROUPS, FEWEST = 600, 3, 10
LABELS = np.repeat(np.arange(GROUPS), PEOPLE // GROUPS)


def texts(name: str, values: Sequence[str | None], family: Family = "geographic") -> TraitColumn:
    known = sorted({value for value in values if value})
    codes = np.array([known.index(value) if value else -1 for value in values], dtype=np.int64)
    return TraitColumn(Trait(name, f"{name} of the person", "", "text", "contacts", family=family), codes, tuple(known))


def numbers(name: str, values: Any, least: float | None = None) -> TraitColumn:
    return TraitColumn(
        Trait(name, name, "points", "number", "contacts", least=least), np.asarray(values, dtype=np.float64)
    )


def facts_of(
    columns: list[TraitColumn], labels: Any = LABELS, groups: int = GROUPS, **more: Any
) -> list[tuple[DistinctiveTrait, ...]]:
    fewest = more.pop("fewest", FEWEST)
    measured = [figures for column in columns if (figures := measure(column, labels, groups, fewest=fewest))]
    return distinctive_traits(measured, groups, more.pop("base", {}))


def said(distinctive_traits: tuple[DistinctiveTrait, ...]) -> list[tuple[str, str]]:
    return [(fact.trait, fact.value) for fact in distinctive_traits if fact.said]


def planted(rng: Generator) -> list[TraitColumn]:
    """The first group lives in CH and is older; the third spends; nothing else differs."""
    chance = np.where(LABELS == 0, 0.7, 0.2)
    country = np.where(rng.random(PEOPLE) < chance, "CH", rng.choice(["DE", "AT"], PEOPLE)).tolist()
    spent = np.where(LABELS == 2, rng.poisson(3, PEOPLE), rng.poisson(0.2, PEOPLE))
    noise = [numbers(f"noise_{n}", rng.normal(size=PEOPLE)) for n in range(8)]
    age = numbers("age", rng.normal(np.where(LABELS == 0, 55, 40), 8), least=0)
    return [texts("country", country), numbers("spent", spent, least=0), age, *noise]


def test_what_was_planted_is_said_with_its_figures() -> None:
    facts = facts_of(planted(default_rng(5)))

    first = {(fact.trait, fact.value): fact for fact in facts[0] if fact.said}
    country = first["country", "CH"]
    assert country.here == pytest.approx(0.7, abs=0.1)
    assert country.index == pytest.approx(100 * country.here / country.everywhere)
    assert country.index_low is not None
    assert country.index_low > 100
    assert (country.kind, country.test, country.marker, country.family) == ("share", "chi-squared", True, "geographic")
    age = first["age", ""]
    assert (age.kind, age.test, age.marker) == ("median", "Kruskal-Wallis", True)
    assert age.here_low <= age.here <= age.here_high
    assert age.effect > 0.5
    spender = next(fact for fact in facts[2] if fact.trait == "spent")
    assert (spender.value, spender.kind) == (ANY, "share")  # most people spent nothing, so their median says nothing
    assert not any(fact.trait.startswith("noise") for own in facts for fact in own if fact.said)
    assert ("age", "") not in said(facts[1]) or facts[1][0].effect < 0


@pytest.mark.simulation
def test_of_noise_nothing_is_said_in_nineteen_of_twenty_tries() -> None:
    spoken = 0
    for seed in range(60):
        rng = default_rng(seed)
        columns = [numbers(f"n{n}", rng.normal(size=PEOPLE)) for n in range(10)]
        columns += [texts(f"t{n}", rng.choice(["a", "b", "c"], PEOPLE).tolist()) for n in range(10)]
        spoken += any(said(own) for own in facts_of(columns))

    assert spoken <= 4


@pytest.mark.proof
def test_at_most_one_in_twenty_of_what_is_said_is_chance() -> None:
    """Five of twenty traits differ, some by little: of what is said chance has its share and no more."""
    false, true = 0, 0
    for seed in range(400):
        rng = default_rng(seed)
        shifts = [0.25, 0.3, 0.4, 0.6, 1.0] + [0.0] * 15
        columns = [numbers(f"n{n}", rng.normal(np.where(LABELS == 0, shift, 0))) for n, shift in enumerate(shifts)]
        indices = [int(trait[1:]) for own in facts_of(columns) for trait, _ in said(own)]
        false += sum(n >= 5 for n in indices)
        true += sum(n < 5 for n in indices)

    assert true > 400 * 4
    assert false / (false + true) <= 0.05


def test_a_difference_of_a_million_people_that_is_no_difference_is_not_said() -> None:
    rng = default_rng(1)
    labels = np.repeat([0, 1], 100_000)
    country = np.where(rng.random(200_000) < np.where(labels == 0, 0.50, 0.52), "CH", "DE").tolist()

    facts = facts_of([texts("country", country)], labels, 2)

    assert max(fact.p for own in facts for fact in own) < 1e-6
    assert [said(own) for own in facts] == [[], []]


def test_of_few_people_no_figure_is_kept() -> None:
    town = ["Nowhere" if n < 9 else "Bern" if n % 2 else "Basel" for n in range(PEOPLE)]
    labels = np.array([0 if n < 15 else 1 for n in range(PEOPLE)], dtype=np.int64)

    facts = facts_of([texts("town", town)], labels, 2, fewest=10)

    kept = [(j, fact.value, fact.people) for j, own in enumerate(facts) for fact in own]
    assert not any(value == "Nowhere" for _, value, _ in kept)
    assert all(people >= 10 for _, _, people in kept)
    assert any(value == "Nowhere" for own in facts_of([texts("town", town)], labels, 2, fewest=5) for value in
               {fact.value for fact in own})  # fmt: skip


def test_what_a_segment_was_made_from_is_marked_in_each_of_its_windows() -> None:
    rng = default_rng(2)
    spent = np.where(LABELS == 2, 9.0, 1.0) + rng.normal(size=PEOPLE)
    columns = [numbers("orders_90d", spent), numbers("orders_total", spent), numbers("age", spent)]

    facts = facts_of(columns, base={2: frozenset({"orders_365d"})})

    assert {fact.trait: fact.base for fact in facts[2]} == {"orders_90d": True, "orders_total": True, "age": False}
    assert not any(fact.base for fact in facts[0])


def test_of_yes_and_no_only_the_telling_one_is_said() -> None:
    rng = default_rng(3)
    expensive = np.where(rng.random(PEOPLE) < np.where(LABELS == 0, 0.05, 0.6), "yes", "no").tolist()

    facts = facts_of([texts("expensive", expensive)])

    assert [[fact.value for fact in own if fact.said] for own in facts] == [["no"], ["yes"], ["yes"]]


def test_a_column_that_nobody_has_or_all_alike_is_not_compared() -> None:
    assert measure(numbers("x", np.full(PEOPLE, np.nan)), LABELS, GROUPS, fewest=FEWEST) is None
    assert measure(numbers("x", np.full(PEOPLE, 7.0)), LABELS, GROUPS, fewest=FEWEST) is None
    assert measure(numbers("x", np.zeros(PEOPLE), least=0), LABELS, GROUPS, fewest=FEWEST) is None
    assert measure(texts("x", [None] * PEOPLE), LABELS, GROUPS, fewest=FEWEST) is None
    assert measure(texts("x", ["a"] * PEOPLE), LABELS, GROUPS, fewest=FEWEST) is None
    assert distinctive_traits([], GROUPS, {}) == [(), (), ()]


def test_a_single_group_differs_from_nobody() -> None:
    labels = np.zeros(PEOPLE, dtype=np.int64)

    assert all(not own for own in facts_of(planted(default_rng(1)), labels, 1))


def test_a_card_says_each_thing_once() -> None:
    base = facts_of(planted(default_rng(5)))[0][0]
    distinctive = [replace(base, trait=name, value=value) for name, value in
             [("orders_90d", ""), ("orders_365d", ""), ("country", "CH"), ("country", "DE"), ("age", "")]]  # fmt: skip

    assert [(f.trait, f.value) for f in one_a_stem(distinctive, 3)] == [
        ("orders_90d", ""),
        ("country", "CH"),
        ("country", "DE"),
    ]
    assert {stem(name) for name in BUILT_IN if name.startswith("orders_") and "trend" not in name} == {"orders"}
    assert stem("days_since_order") == "days_since_order"
