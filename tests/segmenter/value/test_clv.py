"""BG/NBD, NBD and Gamma-Gamma: equal to what was published, and known for what they can't tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln, hyp2f1, roots_jacobi

from segmenter.stats import mle
from segmenter.stats.mle import thinned
from segmenter.value.baselines import compare_rankings, top_share
from segmenter.value.bg_nbd import Frequency, bg_nbd_log_likelihood, fit_frequency, nbd_log_likelihood
from segmenter.value.gamma_gamma import SpendModel, fit_spend, gamma_gamma_log_likelihood
from tests.segmenter.published_tables import CDNOW_BG_NBD, CDNOW_GAMMA_GAMMA, CDNOW_MEAN_AMOUNT, CDNOW_ORDERS_OF_NEW
from tests.segmenter.value.histories import (
    END_OF_CALIBRATION,
    ONLINE_RETAIL_SPLIT,
    Array,
    cdnow,
    close,
    known,
    online_retail,
    simulated,
)

PUBLISHED = Frequency("bg/nbd", *CDNOW_BG_NBD)


@pytest.fixture(scope="module")
def summary(shared: Path) -> Array:
    """CDNOW's sample as the literature summarises it: x, t_x, T, purchases in the holdout."""
    return np.loadtxt(shared / "data" / "cdnow" / "cdnow_cbs.csv", delimiter=",", skiprows=1)


@pytest.fixture(scope="module")
def fitted(summary: Array) -> Frequency:
    return fit_frequency(summary[:, 0], summary[:, 1], summary[:, 2])


@pytest.mark.reproduces("CDNOW: BG/NBD parameters and log-likelihood", "Fader, Hardie & Lee 2005")
def test_the_published_parameters_of_cdnow_are_found(fitted: Frequency) -> None:
    """SCIENCE 10.3: Fader, Hardie & Lee 2005."""
    assert fitted.kind == "bg/nbd"
    assert close((fitted.r, fitted.alpha), (0.243, 4.414), (0.0006, 0.002))
    assert close((fitted.a, fitted.b), (0.793, 2.426), (0.0006, 0.002))
    assert fitted.log_likelihood == pytest.approx(-9582.43, abs=0.01)


@pytest.mark.reproduces("CDNOW: expected orders and amounts", "Fader, Hardie & Lee 2005; Fader & Hardie 2013")
def test_published_expectations_are_reproduced() -> None:
    """From published parameters; that these are found again is the test before."""
    expectations = {weeks: PUBLISHED.expected_of_new(weeks) for weeks in CDNOW_ORDERS_OF_NEW}
    expectation = PUBLISHED.expected(np.array([2.0]), np.array([30.43]), np.array([38.86]), 39)
    spend = SpendModel("gamma-gamma", *CDNOW_GAMMA_GAMMA, 35.0, 0.0, 946, 0.114)

    assert expectations == pytest.approx(CDNOW_ORDERS_OF_NEW, abs=0.0005)
    assert expectation[0] == pytest.approx(1.226, abs=0.0005)
    assert spend.expected(np.zeros(1), np.full(1, np.nan))[0] == pytest.approx(CDNOW_MEAN_AMOUNT, abs=0.01)


def test_the_holdout_of_cdnow_is_forecast_as_the_literature_does(fitted: Frequency, summary: Array) -> None:
    expected = fitted.expected(summary[:, 0], summary[:, 1], summary[:, 2], 39)
    actual = summary[:, 3]

    assert (summary[:, 0].sum(), actual.sum()) == (2457, 1882)
    assert expected.sum() == pytest.approx(1653.4, abs=0.5)
    assert np.abs(expected - actual).mean() == pytest.approx(0.785, abs=0.001)
    assert np.corrcoef(expected, actual)[0, 1] == pytest.approx(0.626, abs=0.001)
    assert top_share(expected, actual) == pytest.approx(0.470, abs=0.003)


def test_the_log_of_orders_gives_the_published_summary(shared: Path, summary: Array) -> None:
    buyers = known(cdnow(shared / "data"), END_OF_CALIBRATION).buyers

    ours = np.column_stack([buyers.repeats, buyers.last, buyers.observed])
    np.testing.assert_allclose(ours, summary[:, :3], atol=1e-9)


@pytest.mark.reproduces("CDNOW: Gamma-Gamma parameters, amounts of the first ten customers", "Fader & Hardie 2013")
def test_the_published_amounts_of_cdnow_are_found(shared: Path) -> None:
    """SCIENCE 10.3: Fader & Hardie 2013; the first ten customers as CLVTools and lifetimes quote them."""
    buyers = known(cdnow(shared / "data"), END_OF_CALIBRATION).buyers
    spend_model = fit_spend(buyers.repeats, buyers.repeat_mean)
    published = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]

    assert close((spend_model.p, spend_model.q, spend_model.gamma), (6.25, 3.744, 15.444), (0.01, 0.01, 0.05))
    assert spend_model.log_likelihood == pytest.approx(-4055.92, abs=0.01)
    assert (spend_model.buyers, round(spend_model.correlation, 3)) == (946, 0.114)
    assert spend_model.expected(buyers.repeats[:10], buyers.repeat_mean[:10]) == pytest.approx(published, abs=0.06)


@pytest.mark.proof
def test_the_whole_file_of_cdnow_is_fitted_as_published(shared: Path) -> None:
    import pandas as pd  # noqa: PLC0415 - of this test alone

    file = shared / "data" / "cdnow" / "CDNOW_master.txt.gz"
    log = pd.read_csv(file, sep=r"\s+", names=["who", "date", "cds", "amount"], dtype={"who": str, "date": str})
    log["at"] = pd.to_datetime(log["date"], utc=True)
    buyers = known(log, END_OF_CALIBRATION).buyers
    frequency = fit_frequency(buyers.repeats, buyers.last, buyers.observed)
    days = log[log["at"] > "1997-09-30"].drop_duplicates(["who", "date"])

    assert close((frequency.r, frequency.alpha), (0.2516, 4.7889), (0.0005, 0.005))
    assert close((frequency.a, frequency.b), (0.7234, 2.1611), (0.001, 0.003))
    assert frequency.log_likelihood == pytest.approx(-95368.4, abs=0.1)
    forecast = frequency.expected(buyers.repeats, buyers.last, buyers.observed, 39).sum()
    assert close((len(days), forecast), (19684, 16874), (0, 10))


def pareto_nbd_log_likelihood(parameters: tuple[float, ...], x: Array, last: Array, observed: Array) -> float:
    """Schmittlein, Morrison & Colombo 1987, in Fader & Hardie's form for alpha <= beta."""
    r, alpha, s, beta = parameters

    def part(at: Array) -> Array:
        z = (beta - alpha) / (beta + at)
        return np.asarray(np.log(hyp2f1(r + s + x, r + x, r + s + x + 1, z)) - (r + s + x) * np.log(beta + at))

    first = -(r + x) * np.log(alpha + observed) - s * np.log(beta + observed)
    left, right = part(last), part(observed)
    two = np.log(s) - np.log(r + s + x) + left + np.log1p(-np.exp(np.minimum(right - left, -1e-12)))
    common = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    return float(np.sum(common + np.logaddexp(first, two)))


def test_the_reference_model_sees_the_same_people(summary: Array, fitted: Frequency) -> None:
    """Pareto/NBD at its published parameters: its published likelihood, which BG/NBD betters on these data."""
    x, last, observed = summary[:, :3].T
    reference = pareto_nbd_log_likelihood((0.5533, 10.5777, 0.6062, 11.6687), x, last, observed)

    assert reference == pytest.approx(-9594.98, abs=0.02)
    assert fitted.log_likelihood > reference


@pytest.fixture(scope="module")
def retail(shared: Path) -> tuple[Array, Array, Array, Array, Array, Array]:
    """Online Retail until the split: x, t_x, T, m, spent, and what was bought afterwards (days, money) stacked."""
    log = online_retail(shared / "data")
    buyers = known(log, ONLINE_RETAIL_SPLIT).buyers
    later = log[log["at"] > ONLINE_RETAIL_SPLIT]
    days = later.assign(day=later["at"].dt.date).drop_duplicates(["who", "day"]).groupby("who").size()
    money = later.groupby("who")["amount"].sum()
    after = np.array([[days.get(who, 0), money.get(who, 0.0)] for who in buyers.person_ids], dtype=float)
    return buyers.repeats, buyers.last, buyers.observed, buyers.repeat_mean, buyers.spent, after


def test_a_fit_at_the_border_is_detected_and_the_fallback_forecasts(retail: tuple[Array, ...]) -> None:
    """SCIENCE 10.4: on Online Retail nobody ever stops, so BG/NBD's likelihood is the NBD's."""
    x, last, observed, _, _, after = retail
    frequency = fit_frequency(x, last, observed)

    assert len(x) == 2960
    assert frequency.kind == "nbd"
    assert "NBD is used" in frequency.fallback
    assert frequency.log_likelihood == pytest.approx(-15325.455, abs=0.01)
    assert close((frequency.r, frequency.alpha), (0.744, 9.05), (0.002, 0.02))
    assert frequency.expected(x, last, observed, 23.14).sum() == pytest.approx(5635, abs=10)
    assert after[:, 0].sum() == 6426


def test_where_nobody_ever_stops_the_fallback_forecasts() -> None:
    """As on Online Retail, with a known truth: 6,000 people who order on for good."""
    buyers, later = simulated(6000, np.random.default_rng(3), r=0.8, alpha=9.0, a=1e-9, b=9.0)
    frequency = fit_frequency(buyers.repeats, buyers.last, buyers.observed)

    assert frequency.kind == "nbd"
    assert "NBD is used" in frequency.fallback
    assert (frequency.r, frequency.alpha) == pytest.approx((0.8, 9.0), rel=0.08)
    assert frequency.expected(buyers.repeats, buyers.last, buyers.observed, 26).sum() == pytest.approx(
        later.sum(), rel=0.03
    )


@pytest.mark.slow
def test_many_histories_are_searched_from_the_best_place_of_some_and_end_at_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    buyers, _ = simulated(12_000, np.random.default_rng(5), r=0.7, alpha=6.0, a=0.8, b=2.5)
    assert thinned(len(buyers)) is None
    whole = fit_frequency(buyers.repeats, buyers.last, buyers.observed)
    monkeypatch.setattr(mle, "LARGE", 4000)
    monkeypatch.setattr(mle, "SOME", 2000)
    quick = fit_frequency(buyers.repeats, buyers.last, buyers.observed)

    assert quick.kind == whole.kind
    assert quick.log_likelihood == pytest.approx(whole.log_likelihood, abs=1e-5)
    assert (quick.r, quick.alpha, quick.a, quick.b) == pytest.approx((whole.r, whole.alpha, whole.a, whole.b), rel=1e-3)


@pytest.mark.slow
def test_the_naive_rankings_are_as_good_on_online_retail_and_it_is_said(retail: tuple[Array, ...]) -> None:
    x, last, observed, mean, spent, after = retail
    frequency, spend = fit_frequency(x, last, observed), fit_spend(x, mean)
    amount = spend.expected(x, mean)
    naive = {"past spend": spent, "past orders": x, "recency": last - observed}
    captures = compare_rankings(
        frequency.expected(x, last, observed, 23.14) * amount, naive, after[:, 1], np.random.default_rng(1)
    )

    assert close((spend.p, spend.q), (2.852, 3.198), (0.01, 0.01))
    assert spend.gamma == pytest.approx(321.2, abs=1.5)
    assert (spend.buyers, round(spend.correlation, 3)) == (1556, 0.086)
    assert {name: round(capture.share, 3) for name, capture in captures.items()} == {
        "model": pytest.approx(0.553, abs=0.003),
        "past spend": pytest.approx(0.560, abs=0.003),
        "past orders": pytest.approx(0.491, abs=0.01),  # ties between people with as many orders
        "recency": pytest.approx(0.275, abs=0.015),
    }
    against = captures["past spend"]
    assert against.interval.low < 0 < against.interval.high or against.behind < 0
    assert captures["recency"].interval.low > 0


def test_every_parameter_matters() -> None:
    x, last, observed = np.array([3.0]), np.array([20.0]), np.array([30.0])
    base = Frequency("bg/nbd", 0.5, 5.0, 0.7, 2.0, 0.0)
    others = [
        Frequency("bg/nbd", 0.9, 5.0, 0.7, 2.0, 0.0),
        Frequency("bg/nbd", 0.5, 9.0, 0.7, 2.0, 0.0),
        Frequency("bg/nbd", 0.5, 5.0, 1.5, 2.0, 0.0),
        Frequency("bg/nbd", 0.5, 5.0, 0.7, 6.0, 0.0),
        Frequency("nbd", 0.5, 5.0, 0.7, 2.0, 0.0),
    ]
    expected = [model.expected(x, last, observed, 26)[0] for model in (base, *others)]
    new = [model.expected_of_new(26) for model in (base, *others)]
    moved = [(x + 1, last, observed, 26.0), (x, last + 5, observed, 26.0), (x, last, observed + 9, 26.0)]

    assert len(set(np.round(expected, 9))) == len(set(np.round(new, 9))) == 6
    assert all(abs(base.expected(*arguments)[0] - expected[0]) > 1e-6 for arguments in moved)
    spends = [SpendModel("gamma-gamma", p, q, g, 9.0, 0.0, 9, 0.0) for p, q, g in ((6, 4, 15), (5, 4, 15), (6, 5, 15))]
    spends += [SpendModel("gamma-gamma", 6, 4, 20, 9.0, 0.0, 9, 0.0), SpendModel("mean", 6, 4, 15, 9.0, 0.0, 9, 0.0)]
    assert len({round(float(spend.expected(x, np.array([30.0]))[0]), 9) for spend in spends}) == 5


weeks = st.floats(0, 200)
shapes = st.floats(0.02, 5)


@given(st.integers(0, 60), weeks, weeks, st.tuples(shapes, st.floats(0.5, 40), shapes, st.floats(0.05, 9)))
def test_an_expectation_is_its_integral_over_everybody_it_could_be(
    x: int, last: float, more: float, parameters: tuple[float, float, float, float]
) -> None:
    """E[Y(t)] by Gauss-Jacobi quadrature over the chance to stop, which is Beta(a, b + x) for who is still there."""
    r, alpha, a, b = parameters
    last = max(last, x / 7) if x else 0.0  # there are seven days in a week
    seen = last + more
    model = Frequency("bg/nbd", r, alpha, a, b, 0.0)
    nodes, weights = roots_jacobi(300, b + x - 1, a - 1)
    p = (1 + nodes) / 2
    odds = a / (b + x - 1) * np.exp((r + x) * np.log((alpha + seen) / (alpha + last))) if x else 0.0
    for until in (0.0, 4.0, 52.0):
        given_alive = ((1 - ((alpha + seen) / (alpha + seen + p * until)) ** (r + x)) / p) @ weights / weights.sum()
        expectation = model.expected(np.array([float(x)]), np.array([last]), np.array([seen]), until)

        assert expectation[0] == pytest.approx(given_alive / (1 + odds), rel=0.01, abs=1e-4)


def test_a_history_that_no_series_can_sum_still_has_an_expectation() -> None:
    busy = Frequency("bg/nbd", 1.0, 9.3, 2.2, 5.0, 0.0).expected(
        np.array([182.0]), np.array([0.0]), np.array([0.0]), 52
    )

    assert busy[0] == pytest.approx(138.05, rel=0.02)  # by quadrature, as above


def test_likelihoods_sum_to_one_over_all_counts() -> None:
    """The NBD's counts of one person, and the density of Gamma-Gamma's means, are distributions."""
    counts = np.arange(0, 400, dtype=float)
    likelihoods = [
        np.exp(nbd_log_likelihood(np.array([0.7, 5.0]), np.array([n]), np.array([30.0]), np.ones(1)))
        * np.exp(n * np.log(30.0) - gammaln(n + 1))
        for n in counts
    ]
    means = np.exp(np.linspace(-6, 12, 20_001))
    density = [np.exp(gamma_gamma_log_likelihood(np.array([6.0, 4.0, 15.0]), np.array([2.0]), m[None])) for m in means]

    assert sum(likelihoods) == pytest.approx(1, abs=1e-6)
    assert np.trapezoid(density, means) == pytest.approx(1, abs=1e-3)


def test_without_dropout_the_likelihood_is_that_of_the_nbd() -> None:
    x, last, observed = np.array([0.0, 3.0]), np.array([0.0, 9.0]), np.array([20.0, 20.0])
    free = bg_nbd_log_likelihood(np.array([0.7, 5.0, 1e-12, 1e4]), x, last, observed, np.ones(2))

    assert free == pytest.approx(nbd_log_likelihood(np.array([0.7, 5.0]), x, observed, np.ones(2)), abs=1e-6)


def test_equal_amounts_are_taken_as_they_are() -> None:
    x, m = np.full(600, 2.0), np.full(600, 20.0)
    spend_model = fit_spend(x, m)

    assert (spend_model.kind, spend_model.fallback) == ("mean", "all orders have the same amount; means are used")
    assert spend_model.expected(x[:2], np.array([20.0, np.nan])).tolist() == [20.0, 20.0]


def test_no_repeat_order_is_no_model_of_amounts() -> None:
    with pytest.raises(ValueError, match="no repeat order above zero"):
        fit_spend(np.zeros(9), np.full(9, np.nan))


@pytest.mark.slow
def test_amounts_that_grow_with_frequency_are_warned_of() -> None:
    rng = np.random.default_rng(2)
    x = rng.integers(1, 30, 500).astype(float)
    spend_model = fit_spend(x, 10 * x + rng.gamma(4, 2, 500))

    assert "are correlated (0.99)" in spend_model.warning or "are correlated (1.00)" in spend_model.warning
    assert fit_spend(x, rng.gamma(4, 2, 500)).warning == ""


@pytest.mark.proof
def test_planted_parameters_are_recovered() -> None:
    """Forty populations of 4,000: the mean of the estimates is the truth, and so is the forecast."""
    estimates, forecast, actual = [], 0.0, 0.0
    for seed in range(40):
        buyers, later = simulated(4000, np.random.default_rng(seed))
        frequency = fit_frequency(buyers.repeats, buyers.last, buyers.observed)
        money = fit_spend(buyers.repeats, buyers.repeat_mean)
        estimates.append(
            [frequency.r, frequency.alpha, frequency.a / (frequency.a + frequency.b), money.p, money.q, money.gamma]
        )
        forecast += float(frequency.expected(buyers.repeats, buyers.last, buyers.observed, 26).sum())
        actual += float(later.sum())

    centre = np.median(np.array(estimates), axis=0)
    assert centre == pytest.approx([0.6, 6.0, 0.8 / 3.3, 6.0, 4.0, 15.0], rel=0.06)
    assert forecast == pytest.approx(actual, rel=0.02)
