"""Weights of respondents in `discover`: shares that cover the truth, no segments made by who was asked, equal ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.random import Generator, default_rng
from scipy import stats

from segmenter.discover.audit import audit_partition
from segmenter.discover.candidates import SearchMethod, solutions
from segmenter.discover.latent_correlations import copier
from segmenter.discover.markers import descriptors
from segmenter.discover.null_models import null_test, shuffled
from segmenter.discover.propose import SearchOptions, propose
from segmenter.discover.stability import Effort
from segmenter.discover.wished_number import judge
from segmenter.stats.group_tests import rank_column
from segmenter.stats.item_matrix import Items, numbers
from segmenter.stats.kmeans import Rows
from segmenter.stats.weighted import as_whole, effective_size, population_places

SHARES = np.array([0.4, 0.3, 0.2, 0.1])
CHANCES = np.kron(np.eye(4), np.ones(4)) * 0.8 + 0.1  # each segment says yes to four items of its own
LITTLE = SearchOptions(most=5, report=Effort(20, 3), test=Effort(6, 2), class_starts=4)


def asked_three_times_as_often(rng: Generator, people: int, segment: int) -> tuple[Items, np.ndarray, np.ndarray]:
    """A sample of four segments of `SHARES`, in which one of them is over-represented by 3; its true segments."""
    chance = SHARES * np.where(np.arange(4) == segment, 3, 1)
    labels = rng.choice(4, people, p=chance / chance.sum())
    values = (rng.random((people, 16)) < CHANCES[labels]).astype(float)
    weights = np.where(labels == segment, 1 / 3, 1.0)
    items = Items("binary", tuple(f"q{place}" for place in range(16)), values)
    return items, weights, labels


def shares_by_segment(labels: np.ndarray, found: np.ndarray, shares: tuple[float, ...]) -> np.ndarray:
    """Shares of found segments in the order of the true ones with which they share most people."""
    return np.array([shares[int(np.bincount(found[labels == j], minlength=4).argmax())] for j in range(4)])


@pytest.mark.proof
@pytest.mark.reproduces("shares of four segments, one over-represented by 3: 95% intervals", "simulation, known truth")
def test_weighted_shares_cover_the_truth_and_unweighted_ones_do_not() -> None:
    """Intervals by Kish's effective sample size hold the true share in 95 of 100 cases; without weights never."""
    covered, missed, sets = np.zeros(4), 0, 40
    for seed in range(sets):
        items, weights, labels = asked_three_times_as_often(default_rng(seed), 800, 3)
        own = solutions(items.weighted(weights), (4,), "kmeans", Effort(2, 1), default_rng(seed))[4]
        alike = solutions(items, (4,), "kmeans", Effort(2, 1), default_rng(seed))[4]
        half = 1.96 * np.sqrt(SHARES * (1 - SHARES) / effective_size(weights))
        covered += np.abs(shares_by_segment(labels, own.labels, own.population) - SHARES) < half
        missed += int(np.abs(shares_by_segment(labels, alike.labels, alike.population) - SHARES)[3] > half[3])

    assert covered.sum() >= stats.binom.ppf(0.005, 4 * sets, 0.95)
    assert missed == sets


@pytest.mark.long
def test_the_proposal_finds_the_four_with_their_shares() -> None:
    items, weights, labels = asked_three_times_as_often(default_rng(1), 1_000, 3)

    done = propose(items.weighted(weights), LITTLE, default_rng(1))

    assert (done.k, done.light != "red") == (4, True)
    found = shares_by_segment(labels, done.labels, tuple(segment.share for segment in done.segments))
    assert found == pytest.approx(SHARES, abs=0.05)
    assert sum(segment.size for segment in done.segments) == 1_000
    assert f"{round(effective_size(weights)):,} people of the effective sample" in done.power


@pytest.mark.proof
@pytest.mark.reproduces("noise in which some were asked four times as often is refused", "simulation, known truth")
def test_who_was_asked_more_often_makes_no_segments() -> None:
    """Independent answers; those who say yes to both of the first two were asked four times as often.

    In the sample the two answers are related, in the population they are not.
    """
    chances, sets = np.array([0.5, 0.4, 0.3, 0.5, 0.6, 0.4]), 40
    found = {True: 0, False: 0}
    for seed in range(sets):
        rng = default_rng(1_000 + seed)
        values = (rng.random((1_600, 6)) < chances).astype(float)
        often = values[:, :2].sum(axis=1) == 2
        asked = np.flatnonzero(rng.random(1_600) < np.where(often, 1.0, 0.25))[:400]
        items = Items("binary", tuple("abcdef"), values[asked])
        weights = np.where(often[asked], 0.25, 1.0)
        for weighted in found:
            base = items.weighted(weights) if weighted else items
            found[weighted] += null_test(base, (2, 3, 4), shuffled, Effort(20, 4), default_rng(seed)).beaten

    assert found[True] <= stats.binom.ppf(0.99, sets, 0.05)
    assert found[False] > sets / 2


def some(kind: str, rng: Generator) -> Items:
    labels = np.repeat(np.arange(3), 60)
    if kind == "binary":
        return Items("binary", tuple("abcdef"), (rng.random((180, 6)) < CHANCES[labels][:, :12:2]).astype(float))
    if kind == "categorical":
        codes = np.asarray((labels[:, None] + (rng.random((180, 4)) < 0.2)) % 3, dtype=np.float64)
        return Items("categorical", tuple("abcd"), codes, (tuple("xyz"),) * 4)
    return numbers({n: 3 * labels * (n != "c") + rng.normal(size=180) for n in "abcd"}, most=4)


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "method"),
    [("binary", "auto"), ("binary", "lca"), ("categorical", "auto"), ("metric", "auto"), ("metric", "kmeans")],
)
def test_weights_of_1_give_the_figures_without_weights(kind: str, method: SearchMethod) -> None:
    """Also where the weighted way is taken: equal weights are otherwise dropped before."""
    items = some(kind, default_rng(2))
    asked = replace(LITTLE, most=4, method=method)
    alike = propose(items, asked, default_rng(3))
    ones = propose(replace(items, weights=np.ones(180)), asked, default_rng(3))

    notes = tuple(note.replace(" (effective sample size)", "") for note in ones.notes)
    assert (ones.light, ones.k, ones.sentence, notes) == (alike.light, alike.k, alike.sentence, alike.notes)
    assert ones.labels.tolist() == alike.labels.tolist()
    assert ones.test.agreement == pytest.approx(alike.test.agreement, abs=1e-12)
    assert [*ones.bic.values()] == pytest.approx([*alike.bic.values()])
    assert [s.share for s in ones.segments] == pytest.approx([s.share for s in alike.segments])
    for own, other in zip(ones.segments, alike.segments, strict=True):
        assert own.stability == pytest.approx(other.stability)
        assert [m.item for m in own.markers] == [m.item for m in other.markers]


def test_equal_weights_are_none() -> None:
    items = some("metric", default_rng(2))

    assert items.weighted(np.full(180, 2.5)).weights is None
    assert items.effective == items.weighted(np.full(180, 2.5)).effective == 180


def test_a_whole_weight_is_as_many_people() -> None:
    """Weighted centres, markers, shares and BIC are those of the rows written as often as their weight says."""
    rng = default_rng(4)
    items = some("binary", rng)
    weights = rng.integers(1, 4, 180).astype(float)
    many = items.rows(np.repeat(np.arange(180), weights.astype(int)))
    own = judge(items.weighted(weights), 3, LITTLE, default_rng(1)).solution
    labels = np.repeat(own.labels, weights.astype(int))

    repeated = audit_partition(many, labels, ("a", "b", "c"), LITTLE, default_rng(1)).solution
    assert own.population == pytest.approx(repeated.population)
    assert [[(m.item, round(m.here, 9), round(m.everywhere, 9)) for m in each] for each in own.markers] == [
        [(m.item, round(m.here, 9), round(m.everywhere, 9)) for m in each] for each in repeated.markers
    ]
    assert own.alike == repeated.alike
    assert own.up == pytest.approx(repeated.up, nan_ok=True)


def test_a_segment_of_few_heavy_people_is_judged_by_how_exactly_they_tell() -> None:
    """30 people with the weight 3 are a fifth of the population, and still 30 people."""
    items = some("binary", default_rng(5))
    labels = np.repeat([0, 1], [150, 30])
    weights = np.where(labels == 1, 3.0, 1.0)

    found = audit_partition(items.weighted(weights), labels, ("many", "few"), LITTLE, default_rng(1)).solution

    assert found.sizes == (150, 30)
    assert found.population == pytest.approx((150 / 240, 90 / 240))
    assert found.counted[1] == pytest.approx(30)
    assert found.everybody == round(240**2 / (150 + 270))


def test_copies_keep_the_weighted_margins() -> None:
    rng = default_rng(6)
    items = some("binary", rng)
    items = items.weighted(np.exp(rng.normal(0, 1, 180)))
    copies = np.array([shuffled(items, rng).values for _ in range(200)])
    assert items.weights is not None

    assert np.average(copies.mean(axis=0), axis=0, weights=items.weights) == pytest.approx(
        np.average(items.values, axis=0, weights=items.weights), abs=0.02
    )


def test_copies_keep_the_weighted_correlations() -> None:
    """Those whose two numbers agree have the larger weights: in the population the numbers are more alike."""
    rng = default_rng(6)
    values = rng.normal(size=(300, 1)) + rng.normal(size=(300, 4))
    items = numbers(dict(zip("abcd", values.T, strict=True)), most=3)
    items = items.weighted(np.exp(-np.abs(values[:, 0] - values[:, 1])))
    copies = [copier(items)(items, rng).values for _ in range(60)]
    covariance = np.cov(values, rowvar=False, aweights=items.weights)
    related = np.array(covariance / np.sqrt(np.outer(covariance.diagonal(), covariance.diagonal())))

    assert related[0, 1] > np.array(np.corrcoef(values, rowvar=False))[0, 1] + 0.15
    assert np.mean([np.corrcoef(copy, rowvar=False) for copy in copies], axis=0) == pytest.approx(related, abs=0.03)


def test_people_stand_in_a_population_as_often_as_their_weight_says() -> None:
    weights, kinds = np.tile([1.0, 2.0, 0.5, 4.5], 50), np.tile(np.arange(4.0), 50)
    expected = 200 * weights[:4] / 8

    assert np.bincount(population_places(weights, kinds) % 4) == pytest.approx(expected, abs=1)
    assert population_places(np.ones(7), np.arange(7.0)[::-1]).tolist() == [*range(7)]


def test_whole_numbers_keep_the_proportions_of_weights() -> None:
    counts = default_rng(1).exponential(size=2_000)
    whole, scale = as_whole(counts)

    assert not (whole % 1).any()
    assert whole.sum() < 2**24
    assert whole / scale == pytest.approx(counts, abs=1 / scale)
    assert as_whole(np.array([1.0, 3.0]))[0].tolist() == [1.0, 3.0]


def test_rows_of_weighted_people_add_up() -> None:
    rows = Rows.of(np.array([[0.0], [1.0], [0.0]]), np.array([0.5, 2.0, 0.25]))

    assert rows.counts.tolist() == [0.75, 2.0]
    assert rows.bootstrap(5, default_rng(1)).sum(axis=1).tolist() == [3] * 5


def test_ranks_of_whole_weights_are_those_of_as_many_people() -> None:
    rng = default_rng(7)
    column, labels = rng.integers(0, 9, 60).astype(float), rng.integers(0, 3, 60)
    times = rng.integers(1, 4, 60)

    own = rank_column(column, labels, 3, times.astype(float))

    long, whose = np.repeat(column, times), np.repeat(labels, times)
    expected = stats.kruskal(*(long[whose == j] for j in range(3)))
    assert (own.test.statistic, own.test.p) == pytest.approx((expected.statistic, expected.pvalue))


@pytest.mark.slow
def test_descriptors_with_weights_keep_their_level() -> None:
    """Something that has nothing to do with the segments differs by chance in one of twenty samples, not more."""
    rng, found = default_rng(8), {True: 0, False: 0}
    for _ in range(400):
        labels = rng.integers(0, 2, 300)
        weights = np.exp(rng.normal(0, 1, 300))
        colours = rng.choice(["red", "blue"], 300).tolist()
        counts = weights * weights.sum() / (weights**2).sum()
        for kish, each in ((True, counts), (False, weights / weights.mean())):
            (only,) = descriptors({"colour": colours}, labels, 2, each)
            found[kish] += only.p < 0.05

    assert found[True] <= stats.binom.ppf(0.99, 400, 0.05)
    assert found[False] > 2 * stats.binom.ppf(0.99, 400, 0.05)
