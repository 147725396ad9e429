"""`survey maxdiff`: counts and utilities of a MaxDiff."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmenter.stats.pairwise import sample_of
from segmenter.surveys.maxdiff import (
    ChoiceTasks,
    ItemCount,
    Utilities,
    count_choices,
    fit_of_random_answers,
    fit_utilities,
    rescaled,
    scores_of,
)
from sync.surveys.maxdiff_files import read_choices

USUAL_TIMES = 3
"""How often each respondent should see an item for utilities of their own."""
BOTH_SIDES = 1.96


@dataclass(frozen=True, slots=True)
class MaxDiffWish:
    """Files and settings of a MaxDiff; attributes as of `sync.surveys.maxdiff_files.read_choices`."""

    answers: Path
    design: Path | None = None
    respondent: str | None = None
    left_out: Path | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    positions: bool = False
    seed: int = 1
    weight: str | None = None


@dataclass(frozen=True, slots=True)
class MaxDiffResult:
    """What a MaxDiff says.

    Attributes:
        texts: Item -> what people were shown; of items with a text.
        counts: In the order of the items.
        utilities: Of each respondent, on the logit scale.
        shares: (people, items) utilities rescaled, each row sums to 100.
        weights: (people,) how many people of the population each stands for.
        scores: (items,) best less worst as a part of the times shown, weighted; NaN for an item that nobody saw.
        random_fit: Fit that 95% of random respondents do not exceed.
        notes: What to know.
    """

    texts: Mapping[str, str]
    counts: tuple[ItemCount, ...]
    utilities: Utilities
    shares: NDArray[np.float64]
    weights: NDArray[np.float64]
    scores: NDArray[np.float64]
    random_fit: float
    notes: tuple[str, ...]

    def share(self, place: int) -> float:
        """Return the mean share of an item, weighted, of 100."""
        return float(np.average(self.shares[:, place], weights=self.weights))

    def utility(self, place: int) -> float:
        """Return the mean utility of an item, weighted, on the logit scale."""
        return float(np.average(self.utilities.values[:, place], weights=self.weights))

    def interval(self, place: int) -> tuple[float, float]:
        """Return the 95% interval of the mean share of an item, over the effective number of respondents (Kish 1965).

        Returns:
            Low and high, of 100; NaN for one respondent.
        """
        people = sample_of(self.weights).effective
        if people <= 1:
            return float("nan"), float("nan")
        middle = self.share(place)
        spread = float(np.average((self.shares[:, place] - middle) ** 2, weights=self.weights))
        half = BOTH_SIDES * (spread / (people - 1)) ** 0.5
        return middle - half, middle + half

    def like_random(self) -> list[str]:
        """Return the respondents whose answers fit no better than random ones.

        Returns:
            In the order of the file.
        """
        fits = zip(self.utilities.respondents, self.utilities.fit, strict=True)
        return [who for who, fit in fits if fit <= self.random_fit]


def maxdiff_of_files(wish: MaxDiffWish, *, sheet: str | None = None) -> MaxDiffResult:
    """Return counts and utilities of a MaxDiff.

    Args:
        wish: Files and settings.
        sheet: Of an XLSX of answers; None: the first one.

    Returns:
        Counts of items, utilities of respondents, and what to know about them.

    Raises:
        FixSettingsError: The design is missing or broken, or an answer does not fit to it.
    """
    read = read_choices(
        wish.answers,
        wish.design,
        respondent=wish.respondent,
        left_out=wish.left_out,
        texts=wish.texts,
        positions=wish.positions,
        weight=wish.weight,
        sheet=sheet,
    )
    tasks = read.tasks
    fitted = fit_utilities(tasks)
    counts = tuple(count_choices(tasks))
    sizes = (tasks.shown >= 0).sum(axis=1)
    return MaxDiffResult(
        {item: wish.texts[item] for item in tasks.items if item in wish.texts},
        counts,
        fitted,
        rescaled(fitted.values, float(sizes.mean())),
        read.weights,
        scores_of(tasks, read.weights),
        fit_of_random_answers(tasks, fitted, np.random.default_rng(wish.seed)),
        (*read.notes, *_weighted(wish.weight, read.weights), *_notes(tasks, counts, fitted)),
    )


def _weighted(source: str | None, weights: NDArray[np.float64]) -> list[str]:
    if source is None:
        return []
    sample = sample_of(weights)
    said = (
        f"Means, shares, intervals and best - worst are weighted by {source}: {sample.people:,} respondents tell them "
        f"as exactly as {sample.effective:,.0f} without weights (Kish 1965). Each respondent's own utilities are "
        "estimated from all alike: the logit takes no weights."
    )
    return [said]


def _notes(tasks: ChoiceTasks, counts: tuple[ItemCount, ...], fitted: Utilities) -> list[str]:
    notes = []
    unseen = [count.item for count in counts if not count.shown]
    if unseen:
        notes.append(f"Shown to nobody, so their utilities are the average only: {', '.join(unseen)}.")
    times = float((tasks.shown >= 0).sum()) / len(tasks.respondents) / len(tasks.items)
    if times < USUAL_TIMES:
        notes.append(
            f"Each respondent saw an item {times:.1f} times on average; {USUAL_TIMES} are usual. With fewer, utilities "
            "of one person lean on the mean of all."
        )
    if not fitted.settled:
        notes.append(f"The common mean still moved after {fitted.rounds} rounds.")
    return notes
