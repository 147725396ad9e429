"""The confidence of the nearest centre: how often segments found anew, of other people, agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng
from threadpoolctl import threadpool_limits

from segmenter.classifier.linear import UNCALIBRATED, score_rows
from segmenter.discover.bagged_confidence import sureness
from segmenter.discover.stability import best_labels
from segmenter.discover.to_linear import by_centres
from segmenter.stats.alignment import overlap_of_labels
from segmenter.stats.item_matrix import Items, coded
from segmenter.stats.kmeans import Rows


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    with threadpool_limits(1):
        yield


def planted(rng: np.random.Generator, people: int, apart: float) -> Items:
    kind = rng.integers(0, 3, people)
    values = rng.normal(size=(people, 5))
    values[np.arange(people), kind] += apart
    return Items("metric", tuple("abcde"), values)


def labelled(items: Items, seed: int, k: int = 3) -> Any:
    rows = Rows.of(coded(items).values)
    labels, _, _ = best_labels(rows, k, starts=20, rng=default_rng(seed))
    return labels[rows.place]


def test_the_farther_apart_segments_are_the_surer_is_everybody() -> None:
    sure = []
    for apart in (1.5, 3.0, 5.0):
        items = planted(default_rng(1), 400, apart)
        labels = labelled(items, 2)
        calibration = sureness(items, labels, 3, default_rng(3))
        model = by_centres(items, labels, ("a", "b", "c"), calibration.temperature)
        assert model is not None
        assert model.tells_probabilities
        model_scores = score_rows(model, items.values)
        assert (model_scores.best == labels).mean() > 0.99  # the temperature moves nobody
        assert calibration.error < 0.05
        sure.append(model_scores.probabilities.max(axis=1).mean())

    assert sure == sorted(sure)
    assert sure[0] < 0.95 < sure[-1]


def test_without_a_temperature_the_nearest_centre_tells_labels_only() -> None:
    items = planted(default_rng(1), 200, 3.0)

    model = by_centres(items, labelled(items, 2), ("a", "b", "c"))

    assert model is not None
    assert model.temperature == UNCALIBRATED
    assert not model.tells_probabilities


@pytest.mark.proof
def test_confidence_is_how_often_segments_of_other_people_agree() -> None:
    """Truth known: segmentations of fresh people of the same kind, 20 worlds; calibration error at most .03."""
    sure, agreed = [], []
    for world in range(20):
        rng = default_rng(world)
        items = planted(rng, 500, 2.0)
        labels = labelled(items, world)
        calibration = sureness(items, labels, 3, rng)
        model = by_centres(items, labels, ("a", "b", "c"), calibration.temperature)
        assert model is not None
        chances = score_rows(model, items.values).probabilities.max(axis=1)
        for other in range(10):
            fresh = planted(default_rng(1000 * world + other + 1), 500, 2.0)
            theirs = by_centres(fresh, labelled(fresh, other), ("a", "b", "c"), 0.5)
            assert theirs is not None
            segments = score_rows(theirs, items.values).best
            names = _called(segments, labels)
            sure.append(chances)
            agreed.append(names[segments] == labels)
    confidence, hit = np.concatenate(sure), np.concatenate(agreed)
    place = np.minimum((confidence * 10).astype(int), 9)
    error = sum(abs((hit[place == b] - confidence[place == b]).sum()) for b in range(10)) / len(hit)

    assert error <= 0.03


def _called(segments: Any, labels: Any) -> Any:
    """The segment of *labels* that each of *told* shares most people with."""
    table = overlap_of_labels([str(segment) for segment in segments], [str(label) for label in labels])
    return np.array([int(table.columns[int(row.argmax())] or 0) for row in table.counts])
