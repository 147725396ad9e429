"""`survey weight`: weights of respondents by which a survey has the shares of its quotas."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmenter.surveys.raking import MET, MOST_WEIGHT, Raked
from sync.surveys.quotas import Quotas, quotas_of, raked_to
from sync.surveys.respondents import Respondents, respondents_of, weights_in
from sync.surveys.spreadsheet import read_grid


@dataclass(frozen=True, slots=True)
class WeightingWish:
    """Settings of a weighting.

    Attributes:
        quotas: The file that says what is wanted.
        most: Largest weight, in means.
        weight: Weights to begin with, a column or a file; None: all alike.
        respondent: The column that says who; None: a usual name.
        leave_out: A list of respondents to leave out.
    """

    quotas: Path
    most: float = MOST_WEIGHT
    weight: str | None = None
    respondent: str | None = None
    leave_out: Path | None = None


@dataclass(frozen=True, slots=True)
class WeightedSurvey:
    """Respondents with weights.

    Attributes:
        respondents: Who counts.
        quotas: Held against them.
        raked: The weights, in their order, and what they cost.
        notes: What to know.
    """

    respondents: Respondents
    quotas: Quotas
    raked: Raked
    notes: tuple[str, ...]

    def mean_weights(self) -> list[float]:
        """Return the mean weight of the respondents of each cell, in the order of `Quotas.cells`; NaN for nobody."""
        return [
            mean
            for margin in self.quotas.margins.values()
            for mean in _means(margin.cells, self.raked.weights, len(margin.shares))
        ]

    def shares(self) -> list[float]:
        """Return the weighted share of each cell, in the order of `Quotas.cells`."""
        return [
            share for margin in self.quotas.margins.values() for share in margin.reached(self.raked.weights).tolist()
        ]


def _means(cells: NDArray[np.int64], weights: NDArray[np.float64], many: int) -> list[float]:
    return [float(weights[cells == place].mean()) if (cells == place).any() else float("nan") for place in range(many)]


def weighted_survey(path: Path, wish: WeightingWish, *, sheet: str | None = None) -> WeightedSurvey:
    """Rake the respondents of a file to quotas.

    Args:
        path: CSV, TSV, XLSX or SPSS; one row per respondent.
        wish: Quotas and settings.
        sheet: Of an XLSX; None: the first one.

    Raises:
        FixSettingsError: A file can't be read, an answer is in no cell, a cell has nobody, or quotas contradict each
            other.
    """
    read = respondents_of(read_grid(path, sheet=sheet), wish.respondent, wish.leave_out)
    begun, about = weights_in(read, wish.weight)
    quotas = quotas_of(wish.quotas, read.grid)
    raked = raked_to(quotas, begun, most=wish.most)
    return WeightedSurvey(
        read, quotas, raked, (*read.notes, *about, *quotas.sentences(fix=""), *_about(raked, wish.most))
    )


def _about(raked: Raked, most: float) -> list[str]:
    sample, counted = raked.sample, raked.weights[raked.weights > 0]
    cost = (
        f"Weights from {counted.min():.2f} to {counted.max():.2f}, mean 1; design effect {sample.design_effect:.2f} "
        f"(Kish 1965): {sample.people:,} respondents are as exact as {sample.effective:,.0f} without weights."
    )
    said = [cost]
    if away := len(raked.weights) - sample.people:
        said.append(f"Weight 0, so they count nowhere: {away:,} respondents, of whom nobody is wanted.")
    if raked.trimmed:
        off = "all quotas are still met" if raked.off <= MET else f"a share is up to {raked.off:.1%} off its quota"
        said.append(f"Trimmed: {raked.trimmed:,} respondents have the largest weight allowed, {most:g}; {off}.")
    return said
