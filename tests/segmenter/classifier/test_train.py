"""Fitting on company data: published hit rates, known truths, noise that is refused, and data that can't teach."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score
from sklearn.model_selection import cross_val_predict
from threadpoolctl import threadpool_limits

from segmenter.classifier.linear import score_rows
from segmenter.classifier.metrics import CURVE, calibration_error, model_quality
from segmenter.classifier.thresholds import Thresholds
from segmenter.classifier.train import Sample, aligned, fit_classifier, missing_for_fit, softmax, temperature_of
from segmenter.errors import DefinitionError
from tests.segmenter.published_tables import OTHER_PIXELS, drawings

ITEMS = (
    "yummy",
    "convenient",
    "spicy",
    "fattening",
    "greasy",
    "fast",
    "cheap",
    "tasty",
    "expensive",
    "healthy",
    "disgusting",
)
VISITS = ("Never", "Once a year", "Every three months", "Once a month", "Once a week", "More than once a week")
LIMITS = Thresholds()


@pytest.fixture(scope="module")
def survey(shared: Path) -> tuple[np.ndarray, np.ndarray]:
    """McDonald's: the eleven items, and what a company might know (liking, age, a woman or not, visits)."""
    with next((shared / "data" / "mcdonalds").glob("*.csv")).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    items = np.array([[float(row[item] == "Yes") for item in ITEMS] for row in rows])
    likes = [float({"I love it!+5": "5", "I hate it!-5": "-5"}.get(row["Like"], row["Like"])) for row in rows]
    known = [
        [like, float(row["Age"]), float(row["Gender"] == "Female"), float(VISITS.index(row["VisitFrequency"]))]
        for like, row in zip(likes, rows, strict=True)
    ]
    return items, np.array(known)


def segmented(items: np.ndarray, among: np.ndarray | None = None, starts: int = 50) -> np.ndarray:
    with threadpool_limits(1):
        fitted = KMeans(4, n_init=starts, random_state=7).fit(items if among is None else items[among])
        return np.array([f"s{place}" for place in fitted.predict(items)])


DESCRIPTORS = ("like", "age", "woman", "visits")
DARKNESS = tuple(f"pixel {place}" for place in OTHER_PIXELS)


def test_the_hit_rates_of_descriptors_are_those_of_the_reference(survey: Any) -> None:
    items, known = survey
    fitted = fit_classifier(
        Sample(DESCRIPTORS, known, segmented(items)), rng=np.random.default_rng(1), thresholds=LIMITS
    )

    lda, logit = fitted.quality["lda"], fitted.quality["logit"]
    assert [lda.largest_share, lda.proportional_chance] == pytest.approx([0.399, 0.282], abs=0.001)
    assert [lda.hit, logit.hit] == pytest.approx([0.538, 0.537], abs=0.02)
    assert [lda.kappa, logit.kappa] == pytest.approx([0.32, 0.32], abs=0.02)
    assert lda.ece <= 0.05
    assert logit.ece <= 0.05
    assert logit.brier_gain.better
    sure = {point.confidence: point for point in logit.curve}
    assert [sure[c].hit for c in (0.5, 0.6, 0.7)] == pytest.approx([0.615, 0.689, 0.764], abs=0.02)
    assert [sure[c].coverage for c in (0.5, 0.6, 0.7)] == pytest.approx([0.61, 0.33, 0.11], abs=0.02)
    assert fitted.gate.passed


def test_a_segmentation_that_was_discovered_is_discovered_anew_in_every_fold() -> None:
    items, known = drawings()
    asked: list[int] = []

    def discover(among: Any) -> list[str]:
        asked.append(len(among))
        return [str(label) for label in segmented(items, among, starts=10)]

    sample = Sample(DARKNESS, known, segmented(items))
    fitted = fit_classifier(sample, rng=np.random.default_rng(1), thresholds=LIMITS, labeller=discover, folds=5)
    as_given = fit_classifier(sample, rng=np.random.default_rng(1), thresholds=LIMITS, folds=5)

    assert len(asked) == 10  # five folds, two kinds of model
    assert all(count < len(items) for count in asked)
    assert fitted.chosen.hit == pytest.approx(as_given.chosen.hit, abs=0.03)


def test_other_names_of_the_same_segments_are_put_right() -> None:
    truth = np.array(["a"] * 5 + ["b"] * 4 + ["c"])
    labels = ["x"] * 5 + ["y"] * 4 + ["z"]

    assert aligned(labels, truth, np.arange(10)).tolist() == truth.tolist()


def planted(people: int, seed: int = 3, strength: float = 1.0) -> Sample:
    """People of three segments whose true probabilities are a softmax of three traits."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(people, 3))
    totals = strength * rows @ np.array([[1.5, -1.0, 0.0], [0.0, 1.0, -1.5], [0.5, 0.0, 1.0]])
    likely = softmax(totals)
    truth = (likely.cumsum(axis=1) < rng.random((people, 1))).sum(axis=1)
    return Sample(("a", "b", "c"), rows, np.array(["x", "y", "z"])[truth])


def test_confidence_is_right_where_the_truth_is_known() -> None:
    fitted = fit_classifier(planted(12_000), rng=np.random.default_rng(2), thresholds=LIMITS, folds=5)
    fresh = planted(20_000, seed=9)
    scores = score_rows(fitted.model, fresh.rows)
    right = np.array(fitted.model.labels)[scores.best] == fresh.truth

    assert fitted.chosen.ece <= 0.03
    assert calibration_error(scores.probabilities.max(axis=1), right) <= 0.03
    assert fitted.chosen.hit == pytest.approx(right.mean(), abs=0.02)


@pytest.mark.slow
def test_features_that_are_noise_are_refused_in_the_words_that_say_so() -> None:
    refused = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        sample = Sample(("a", "b", "c"), rng.normal(size=(400, 3)), rng.choice(["x", "y"], 400))
        verdict = fit_classifier(sample, rng=rng, thresholds=LIMITS, folds=5).gate
        refused += not verdict.passed and verdict.sentences[0].startswith(
            "The model predicts these segments no better than chance"
        )

    assert refused == 20


def test_a_temperature_mends_a_model_that_is_too_sure() -> None:
    sample = planted(5_000)
    model = fit_classifier(sample, rng=np.random.default_rng(2), thresholds=LIMITS, folds=3).model
    likely = score_rows(model, sample.rows).probabilities
    truth = np.searchsorted(np.unique(sample.truth), sample.truth)

    assert temperature_of(3 * np.log(likely), truth) == pytest.approx(3, rel=0.1)


def test_the_figures_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(5)
    likely = rng.dirichlet((2, 1, 1), 500)
    truth = rng.integers(0, 3, 500)
    quality = model_quality(likely, truth, ("x", "y", "z"), Thresholds(0.5, 0.0), folds=2)

    best = likely.argmax(axis=1)
    assert quality.kappa == pytest.approx(cohen_kappa_score(truth, best))
    assert quality.balanced == pytest.approx(balanced_accuracy_score(truth, best))
    hits = (best == truth).sum()
    assert quality.press_q == pytest.approx((500 - hits * 3) ** 2 / (500 * 2))
    assert [point.confidence for point in quality.curve] == list(CURVE)
    sure = likely.max(axis=1) >= 0.5
    assert quality.coverage == pytest.approx(sure.mean())
    assert quality.precision["x"] == pytest.approx((truth[sure & (best == 0)] == 0).mean())


def test_thresholds_matter_for_who_counts_as_assigned() -> None:
    likely = np.array([[0.6, 0.3, 0.1], [0.55, 0.45, 0.0], [0.34, 0.33, 0.33]])
    truth = np.array([0, 0, 0])

    coverage = [
        model_quality(likely, truth, "xyz", Thresholds(c, m), folds=2).coverage
        for c, m in ((0.5, 0.0), (0.5, 0.2), (0.0, 0.0))
    ]

    assert coverage == pytest.approx([2 / 3, 1 / 3, 1])


def test_rules_that_hit_as_often_are_kept() -> None:
    sample = planted(900)

    verdict = fit_classifier(sample, rng=np.random.default_rng(2), thresholds=LIMITS, folds=3, rules=sample.truth).gate

    assert verdict.sentences[0].startswith("Keep the rules: their hit rate on the same people is 100%")


def test_minimum_data_are_named_before_training() -> None:
    rng = np.random.default_rng(1)
    few = Sample(tuple("abcdefghijkl"), rng.normal(size=(70, 12)), np.array(["x"] * 60 + ["y"] * 10))

    assert missing_for_fit(few) == [
        "Segment 'y' needs 50 people, you have 10.",
        "A model of 12 features needs 120 people, you have 70.",
    ]
    with pytest.raises(DefinitionError, match="needs 50 people, you have 10"):
        fit_classifier(few, rng=rng, thresholds=LIMITS)


def test_one_class_only_is_no_task_for_a_model() -> None:
    with pytest.raises(DefinitionError, match="needs two or more segments; there is 1"):
        fit_classifier(
            Sample(("a",), np.ones((90, 1)), np.array(["x"] * 90)), rng=np.random.default_rng(1), thresholds=LIMITS
        )


def test_features_that_tell_nothing_are_dropped_and_named() -> None:
    sample = planted(600)
    rows = np.column_stack(
        [sample.rows, np.full(600, np.nan), np.full(600, 4.0), np.where(np.arange(600) % 2, 1, np.nan)]
    )
    wider = Sample((*sample.features, "missing", "constant", "one_or_nothing"), rows, sample.truth)

    fitted = fit_classifier(wider, rng=np.random.default_rng(2), thresholds=LIMITS, folds=3)

    assert fitted.dropped == ("missing", "constant", "one_or_nothing")
    assert fitted.model.features == ("a", "b", "c")
    nothing = Sample(("missing",), np.full((600, 1), np.nan), sample.truth)
    with pytest.raises(DefinitionError, match="no values, or all the same"):
        fit_classifier(nothing, rng=np.random.default_rng(2), thresholds=LIMITS)


def test_unknown_values_are_filled_by_the_mean_of_the_known() -> None:
    sample = planted(900)
    holes = np.where(np.random.default_rng(4).random(sample.rows.shape) < 0.2, np.nan, sample.rows)

    fitted = fit_classifier(
        Sample(sample.features, holes, sample.truth), rng=np.random.default_rng(2), thresholds=LIMITS, folds=3
    )

    assert fitted.model.fill == pytest.approx(np.nanmean(holes, axis=0))
    assert fitted.chosen.kappa > 0.2


def test_the_generator_and_the_folds_matter() -> None:
    sample = planted(400, strength=0.5)

    def hit(seed: int, folds: int) -> float:
        return fit_classifier(sample, rng=np.random.default_rng(seed), thresholds=LIMITS, folds=folds).chosen.log_loss

    assert hit(1, 3) == hit(1, 3)
    assert len({hit(1, 3), hit(2, 3), hit(1, 5)}) == 3


def test_held_out_figures_agree_with_scikit_learns_cross_validation() -> None:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    items, known = drawings()
    truth = segmented(items)
    with threadpool_limits(1):
        theirs = cross_val_predict(make_pipeline(StandardScaler(), LogisticRegression()), known, truth, cv=10)
    ours = fit_classifier(Sample(DARKNESS, known, truth), rng=np.random.default_rng(3), thresholds=LIMITS).quality[
        "logit"
    ]

    assert ours.hit == pytest.approx((theirs == truth).mean(), abs=0.01)
