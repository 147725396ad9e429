"""Every parameter of the segmenter that nothing else shows to matter: another value, another answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator, default_rng
from threadpoolctl import threadpool_limits

from segmenter.discover import choose_k as choice
from segmenter.discover.candidates import Solution
from segmenter.discover.choose_k import choose_k, refusals
from segmenter.discover.null_models import NullTest
from segmenter.discover.propose import SearchOptions, propose
from segmenter.discover.stability import CountStability, Effort
from segmenter.monitor.structure import Before, Structure
from segmenter.stats.item_matrix import Items
from segmenter.typing_tool.targets import given
from segmenter.typing_tool.validation import hit_rates

PEOPLE = 300
QUICK = SearchOptions(most=4, report=Effort(12, 3), test=Effort(6, 2), class_starts=2)


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    with threadpool_limits(1):
        yield


def planted(rng: Generator) -> Items:
    kind = rng.integers(0, 3, PEOPLE)
    chance = np.full((3, 9), 0.15)
    for j in range(3):
        chance[j, 3 * j : 3 * j + 3] = 0.85
    return Items("binary", tuple("abcdefghi"), (rng.random((PEOPLE, 9)) < chance[kind]).astype(float))


@pytest.mark.proof
def test_each_wish_of_discover_matters() -> None:
    base = planted(default_rng(1))
    proposal = propose(base, QUICK, default_rng(2))

    def told(**other: Any) -> Any:
        return propose(base, replace(QUICK, **other), default_rng(2))

    assert proposal.k == 3
    assert max(told(most=2).tried) == 2  # most
    assert told(method="lca").classes is not None  # method
    assert proposal.classes is None
    assert told(report=Effort(5, 3)).tried[3].stability != proposal.tried[3].stability  # report
    assert told(test=Effort(4, 2)).test.agreement != proposal.test.agreement  # test
    assert told(rows=150, method="lca").labels.shape == (150,)  # rows
    assert replace(QUICK, rows_of_numbers=70).tested(replace(base, kind="metric")) == 70  # rows_of_numbers
    assert propose(base, QUICK, default_rng(3)).test.agreement != proposal.test.agreement  # the generator


def solution(k: int = 3, **other: Any) -> Solution:
    sizes = other.pop("sizes", (200,) * k)
    stable = CountStability(other.pop("agreement", 0.9), other.pop("median", 0.9), other.pop("segments", (0.9,) * k))
    made = Solution(k, np.repeat(np.arange(k), sizes), stable, (1.0,) * k, sizes, ((1,),) * k, (0.5,) * k)  # type: ignore[arg-type]
    return replace(made, **other)


def null(**other: Any) -> NullTest:
    """A test that every number of segments passes."""
    return replace(NullTest((2, 3, 4), 0.05, (0.9,) * 3, (0.3,) * 3, (True,) * 3), **other)


@pytest.mark.parametrize("name", ["FRAGILE", "TRUSTED"])
def test_each_demand_on_stability_matters(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert refusals(solution(), null(), 4, 4) == ()
    monkeypatch.setattr(choice, name, 0.95)
    assert len(refusals(solution(), null(), 4, 4)) == 1


@pytest.mark.parametrize("other", [{"p": 0.1}, {"quantile": (0.95,) * 3}, {"tighter": (False,) * 3}])
def test_each_part_of_the_test_against_noise_matters(other: dict[str, Any]) -> None:
    assert null().candidate(3)
    assert not null(**other).candidate(3)


def test_the_bound_the_break_and_the_size_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    candidates = {k: solution(k) for k in (2, 3, 4)}

    assert choose_k(candidates, null(), 4).k == 4
    assert choose_k(candidates, null(), 3).k == 3  # the BIC's bound
    falls = {**candidates, 4: solution(4, agreement=0.75, median=0.75)}
    assert choose_k(falls, null(), 4).k == 3
    monkeypatch.setattr(choice, "BREAK", 0.2)
    assert choose_k(falls, null(), 4).k == 4  # how sharp a fall is a break
    assert (
        choose_k({**candidates, 4: solution(4, sizes=(300, 300, 300, 30))}, null(), 4).k == 3
    )  # a segment's least size


def test_the_folds_and_the_length_of_a_typing_tool_matter() -> None:
    base, rng = planted(default_rng(1)).values, default_rng
    labels = given((base[:, :3].sum(axis=1) > 1).astype(np.int64))

    curve = hit_rates(base, labels, rng(1), most=3)

    assert curve.sizes == (1, 2, 3)  # most
    assert len(hit_rates(base, labels, rng(1), most=2, outer=3).paths) == 3  # outer
    assert len(curve.paths) == 5
    assert hit_rates(base, labels, rng(2), most=3).held_out["lda", 1].rows.tolist() != (
        curve.held_out["lda", 1].rows.tolist()
    )  # the generator
    assert curve.enough(least=1, tolerance=1.0) == 1  # tolerance, least, most
    assert curve.enough(least=2, tolerance=1.0) == 2
    assert curve.enough(least=1, most=2, tolerance=0.0) <= 2


def test_everything_that_was_known_before_matters_for_structural_drift() -> None:
    before = Before(people=400, k=3, least=0.8, stability=0.9, following=0.5)
    steady = Structure(people=400, agreement=0.9, threshold=0.6, stability=0.9, following=0.5, before=before)

    assert not steady.segment_anew
    assert replace(steady, agreement=0.5).moved
    assert not replace(steady, agreement=0.5, threshold=0.4).moved
    assert replace(steady, stability=0.55).dissolved
    assert not replace(steady, stability=0.55, before=replace(before, stability=0.6)).dissolved
    assert not replace(steady, stability=0.55, people=150).dissolved  # of few people nobody can tell
    assert replace(steady, following=0.9).one_more
    assert not replace(steady, following=0.9, before=replace(before, following=0.85)).one_more
    assert not replace(steady, following=0.9, before=replace(before, following=None)).one_more
