"""Randomization: deterministic variants and holdouts by hash, and the sample ratio mismatch check.

The arm of a person follows from the experiment's salt and the person's id alone: nobody moves when segments are
refitted, and nothing has to be remembered to find it again. Source of the cut: the first eight hexadecimal digits of
MD5, compared as text (SCIENCE: equal for 100,000 ids in Python, DuckDB and Spark).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from segmenter.errors import DefinitionError
from segmenter.late_ibis import ibis
from segmenter.stats.chi_squared import chi_squared_tail

if TYPE_CHECKING:
    from ibis import Table

HOLDOUT = "holdout"
DIGITS = 8
MISMATCH = 0.001
"""P-value of the counts below which there is a sample ratio mismatch, and no result is shown."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment: arms, shares, holdout, period.

    Attributes:
        name: In file names and group names: lower case letters, digits, underscores.
        salt: What the hash starts with; another salt randomizes again.
        arms: Share of the people who are not held out, by arm; they sum to 1. The first one is what others are
            compared with, unless there is a holdout.
        holdout: Share of all people who get nothing, 0 to less than 1.
        personas: Slugs of those who take part; empty: all.
        holdouts: Another holdout for some personas, by slug.
        metric: What decides: clicked, ordered, opened or revenue; named before the start.
        mde: The least rise of its rate that would be worth knowing.
        baseline: The rate without the treatment that the sample size is planned with; None: a usual one.
        generic: Arms whose people get the fallback copy in every template field.
        placebo: Arms whose people get the copy of a persona drawn at random: what a persona's own copy does more than
            that is the worth of knowing who a person is.
        begins: UTC.
        ends: UTC; None: open. Before it every look is an early one.
    """

    name: str
    salt: str
    arms: Mapping[str, float]
    begins: datetime
    ends: datetime | None = None
    holdout: float = 0.0
    personas: tuple[str, ...] = ()
    holdouts: Mapping[str, float] = field(default_factory=dict)
    metric: str = "clicked"
    mde: float = 0.01
    baseline: float | None = None
    generic: tuple[str, ...] = ()
    placebo: tuple[str, ...] = ()

    @property
    def control(self) -> str:
        """The arm that others are compared with."""
        held = self.holdout > 0 or any(share > 0 for share in self.holdouts.values())
        return HOLDOUT if held else next(iter(self.arms))

    @property
    def groups(self) -> dict[str, str]:
        """The name of the group (tag, list) of each arm on the platforms, by arm; the holdout's too."""
        names = [HOLDOUT, *self.arms] if self.control == HOLDOUT else list(self.arms)
        return {arm: f"{self.name}_{arm}" for arm in names}

    def share(self, persona: str | None) -> float:
        """Return the share of one persona's people who are held out."""
        return self.holdouts.get(persona or "", self.holdout)

    def shares(self, persona: str | None) -> dict[str, float]:
        """Return the share of one persona's people in each arm, the holdout first (where there is one).

        Returns:
            Arm -> share of the persona's people, adding up to 1: the arms divide what the holdout leaves.
        """
        held = self.share(persona)
        rest = {arm: share * (1 - held) for arm, share in self.arms.items()}
        return {HOLDOUT: held, **rest} if held > 0 else rest


def check_experiment(experiment: Experiment) -> None:
    """Validate an experiment's definition.

    Raises:
        DefinitionError: Shares do not sum to 1, an arm takes the holdout's name, or a holdout leaves nobody.
    """
    where = f"experiment {experiment.name!r}"
    if not experiment.arms:
        raise DefinitionError("it has no variants", where=where)
    _check_copy(experiment, where)
    if experiment.ends is not None and experiment.ends <= experiment.begins:
        raise DefinitionError("it ends before it begins", where=where)
    if HOLDOUT in experiment.arms:
        raise DefinitionError("'holdout' can't be a variant; write holdout = 0.1 beside the arms", where=where)
    if any(share <= 0 for share in experiment.arms.values()):
        raise DefinitionError("each variant needs a share above 0", where=where)
    total = sum(experiment.arms.values())
    if abs(total - 1) > 1e-6:  # noqa: PLR2004 - what decimals of shares lose
        raise DefinitionError(f"the shares of its variants sum to {total:g}, not to 1", where=where)
    for share in (experiment.holdout, *experiment.holdouts.values()):
        if not 0 <= share < 1:
            raise DefinitionError(f"a holdout of {share:g} leaves no contacts; write a share below 1", where=where)
    if len(experiment.arms) == 1 and not experiment.holdout and not experiment.holdouts:
        raise DefinitionError("one variant needs a holdout to compare with", where=where)


def _check_copy(experiment: Experiment, where: str) -> None:
    for arm in (*experiment.generic, *experiment.placebo):
        if arm not in experiment.arms:
            raise DefinitionError(f"{arm!r} is not one of its variants", where=where)
    if set(experiment.generic) & set(experiment.placebo):
        raise DefinitionError("a variant gets either the fallback copy or that of a random persona", where=where)


def arm_of(person_id: str, experiment: Experiment, persona: str | None = None) -> str:
    """Return the arm of one person."""
    digest = hashlib.md5((experiment.salt + person_id).encode(), usedforsecurity=False).hexdigest()[:DIGITS]
    arms = _cuts(experiment.shares(persona))
    return next((arm for arm, cut in arms[:-1] if digest < cut), arms[-1][0])


def with_arms(people: Table, experiment: Experiment) -> Table:
    """Add the column ``arm`` to *people* (columns ``person_id``, ``persona``); those of other personas are left out.

    Args:
        people: One row per person; a persona of null gets the usual shares.
        experiment: Salt, arms, shares and holdouts.

    Returns:
        *people* and ``arm``: by the MD5 of salt and person id, so always the same for a person.
    """
    if experiment.personas:
        people = people.filter(people.persona.isin(experiment.personas))
    digest = (ibis.literal(experiment.salt) + people.person_id).hexdigest("md5").substr(0, DIGITS)
    usual = _allocated(digest, experiment.shares(None))
    special = [(people.persona == slug, _allocated(digest, experiment.shares(slug))) for slug in experiment.holdouts]
    return people.mutate(arm=ibis.cases(*special, else_=usual) if special else usual)


def copy_of(arms: Table, experiment: Experiment, personas: Sequence[str], *, fallback: str) -> Table:
    """Return whose copy the people of generic and placebo arms get instead of their own persona's.

    Args:
        arms: Columns ``person_id``, ``arm``: who is in which arm of *experiment*.
        experiment: The experiment.
        personas: Slugs to draw from, in an order that stays.
        fallback: Stands for nobody's copy.

    Returns:
        Columns ``person_id``, ``copy_of``; people of other arms are absent.
    """
    chosen = arms.filter(arms.arm.isin([*experiment.generic, *experiment.placebo]))
    drawn = (ibis.literal(f"{experiment.salt}/copy/") + chosen.person_id).hexdigest("md5").substr(0, DIGITS)
    persona = _allocated(drawn, dict.fromkeys(personas, 1 / max(len(personas), 1))) if personas else fallback
    generic = chosen.arm.isin([*experiment.generic]) if experiment.generic else ibis.literal(value=False)
    return chosen.select("person_id", copy_of=ibis.ifelse(generic, fallback, persona))


def _allocated(digest: Any, shares: Mapping[str, float]) -> Any:
    arms = _cuts(shares)
    below = [(digest < cut, arm) for arm, cut in arms[:-1]]
    return ibis.cases(*below, else_=arms[-1][0]) if below else ibis.literal(arms[-1][0])


def _cuts(shares: Mapping[str, float]) -> list[tuple[str, str]]:
    """Arms in order, each with the hexadecimal text that its digests are below."""
    cuts, total = [], 0.0
    for arm, share in shares.items():
        total += share
        cuts.append((arm, format(min(int(total * 16**DIGITS), 16**DIGITS - 1), f"0{DIGITS}x")))
    return cuts


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Whether the counts of the arms are what their shares promise.

    Attributes:
        p: Of the counts, by chi-squared; 1 where there is nobody.
        expected: People per arm by the shares, in the order of the counts.
    """

    p: float
    expected: tuple[float, ...]

    @property
    def broken(self) -> bool:
        """Whether nothing may be concluded from this experiment."""
        return self.p < MISMATCH


def sample_ratio(counts: Sequence[int], shares: Sequence[float]) -> SampleRatio:
    """Compare the people of each arm with the shares that were meant (chi-squared, one degree less than arms).

    Args:
        counts: People by arm.
        shares: Intended share of each, in the same order; they need not add up to 1.

    Returns:
        p value and expected people; p is 1 where there is nothing to test. A small p is a sample ratio mismatch.
    """
    total, whole = sum(counts), sum(shares)
    expected = tuple(total * share / whole for share in shares)
    if not total or len(counts) < 2:  # noqa: PLR2004 - one arm has no ratio
        return SampleRatio(1.0, expected)
    statistic = sum((count - mean) ** 2 / mean for count, mean in zip(counts, expected, strict=True))
    return SampleRatio(chi_squared_tail(statistic, len(counts) - 1), expected)
