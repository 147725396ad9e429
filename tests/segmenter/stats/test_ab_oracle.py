"""Money per person in an experiment: equal to tea-tasting, with and without what people bought before (CUPED)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import tea_tasting as tt

from segmenter.stats.means import Amounts, Paired, cuped, welch, welch_p

PEOPLE = 400


def amounts(values: np.ndarray) -> Amounts:
    return Amounts(len(values), float(values.sum()), float((values**2).sum()))


def experiment(seed: int) -> dict[str, np.ndarray]:
    """Orders before, and after with a lift of 2 for the treated, who vary more."""
    rng = np.random.default_rng(seed)
    treated = rng.random(PEOPLE) < 0.4
    before = rng.gamma(2.0, 10.0, PEOPLE)
    after = 0.6 * before + rng.gamma(1.0, 6.0, PEOPLE) + treated * rng.normal(2.0, 5.0, PEOPLE)
    return {"variant": treated.astype(int), "before": before, "after": after}


def by_group(data: dict[str, np.ndarray]) -> list[Paired]:
    groups = []
    for arm in (1, 0):
        after, before = (data[name][data["variant"] == arm] for name in ("after", "before"))
        groups.append(Paired(amounts(after), amounts(before), float((after * before).sum())))
    return groups


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("covariate", [None, "before"])
def test_the_difference_of_means_is_that_of_tea_tasting(seed: int, covariate: str | None) -> None:
    data = experiment(seed)
    metric = tt.Mean("after", covariate, equal_var=False, use_t=True)
    theirs = tt.Experiment(amount=metric).analyze(pa.table(data))["amount"]
    groups = by_group(data)

    treated, control = cuped(groups).groups if covariate else tuple(group.outcome for group in groups)

    interval = welch(treated, control)
    ours = (treated.mean - control.mean, interval.low, interval.high, welch_p(treated, control))
    assert ours == pytest.approx(
        (theirs.effect_size, theirs.effect_size_ci_lower, theirs.effect_size_ci_upper, theirs.pvalue), rel=1e-6
    )
