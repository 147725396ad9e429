"""A partition that somebody else made: that of planted groups stands, chance and halves of groups do not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from segmenter.discover.audit import audit_partition
from segmenter.discover.propose import SearchOptions
from segmenter.discover.stability import Effort
from segmenter.stats.item_matrix import Items

QUICK = SearchOptions(test=Effort(12, 3))
NAMES = ("a", "b", "c")


def planted(people: int = 300, apart: float = 4.0) -> tuple[Items, np.ndarray]:
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 3, people)
    values = rng.normal(size=(people, 4)) + apart * np.eye(4)[labels]
    return Items("metric", ("v0", "v1", "v2", "v3"), values), labels.astype(np.int64)


@pytest.mark.slow
def test_planted_groups_stand_and_their_agreement_is_that_of_scikit_learn() -> None:
    items, labels = planted()

    done = audit_partition(items, labels, NAMES, QUICK, np.random.default_rng(1))

    values = (items.values - items.values.mean(axis=0)) / items.values.std(axis=0)
    theirs = adjusted_rand_score(labels, KMeans(3, n_init=10, random_state=1).fit_predict(values))
    assert (done.light, done.solution.sizes) == ("green", tuple(np.bincount(labels)))
    assert done.solution.stability.agreement == pytest.approx(theirs, abs=0.05)


@pytest.mark.slow
def test_segments_by_lot_are_refused_with_each_reason() -> None:
    items, labels = planted()

    done = audit_partition(items, np.random.default_rng(3).permutation(labels), NAMES, QUICK, np.random.default_rng(1))

    assert done.light == "red"
    assert abs(done.solution.stability.agreement) < 0.05
    assert any(reason.startswith("Recalculated segments agree with it by") for reason in done.sentences)
    assert any(reason.startswith("a is not found again (SLSw") for reason in done.sentences)
    assert "No item tells a and b apart." in done.sentences


@pytest.mark.slow
def test_a_group_cut_in_two_is_named() -> None:
    items, labels = planted()
    cut = np.where((labels == 2) & (np.arange(300) % 2 == 0), 3, labels)

    done = audit_partition(items, cut, (*NAMES, "d"), QUICK, np.random.default_rng(1))

    assert done.light == "red"
    assert any(reason.startswith("d is not found again") for reason in done.sentences)
    assert not any(reason.startswith("a is not found again") for reason in done.sentences)


@pytest.mark.slow
def test_segments_of_noise_are_noise_however_well_they_are_cut() -> None:
    rng = np.random.default_rng(4)
    items = Items("metric", ("v0", "v1", "v2", "v3"), rng.normal(size=(300, 4)))
    labels = KMeans(3, n_init=10, random_state=1).fit_predict(items.values).astype(np.int64)

    done = audit_partition(items, labels, NAMES, QUICK, rng)

    assert done.light == "red"
    assert any("shuffled copies of the data" in reason for reason in done.sentences)
