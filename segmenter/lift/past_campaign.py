"""A past campaign from a file: one row per person with arm, outcomes and covariates, judged like a live experiment.

Checks first (sample ratio, balance of the covariates), then the effect on everybody, then in groups of the covariates.
All metrics and groups are corrected together; a group's effect is only called another one after that correction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segmenter.lift.effects import EVERYONE, Comparison, LiftQuestion, compare_arms, corrected_for_multiplicity
from segmenter.lift.network import Trial, trial
from segmenter.lift.offers import Best, best_offers
from segmenter.lift.outcomes import CUT, Stratum
from segmenter.lift.randomization import SampleRatio, sample_ratio
from segmenter.stats.group_tests import chi_squared, contingency
from segmenter.stats.means import Amounts, Paired, cuped, welch, welch_p
from segmenter.stats.multiplicity import holm
from segmenter.stats.power import least_lift, sample_size
from segmenter.stats.proportions import Interval

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Texts = NDArray[np.str_]

MOST_GROUPS = 10  # values of a covariate whose groups are compared
IMBALANCE = 0.001  # p of a covariate, after Holm, below which the arms differ before anybody was mailed
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Recipients:
    """Everybody of a past campaign, those who got nothing too. Every array has one value a person.

    Attributes:
        arms: The arm of each.
        outcomes: By metric: who did it.
        amounts: By metric: money after the campaign, 0 for nothing.
        groups: By covariate: a word for each, "unknown" where there is none.
        numbers: By covariate with more values than `MOST_GROUPS`: NaN is unknown.
        before: Money before the campaign, for CUPED; None: not known.
    """

    arms: Texts
    outcomes: Mapping[str, Flags]
    amounts: Mapping[str, Floats]
    groups: Mapping[str, Texts]
    numbers: Mapping[str, Floats]
    before: Floats | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """Whether the arms were alike in one covariate before the campaign.

    Attributes:
        p: That they differ by chance.
        largest: Largest distance of an arm's mean or share from the control's, in standard deviations of all.
        broken: Whether the arms differ, all covariates considered.
    """

    covariate: str
    p: float
    largest: float
    broken: bool = False


@dataclass(frozen=True, slots=True)
class AmountLift:
    """Money per person of one arm less the control's.

    Attributes:
        means: Of the treated and the control, uncorrected.
        difference: After CUPED where money before is known; amounts above the 99.9% quantile of buyers count as that.
        less: Share of the variance that money before took off.
        p: Welch's test.
        stands: Whether it stays a finding among all amounts and arms (Holm).
    """

    metric: str
    treated: str
    control: str
    means: tuple[float, float]
    difference: float
    interval: Interval
    p: float
    less: float
    stands: bool = False


@dataclass(frozen=True, slots=True)
class Power:
    """What the campaign could show.

    Attributes:
        base: Rate of the control.
        least: Least rise that these arms show in 80% of all tests; None: not even a rise to 100%.
        needed: People per arm for a rise of the size that is worth knowing.
    """

    metric: str
    treated: str
    base: float
    least: float | None
    needed: int


@dataclass(frozen=True, slots=True)
class PastCampaign:
    """All results of a past campaign.

    Attributes:
        people: By arm, the control first.
        ratio: Of the arms against their planned shares.
        everyone: One comparison per metric and arm, corrected together.
        within: By covariate: one comparison per metric and arm, all covariates corrected together.
        bests: The best arm, the control among them: of everybody, and of the groups of covariates whose effects differ.
    """

    people: Mapping[str, int]
    ratio: SampleRatio
    balance: Sequence[Balance]
    everyone: Sequence[Comparison]
    amounts: Sequence[AmountLift]
    within: Mapping[str, Sequence[Comparison]]
    power: Sequence[Power]
    bests: Sequence[Best]

    @property
    def broken(self) -> bool:
        """Whether the arms were not randomized as planned, so that nothing may be said."""
        return self.ratio.broken or any(covariate.broken for covariate in self.balance)


def judge_past_campaign(
    recipients: Recipients, *, control: str, shares: Mapping[str, float], primary: str, mde: float
) -> PastCampaign:
    """Judge a campaign as a live experiment is judged.

    Args:
        recipients: Everybody.
        control: The arm that others are compared with.
        shares: Planned share of each arm.
        primary: The outcome that decides, named before looking.
        mde: The least rise of a rate that is worth knowing.

    Returns:
        Checks, effects, power and best arms.
    """
    arms = [control, *sorted(set(np.unique(recipients.arms).tolist()) - {control})]
    counts = [int((recipients.arms == arm).sum()) for arm in arms]
    everyone = corrected_for_multiplicity(
        [_compared(recipients, None, metric, arm, control, mde) for metric, arm in _pairs(recipients, arms)],
        primary=primary,
    )
    within = _within(recipients, arms, primary, mde)
    return PastCampaign(
        dict(zip(arms, counts, strict=True)),
        sample_ratio(counts, [shares[arm] for arm in arms]),
        _balance(recipients, arms),
        everyone,
        _amounts(recipients, arms),
        within,
        tuple(_power(everyone, mde)),
        best_offers(list(_trials(recipients, within, primary))),
    )


def _pairs(recipients: Recipients, arms: Sequence[str]) -> list[tuple[str, str]]:
    return [(metric, arm) for metric in recipients.outcomes for arm in arms[1:]]


def _compared(
    recipients: Recipients, groups: Texts | None, metric: str, arm: str, control: str, mde: float
) -> Comparison:
    strata = list(_strata(recipients, groups, metric, (arm, control)))
    return compare_arms(strata, LiftQuestion(metric, arm, control, mde))


def _strata(recipients: Recipients, groups: Texts | None, metric: str, arms: Sequence[str]) -> Iterator[Stratum]:
    nothing = Paired(Amounts(0, 0.0, 0.0), Amounts(0, 0.0, 0.0), 0.0)
    for arm in arms:
        mine = recipients.arms == arm
        for group in [EVERYONE] if groups is None else np.unique(groups).tolist():
            members = mine if groups is None else mine & (groups == group)
            did = int((recipients.outcomes[metric] & members).sum())
            yield Stratum(group, arm, int(members.sum()), {metric: did}, nothing)


def _within(recipients: Recipients, arms: Sequence[str], primary: str, mde: float) -> dict[str, tuple[Comparison, ...]]:
    """Effects in the groups of each covariate; numbers are cut into thirds. All are one family."""
    cut = {name: thirds(values) for name, values in recipients.numbers.items()}
    groups = {**recipients.groups, **cut}
    keys = [(name, metric, arm) for name in groups for metric, arm in _pairs(recipients, arms)]
    comparisons = [_compared(recipients, groups[name], metric, arm, arms[0], mde) for name, metric, arm in keys]
    judged = corrected_for_multiplicity(comparisons, primary=primary)
    return {name: tuple(c for (mine, _, _), c in zip(keys, judged, strict=True) if mine == name) for name in groups}


def thirds(values: Floats) -> Texts:
    """Return a number's third as a word with its bounds; equal values are never apart, so thirds may differ in size.

    Args:
        values: NaN is unknown.

    Returns:
        "1: up to 3", "2: 3 to 7", "3: above 7", "unknown".
    """
    known = values[np.isfinite(values)]
    words = np.full(len(values), UNKNOWN, dtype="U64")
    if not len(known):
        return words
    low, high = np.quantile(known, [1 / 3, 2 / 3])
    words[values <= low] = f"1: up to {low:,.6g}"
    words[(values > low) & (values <= high)] = f"2: {low:,.6g} to {high:,.6g}"
    words[values > high] = f"3: above {high:,.6g}"
    return words


def _balance(recipients: Recipients, arms: Sequence[str]) -> tuple[Balance, ...]:
    places = np.searchsorted(np.sort(arms), recipients.arms)
    rows = [_word_balance(name, words, places, len(arms)) for name, words in recipients.groups.items()]
    rows += [_number_balance(name, values, recipients.arms, arms) for name, values in recipients.numbers.items()]
    if recipients.before is not None:
        rows.append(_number_balance("before", recipients.before, recipients.arms, arms))
    # Holm at the level of the sample ratio check: imbalance forbids a conclusion, so chance must hardly ever cause it
    broken = holm([row.p for row in rows], family=IMBALANCE)
    return tuple(replace(row, broken=differs) for row, differs in zip(rows, broken, strict=True))


def _word_balance(name: str, words: Texts, places: NDArray[np.intp], arms: int) -> Balance:
    values, codes = np.unique(words, return_inverse=True)
    table = contingency(codes.reshape(-1), places, arms, len(values))
    p = chi_squared(table).p
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    share = table.sum(axis=0) / table.sum()
    spread = np.sqrt(np.maximum(share * (1 - share), 1e-12))
    return Balance(name, 1.0 if np.isnan(p) else p, float((np.ptp(shares, axis=0) / spread).max()))


def _number_balance(name: str, values: Floats, own: Texts, arms: Sequence[str]) -> Balance:
    from scipy.stats import f_oneway  # noqa: PLC0415 - half a second that most commands need not wait

    known = np.isfinite(values)
    groups = [values[known & (own == arm)] for arm in arms]
    groups = [group for group in groups if len(group) > 1]
    spread = float(values[known].std()) if known.any() else 0.0
    if len(groups) < 2 or spread == 0:  # noqa: PLR2004 - nothing to compare
        return Balance(name, 1.0, 0.0)
    means = [float(group.mean()) for group in groups]
    return Balance(name, float(f_oneway(*groups).pvalue), (max(means) - min(means)) / spread)


def _amounts(recipients: Recipients, arms: Sequence[str]) -> tuple[AmountLift, ...]:
    made = [
        _amount(recipients, metric, values, arm, arms[0])
        for metric, values in recipients.amounts.items()
        for arm in arms[1:]
    ]
    stands = holm([amount.p for amount in made])
    return tuple(replace(amount, stands=sure) for amount, sure in zip(made, stands, strict=True))


def _amount(recipients: Recipients, metric: str, values: Floats, arm: str, control: str) -> AmountLift:
    spent = values[values > 0]
    capped = np.minimum(values, np.quantile(spent, CUT)) if len(spent) else values
    before = np.zeros(len(values)) if recipients.before is None else np.nan_to_num(recipients.before)
    sides = [recipients.arms == arm, recipients.arms == control]
    adjusted = cuped([_paired(capped[side], before[side]) for side in sides])
    treated, other = adjusted.groups
    means = (float(values[sides[0]].mean()), float(values[sides[1]].mean()))
    difference, interval, p = treated.mean - other.mean, welch(treated, other), welch_p(treated, other)
    return AmountLift(metric, arm, control, means, difference, interval, p, adjusted.less)


def _paired(outcome: Floats, before: Floats) -> Paired:
    sums = [Amounts(len(v), float(v.sum()), float((v * v).sum())) for v in (outcome, before)]
    return Paired(sums[0], sums[1], float((outcome * before).sum()))


def _power(everyone: Sequence[Comparison], mde: float) -> Iterator[Power]:
    for comparison in everyone:
        effect = comparison.everyone
        base = effect.control.rate
        least = least_lift(base, effect.treated.people, effect.control.people)
        yield Power(effect.metric, comparison.question.treated, base, least, sample_size(base, mde))


def _trials(recipients: Recipients, within: Mapping[str, Sequence[Comparison]], primary: str) -> Iterator[Trial]:
    arms = np.unique(recipients.arms).tolist()
    everybody = {stratum.arm: stratum.responses(primary) for stratum in _strata(recipients, None, primary, arms)}
    yield trial("the campaign", EVERYONE, everybody)
    for name, comparisons in within.items():
        if not any(c.common.differ for c in comparisons if c.question.metric == primary):
            continue
        words = recipients.groups[name] if name in recipients.groups else thirds(recipients.numbers[name])
        strata = list(_strata(recipients, words, primary, arms))
        for group in sorted({stratum.persona for stratum in strata}):
            mine = {stratum.arm: stratum.responses(primary) for stratum in strata if stratum.persona == group}
            yield trial("the campaign", f"{name} {group}", mine)
