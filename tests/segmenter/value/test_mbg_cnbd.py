"""MBG/CNBD-k: published parameters, known truths, and an expectation that a simulation of the clock confirms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segmenter.stats.mle import maximise
from segmenter.value.bg_nbd import STARTS, Frequency, fit_frequency
from segmenter.value.holdout import holdout
from segmenter.value.mbg_cnbd import expected_mbg_cnbd, mbg_cnbd_log_likelihood, regularity
from tests.segmenter.value.histories import (
    END_OF_CALIBRATION,
    ONLINE_RETAIL_SPLIT,
    cdnow,
    close,
    known,
    online_retail,
    simulated,
)

TRUTH = np.array([0.85, 1.45, 0.79, 2.42])  # with k = 3, in the tests of R's BTYDplus


@pytest.mark.slow
@pytest.mark.reproduces("CDNOW: MBG/CNBD-k parameters for k = 1", "BTYDplus; lifetimes")
def test_the_published_parameters_of_cdnow_without_regularity_are_found(shared: Path) -> None:
    """R's BTYDplus and Python's lifetimes print r .525, alpha 6.183, a .891, b 1.614 for k = 1."""
    x, last, observed = np.loadtxt(shared / "data" / "cdnow" / "cdnow_cbs.csv", delimiter=",", skiprows=1)[:, :3].T
    nothing, once = np.zeros(len(x)), np.ones(len(x))
    best = maximise(lambda p: mbg_cnbd_log_likelihood(p, 1, x, last, observed, nothing, once), STARTS[:1])

    assert close(best.parameters, (0.525, 6.183, 0.891, 1.614), (0.0006, 0.002, 0.001, 0.002))


def test_cdnow_is_not_regular(shared: Path) -> None:
    """As published: k = 1. Its first orders of a day count, so gaps are whole days."""
    buyers = known(cdnow(shared / "data"), END_OF_CALIBRATION).buyers

    assert regularity(buyers.repeats, buyers.last, buyers.log_gaps) < 1.2
    assert fit_frequency(buyers.repeats, buyers.last, buyers.observed, buyers.log_gaps).kind == "bg/nbd"


@pytest.mark.slow
def test_planted_regularity_and_parameters_are_recovered_and_the_forecast_is_right_by_tenth() -> None:
    buyers, later = simulated(2_500, np.random.default_rng(1), r=0.85, alpha=1.45, a=0.79, b=2.42, k=3)
    fitted = fit_frequency(buyers.repeats, buyers.last, buyers.observed, buyers.log_gaps)
    usual = fit_frequency(buyers.repeats, buyers.last, buyers.observed)
    forecast = holdout(fitted.expected(buyers.repeats, buyers.last, buyers.observed, 26), later)
    without = holdout(usual.expected(buyers.repeats, buyers.last, buyers.observed, 26), later)

    assert regularity(buyers.repeats, buyers.last, buyers.log_gaps) == pytest.approx(3, rel=0.05)
    assert (fitted.kind, fitted.k) == ("mbg/cnbd-k", 3)
    assert fitted.fallback == "buyers order regularly (k = 3), so MBG/CNBD-k is used"
    assert (fitted.r, fitted.alpha, fitted.a, fitted.b) == pytest.approx(tuple(TRUTH), rel=0.2)
    assert not forecast.misses
    assert forecast.mean_error < without.mean_error


def test_an_expectation_is_the_mean_of_many_lives() -> None:
    """x 2, t_x 10, T 14 weeks, k 3: rates and chances from the prior, weighted by the likelihood of the history."""
    rng, k, people = np.random.default_rng(4), 3, 400_000
    r, alpha, a, b = TRUTH
    rate, stop = rng.gamma(r, 1 / alpha, people), rng.beta(a, b, people)
    waiting = sum((rate * 4) ** j / (1, 1, 2)[j] for j in range(k)) * np.exp(-rate * 4)  # no third order within 4 weeks
    weight = (1 - stop) ** 2 * rate ** (2 * k) * np.exp(-rate * 10) * (stop + (1 - stop) * waiting)
    alive = (1 - stop) * waiting / (stop + (1 - stop) * waiting)
    chosen = rng.choice(people, 20_000, p=weight / weight.sum())
    there = rng.random(20_000) < alive[chosen]
    rate, stop = rate[chosen], stop[chosen]
    phases = np.stack([(rate * 4) ** j / (1, 1, 2)[j] for j in range(k)]).cumsum(axis=0)
    phase = (rng.random(20_000) * phases[-1] > phases).sum(axis=0)
    orders, now = np.zeros(20_000), rng.gamma(k - phase, 1 / rate)
    while (there & (now <= 26)).any():
        orders += there & (now <= 26)
        there = there & (now <= 26) & (rng.random(20_000) >= stop)
        now = now + rng.gamma(k, 1 / rate)

    ours = expected_mbg_cnbd(TRUTH, k, np.array([2.0]), np.array([10.0]), np.array([14.0]), 26)
    assert ours[0] == pytest.approx(orders.mean(), abs=4 * orders.std() / 20_000**0.5)


def test_every_argument_matters_and_nothing_comes_in_no_time() -> None:
    history = (np.array([3.0]), np.array([20.0]), np.array([30.0]))
    base = Frequency("mbg/cnbd-k", 0.5, 5.0, 0.7, 2.0, 0.0, "", 2)
    others = [replace(base, **{name: getattr(base, name) * 2}) for name in ("r", "alpha", "a", "b", "k")]

    assert len({round(float(model.expected(*history, 26)[0]), 9) for model in (base, *others)}) == 6
    assert base.expected(*history, 0)[0] == 0
    assert 0 < base.expected_of_new(26) < others[0].expected_of_new(26)
    assert len(base.expected(np.zeros(0), np.zeros(0), np.zeros(0), 26)) == 0


@pytest.mark.long
@pytest.mark.slow
def test_a_gift_shop_s_forecast_is_told_with_its_error(shared: Path) -> None:
    """SCIENCE 10.4: the NBD says 5,635 of 6,426 order days. Its buyers are regular, and k = 2 says 5,844."""
    log = online_retail(shared / "data")
    buyers = known(log, ONLINE_RETAIL_SPLIT).buyers
    later = log[log["at"] > ONLINE_RETAIL_SPLIT]
    days = later.assign(day=later["at"].dt.date).drop_duplicates(["who", "day"]).groupby("who").size()
    came = np.array([float(days.get(who, 0)) for who in buyers.person_ids])
    histories = (buyers.repeats, buyers.last, buyers.observed)
    usual, regular = fit_frequency(*histories), fit_frequency(*histories, buyers.log_gaps)
    before, forecast = (holdout(model.expected(*histories, 23.14), came) for model in (usual, regular))

    assert regularity(buyers.repeats, buyers.last, buyers.log_gaps) == pytest.approx(1.67, abs=0.01)
    assert (usual.kind, regular.kind, regular.k) == ("nbd", "mbg/cnbd-k", 2)
    assert regular.log_likelihood - usual.log_likelihood > 300
    assert (before.came, before.error, forecast.error) == pytest.approx((6426, -0.123, -0.091), abs=0.002)
    assert before.interval.high < -0.05
    assert before.misses_total
    assert not forecast.misses_total
    assert forecast.tenths[0].misses  # .39 said, .98 true: it is told


def test_a_holdout_by_hand_and_its_interval_by_bootstrap() -> None:
    rng = np.random.default_rng(3)
    came = rng.poisson(rng.gamma(0.6, 2, 2_000)).astype(float)
    forecast = 0.8 * came + rng.gamma(1, 0.3, 2_000)
    drawn = rng.integers(2_000, size=(1_000, 2_000))
    errors = forecast[drawn].sum(axis=1) / came[drawn].sum(axis=1) - 1
    made = holdout(forecast, came)

    assert made.error == pytest.approx(forecast.sum() / came.sum() - 1)
    assert (made.interval.high - made.interval.low) / 2 / 1.96 == pytest.approx(errors.std(), rel=0.1)
    assert made.mean_error == pytest.approx(np.abs(forecast - came).mean())
    assert [tenth.buyers for tenth in made.tenths] == [200] * 10
    assert made.tenths[0].forecast <= made.tenths[9].forecast
    exact = holdout(came + 0.0, came)
    assert not exact.misses
    low = holdout(np.where(np.arange(1_000) < 100, 0.13, 1.0), np.where(np.arange(1_000) < 100, 0.75, 1.0))
    assert [tenth.misses for tenth in low.tenths] == [True] + [False] * 9
    assert low.misses
    assert not low.misses_total
    assert holdout(np.ones(5), np.zeros(5)).error == float("inf")
