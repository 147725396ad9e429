"""Comparisons over several randomizations: equal to statsmodels, to published formulas, and to simulated people."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from statsmodels.stats.contingency_tables import StratifiedTable

from segmenter.lift.network import REACHED, RESPONDED, Pattern, Trial, networks, trial
from segmenter.stats.proportions import Responses

PAIRS = [((40, 500), (30, 700)), ((81, 900), (20, 300)), ((35, 200), (61, 250))]


def both(name: str, *arms: tuple[str, int, int]) -> Trial:
    return trial(name, "Bo", {offer: Responses(people, answers) for offer, answers, people in arms})


def test_two_offers_over_campaigns_are_the_mantel_haenszel_difference_with_the_variance_of_greenland_and_robins() -> (
    None
):
    trials = [both(f"c{n}", ("sale", *first), ("gift", *two)) for n, (first, two) in enumerate(PAIRS)]
    (network,) = networks(trials)
    contrast = network.contrast("sale", "gift")
    tables = [np.array([[a, n - a], [c, m - c]], dtype=float) for (a, n), (c, m) in PAIRS]
    weights = [n * m / (n + m) for (_, n), (_, m) in PAIRS]
    # Greenland & Robins 1985, equation 4
    spread = [(a * (n - a) * m**3 + c * (m - c) * n**3) / (n * m * (n + m) ** 2) for (a, n), (c, m) in PAIRS]
    common = sum(w * (a / n - c / m) for w, ((a, n), (c, m)) in zip(weights, PAIRS, strict=True)) / sum(weights)

    assert contrast.difference == pytest.approx(common)
    assert contrast.variance == pytest.approx(sum(spread) / sum(weights) ** 2)
    statistic = StratifiedTable(tables).test_null_odds(correction=False).statistic
    assert contrast.difference**2 / contrast.null_variance == pytest.approx(statistic)


def test_effects_are_those_of_statsmodels_regression_on_offers_and_mailings() -> None:
    figures = [
        ("one", "a", 30, 500), ("one", "b", 45, 480), ("one", "c", 20, 510),
        ("two", "b", 80, 700), ("two", "d", 95, 650), ("three", "a", 11, 300), ("three", "d", 25, 310),
    ]  # fmt: skip
    trials = [both(name, *[(o, y, n) for t, o, y, n in figures if t == name]) for name in ("one", "two", "three")]
    (network,) = networks(trials)
    rows = pd.DataFrame(figures, columns=["trial", "offer", "y", "n"])
    fitted = smf.wls("I(y / n) ~ C(offer) + C(trial)", rows, weights=rows["n"]).fit()

    for offer in "bcd":
        assert network.contrast(offer, "a").difference == pytest.approx(fitted.params[f"C(offer)[T.{offer}]"])
        assert network.contrast("a", offer).variance == pytest.approx(network.contrast(offer, "a").variance)


def test_offers_that_share_a_third_one_are_compared_through_it_and_the_variances_add() -> None:
    first, second = both("one", ("a", 50, 600), ("b", 30, 500)), both("two", ("b", 90, 800), ("c", 60, 700))
    (network,) = networks([first, second])
    direct = [networks([mailing])[0] for mailing in (first, second)]
    steps = [direct[0].contrast("a", "b"), direct[1].contrast("b", "c")]
    through = network.contrast("a", "c")

    assert through.difference == pytest.approx(sum(step.difference for step in steps))
    assert through.variance == pytest.approx(sum(step.variance for step in steps))  # Bucher et al. 1997
    assert network.contrast("a", "b").variance == pytest.approx(steps[0].variance)


def test_what_shares_nothing_is_in_networks_of_its_own_and_an_offer_alone_in_none() -> None:
    trials = [
        both("one", ("a", 5, 50), ("b", 6, 50)),
        both("two", ("c", 5, 500), ("d", 6, 500)),
        both("three", ("e", 5, 50)),
    ]

    assert [network.offers for network in networks(trials)] == [("c", "d"), ("a", "b")]
    assert networks([]) == []


def test_mailings_of_one_experiment_that_share_no_arm_do_not_connect_its_arms() -> None:
    states = {"a": (1, 0), "b": (1, 0), "c": (0, 1), "d": (0, 1)}
    patterns = [Pattern(arm, tuple(s * (1 + k) for s in state), 40) for arm, state in states.items() for k in (0, 1)]

    assert sorted(network.offers for network in networks([Trial("x", "Bo", tuple(patterns))])) == [
        ("a", "b"),
        ("c", "d"),
    ]


def test_people_who_get_several_mailings_count_once_each_and_depend_on_themselves() -> None:
    """Everybody answers all four mailings or none: four times the deliveries tell nothing more."""
    arms = {"a": Responses(400, 40), "b": Responses(500, 30)}
    once = networks([trial("x", "Bo", arms)])[0].contrast("a", "b")
    patterns = tuple(
        Pattern(arm, (state,) * 4, people)
        for arm, cell in arms.items()
        for state, people in ((RESPONDED, cell.converted), (REACHED, cell.people - cell.converted))
    )
    (network,) = networks([Trial("x", "Bo", patterns)])
    four = network.contrast("a", "b")

    assert network.responses["a"] == Responses(1600, 160)
    assert (four.difference, four.variance) == pytest.approx((once.difference, once.variance))
    assert four.null_variance == pytest.approx(once.null_variance, rel=0.01)


@pytest.mark.slow
def test_the_variance_over_mailings_is_what_simulated_people_show() -> None:
    chance = np.random.default_rng(3)
    differences, variances = [], []
    for _ in range(400):
        patterns: dict[tuple[str, tuple[int, ...]], int] = {}
        for arm in "ab":
            own = np.minimum(1.0, chance.gamma(0.5, 0.2, size=300))  # some answer often, most never
            states = 1 + (chance.random((300, 3)) < own[:, None])
            states *= chance.random((300, 3)) < [0.9, 0.6, 0.8]
            for state in states.tolist():
                patterns[arm, tuple(state)] = patterns.get((arm, tuple(state)), 0) + 1
        rows = tuple(Pattern(arm, states, n) for (arm, states), n in patterns.items())
        contrast = networks([Trial("x", "Bo", rows)])[0].contrast("a", "b")
        differences.append(contrast.difference)
        variances.append((contrast.variance, contrast.null_variance))
    own_variance, null = np.mean(variances, axis=0)

    assert sqrt(own_variance) == pytest.approx(np.std(differences), rel=0.1)
    assert sqrt(null) == pytest.approx(np.std(differences), rel=0.1)
