"""Past campaigns: figures of statsmodels, planted groups that are found, chance that is not, and broken arms."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep
from statsmodels.stats.proportion import test_proportions_2indep as wald_test
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from segmenter.lift.past_campaign import PastCampaign, Recipients, judge_past_campaign, thirds

ARMS = ("control", "mailed", "personal")


def campaign(
    people: int = 3_000,
    *,
    seed: int = 1,
    rates: tuple[float, ...] = (0.1, 0.1, 0.1),
    extra: float = 0.0,
    lean: float = 0.0,
) -> Recipients:
    """Three arms; *extra* is added to the rate of "personal" among the new, *lean* makes that arm newer than others."""
    rng = np.random.default_rng(seed)
    arms = np.array(ARMS)[np.arange(3 * people) % 3]
    new = rng.random(3 * people) < 0.5 + lean * (arms == "personal")
    rate = np.array(rates)[np.arange(3 * people) % 3] + extra * (new & (arms == "personal"))
    visited = rng.random(3 * people) < rate
    before = rng.gamma(1, 60, 3 * people)
    amount = np.where(visited & (rng.random(3 * people) < 0.3), rng.gamma(2, 20, 3 * people) + 0.3 * before, 0.0)
    groups = {"new": np.where(new, "yes", "no"), "channel": rng.choice(["web", "phone"], 3 * people)}
    outcomes = {"visited": visited, "converted": amount > 0}
    return Recipients(arms, outcomes, {"amount": amount}, groups, {"age": rng.normal(45, 12, 3 * people)}, before)


def judge(recipients: Recipients, shares: dict[str, float] | None = None) -> PastCampaign:
    planned = shares or dict.fromkeys(ARMS, 1 / 3)
    return judge_past_campaign(recipients, control="control", shares=planned, primary="visited", mde=0.02)


def test_rates_and_money_are_those_of_statsmodels() -> None:
    recipients = campaign(rates=(0.1, 0.14, 0.12))
    result = judge(recipients)

    for comparison in result.everyone:
        effect, metric = comparison.everyone, recipients.outcomes[comparison.question.metric]
        sides = [recipients.arms == arm for arm in (comparison.question.treated, "control")]
        counts, totals = [int(metric[side].sum()) for side in sides], [int(side.sum()) for side in sides]
        theirs = confint_proportions_2indep(counts[0], totals[0], counts[1], totals[1], method="newcomb")
        assert (effect.interval.low, effect.interval.high) == pytest.approx(theirs, abs=1e-9)
        wald = wald_test(counts[0], totals[0], counts[1], totals[1], method="wald")
        assert effect.p == pytest.approx(wald.pvalue, abs=1e-12)
    plain = judge(Recipients(recipients.arms, recipients.outcomes, recipients.amounts, {}, {}))
    capped = np.minimum(
        recipients.amounts["amount"], np.quantile(recipients.amounts["amount"][recipients.outcomes["converted"]], 0.999)
    )
    for amount in plain.amounts:
        means = CompareMeans(*(DescrStatsW(capped[recipients.arms == arm]) for arm in (amount.treated, "control")))
        assert (amount.interval.low, amount.interval.high) == pytest.approx(
            means.tconfint_diff(usevar="unequal"), abs=1e-9
        )
        assert amount.p == pytest.approx(means.ttest_ind(usevar="unequal")[1], abs=1e-9)
        assert amount.less == 0
    assert 0 < result.amounts[0].less < 0.5  # what money before tells
    assert result.people == dict.fromkeys(ARMS, 3_000)
    assert [covariate.covariate for covariate in result.balance] == ["new", "channel", "age", "before"]
    assert not result.broken


def test_a_planted_group_is_found_and_only_there() -> None:
    result = judge(campaign(rates=(0.1, 0.1, 0.1), extra=0.12))
    differ = {
        (name, c.question.metric, c.question.treated)
        for name, mine in result.within.items()
        for c in mine
        if c.common.differ
    }

    assert ("new", "visited", "personal") in differ
    assert {name for name, _, _ in differ} == {"new"}
    bests = {best.persona: (best.best.offer, best.supported) for best in result.bests}
    assert bests["new yes"] == ("personal", True)
    assert not bests["new no"][1]
    assert set(bests) == {"everyone", "new yes", "new no"}


def test_power_says_what_the_arms_could_show() -> None:
    power = {(row.metric, row.treated): row for row in judge(campaign(people=500)).power}["visited", "mailed"]

    assert power.base == pytest.approx(0.1, abs=0.04)
    assert power.least is not None
    assert 0.04 < power.least < 0.08
    assert power.needed > 3_000  # for 2 points over 10%


@pytest.mark.slow
def test_where_nothing_happened_hardly_anything_is_found() -> None:
    effects = groups = broken = 0
    for seed in range(40):
        result = judge(campaign(people=400, seed=seed))
        effects += any(c.everyone.stands for c in result.everyone if c.question.metric == "visited")
        groups += any(c.common.differ for mine in result.within.values() for c in mine)
        broken += result.broken

    assert effects <= 6  # of 40 at 5%: seven or more come in 1% of all cases
    assert groups <= 6
    assert broken <= 1


def test_arms_that_were_not_alike_or_not_as_planned_break_it() -> None:
    leaning = judge(campaign(lean=0.15))
    shares = judge(campaign(), {"control": 0.5, "mailed": 0.25, "personal": 0.25})

    assert leaning.broken
    assert [covariate.covariate for covariate in leaning.balance if covariate.broken] == ["new"]
    assert leaning.balance[0].largest == pytest.approx(0.3, abs=0.06)
    assert shares.ratio.broken


def test_thirds_by_hand() -> None:
    assert thirds(np.array([1.0, 2, 3, 4, 5, 6, np.nan])).tolist() == [
        "1: up to 2.66667", "1: up to 2.66667", "2: 2.66667 to 4.33333", "2: 2.66667 to 4.33333",
        "3: above 4.33333", "3: above 4.33333", "unknown",
    ]  # fmt: skip
    assert set(thirds(np.full(3, np.nan))) == {"unknown"}
