"""Whether a sensitive flag can be read off: against scikit-learn, planted proxies, and chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from segmenter.monitor.proxy_audit import OfferRate, Separation, auc, columns_of, offer_rates, separations


@given(
    st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=4, max_size=80).filter(
        lambda pairs: len({flag for _, flag in pairs}) == 2
    )
)
def test_the_auc_is_that_of_scikit_learn_ties_too(pairs: list[tuple[int, bool]]) -> None:
    scores = np.array([float(score) for score, _ in pairs])
    flags = np.array([flag for _, flag in pairs])

    assert auc(scores, flags) == pytest.approx(roc_auc_score(flags, scores))


def flagged(strength: float, people: int = 3000) -> tuple[np.ndarray, list[str]]:
    """Two normal columns of which the first is *strength* standard deviations higher for the flagged."""
    generator = np.random.default_rng(11)
    flag = generator.random(people) < 0.3
    columns = generator.normal(size=(people, 2))
    columns[:, 0] += strength * flag
    return columns, ["yes" if value else "no" for value in flag]


@pytest.mark.parametrize(
    ("strength", "area", "verdict"), [(0.0, 0.500, "ok"), (0.8, 0.714, "warn"), (2.0, 0.921, "block")]
)
def test_a_planted_proxy_is_found_as_large_as_it_is(strength: float, area: float, verdict: str) -> None:
    """Of two normals d apart the area is the normal distribution function at d / sqrt(2)."""
    columns, groups = flagged(strength)

    (separation,) = separations(columns, groups, np.random.default_rng(1))

    assert separation.auc == pytest.approx(area, abs=0.03)
    assert (separation.verdict, separation.people) == (verdict, groups.count("yes"))


def test_the_thresholds_are_those_of_the_book() -> None:
    verdicts = [Separation("g", 50, area).verdict for area in (0.65, 0.651, 0.80, 0.801)]

    assert verdicts == ["ok", "warn", "warn", "block"]
    assert [OfferRate("s", {"a": 0.5, "b": rate}).verdict for rate in (0.4, 0.39)] == ["ok", "warn"]


def test_every_group_of_several_is_told_from_the_others_and_tiny_ones_are_not_judged() -> None:
    columns, groups = flagged(2.0, people=600)
    groups = ["third" if place % 3 == 0 else group for place, group in enumerate(groups)]
    groups[:3] = ["tiny", "tiny", "tiny"]

    results = separations(columns, groups, np.random.default_rng(1))

    assert [separation.group for separation in results] == ["no", "third", "yes"]


def test_offer_rates_count_shares_of_groups_and_ignore_tiny_ones() -> None:
    segments = ["gold"] * 10 + [None] * 10 + ["gold"] * 15 + ["silver"] * 5 + ["gold"]
    groups = ["a"] * 20 + ["b"] * 20 + ["c"]

    gold, silver = offer_rates(segments, groups)

    assert gold.rates == {"a": 0.5, "b": 0.75}
    assert gold.ratio == pytest.approx(2 / 3)
    assert gold.verdict == "warn"
    assert silver.rates == {"a": 0.0, "b": 0.25}
    assert offer_rates([None] * 40, ["a"] * 40) == []


def test_what_is_unknown_and_what_is_text_becomes_columns_too() -> None:
    columns = columns_of({"n": [1.0, None, 3.0], "t": ["x", "y", None], "same": [2, 2, 2]})

    assert columns.T.tolist() == [[1, 2, 3], [0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert columns_of({"nothing": [None, None]}).tolist() == [[0.0], [0.0]]
