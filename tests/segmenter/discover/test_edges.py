"""A figure near its limit is said to be on the edge, whichever way it fell; a clear one is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from segmenter.discover.candidates import Solution
from segmenter.discover.choose_k import FRAGILE, REPRODUCIBLE, TRUSTED, VALID, ChosenK, choose_k
from segmenter.discover.edges import edge_of_choice, edge_of_natural, edge_of_noise
from segmenter.discover.null_models import NullTest
from segmenter.discover.stability import CountStability

ERROR = 0.02
TEST = NullTest((2, 3), 0.05, (0.9, 0.9), (0.3, 0.3), (True, True), (ERROR, ERROR), lead=3.0)


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


@pytest.mark.parametrize(
    ("rivals", "copies", "lead", "said"),
    [
        (0, 19, 3.0, ""),
        (0, 76, 1.1, ""),
        (0, 76, 0.7, "the best of 76 shuffled copies is 0.7 standard deviations behind (p = 0.01, limit 0.05)"),
        (1, 76, -0.2, "1 of 76 shuffled copies is as stable (p = 0.03, limit 0.05)"),
        (2, 76, -0.5, "2 of 76 shuffled copies are as stable (p = 0.04"),
        (3, 76, -0.5, "3 of 76 shuffled copies are as stable (p = 0.05"),
        (6, 76, -1.0, "6 of 76 shuffled copies are as stable (p = 0.09"),
        (9, 76, -1.0, ""),
        (9, 19, -1.0, ""),
    ],
)
def test_how_many_copies_are_ahead_says_whether_others_may_turn_the_answer(
    rivals: int, copies: int, lead: float, said: str
) -> None:
    test = replace(TEST, p=(rivals + 1) / (copies + 1), copies=copies, lead=lead)

    sentence = edge_of_noise(test)

    assert said in sentence
    assert bool(sentence) == bool(said)


def turned(chance: float, rng: np.random.Generator) -> tuple[bool, bool]:
    """Whether two seeds say another thing, and whether both or the one say that it is on the edge.

    Each draws copies of which one is ahead by *chance*, 19 and as many again while it is open.
    """
    tests = []
    for _ in range(2):
        rivals = copies = 0
        while copies < 76 and rivals < 9:
            rivals, copies = rivals + int(rng.binomial(19, chance)), copies + 19
        tests.append(replace(TEST, p=(rivals + 1) / (copies + 1), copies=copies, lead=0.5 if not rivals else -0.5))
    differ = tests[0].beaten != tests[1].beaten
    return differ, all(edge_of_noise(test) for test in tests)


@pytest.mark.parametrize("chance", [0.001, 0.01, 0.02, 0.03, 0.04, 0.06, 0.1, 0.3])
def test_seeds_that_differ_say_that_it_is_on_the_edge(chance: float) -> None:
    rng = np.random.default_rng(7)
    told = [turned(chance, rng) for _ in range(1000)]

    assert sum(differ and not edge for differ, edge in told) <= 50  # one in twenty pairs: one in forty each


def test_naturalness_is_on_the_edge_where_a_number_is_near_the_copies_with_the_same_correlations() -> None:
    clear, near = TEST, replace(TEST, quantile=(0.3, 0.9 - ERROR))

    assert edge_of_natural(clear, 3, "copies") == edge_of_natural(near, 2, "copies") == ""
    assert "agreement vs. copies 0.90 (limit 0.88" in edge_of_natural(near, 3, "copies")
    assert "1 of 76 copies is" in edge_of_natural(replace(clear, p=2 / 77, copies=76), 3, "copies")
