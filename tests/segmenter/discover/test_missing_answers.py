"""Missing answers: told, and left out of distances; segments that full answers have are found without them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import Generator, default_rng
from sklearn.metrics import adjusted_rand_score

from segmenter.discover.stability import best_labels
from segmenter.discover.verdict_text import base_notes, few_missing
from segmenter.stats.item_matrix import Items, coded
from segmenter.stats.kmeans import EXACT, Rows, kmeans


def with_holes(generator: Generator, share: float, people: int = 500) -> tuple[Items, np.ndarray]:
    """Four groups that are 2.5 above the others on two of eight traits; *share* of the values is missing by chance."""
    kind = generator.integers(0, 4, people)
    values = 2.5 * (np.arange(8) // 2 == kind[:, None]) + generator.normal(size=(people, 8))
    return Items("metric", tuple("abcdefgh"), np.where(generator.random(values.shape) < share, np.nan, values)), kind


def test_segments_are_found_with_three_tenths_missing_better_than_with_means_filled_in() -> None:
    base, kind = with_holes(default_rng(1), 0.3)

    agreements = []
    for values in (coded(base).observed, coded(base).values):
        rows = Rows.of(values)
        labels = best_labels(rows, 4, starts=20, rng=default_rng(2))[0][rows.place]
        agreements.append(adjusted_rand_score(labels, kind))

    assert agreements[0] > 0.65
    assert agreements[0] > agreements[1] + 0.03


def test_without_gaps_k_means_is_what_it_was_and_with_gaps_the_sum_is_that_of_what_is_known() -> None:
    base, _ = with_holes(default_rng(3), 0.2, people=80)
    values = coded(base).observed

    found = kmeans(values, np.ones((1, 80)), 3, starts=5, rng=default_rng(4), tolerance=EXACT)

    labels = found.labels(values)[0]
    centres = np.array([np.nanmean(values[labels == j], axis=0) for j in range(3)])
    assert found.centres[0] == pytest.approx(centres, abs=1e-9)
    assert found.inertia[0] == pytest.approx(np.nansum((values - centres[labels]) ** 2), rel=1e-9)
    away = np.nansum((values[:, None, :] - centres) ** 2, axis=2)
    assert (away.argmin(axis=1) == labels).all()


def test_rows_with_the_same_gaps_are_one_row() -> None:
    rows = Rows.of(np.array([[np.nan, 1.0], [2.0, 1.0], [np.nan, 1.0]]))

    assert rows.counts.tolist() == [1.0, 2.0]
    assert rows.values[rows.place[0]].tolist()[1] == 1.0
    assert np.isnan(rows.values[rows.place[0], 0])


def test_missing_answers_are_told_and_many_of_them_are_a_note() -> None:
    values = np.tile([0.0, 1.0], (400, 2))
    few, many = values.copy(), values.copy()
    few[:40, 1], many[:240, 1] = np.nan, np.nan
    few_items, many_items = (Items("binary", tuple("abcd"), answers) for answers in (few, many))

    assert base_notes(few_items) == ()
    assert few_missing(few_items).startswith("2% of the answers are missing, most of 'b' (10%). None is filled in")
    assert base_notes(many_items)[0].startswith("15% of the answers are missing, most of 'b' (60%).")
    assert few_missing(many_items) == few_missing(Items("binary", tuple("abcd"), values)) == ""
