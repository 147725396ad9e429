"""Weights in training: models as of repeated rows, and figures of the population, beside other libraries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import Generator, default_rng
from scipy import stats
from sklearn import metrics
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from statsmodels.api import GLM, add_constant
from statsmodels.genmod.families import Binomial

from segmenter.classifier.discrimination import ranking
from segmenter.classifier.linear import score_rows
from segmenter.classifier.metrics import ModelQuality, model_quality
from segmenter.classifier.thresholds import Thresholds
from segmenter.classifier.train import Sample, aligned, fit_classifier, missing_for_fit, softmax, trained
from segmenter.classifier.weighted_lda import fisher_functions
from segmenter.stats.weighted import effective_size, kish_counts

LIMITS = Thresholds()
NAMES = ("x", "y", "z")


def people_of(rng: Generator, many: int, labels: int = 3) -> Sample:
    """People whose segments are a softmax of three traits, with whole weights from 1 to 4 that hang on the first."""
    rows = rng.normal(size=(many, 3))
    totals = rows @ np.array([[1.5, -1.0, 0.0], [0.0, 1.0, -1.5], [0.5, 0.0, 1.0]])[:, :labels]
    truth = (softmax(totals).cumsum(axis=1) < rng.random((many, 1))).sum(axis=1)
    weights = np.clip(np.round(2.5 + rows[:, 0] + rng.normal(size=many) / 2), 1, 4)
    return Sample(("a", "b", "c"), rows, np.array(NAMES)[np.minimum(truth, labels - 1)], weights=weights)


def written_out(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    assert sample.weights is not None
    times = sample.weights.astype(int)
    return np.repeat(sample.rows, times, axis=0), np.repeat(sample.truth, times)


@pytest.mark.parametrize("labels", [2, 3])
@pytest.mark.parametrize("twin", [False, True])
def test_discriminant_analysis_with_whole_weights_is_scikit_learns_of_repeated_rows(labels: int, *, twin: bool) -> None:
    sample = people_of(default_rng(1), 300, labels)
    extra = (sample.rows[:, :1] + sample.rows[:, 1:2],) if twin else ()  # a feature that two others already tell
    sample = replace(sample, rows=np.hstack([sample.rows, *extra]))
    theirs = LinearDiscriminantAnalysis().fit(*written_out(sample))

    assert sample.weights is not None
    ours = fisher_functions(sample.rows, sample.truth, sample.weights)
    totals = sample.rows @ ours.coef_.T + ours.intercept_
    likely = softmax(np.column_stack([np.zeros(len(totals)), totals]) if labels == 2 else totals)
    assert ours.classes_.tolist() == theirs.classes_.tolist()
    assert likely == pytest.approx(theirs.predict_proba(sample.rows), abs=1e-9)


@pytest.mark.parametrize("labels", [2, 3])
def test_the_logit_with_whole_weights_is_scikit_learns_of_repeated_rows(labels: int) -> None:
    """Their penalty is made to weigh what it weighs beside as many people as the weighted sample is worth."""
    sample = people_of(default_rng(2), 300, labels)
    rows, truth = written_out(sample)
    assert sample.weights is not None
    strength = effective_size(sample.weights) / len(rows)
    theirs = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000)).fit(rows, truth)

    ours = trained(sample, np.arange(300), sample.truth, "logit")
    assert score_rows(ours, sample.rows).probabilities == pytest.approx(theirs.predict_proba(sample.rows), abs=1e-4)


def test_the_logit_of_many_people_is_statsmodels_with_frequency_weights() -> None:
    sample = people_of(default_rng(3), 6_000, 2)
    theirs = GLM(sample.truth == "y", add_constant(sample.rows), Binomial(), freq_weights=sample.weights).fit()

    ours = score_rows(trained(sample, np.arange(6_000), sample.truth, "logit"), sample.rows).probabilities[:, 1]
    assert ours == pytest.approx(theirs.fittedvalues, abs=0.005)
    plain = trained(replace(sample, weights=None), np.arange(6_000), sample.truth, "logit")
    assert np.abs(score_rows(plain, sample.rows).probabilities[:, 1] - theirs.fittedvalues).max() < 0.1


def test_unknown_values_are_filled_by_the_weighted_mean() -> None:
    sample = people_of(default_rng(4), 400)
    holes = np.where(default_rng(5).random(sample.rows.shape) < 0.2, np.nan, sample.rows)
    model = trained(replace(sample, rows=holes), np.arange(400), sample.truth, "lda")

    rows, _ = written_out(replace(sample, rows=holes))
    assert model.fill == pytest.approx(np.nanmean(rows, axis=0))


@pytest.mark.parametrize("weight", [1.0, 2.5])
def test_equal_weights_change_nothing(weight: float) -> None:
    sample = replace(people_of(default_rng(6), 400), weights=None)
    alike = replace(sample, weights=np.full(400, weight))

    plain, weighted = (fit_classifier(s, rng=default_rng(1), thresholds=LIMITS, folds=3) for s in (sample, alike))
    assert weighted == plain


def drawn_quality(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, ModelQuality, ModelQuality]:
    """Chances, truth and whole weights of 80 people; figures with the weights, and of the people written out."""
    rng = default_rng(seed)
    likely, truth, times = rng.dirichlet((2, 1, 1), 80), rng.integers(0, 3, 80), rng.integers(1, 5, 80)
    likely[:40] = likely[40:]  # equal scores of some
    own = model_quality(likely, truth, NAMES, Thresholds(0.5, 0.1), folds=2, counts=kish_counts(times.astype(float)))
    many = model_quality(
        np.repeat(likely, times, axis=0), np.repeat(truth, times), NAMES, Thresholds(0.5, 0.1), folds=2
    )
    return likely, truth, times, own, many


@given(st.integers(0, 10_000))
@settings(max_examples=30)
def test_figures_with_whole_weights_are_those_of_repeated_people(seed: int) -> None:
    _, _, times, own, many = drawn_quality(seed)

    for name in ("hit", "largest_share", "proportional_chance", "kappa", "balanced", "ece", "coverage", "brier"):
        assert getattr(own, name) == pytest.approx(getattr(many, name)), name
    assert own.log_gain.gain == pytest.approx(many.log_gain.gain)
    for ours, theirs in zip(own.curve, many.curve, strict=True):
        assert (ours.coverage, ours.hit) == pytest.approx((theirs.coverage, theirs.hit))
    assert np.array(own.confusion) == pytest.approx(np.array(many.confusion) * 80 / times.sum())
    for name, label in own.labels.items():
        other = many.labels[name]
        for figure in ("share", "hit", "precision"):
            assert getattr(label, figure) == pytest.approx(getattr(other, figure)), figure
        assert label.ranking.auc == pytest.approx(other.ranking.auc)
        gains, others = ([p.reached for p in x.gains] + [p.rate for p in x.gains] for x in (label, other))
        assert gains == pytest.approx(others)
    assert own.people == 80
    assert own.effective == pytest.approx(effective_size(times.astype(float)))


def test_figures_with_weights_are_those_of_scikit_learn() -> None:
    likely, truth, times, own, _ = drawn_quality(7)
    best = likely.argmax(axis=1)

    assert own.kappa == pytest.approx(metrics.cohen_kappa_score(truth, best, sample_weight=times))
    assert own.balanced == pytest.approx(metrics.balanced_accuracy_score(truth, best, sample_weight=times))
    assert own.log_loss == pytest.approx(metrics.log_loss(truth, likely, sample_weight=times))
    table = metrics.confusion_matrix(truth, best, sample_weight=times)
    assert np.array(own.confusion) == pytest.approx(table * 80 / times.sum())
    for place, label in enumerate(own.labels.values()):
        theirs = metrics.roc_auc_score(truth == place, likely[:, place], sample_weight=times)
        assert label.ranking.auc == pytest.approx(theirs)


def test_intervals_are_wider_than_those_of_as_many_people() -> None:
    likely, truth, times, own, _ = drawn_quality(8)
    plain = model_quality(likely, truth, NAMES, Thresholds(0.5, 0.1), folds=2)

    for name, label in own.labels.items():
        ours, theirs = label.ranking.interval, plain.labels[name].ranking.interval
        assert ours.high - ours.low > theirs.high - theirs.low
        assert label.assigned_effective < label.assigned == plain.labels[name].assigned
    assert own.press_q < (own.people / own.effective) * own.press_q
    assert sum(band.people for band in own.labels["x"].bands) == 80
    assert times.min() >= 1


@pytest.mark.proof
@pytest.mark.reproduces("AUC where one half was asked five times as often", "simulation, known truth")
def test_the_interval_of_the_weighted_auc_holds_that_of_the_population() -> None:
    """Two halves of a population, of which the trait ranks one well and the other hardly."""

    def population(rng: Generator, many: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        easy = rng.random(many) < 0.5
        positive = rng.random(many) < 0.3
        return easy, positive, rng.normal(size=many) + positive * np.where(easy, 2.0, 0.2)

    _, positive, score = population(default_rng(0), 400_000)
    true = metrics.roc_auc_score(positive, score)
    held, missed, sets = 0, 0, 300
    for seed in range(1, sets + 1):
        rng = default_rng(seed)
        easy, positive, score = population(rng, 3_000)
        asked = rng.random(3_000) < np.where(easy, 0.25, 0.05)
        weights = np.where(easy, 1.0, 5.0)[asked]
        own = ranking(score[asked], positive[asked], weights).interval
        held += own.low <= true <= own.high
        plain = ranking(score[asked], positive[asked]).interval
        missed += not plain.low <= true <= plain.high

    assert held >= stats.binom.ppf(0.005, sets, 0.95)
    assert missed > sets * 0.9


def test_the_hit_rate_is_that_of_the_population_where_clear_people_were_asked_more_often() -> None:
    def asked(rng: Generator, many: int, *, clear: float) -> Sample:
        sure = rng.random(many) < clear
        truth = rng.integers(0, 2, many)
        rows = np.column_stack([rng.normal(size=many) + truth * np.where(sure, 5.0, 0.5), sure.astype(float)])
        return Sample(("a", "b"), rows, np.array(NAMES)[truth], weights=np.where(sure, 1.0, 9.0))

    sample, everybody = asked(default_rng(1), 1_500, clear=0.9), asked(default_rng(2), 40_000, clear=0.5)
    weighted = fit_classifier(sample, rng=default_rng(3), thresholds=LIMITS, folds=5)
    plain = fit_classifier(replace(sample, weights=None), rng=default_rng(3), thresholds=LIMITS, folds=5)

    scored = score_rows(weighted.model, everybody.rows)
    true = float((np.array(weighted.model.labels)[scored.best] == everybody.truth).mean())
    assert weighted.chosen.hit == pytest.approx(true, abs=0.05)
    assert plain.chosen.hit > true + 0.1


def test_people_are_enough_by_their_effective_number() -> None:
    sample = people_of(default_rng(9), 170, 2)
    few = replace(sample, weights=np.where(np.arange(170) < 5, 100.0, 1.0))

    assert missing_for_fit(replace(sample, weights=None)) == []
    said = missing_for_fit(few)
    assert "Segment 'x' needs 50 people, you have" in said[0]
    assert said[-1] == "With weights, people are counted by the effective sample size (Kish 1965)."


def test_names_go_to_the_segments_that_overlap_most_by_weight() -> None:
    truth, labels = np.array(["a", "a", "b"]), ["1", "1", "1"]

    assert aligned(labels, truth, np.arange(3)).tolist() == ["a"] * 3
    assert aligned(labels, truth, np.arange(3), np.array([1.0, 1.0, 5.0])).tolist() == ["b"] * 3
