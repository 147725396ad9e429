"""A figure near its limit is said to be on the edge, whichever way it fell; a clear one is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from segmenter.discover.candidates import Solution
from segmenter.discover.choose_k import FRAGILE, REPRODUCIBLE, TRUSTED, VALID, ChosenK, choose_k
from segmenter.discover.edges import edge_of_choice, edge_of_noise
from segmenter.discover.null_models import NullTest
from segmenter.discover.stability import CountStability

ERROR = 0.02
TEST = NullTest((2, 3), 0.05, (0.9, 0.9), (0.3, 0.3), (True, True), (ERROR, ERROR), lead=3.0, lead_error=0.3)


def solution(k: int, agreement: float = 0.95, weakest: float = 0.95) -> Solution:
    stable = CountStability(agreement, agreement, (0.95,) * (k - 1) + (weakest,), 0.0, ERROR, ERROR)
    labels = np.repeat(np.arange(k), 200)
    return Solution(k, labels, stable, (1.0,) * k, (200,) * k, ((1,),) * k, (0.5,) * k)  # type: ignore[arg-type]


def edge(**of_two: Any) -> tuple[ChosenK, str]:
    solutions = {2: solution(2, **of_two)}
    chosen = choose_k(solutions, replace(TEST, ks=(2,)), 2)
    return chosen, edge_of_choice(solutions, TEST, chosen)


def test_what_is_clear_either_way_is_not_on_the_edge() -> None:
    assert edge() == (ChosenK(2, {2: ()}), "")
    assert edge_of_noise(TEST) == ""
    chosen, sentence = edge(agreement=FRAGILE - 3 * ERROR)
    assert (chosen.k, sentence) == (None, "")


@pytest.mark.parametrize(
    ("of_two", "proposed", "said"),
    [
        ({"agreement": REPRODUCIBLE + ERROR}, 2, "agreement 0.82 (limit 0.80, standard error 0.02)"),
        ({"weakest": VALID - ERROR}, 2, "SLSw 0.73 (limit 0.75"),
        ({"agreement": FRAGILE + ERROR}, 2, "agreement 0.52 (limit 0.50"),
        ({"agreement": FRAGILE - ERROR}, None, "agreement 0.48 (limit 0.50"),
        ({"weakest": TRUSTED - ERROR}, None, "SLSw 0.58 (limit 0.60"),
    ],
)
def test_what_is_near_a_limit_is_on_the_edge_on_both_sides(
    of_two: dict[str, float], proposed: int | None, said: str
) -> None:
    chosen, sentence = edge(**of_two)

    assert chosen.k == proposed
    assert sentence.startswith("On the edge: ")
    assert said in sentence


def test_a_number_that_is_refused_for_a_clear_reason_too_is_not_on_the_edge() -> None:
    chosen, sentence = edge(agreement=FRAGILE - ERROR, weakest=TRUSTED - 5 * ERROR)

    assert (chosen.k, sentence) == (None, "")


def test_a_lead_over_shuffled_copies_is_judged_by_its_error_and_a_lag_by_who_is_ahead() -> None:
    assert "lead over the most stable shuffled copy 0.50 (limit 0.00" in edge_of_noise(replace(TEST, lead=0.5))
    assert "only 1 of 19 shuffled copies is as stable" in edge_of_noise(replace(TEST, p=0.1))
    assert edge_of_noise(replace(TEST, p=0.15)) == ""
