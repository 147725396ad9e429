"""A mainstream and small segments: found where they are clear, and said where they can't be found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.random import Generator, default_rng
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from segmenter.discover.candidates import Solution
from segmenter.discover.choose_k import remarks_on
from segmenter.discover.markers import Marker, alike, markers
from segmenter.discover.propose import SearchOptions, propose
from segmenter.discover.segment_size import power_sentence, smallest
from segmenter.discover.stability import CountStability, Effort
from segmenter.stats.item_matrix import Items

QUICK = SearchOptions(most=4, report=Effort(24, 3), test=Effort(12, 3), class_starts=5)


def people(generator: Generator, shares: list[float], *, n: int = 1000, gap: float = 3.0) -> tuple[Items, Any]:
    """A mainstream at zero, and smaller groups that are *gap* above it on two of six traits each."""
    kind = generator.choice(len(shares), n, p=shares)
    centres = np.zeros((len(shares), 6))
    for j in range(1, len(shares)):
        centres[j, 2 * j - 2 : 2 * j] = gap
    return Items("metric", tuple("abcdef"), centres[kind] + generator.normal(size=(n, 6))), kind


@pytest.mark.long
@pytest.mark.simulation
@pytest.mark.parametrize(("shares", "light"), [([0.7, 0.15, 0.15], "green"), ([0.6, 0.25, 0.1, 0.05], "green amber")])
def test_a_mainstream_and_small_clear_segments_are_found(shares: list[float], light: str) -> None:
    base, kind = people(default_rng(1), shares)

    proposal = propose(base, QUICK, default_rng(1))

    assert (proposal.light in light, proposal.k, len(proposal.segments)) == (True, len(shares), len(shares))
    assert adjusted_rand_score(proposal.labels, kind) > 0.85
    assert all(segment.markers for segment in proposal.segments)
    assert all(marker.others and not marker.up for marker in proposal.segments[0].markers)
    assert "are not proposed" in proposal.power


def test_markers_of_a_mainstream_are_told_from_the_others_and_of_others_from_all() -> None:
    labels = np.repeat([0, 1, 2], (60, 10, 10))
    three_of_ten = np.tile(np.repeat([1.0, 0.0], (3, 7)), 8)
    base = Items("binary", ("a", "b"), np.column_stack([np.where(labels == j, 1.0, three_of_ten) for j in (1, 2)]))

    mainstream, second, _ = markers(base, labels, 3)

    assert [m.sentence() for m in mainstream] == ["a 0.30 (others 0.65)", "b 0.30 (others 0.65)"]
    assert second[0].sentence() == "a 1.00 (all 0.39)"
    assert alike(base, labels, 3) == ()


def test_segments_that_no_item_tells_apart_are_named() -> None:
    values = np.concatenate([np.tile([0.0, 1.0], 50), np.tile([4.0, 5.0], 25)])
    base = Items("metric", ("a",), values[:, None])

    assert alike(base, np.repeat([0, 1, 2], 50), 3) == ((0, 1),)


def test_a_segment_of_the_least_share_is_not_refused_by_the_chance_of_the_sample() -> None:
    """5% of 4,000 are 200; of 300 samples nearly none has fewer than two standard errors below that."""
    drawn = default_rng(1).binomial(4000, 0.05, 300)

    assert smallest(4000) == pytest.approx(200 - 2 * 190**0.5)
    assert (drawn < 200).mean() == pytest.approx(0.5, abs=0.1)
    assert (drawn < smallest(4000)).mean() < 0.05


def test_a_small_segment_and_one_without_a_marker_are_noted() -> None:
    labels = np.repeat([0, 1, 2], (500, 255, 45))
    stable = CountStability(0.9, 0.9, (0.9, 0.9, 0.9))
    marker = (Marker("a", 0.9, 0.4, up=True),)
    solution = Solution(3, labels, stable, (1.0,) * 3, (500, 255, 45), ((), marker, marker), (0.5,) * 3)

    assert smallest(800) < 45
    assert remarks_on(solution) == (
        "Segment 3 is small: fewer than 50 people describe it.",
        "Segment 1 has no marker: no single item tells it from all the others.",
    )


@pytest.mark.parametrize("apart", [0.85, 1.05])
def test_the_distance_that_the_power_sentence_names_is_the_one_from_which_k_means_finds(apart: float) -> None:
    """Scikit-learn's k-means, two groups of 95% and 5% in one large sample."""
    said = power_sentence(10_000, 1.0, numbers=True)
    distance = float(said.split(" standard deviations")[0].split()[-1])
    generator = default_rng(3)
    kind = (generator.random(10_000) < 0.05).astype(int)
    values = generator.normal(size=(10_000, 2))
    values[:, 0] += kind * distance * apart

    labels = KMeans(2, n_init=4, random_state=1).fit_predict(values)

    assert (adjusted_rand_score(labels, kind) > 0.7) == (apart > 1)
