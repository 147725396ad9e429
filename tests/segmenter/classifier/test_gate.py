"""The gate: proper scores, AUC and counts decide, use by use; a hit rate alone refuses nothing."""

from __future__ import annotations

import csv
import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from segmenter.classifier.discrimination import gain_curve, ranking
from segmenter.classifier.gate import LEAST_ASSIGNED, NO_BETTER, gate
from segmenter.classifier.metrics import ModelQuality, model_quality
from segmenter.classifier.proper_scores import bands, brier_losses, log_losses, score_gain
from segmenter.classifier.thresholds import Thresholds
from segmenter.classifier.train import Fitted, Sample, fit_classifier, softmax
from segmenter.errors import DefinitionError

LIMITS = Thresholds()


def responders(people: int, *, level: float, strength: float, seed: int = 3) -> Sample:
    """People who respond with the probability of a logistic model of two traits."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(people, 2))
    likely = 1 / (1 + np.exp(-(level + strength * rows[:, 0] - strength / 2 * rows[:, 1])))
    return Sample(("a", "b"), rows, np.where(rng.random(people) < likely, "yes", "no"), outcome=True)


def fitted(sample: Sample, folds: int = 10) -> Fitted:
    return fit_classifier(sample, rng=np.random.default_rng(1), thresholds=LIMITS, folds=folds)


def test_a_good_response_model_passes_whose_hit_rate_is_near_the_largest_share() -> None:
    made = fitted(responders(3_000, level=-3.2, strength=2.0))
    chosen = made.chosen

    assert chosen.largest_share > 0.84
    assert chosen.hit - chosen.largest_share < 0.05  # what was asked for before, and is out of reach for most outcomes
    assert chosen.labels["yes"].ranking.auc > 0.85
    assert made.gate.uses == ("rank", "band", "classify")
    assert made.gate.sentences == ()


def test_a_rare_outcome_may_be_ranked_and_banded_though_nobody_can_be_called_a_buyer() -> None:
    made = fitted(responders(4_000, level=-4.0, strength=0.8))

    assert 0.02 < 1 - made.chosen.largest_share < 0.04
    assert made.chosen.labels["yes"].assigned < LEAST_ASSIGNED
    assert made.gate.uses == ("rank", "band")
    assert made.gate.sentences[0].startswith("It tells too few segments apart: ")
    assert not any(NO_BETTER in sentence for sentence in made.gate.sentences)


def test_the_bank_s_calls_can_be_ranked_by_what_was_known_before_them(shared: Path) -> None:
    """Real data: every twentieth of 41,188 calls, 11% yes."""
    with gzip.open(shared / "data" / "bank_marketing" / "bank-additional-full.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))[::20]
    months = ("mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
    table = np.array(
        [
            [float(row["contact"] == "cellular"), float(row["pdays"]), *(float(row["month"] == m) for m in months)]
            for row in rows
        ]
    )
    names = ("cellular", "pdays", *months)
    made = fitted(Sample(names, table, np.array([row["y"] for row in rows]), outcome=True), folds=5)

    assert made.chosen.largest_share == pytest.approx(0.887, abs=0.01)
    assert made.chosen.hit - made.chosen.largest_share < 0.05
    assert made.chosen.labels["yes"].ranking.interval.low > 0.65
    assert {"rank", "band"} <= set(made.gate.uses)


@pytest.mark.slow
def test_noise_passes_for_no_use() -> None:
    passed = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        sample = Sample(("a", "b", "c"), rng.normal(size=(600, 3)), rng.choice(["x", "y"], 600, p=[0.15, 0.85]))
        verdict = fit_classifier(sample, rng=rng, thresholds=LIMITS, folds=5).gate
        passed += bool(verdict.uses)
        assert verdict.passed is False

    assert passed <= 2  # of 20, where one in forty may pass by chance


def quality_of(likely: np.ndarray, truth: np.ndarray) -> ModelQuality:
    return model_quality(likely, truth, ("x", "y"), LIMITS, folds=10)


def test_each_use_has_its_own_demand() -> None:
    rng = np.random.default_rng(5)
    right = softmax(rng.normal(0, 2, (2_000, 2)))
    truth = (rng.random(2_000) < right[:, 1]).astype(int)
    good = quality_of(right, truth)
    too_sure = right**1.8 / (right**1.8).sum(axis=1, keepdims=True)

    assert gate(good).uses == ("rank", "band", "classify")
    assert gate(quality_of(too_sure, truth)).uses == ("rank", "classify")
    assert "people were given" in gate(quality_of(too_sure, truth)).sentences[0]
    assert gate(quality_of(right[:, ::-1], truth)).uses == ()
    assert gate(quality_of(right[:, ::-1], truth)).sentences[0].startswith(NO_BETTER)
    assert gate(good, rules_hit=good.hit).uses == ("rank", "band")
    assert gate(good, leak="Known after it.").uses == ()
    assert gate(good, rules_hit=good.hit - 0.01).passed


def test_one_wrong_person_refuses_no_model() -> None:
    """A segment of which one person was assigned, wrongly, is not judged by that person."""
    sample = responders(2_000, level=-2.0, strength=2.5)
    chosen = fitted(sample).chosen
    third = replace(chosen.labels["yes"], people=60, assigned=1, right=0, precision=0.0, assigned_effective=1.0)
    many = replace(third, assigned=200, right=40, precision=0.2, assigned_effective=200.0)

    assert gate(replace(chosen, labels={**chosen.labels, "rare": third})).passed
    refused = gate(replace(chosen, labels={**chosen.labels, "rare": many}))
    assert not refused.passed
    assert "Precision of 'rare' is 20% of 200 people (95% CI 15% to 26%)" in refused.sentences[0]


@pytest.mark.slow
def test_auc_and_its_interval_agree_with_scikit_learn_and_a_bootstrap() -> None:
    rng = np.random.default_rng(8)
    positive = rng.random(500) < 0.2
    score = np.round(rng.normal(size=500) + positive, 1)  # with ties
    ours = ranking(score, positive)
    draws = (rng.integers(500, size=500) for _ in range(400))
    deviation = np.std([roc_auc_score(positive[drawn], score[drawn]) for drawn in draws])

    assert ours.auc == pytest.approx(roc_auc_score(positive, score), abs=1e-12)
    assert (ours.interval.high - ours.interval.low) / 2 / 1.96 == pytest.approx(deviation, rel=0.12)
    assert ranking(score, np.zeros(500, bool)).interval.low == 0


def test_a_gain_curve_by_hand() -> None:
    score = np.array([0.9, 0.8, 0.8, 0.8, *[0.1] * 16])
    positive = np.array([True, True, False, False, True, *[False] * 15])
    reached = {point.top: (round(point.reached, 4), round(point.rate, 4)) for point in gain_curve(score, positive)}

    assert reached[0.05] == (0.3333, 1.0)  # one person, who has it
    assert reached[0.1] == (0.4444, 0.6667)  # and a third of the one among three equal scores
    assert reached[0.2] == (0.6667, 0.5)
    assert gain_curve(score, np.zeros(20, bool)) == ()


def test_a_score_s_interval_by_hand() -> None:
    """Gains of 1, 2, 3, 2 in two folds: mean 2, variance 2/3 over two people a fold, times 1/2 + 1."""
    gain = score_gain(np.zeros(4), np.array([1.0, 2.0, 3.0, 2.0]), 2)
    half = 1.959964 * (2 / 3 / 2 * 1.5) ** 0.5

    assert gain.gain == 2
    assert (gain.interval.low, gain.interval.high) == pytest.approx((2 - half, 2 + half), abs=1e-6)
    assert gain.better
    assert gain.relative == 1
    assert score_gain(np.array([1.0, 2.0, 3.0, 2.0]), np.zeros(4), 2).worse


def test_losses_by_hand() -> None:
    likely, truth = np.array([[0.8, 0.2], [0.5, 0.5]]), np.array([0, 1])

    assert log_losses(likely, truth) == pytest.approx([0.22314, 0.69315], abs=1e-5)
    assert brier_losses(likely, truth) == pytest.approx([0.08, 0.5])
    assert [band.people for band in bands(likely[:, 0], truth == 0)] == [1, 1]


def test_a_trait_that_is_known_only_after_the_outcome_stops_the_model() -> None:
    sample = responders(900, level=-1.0, strength=1.0)
    after = np.column_stack([sample.rows, (sample.truth == "yes") * 30.0 + np.random.default_rng(1).random(900)])
    names = ("a", "b", "sum_after")
    undated = replace(sample, features=names, rows=after, late=frozenset(names))

    refused = fitted(undated, folds=5).gate
    assert refused.uses == ()
    assert refused.sentences[0].startswith(
        "'sum_after' alone tells the outcome of everybody: it is probably known only"
    )
    assert fitted(replace(undated, late=frozenset("ab")), folds=5).gate.passed  # measured before it, so it may


def test_forty_outcomes_of_which_thirty_have_one_person_are_one_sentence() -> None:
    truth = np.array([f"big{n % 10}" for n in range(600)] + [f"lone{n}" for n in range(30)])
    sample = Sample(("a",), np.arange(630.0)[:, None], truth, outcome=True)

    with pytest.raises(
        DefinitionError, match=r"Each outcome needs 50 people, and 30 of 40 have fewer \('lone0': 1, "
    ) as raised:
        fitted(sample)
    assert len(str(raised.value)) < 250
