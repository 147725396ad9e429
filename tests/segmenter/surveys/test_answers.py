"""Answers as numbers, and what is wrong with a survey."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from segmenter.discover.stability import best_labels
from segmenter.errors import DefinitionError
from segmenter.stats.kmeans import Rows
from segmenter.surveys.answers import AnswerSheet, Matrix, WordsError, code_answers, number_of
from segmenter.surveys.survey_checks import (
    centred_answers,
    check_survey,
    latest_answers,
    one_sided_segments,
    response_styles,
    turned_round,
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0,25", 0.25), ("-1.5", -1.5), ("\u22122", -2.0), ("45%", 0.45), ("12,5 %", 0.125), ("+3", 3.0), (",5", 0.5),
        ("1.234,5", None), ("abc", None), ("", None), ("1e5", None), ("inf", None), ("nan", None), ("--1", None),
    ],
)  # fmt: skip
def test_numbers_are_read_with_decimal_commas_and_percent_signs(text: str, number: float | None) -> None:
    assert number_of(text) == number


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["Yes", "no", "n/a", "YES"], [1, 0, np.nan, 1]),
        (["ja", "nein", "keine Angabe"], [1, 0, np.nan]),
        (["I hate it!-5", "-4", "0", "I love it!+5"], [-5, -4, 0, 5]),
        (["Strongly agree", "neutral", "disagree"], [5, 3, 2]),
        (["oft", "nie"], [4, 1]),
        (["urban", "rural", "Urban"], [1, 0, 1]),
        (["1", "2,5", ""], [1, 2.5, np.nan]),
    ],
)
def test_words_become_numbers_where_they_have_an_order(texts: list[str], values: list[float]) -> None:
    np.testing.assert_array_equal(code_answers(texts, "q", range(2, 9)).values, values)


def test_words_without_an_order_are_no_item_and_a_slip_among_numbers_is_told_with_its_row() -> None:
    with pytest.raises(WordsError, match="3 answers are words of unknown order"):
        code_answers(["red", "green", "blue"], "colour", [2, 3, 4])
    with pytest.raises(DefinitionError, match=r"row 7, column 'q1': 'tow' is not a number"):
        code_answers(["1", "2", "3", "4", "5", "tow"], "q1", [2, 3, 4, 5, 6, 7])


@given(st.lists(st.text(max_size=8), min_size=1, max_size=8))
def test_any_answers_are_coded_or_refused(texts: list[str]) -> None:
    try:
        coded = code_answers(texts, "q", range(len(texts)))
    except DefinitionError:
        return
    assert coded.values.shape == (len(texts),)


def sheet(values: Matrix, who: list[str] | None = None) -> AnswerSheet:
    people, items = values.shape
    named = who or [f"r{place}" for place in range(people)]
    return AnswerSheet(
        tuple(named), tuple(f"q{place}" for place in range(items)), values, rows=tuple(range(2, people + 2))
    )


def one_factor(people: int = 600, items: int = 9) -> Matrix:
    generator = np.random.default_rng(3)
    factor = generator.normal(size=(people, 1))
    return np.asarray(np.clip(np.round(3 + factor + generator.normal(scale=0.8, size=(people, items))), 1, 5))


def kinds(values: AnswerSheet) -> dict[str, str]:
    return {finding.kind: finding.message for finding in check_survey(values)}


def test_a_reversed_scale_is_found_and_turning_it_mends_it() -> None:
    values = one_factor()
    values[:, 4] = 6 - values[:, 4]
    odd = sheet(values)

    mended = turned_round(odd, ["q4"])

    assert "'q4' correlates negatively with the other items" in kinds(odd)["reversed"]
    assert "reversed" not in kinds(mended)


def test_constant_and_unanswered_items_duplicates_and_empty_rows_are_named() -> None:
    values = one_factor(people=10, items=4)
    values[:, 1], values[:, 2], values[9] = 5.0, np.nan, np.nan
    odd = sheet(values, [*(f"r{place}" for place in range(8)), "r0", "r9"])

    messages = [finding.message for finding in check_survey(odd)]

    assert "'q1' is excluded: all answers are 5." in messages
    assert "'q2' is excluded: no answers." in messages
    assert "'r0' answered several times (rows 2, 10); the last answer counts." in messages
    assert "1 respondents have no answers and are excluded." in messages
    assert len(latest_answers(odd).respondents) == 9
    assert latest_answers(odd).values[list(latest_answers(odd).respondents).index("r0")].tolist()[0] == values[8, 0]


def test_yes_sayers_and_straight_liners_are_flagged_and_others_are_not() -> None:
    values = one_factor(people=50)
    values[0], values[1], values[2] = 5.0, 3.0, 1.0
    values[3] = [1, 5, 1, 5, 1, 5, 1, 5, 3]

    styles = response_styles(sheet(values))

    assert {row: styles.get(row) for row in range(4)} == {0: "yes-sayer", 1: "straight-liner", 2: "no-sayer", 3: None}
    assert response_styles(sheet(values[:, :7])) == {}


def test_segments_of_simulated_yes_sayers_without_content_are_ways_of_answering() -> None:
    """As published: 1,000 yes-sayers, and the shares above the mean are 1 and 0 (two segments)."""
    generator = np.random.default_rng(1)
    leaning = generator.beta(0.5, 0.5, size=(1000, 1))
    answers = (generator.random((1000, 10)) < leaning).astype(np.float64)
    with threadpool_limits(1):
        rows = Rows.of(answers)
        labels = best_labels(rows, 2, starts=20, rng=generator)[0][rows.place]

    assert sorted(one_sided_segments(answers, labels.tolist()).values()) == [0.0, 1.0]
    assert one_sided_segments(answers, generator.integers(0, 1, 1000).tolist()).get(0, 0.0) == 0.0
    np.testing.assert_allclose(centred_answers(answers).mean(axis=1), 0, atol=1e-12)
