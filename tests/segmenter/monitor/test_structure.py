"""Structural drift: silence while the segments hold, an alarm when two become one or a new one appears."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.random import Generator, default_rng
from threadpoolctl import threadpool_limits

from segmenter.classifier.linear import score_rows
from segmenter.discover.stability import Effort, agreements, best_labels, bootstrap_labels, stability
from segmenter.discover.to_linear import by_centres, feature_matrix
from segmenter.monitor.structure import Before, Structure, structure
from segmenter.stats.item_matrix import Items, coded
from segmenter.stats.kmeans import Rows

K, PEOPLE = 3, 400
QUICK = Effort(30, 4)
THREE, OTHER_SHARES, FOUR = (0.4, 0.3, 0.3), (0.2, 0.5, 0.3), (0.3, 0.25, 0.2, 0.25)


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    with threadpool_limits(1):
        yield


def numbers(rng: Generator, shares: tuple[float, ...], *, merged: bool, people: int = PEOPLE) -> Items:
    """Groups 2.5 deviations apart on an axis each; *merged*: the second and third are one."""
    centres = 2.5 * np.eye(6)[: len(shares)]
    if merged:
        centres[1] = centres[2] = centres[1:3].mean(axis=0)
    kind = rng.choice(len(shares), people, p=shares)
    return Items("metric", tuple("abcdef"), rng.normal(size=(people, 6)) + centres[kind])


def answers(rng: Generator, shares: tuple[float, ...], *, merged: bool, people: int = PEOPLE) -> Items:
    """Groups that say yes to three of nine items each, a fourth to the first and last three."""
    chances = np.full((4, 9), 0.15)
    for group in range(3):
        chances[group, 3 * group : 3 * group + 3] = 0.85
    chances[3] = np.maximum(chances[0], chances[2])
    if merged:
        chances[1] = chances[2] = chances[1:3].mean(axis=0)
    kind = rng.choice(len(shares), people, p=shares)
    return Items("binary", tuple("abcdefghi"), (rng.random((people, 9)) < chances[kind]).astype(float))


def today(make: Any, seed: int, shares: tuple[float, ...], *, merged: bool = False, people: int = PEOPLE) -> Structure:
    """Segments found among `PEOPLE` people, looked at among others of today."""
    rng = default_rng(seed)
    items = make(rng, THREE, merged=False)
    rows = Rows.of(coded(items).values)
    labels, _, _ = best_labels(rows, K, starts=20, rng=rng)
    held = stability(rows, labels, bootstrap_labels(rows, K, QUICK, rng), K)
    more = agreements(bootstrap_labels(rows, K + 1, QUICK, rng), rows.counts, K + 1)
    form = by_centres(items, labels[rows.place], ("1", "2", "3"))
    fresh = make(rng, shares, merged=merged, people=people)
    columns = dict(zip(fresh.names, fresh.values.T, strict=True))
    old = score_rows(form, feature_matrix(form.features, columns)).best
    before = Before(PEOPLE, K, held.least, min(held.segments), float(min(more.mean(), np.median(more))))
    return structure(fresh, old.astype(np.int64), before, rng, QUICK)


@pytest.mark.parametrize("make", [numbers, answers])
def test_segments_that_hold_are_not_told_of_and_others_are(make: Any) -> None:
    still, moved = today(make, 1, THREE), today(make, 1, OTHER_SHARES)
    merged, another = today(make, 1, THREE, merged=True), today(make, 1, FOUR)

    assert still.sentences() == moved.sentences() == []  # other shares are population drift
    assert merged.dissolved
    assert any("two may have merged" in sentence for sentence in merged.sentences())
    assert another.one_more
    assert any("4 segments are stable now" in sentence for sentence in another.sentences())


def test_few_people_of_today_are_no_alarm_by_themselves() -> None:
    few = today(numbers, 3, THREE, people=150)

    assert few.threshold <= today(numbers, 3, THREE).threshold
    assert not few.segment_anew


@pytest.mark.proof
@pytest.mark.parametrize("make", [numbers, answers])
def test_false_alarms_are_rare_and_true_ones_are_not(make: Any) -> None:
    """No false alarm in 95 of 100 stable cases, other shares among them; an alarm in nine of ten changed ones."""
    stable = [today(make, seed, THREE).segment_anew for seed in range(100)]
    shifted = [today(make, 1000 + seed, OTHER_SHARES).segment_anew for seed in range(100)]
    merged = [today(make, 2000 + seed, THREE, merged=True).segment_anew for seed in range(30)]
    another = [today(make, 3000 + seed, FOUR).segment_anew for seed in range(30)]

    assert sum(stable) <= 5
    assert sum(shifted) <= 5
    assert sum(merged) >= 27
    assert sum(another) >= 27
