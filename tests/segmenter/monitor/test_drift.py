"""Drift in three kinds, held to published figures, a closed form and simulation."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from statsmodels.stats.proportion import proportions_ztest

from segmenter.monitor.drift import (
    ResponseCount,
    Spread,
    drift,
    lifts_moved,
    mean_moved,
    psi,
    psi_threshold,
    responses,
    share_moved,
    slow_change,
    two_proportions,
)
from segmenter.stats.multiplicity import Estimate
from tests.segmenter.published_tables import BANK_YES, BANK_YES_BEFORE, BANK_Z, bank_calls

BLOCKS = 10
PSI = {
    "score": [0.020, 0.055, 0.030, 0.080, 0.024, 0.079, 0.031, 0.070],
    "age": [0.005, 0.211, 0.044, 0.298, 0.067, 0.045, 0.251, 0.452],
    "job": [0.008, 0.025, 0.196, 0.441, 0.188, 0.059, 0.090, 0.931],
    "contact": [0.00, 10.6, 11.0, 11.3, 11.1, 11.6, 10.9, 9.7],
}


@pytest.fixture(scope="module")
def bank(shared: Path) -> pd.DataFrame:
    frame = pd.read_csv(shared / "data/bank_marketing/bank-additional-full.csv.gz")
    frame["block"] = np.arange(len(frame)) * BLOCKS // len(frame)
    frame["score"] = _score(frame)
    return frame


def _score(frame: pd.DataFrame) -> NDArray[np.float64]:
    numbers, words = ["age", "campaign", "pdays"], ["job", "day_of_week"]
    columns = make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(handle_unknown="ignore"), words))
    model = make_pipeline(columns, LogisticRegression(max_iter=1000))
    first = frame[frame.block <= 1]
    model.fit(first[numbers + words], first.y == "yes")
    scores: NDArray[np.float64] = model.predict_proba(frame[numbers + words])[:, 1]
    return scores


def _by_decile(reference: pd.Series, values: pd.Series) -> dict[str, int]:
    edges = np.unique(np.quantile(reference, np.arange(0.1, 0.95, 0.1)))
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    return {str(place): int(count) for place, count in enumerate(counts)}


def _counts(bank: pd.DataFrame, name: str, block: int) -> tuple[dict[str, int], dict[str, int]]:
    reference, now = bank[bank.block <= 1][name], bank[bank.block == block][name]
    if name in {"score", "age"}:
        return _by_decile(reference, reference), _by_decile(reference, now)
    return reference.value_counts().to_dict(), now.value_counts().to_dict()


@pytest.mark.parametrize("name", PSI)
def test_psi_of_the_bank_is_that_of_the_table(bank: pd.DataFrame, name: str) -> None:
    for block, wanted in enumerate(PSI[name], start=2):
        before, now = _counts(bank, name, block)
        values = [*before, *(value for value in now if value not in before)]

        shift = psi([before.get(value, 0) for value in values], [now.get(value, 0) for value in values])

        assert shift == pytest.approx(wanted, abs=0.05 if name == "contact" else 0.0051), block


def test_the_score_of_the_bank_never_alarms(bank: pd.DataFrame) -> None:
    assert not any(drift(*_counts(bank, "score", block)).alarm for block in range(2, BLOCKS))


def test_a_new_way_of_contact_is_new_and_no_drift(bank: pd.DataFrame) -> None:
    for block in range(2, BLOCKS):
        shift = drift(*_counts(bank, "contact", block))

        assert set(shift.new) == ({"cellular"} if block >= 3 else set())
        assert not shift.alarm


def test_the_concept_of_the_bank_alarms_from_the_second_block_on() -> None:
    before = ResponseCount(bank_calls(0) + bank_calls(1), BANK_YES_BEFORE)
    for block in range(2, BLOCKS):
        (change,) = responses({"all": before}, {"all": ResponseCount(bank_calls(block), BANK_YES[block])})

        assert change.z == pytest.approx(BANK_Z[block], abs=0.51)
        assert change.stands


def test_the_two_proportion_test_is_that_of_statsmodels() -> None:
    z, p = two_proportions(ResponseCount(8238, 259), ResponseCount(4119, 174))
    theirs = proportions_ztest([174, 259], [4119, 8238])

    assert (z, p) == pytest.approx(theirs)


@pytest.mark.parametrize(("shift", "wanted"), [(0.1, 0.010), (0.2, 0.038), (0.3, 0.086), (0.5, 0.238)])
def test_a_shift_of_a_normal_trait_has_its_psi(shift: float, wanted: float) -> None:
    edges = [-np.inf, *norm.ppf(np.arange(0.1, 0.95, 0.1)), np.inf]
    people = 1e9
    now = np.diff(norm.cdf(edges, loc=shift)) * people

    assert psi([people / 10] * 10, now.tolist()) == pytest.approx(wanted, abs=0.0006)


@pytest.mark.slow
def test_without_drift_small_samples_alarm_hardly_ever() -> None:
    rng = np.random.default_rng(7)
    n, m, tries = 1_000, 100, 4_000
    shifts = []
    for _ in range(tries):
        reference, now = rng.normal(size=n), rng.normal(size=m)
        edges = np.quantile(reference, np.arange(0.1, 0.95, 0.1))
        before = np.bincount(np.searchsorted(edges, reference), minlength=10)
        present = np.bincount(np.searchsorted(edges, now), minlength=10)
        shifts.append(psi(before.tolist(), present.tolist()))

    assert np.mean(shifts) == pytest.approx(0.094, abs=0.006)
    assert np.mean(np.array(shifts) > 0.1) == pytest.approx(0.38, abs=0.04)
    assert np.mean(np.array(shifts) > psi_threshold(n, m, 10)) <= 0.01


def test_large_samples_keep_the_conventional_threshold() -> None:
    assert psi_threshold(100_000, 10_000, 10) == 0.1


def test_what_cannot_move_never_alarms() -> None:
    assert not drift({"one": 5}, {"one": 500}).alarm
    assert not drift({}, {"any": 5}).alarm
    assert not drift({"a": 5, "b": 5}, {}).alarm
    assert drift({}, {"any": 5}).share_new == 1.0
    assert drift({"a": 1}, {}).share_new == 0.0


def test_small_changes_add_up() -> None:
    before = ResponseCount(10_000, 1_000)

    assert slow_change(before, [ResponseCount(1_000, 100)] * 40) is None
    assert slow_change(before, [ResponseCount(1_000, 111)] * 40) == 8
    assert slow_change(before, [ResponseCount(1_000, 89)] * 40) is not None
    assert slow_change(before, [ResponseCount(1_000, 200)]) == 0


def test_segments_are_judged_together_and_strangers_left_out() -> None:
    before = {"a": ResponseCount(1000, 100), "b": ResponseCount(1000, 100)}
    response_drifts = responses(
        before, {"a": ResponseCount(1000, 60), "b": ResponseCount(1000, 101), "c": ResponseCount(10, 1)}
    )

    assert [(response_drift.segment, response_drift.stands) for response_drift in response_drifts] == [
        ("a", True),
        ("b", False),
    ]


def test_what_mailing_adds_is_compared_with_all_before_by_their_precision() -> None:
    spring = {"a": Estimate(0.10, 1e-4), "b": Estimate(0.02, 1e-4), "gone": Estimate(0.5, 1e-4)}
    summer = {"a": Estimate(0.07, 2e-4), "b": Estimate(0.02, 1e-4)}
    autumn = {"a": Estimate(0.01, 1e-4), "b": Estimate(0.03, 1e-4), "new": Estimate(0.2, 1e-4), "c": Estimate(0.1, 0.0)}
    changes = {moved.segment: moved for moved in lifts_moved([spring, summer], autumn)}

    precision = 1 / 1e-4 + 1 / 2e-4
    assert set(changes) == {"a", "b"}
    assert changes["a"].before.difference == pytest.approx((0.10 / 1e-4 + 0.07 / 2e-4) / precision)
    assert changes["a"].before.variance == pytest.approx(1 / precision)
    z = (changes["a"].before.difference - 0.01) / np.sqrt(1 / precision + 1e-4)
    assert changes["a"].p == pytest.approx(2 * norm.sf(z))
    assert (changes["a"].stands, changes["b"].stands) == (True, False)
    assert lifts_moved([], autumn) == []


def test_nobody_asked_is_nothing_to_compare() -> None:
    assert two_proportions(ResponseCount(0, 0), ResponseCount(10, 1)) == (0.0, 1.0)
    assert two_proportions(ResponseCount(10, 0), ResponseCount(10, 0)) == (0.0, 1.0)
    assert ResponseCount(0, 0).rate == 0.0


def test_a_share_and_a_mean_move_only_by_more_than_chance_and_more_than_five_points() -> None:
    assert share_moved(ResponseCount(10_000, 1_000), ResponseCount(10_000, 1_600))
    assert not share_moved(ResponseCount(1_000_000, 100_000), ResponseCount(1_000_000, 104_000))
    assert not share_moved(ResponseCount(20, 2), ResponseCount(20, 4))
    assert mean_moved(Spread(1000, 0.8, 0.1), Spread(1000, 0.7, 0.1))
    assert not mean_moved(Spread(1_000_000, 0.8, 0.1), Spread(1_000_000, 0.76, 0.1))
    assert not mean_moved(Spread(5, 0.8, 0.2), Spread(5, 0.7, 0.2))
    assert mean_moved(Spread(5, 1.0, 0.0), Spread(5, 0.7, 0.0))
    assert not mean_moved(Spread(0, 0.0, 0.0), Spread(5, 0.7, 0.0))
