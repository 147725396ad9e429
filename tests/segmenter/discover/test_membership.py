"""Membership: how likely somebody belongs to the group of a segment; and whether segments found anew would agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng
from threadpoolctl import threadpool_limits

from segmenter.classifier.linear import UNCALIBRATED, score_rows
from segmenter.discover.membership import membership, placed_again
from segmenter.discover.stability import Effort, best_labels, bootstrap_refits
from segmenter.discover.to_linear import by_centres
from segmenter.stats.item_matrix import Items, Labels, coded
from segmenter.stats.kmeans import Rows


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    with threadpool_limits(1):
        yield


def planted(rng: np.random.Generator, people: int, apart: float) -> tuple[Items, Labels]:
    kind = rng.integers(0, 3, people)
    values = rng.normal(size=(people, 5))
    values[np.arange(people), kind] += apart
    return Items("metric", tuple("abcde"), values), kind


def answered(rng: np.random.Generator, people: int) -> tuple[Items, Labels]:
    kind = rng.integers(0, 3, people)
    chance = np.full((3, 9), 0.25)
    for j in range(3):
        chance[j, 3 * j : 3 * j + 3] = 0.75
    return Items("binary", tuple("abcdefghi"), (rng.random((people, 9)) < chance[kind]).astype(float)), kind


def labelled(items: Items, seed: int, k: int = 3) -> Labels:
    rows = Rows.of(coded(items).values)
    labels, _, _ = best_labels(rows, k, starts=20, rng=default_rng(seed))
    return labels[rows.place]


def of_the_group(labels: Labels, kind: Labels) -> Any:
    """Whether each person is in the group that most of the segment's people are of."""
    names = np.array([np.bincount(kind[labels == j]).argmax() for j in range(labels.max() + 1)])
    return names[labels] == kind


def test_the_farther_apart_segments_are_the_surer_is_everybody() -> None:
    sure = []
    for apart in (1.5, 3.0, 5.0):
        items, _ = planted(default_rng(1), 400, apart)
        labels = labelled(items, 2)
        calibration = membership(items, labels, 3, None, default_rng(3))
        model = by_centres(items, labels, ("a", "b", "c"), calibration.temperature)
        scores = score_rows(model, items.values)
        assert model.tells_probabilities
        assert (scores.best == labels).mean() > 0.99  # the temperature moves nobody
        assert calibration.error < 0.05
        sure.append(scores.probabilities.max(axis=1).mean())

    assert sure == sorted(sure)
    assert sure[0] < 0.85
    assert sure[-1] > 0.97


@pytest.mark.parametrize("kind", ["numbers", "answers"])
def test_more_people_are_placed_again_more_surely_and_belong_there_no_more_surely(kind: str) -> None:
    """What was called confidence was the first of both: told .98 and more where .83 to .90 was true."""
    again, told, true = [], [], []
    for people in (250, 2_000):
        rng = default_rng(people)
        items, group = planted(rng, people, 2.0) if kind == "numbers" else answered(rng, people)
        labels = labelled(items, 1)
        rows = Rows.of(coded(items).values)
        own = np.zeros(len(rows.counts), np.int64)
        own[rows.place] = labels
        refits, drawn = bootstrap_refits(rows, 3, Effort(12, 3), rng)
        again.append(np.mean(placed_again(rows, own, refits, drawn, 3)))
        told.append(np.mean(membership(items, labels, 3, None, rng).mean))
        true.append(of_the_group(labels, group).mean())

    assert again[1] > told[1] + 0.05
    assert again[1] > again[0] or kind == "answers"
    assert told == pytest.approx(true, abs=0.04)


def test_without_a_temperature_the_nearest_centre_tells_labels_only() -> None:
    items, _ = planted(default_rng(1), 200, 3.0)

    model = by_centres(items, labelled(items, 2), ("a", "b", "c"))

    assert model.temperature == UNCALIBRATED
    assert not model.tells_probabilities


@pytest.mark.proof
@pytest.mark.parametrize("apart", [1.5, 2.0, 3.0])
def test_confidence_is_the_share_of_people_who_belong_to_the_group(apart: float) -> None:
    """Truth known: 20 worlds; calibration error at most .03, and the mean told within .02 of the truth."""
    sure, right = [], []
    for world in range(20):
        rng = default_rng(world)
        items, group = planted(rng, 500, apart)
        labels = labelled(items, world)
        calibration = membership(items, labels, 3, None, rng)
        model = by_centres(items, labels, ("a", "b", "c"), calibration.temperature)
        sure.append(score_rows(model, items.values).probabilities.max(axis=1))
        right.append(of_the_group(labels, group))
    confidence, hit = np.concatenate(sure), np.concatenate(right)
    place = np.minimum((confidence * 10).astype(int), 9)
    error = sum(abs((hit[place == b] - confidence[place == b]).sum()) for b in range(10)) / len(hit)

    assert error <= 0.03
    assert confidence.mean() == pytest.approx(hit.mean(), abs=0.02)
