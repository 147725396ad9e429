"""What a test was planned with, beside what was measured: another base rate needs another sample size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from segmenter.lift.effects import Comparison
from segmenter.lift.randomization import HOLDOUT
from segmenter.lift.text import RATES, in_points
from segmenter.stats.power import sample_size
from segmenter.stats.proportions import wilson

MORE = 1.25
"""Times the planned sample size from which a measured rate that needs more is reported."""


@dataclass(frozen=True, slots=True)
class PlannedTest:
    """What a comparison was planned with: the primary metric, the minimum detectable effect, and the baseline rate."""

    primary: str
    mde: float
    baseline: float | None = None


def other_rate(comparisons: Sequence[Comparison], plan: PlannedTest) -> list[str]:
    """Return a sentence where nothing was found, and the measured rate needs clearly more people than the planned one.

    Args:
        comparisons: Of an experiment, that between its first variants first.
        plan: What it was planned with.

    Returns:
        At most one sentence.
    """
    asked = next((comparison for comparison in comparisons if comparison.question.metric == plan.primary), None)
    if asked is None or plan.baseline is None or asked.question.control == HOLDOUT:
        return []
    if asked.everyone.verdict not in {"none", "too_few"}:
        return []
    measured, planned = asked.everyone.control, sample_size(plan.baseline, plan.mde)
    needed = sample_size(measured.rate, plan.mde)
    if wilson(measured).low <= plan.baseline or needed <= MORE * planned:
        return []
    sentence = (
        f"Planned with a {RATES[plan.primary]} of {plan.baseline:.1%}; that of “{asked.question.control}” is "
        f"{measured.rate:.1%}. At that rate {needed:,} contacts per variant detect {in_points(plan.mde)}, "
        f"not {planned:,}."
    )
    return [sentence]
