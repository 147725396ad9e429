"""k-means on many samples at once: each run is scikit-learn's, and starts tried on some rows end among all of them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from segmenter.stats.item_matrix import Labels, Matrix
from segmenter.stats.kmeans import EXACT, SEEN, Rows, kmeans

GROUPS = np.array([[0, 0, 0], [6, 0, 0], [0, 6, 0], [0, 0, 6]], dtype=float)


def grouped(people: int) -> tuple[Matrix, Labels]:
    rng = np.random.default_rng(5)
    own = rng.integers(0, len(GROUPS), people)
    return GROUPS[own] + rng.standard_normal((people, 3)), own


def lloyd(values: Matrix, weights: Matrix, begun: Matrix) -> float:
    """The inertia at which scikit-learn ends that begins with these centres."""
    with threadpool_limits(1):
        ended = KMeans(len(begun), init=begun, n_init=1, tol=0, algorithm="lloyd").fit(values, sample_weight=weights)
    return float(ended.inertia_)


def test_a_sample_ends_where_scikit_learn_ends_from_the_same_centres() -> None:
    values, _ = grouped(300)
    rows = Rows.of(values)
    weights = rows.bootstrap(3, np.random.default_rng(1))

    found = kmeans(rows.values, weights, 5, starts=1, rng=np.random.default_rng(2), tolerance=EXACT)

    for sample in range(3):  # where one ends, both stay
        expected = lloyd(rows.values, weights[sample], found.centres[sample])
        assert found.inertia[sample] == pytest.approx(expected, rel=1e-9)
    labels = found.labels(rows.values)
    distances = ((rows.values[None, :, None] - found.centres[:, None]) ** 2).sum(axis=3)
    assert (labels == distances.argmin(axis=2)).all()


def test_a_row_as_near_to_two_centres_counts_once() -> None:
    values = np.array([[-1.0], [0.0], [1.0]])

    found = kmeans(values, np.ones((1, 3)), 2, starts=20, rng=np.random.default_rng(1))
    several = kmeans(np.zeros((1, 1)), np.full((1, 1), 7.0), 2, starts=2, rng=np.random.default_rng(1))

    assert found.inertia[0] == pytest.approx(0.5)
    assert several.inertia[0] == 0.0


def test_among_more_rows_than_starts_are_tried_on_all_rows_decide_where_a_run_ends() -> None:
    values, own = grouped(SEEN + 1000)
    rows = Rows.of(values)

    whole = kmeans(rows.values, rows.counts[None], 4, starts=10, rng=np.random.default_rng(3), tolerance=EXACT)
    drawn = kmeans(rows.values, rows.bootstrap(4, np.random.default_rng(4)), 4, starts=10, rng=np.random.default_rng(3))

    assert whole.inertia[0] == pytest.approx(lloyd(rows.values, rows.counts, GROUPS), rel=1e-9)
    for labels in (*whole.labels(values), *drawn.labels(values)):
        assert adjusted_rand_score(own, labels) > 0.95


def test_rows_by_their_principal_axes_are_as_far_apart() -> None:
    rng = np.random.default_rng(6)
    answers = rng.integers(0, 3, (200, 4))
    rows = Rows.of((answers[:, :, None] == np.arange(3)).reshape(200, 12).astype(float))

    made = rows.compact()

    assert made.values.shape == (len(rows.values), 8)  # of three answers to a question two say all
    squares = ((rows.values[:, None] - rows.values) ** 2).sum(axis=2)
    assert ((made.values[:, None] - made.values) ** 2).sum(axis=2) == pytest.approx(squares, abs=1e-9)
    full = Rows.of(rng.standard_normal((50, 3)))
    gaps = Rows.of(np.where(rng.random((50, 3)) < 0.2, np.nan, 1.0))
    assert full.compact() is full
    assert gaps.compact() is gaps


def test_a_start_that_gives_up_would_seldom_have_been_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(7).standard_normal((300, 6))  # no groups: many optima, and starts are slow
    rows = Rows.of(values)
    weights = rows.bootstrap(40, np.random.default_rng(8))

    def inertia() -> Matrix:
        found = [kmeans(rows.values, weights, k, starts=6, rng=np.random.default_rng(9)) for k in (2, 3, 5)]
        return np.concatenate([centres.inertia for centres in found])

    found = inertia()
    monkeypatch.setattr("segmenter.stats.kmeans.TRIED", 1_000)
    patient = inertia()

    assert (found >= patient * (1 - 1e-6)).all()  # the others end where they would have ended, as near as starts go
    assert 0 < np.mean(found > patient * 1.0001) < 0.2
    assert found.sum() / patient.sum() < 1.001
