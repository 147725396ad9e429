"""Weights of respondents: shares of the population, an effective sample size, and no weight that means nothing."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.weightstats import DescrStatsW

from connectors.errors import FixSettingsError
from segmenter.stats.weighted import column_means, column_spreads, effective_size, kish_counts
from sync.modeling.inputs import Base, from_file


def answers(path: Path, weights: Sequence[object], *, heading: str = "w") -> Path:
    """Respondents and their answers; the weight stands last."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["who", "likes", "buys", heading])
        writer.writerows(
            [f"p{place}", ("yes", "no")[place % 2], ("no", "yes")[place % 3 == 0], weight]
            for place, weight in enumerate(weights)
        )
    return path


def read(path: Path, weight: str | None = "w") -> Base:
    return from_file(path, wanted=(), respondent="who", beside=(), most=3, weight=weight)


def test_a_weight_is_no_item_and_says_what_it_costs(tmp_path: Path) -> None:
    base = read(answers(tmp_path / "a.csv", [1, 3] * 12))

    assert base.items.names == ("likes", "buys")
    assert base.items.counts is not None
    assert base.items.counts.sum() == pytest.approx(48**2 / 120)
    assert "24 people tell shares as exactly as 19 without weights" in base.notes[-1]


def test_weights_with_a_decimal_comma_are_read(tmp_path: Path) -> None:
    base = read(answers(tmp_path / "a.csv", ["0,5", "1,5"] * 12))

    assert base.items.weights is not None
    assert base.items.weights.tolist() == [0.5, 1.5] * 12


def test_weight_0_leaves_out_and_is_told(tmp_path: Path) -> None:
    base = read(answers(tmp_path / "a.csv", [0, 0, *[1] * 22]))

    assert base.people[0] == "p2"
    assert len(base.people) == len(base.items.values) == 22
    assert base.notes[0] == "2 respondents have the weight 0 in 'w': they are excluded."


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([1, "", *[1] * 10], "a.csv, row 3, column 'w': there is no weight"),
        ([1, -0.5, *[1] * 10], "a.csv, row 3, column 'w': '-0.5' is not a weight"),
        ([1, "heavy", *[1] * 10], "'heavy' is not a weight"),
        ([1, "inf", *[1] * 10], "'inf' is not a weight"),
        ([0] * 12, "all weights are 0, so nobody counts"),
    ],
)
def test_a_weight_that_means_nothing_is_refused_with_its_place(
    tmp_path: Path, weights: list[object], said: str
) -> None:
    with pytest.raises(FixSettingsError, match=r".") as caught:
        read(answers(tmp_path / "a.csv", weights))

    assert said in str(caught.value)


def test_a_column_that_is_named_like_weights_makes_no_segments(tmp_path: Path) -> None:
    base = read(answers(tmp_path / "a.csv", [1, 3] * 12, heading="Weight"), None)

    assert base.items.names == ("likes", "buys")
    assert base.items.weights is None
    assert base.notes == ("Weight is excluded: it is named like weights. --weight Weight uses it so.",)


def test_the_order_of_rows_changes_nobody_s_weight(tmp_path: Path) -> None:
    base = read(answers(tmp_path / "a.csv", range(1, 25)))
    ordered = base.in_order()

    assert ordered.items.weights is not None
    assert {int(who[1:]) + 1 for who in ordered.people} == set(range(1, 25))
    assert [int(who[1:]) + 1 for who in ordered.people] == ordered.items.weights.tolist()


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=50))
def test_the_effective_size_is_what_the_error_of_a_mean_needs(values: list[float]) -> None:
    """Kish: the variance of a weighted mean is that of as many people without weights, as statsmodels' weights show."""
    weights = np.array(values)
    scaled = weights / weights.sum()

    assert effective_size(weights) == pytest.approx(1 / (scaled**2).sum())
    assert effective_size(weights) * (1 + 1e-9) >= 1
    assert effective_size(weights) <= len(values) * (1 + 1e-9)
    assert kish_counts(weights).sum() == pytest.approx(effective_size(weights))
    own = DescrStatsW(np.arange(len(values)), weights)
    columns = np.arange(len(values), dtype=float)[:, None]
    assert column_means(columns, weights) == pytest.approx([own.mean])
    assert column_spreads(columns, weights) == pytest.approx([own.std], abs=1e-9)
