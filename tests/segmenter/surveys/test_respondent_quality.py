"""Flags of respondents on simulated surveys where it is known who answered without reading."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import default_rng

from segmenter.surveys.answers import AnswerSheet
from segmenter.surveys.respondent_quality import (
    QualityInputs,
    blocks_of,
    judge_respondents,
    longest_runs,
    pair_by_chance,
    shifts_without,
    straight_by_chance,
)

PEOPLE = 400


def sheet(values: np.ndarray, names: list[str] | None = None) -> AnswerSheet:
    people, items = values.shape
    respondents = tuple(names or [f"p{row}" for row in range(people)])
    return AnswerSheet(respondents, tuple(f"q{item}" for item in range(items)), values.astype(float))


def careful(seed: int = 1, items: int = 12) -> np.ndarray:
    """Answers from 1 to 5 that differ by item and by person."""
    generator = default_rng(seed)
    taste = generator.normal(0, 0.5, (PEOPLE, 1)) + np.linspace(-1, 1, items)
    return np.clip(np.round(3 + taste + generator.normal(0, 0.9, (PEOPLE, items))), 1, 5)


def test_careless_respondents_are_found_and_careful_ones_are_not() -> None:
    generator = default_rng(2)
    values, durations = careful(), generator.lognormal(6, 0.25, PEOPLE)
    values[:20] = generator.integers(1, 6, (20, 1))  # straight-liners
    durations[10:40] /= 4  # speeders
    passed: list[bool | None] = [True] * 30 + [False] * 10 + [None] * 10 + [True] * (PEOPLE - 50)

    judged = judge_respondents(sheet(values), QualityInputs(durations, {"check": passed}))

    flags = [set(each.flags) for each in judged.respondents]
    assert all("straight-liner" in own for own in flags[:20])
    assert all("speeder" in own for own in flags[10:40])
    assert [row for row, own in enumerate(flags) if "attention" in own] == list(range(30, 40))
    assert judged.counts()["straight-liner"] == 20
    assert judged.flagged[40:].mean() < 0.01  # by chance
    assert judged.respondents[0].longest_run == 12
    assert judged.respondents[0].least_spread == 0.0


def test_items_of_three_scales_are_three_blocks_and_one_number_in_all_is_a_line_in_each() -> None:
    generator = default_rng(3)
    parts = [generator.integers(1, top + 1, (PEOPLE, 6)) for top in (5, 7, 10)]
    values = np.hstack([*parts, generator.integers(0, 2, (PEOPLE, 8)), generator.lognormal(10, 1, (PEOPLE, 1))])
    values[0, 6:12] = 4  # a line in the second block only

    judged = judge_respondents(sheet(values), QualityInputs())

    assert [block.items for block in judged.blocks] == [tuple(range(6)), tuple(range(6, 12)), tuple(range(12, 18))]
    assert judged.respondents[0].flags == ("straight-liner",)
    assert judged.counts()["straight-liner"] <= 2


def test_an_end_of_the_scale_that_an_item_never_got_does_not_part_a_block() -> None:
    values = careful()
    values[:, 4] = np.where(values[:, 4] == 1, 2, values[:, 4])
    values[:, 5] = np.where(values[:, 5] == 5, 4, values[:, 5])
    rare = values[:, :4]
    rare[rare == 1] = 2
    rare[:5] = 1

    assert blocks_of(values[:, :5].repeat(2, axis=1)) == [tuple(range(10))]


def test_where_everybody_gives_one_answer_a_line_is_not_odd() -> None:
    values = np.ones((PEOPLE, 8))
    values[np.arange(PEOPLE) % 8 == 0, 3] = 5
    values[np.arange(PEOPLE) % 9 == 0, 4] = 3

    judged = judge_respondents(sheet(values), QualityInputs(blocks=[tuple(range(8))]))

    assert judged.blocks[0].by_chance == pytest.approx(straight_by_chance(values))
    assert judged.blocks[0].by_chance > 0.5
    assert judged.counts()["straight-liner"] == 0


def test_lines_by_chance_are_counted_as_often_as_a_simulation_has_them() -> None:
    generator = default_rng(4)
    values = generator.choice([1, 2, 3], p=[0.7, 0.2, 0.1], size=(40_000, 4)).astype(float)

    seen = (np.ptp(values, axis=1) == 0).mean()

    assert straight_by_chance(values) == pytest.approx(0.7**4 + 0.2**4 + 0.1**4, abs=0.01)
    assert seen == pytest.approx(straight_by_chance(values), abs=0.01)


def test_a_missing_answer_ends_a_run() -> None:
    values = np.array([[1, 1, np.nan, 1, 1, 1], [2, 2, 2, 2, 3, 3], [np.nan] * 6])

    assert longest_runs(values).tolist() == [3, 4, 0]


def test_the_same_answers_of_two_people_are_odd_unless_few_answers_are_possible() -> None:
    values = careful(items=20)
    values[7] = values[200]
    generator = default_rng(5)
    few = generator.choice([1, 2, 3], p=[0.9, 0.05, 0.05], size=(PEOPLE, 12)).astype(float)

    judged, common = judge_respondents(sheet(values), QualityInputs()), judge_respondents(sheet(few), QualityInputs())

    assert [row for row, each in enumerate(judged.respondents) if "same answers" in each.flags] == [7, 200]
    assert (judged.respondents[7].like, judged.respondents[200].like) == ("p200", "p7")
    assert common.counts()["same answers"] == 0
    assert pair_by_chance(np.array([[1.0, 1.0], [1.0, 2.0]])) == 0.5


def test_one_respondent_in_two_rows_is_flagged_in_both() -> None:
    names = [f"p{row}" for row in range(PEOPLE)]
    names[9] = "p3"

    judged = judge_respondents(sheet(careful(), names), QualityInputs())

    assert [row for row, each in enumerate(judged.respondents) if "duplicate" in each.flags] == [3, 9]


def test_who_answered_fewer_than_half_is_flagged_and_unknown_durations_are_not() -> None:
    values, durations = careful(), np.full(PEOPLE, np.nan)
    values[0, :7], values[1, :6] = np.nan, np.nan

    judged = judge_respondents(sheet(values), QualityInputs(durations))

    assert judged.respondents[0].flags == ("missing",)
    assert "missing" not in judged.respondents[1].flags
    assert judged.counts()["speeder"] == 0


def test_what_would_change_without_the_flagged_is_the_difference_of_means() -> None:
    values = careful()
    values[:40, 2] = 5
    flagged = np.arange(PEOPLE) < 40

    shifts = shifts_without(sheet(values), flagged)

    assert shifts[0].item == "q2"
    assert shifts[0].everybody == pytest.approx(values[:, 2].mean())
    assert shifts[0].kept == pytest.approx(values[40:, 2].mean())
    assert shifts[0].effect == pytest.approx((values[40:, 2].mean() - values[:, 2].mean()) / values[:, 2].std(ddof=1))
