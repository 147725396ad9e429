"""Quality of respondents: speeders, straight-liners, failed attention items, repeated answers, missing answers.

Who is flagged is to be looked at: a flag is a reason to doubt, not a proof, so nothing here removes anybody.

Sources: speed relative to the median of all (Leiner 2019, "Too fast, too straight, too weird", Survey Research Methods
13, 229-248); longest run and spread within a block of items on one scale (Meade & Craig 2012, Psychological Methods 17,
437-455).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segmenter.surveys.answers import MOST_LEVELS, AnswerSheet, Matrix

Flag = Literal["speeder", "straight-liner", "attention", "duplicate", "same answers", "missing"]
FLAGS: Sequence[Flag] = ("speeder", "straight-liner", "attention", "duplicate", "same answers", "missing")

SPEED = 0.5
"""Part of the median duration below which somebody is a speeder: half of it is common practice."""
LEAST_RUN = 6
"""Items of a block, from which one answer to all of them is odd."""
LEAST_LEVELS = 3  # with two answers the same one to all is common
BY_CHANCE = 0.01
"""Share of straight lines in a block that its items' own answers explain, from which a line tells nothing."""
RARE_END = 0.05  # share of an answer at the end of a scale that an item may have missed by chance
LEAST_SAME = 10  # answers in common from which two respondents are not alike by chance
ANSWERED = 0.5  # of the items


@dataclass(frozen=True, slots=True)
class Block:
    """Items on one scale that are asked one after another.

    Attributes:
        items: Places in the sheet.
        by_chance: Share of straight lines to expect if everybody answered each item independently as all do.
    """

    items: tuple[int, ...]
    by_chance: float

    @property
    def tells(self) -> bool:
        """Whether a straight line in it is odd."""
        return self.by_chance < BY_CHANCE


@dataclass(frozen=True, slots=True)
class QualityInputs:
    """What else is known of the respondents of a sheet.

    Attributes:
        durations: (people,) of the interview, in any unit; NaN unknown; None: nobody measured it.
        attention: Name of an item -> (people,) whether each passed it; None where it was not asked.
        speed: Part of the median duration below which somebody is a speeder.
        blocks: Places of items that belong together; None: found by `blocks_of`.
    """

    durations: Matrix | None = None
    attention: Mapping[str, Sequence[bool | None]] | None = None
    speed: float = SPEED
    blocks: Sequence[tuple[int, ...]] | None = None


@dataclass(frozen=True, slots=True)
class RespondentQuality:
    """One respondent.

    Attributes:
        flags: Reasons to look, in the order of `FLAGS`; empty: none.
        speed: Duration as a part of the median; NaN unknown.
        longest_run: The same answer in succession, at most, within a block; 0 where there is none.
        least_spread: Smallest standard deviation within a block; NaN where there is none.
        failed: Attention items that were failed.
        missing: Share of items without an answer.
        like: Another respondent with the same answers, or "".
    """

    flags: tuple[Flag, ...]
    speed: float
    longest_run: int
    least_spread: float
    failed: tuple[str, ...]
    missing: float
    like: str


@dataclass(frozen=True, slots=True)
class QualityOfSurvey:
    """All respondents in the order of the sheet, the median duration (NaN unknown), and the blocks of items."""

    respondents: tuple[RespondentQuality, ...]
    median: float
    blocks: tuple[Block, ...]

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """Who has any flag, (people,)."""
        return np.array([bool(each.flags) for each in self.respondents])

    def counts(self) -> dict[str, int]:
        """Return how many respondents have each flag.

        Returns:
            In the order of `FLAGS`, with 0 for those that nobody has.
        """
        return {flag: sum(flag in each.flags for each in self.respondents) for flag in FLAGS}


def judge_respondents(sheet: AnswerSheet, inputs: QualityInputs) -> QualityOfSurvey:
    """Return what speaks for a second look at each respondent of a sheet.

    Args:
        sheet: As it was read, duplicates and all.
        inputs: What else is known.

    Returns:
        A verdict for each row of the sheet, in its order.
    """
    places = blocks_of(sheet.values) if inputs.blocks is None else [tuple(block) for block in inputs.blocks]
    blocks = tuple(Block(items, straight_by_chance(sheet.values[:, list(items)])) for items in places)
    speeds, median = _speeds(sheet, inputs)
    runs, spreads, straight = _lines(sheet, blocks)
    like, copies = _alike(sheet.values), _again(sheet.respondents)
    missing = np.isnan(sheet.values).mean(axis=1)
    respondents = []
    for row in range(len(sheet.respondents)):
        failed = tuple(name for name, passed in (inputs.attention or {}).items() if passed[row] is False)
        reasons: dict[Flag, bool] = {
            "speeder": bool(speeds[row] < inputs.speed),
            "straight-liner": bool(straight[row]),
            "attention": bool(failed),
            "duplicate": row in copies,
            "same answers": row in like,
            "missing": bool(missing[row] > 1 - ANSWERED),
        }
        twin = sheet.respondents[like[row]] if row in like else ""
        flags = tuple(flag for flag in FLAGS if reasons[flag])
        judged = RespondentQuality(
            flags, float(speeds[row]), int(runs[row]), float(spreads[row]), failed, float(missing[row]), twin
        )
        respondents.append(judged)
    return QualityOfSurvey(tuple(respondents), median, blocks)


def blocks_of(values: Matrix) -> list[tuple[int, ...]]:
    """Return items in succession that have one scale: whole numbers, with the same smallest and largest answer.

    Items of three scales make three blocks. An answer at an end that an item never got does not end a block if the
    other items rarely have it. Blocks of fewer than `LEAST_RUN` items are none, nor are yes/no questions.

    Args:
        values: (people, items); NaN is missing.
    """
    blocks: list[list[int]] = [[]]
    for place in range(values.shape[1]):
        column = values[:, place]
        if not _is_scale(column):
            blocks.append([])
        elif blocks[-1] and not _on_one_scale(values[:, blocks[-1]], column):
            blocks.append([place])
        else:
            blocks[-1].append(place)
    return [tuple(block) for block in blocks if len(block) >= LEAST_RUN]


def _is_scale(column: Matrix) -> bool:
    answered = column[~np.isnan(column)]
    return bool(answered.size and not (answered % 1).any() and LEAST_LEVELS - 1 <= np.ptp(answered) < MOST_LEVELS)


def _on_one_scale(block: Matrix, column: Matrix) -> bool:
    for smallest in (True, False):
        end = np.nanmin if smallest else np.nanmax
        own, theirs = float(end(column)), float(end(block))
        if abs(own - theirs) > 1:
            return False
        if own != theirs:
            wider = column if (own < theirs) == smallest else block
            further = own if (own < theirs) == smallest else theirs
            if np.mean(wider[~np.isnan(wider)] == further) >= RARE_END:
                return False
    return True


def straight_by_chance(values: Matrix) -> float:
    """Return the share of people who give one answer to all items if each item is answered as all do, independently.

    Args:
        values: (people, items) of a block; NaN is missing.

    Returns:
        The sum over answers of the product of their shares; 1 for no items.
    """
    shares = 0.0
    for answer in np.unique(values[~np.isnan(values)]):
        with np.errstate(invalid="ignore"):
            each = (values == answer).sum(axis=0) / np.maximum((~np.isnan(values)).sum(axis=0), 1)
        shares += float(each.prod())
    return shares


def _speeds(sheet: AnswerSheet, inputs: QualityInputs) -> tuple[Matrix, float]:
    unknown = np.full(len(sheet.respondents), np.nan)
    if inputs.durations is None or np.isnan(inputs.durations).all():
        return unknown, float("nan")
    median = float(np.nanmedian(inputs.durations))
    return (inputs.durations / median if median > 0 else unknown), median


def _lines(sheet: AnswerSheet, blocks: Sequence[Block]) -> tuple[NDArray[np.int64], Matrix, NDArray[np.bool_]]:
    """Longest runs, smallest spreads, and who gave one answer to a whole block in which that is odd."""
    people = len(sheet.respondents)
    runs, spreads, straight = np.zeros(people, np.int64), np.full(people, np.nan), np.zeros(people, bool)
    for block in blocks:
        values = sheet.values[:, list(block.items)]
        whole = ~np.isnan(values).any(axis=1)
        own = longest_runs(values)
        spread = np.full(people, np.nan)
        spread[whole] = values[whole].std(axis=1, ddof=1) if values.shape[1] > 1 else np.nan
        runs, spreads = np.maximum(runs, own), np.fmin(spreads, spread)
        if block.tells:
            straight |= whole & (own == values.shape[1])
    return runs, spreads, straight


def longest_runs(values: Matrix) -> NDArray[np.int64]:
    """Return how often each person gave one answer in succession, at most; a missing answer ends a run.

    Args:
        values: (people, items) in the order asked.

    Returns:
        (people,); 0 for nobody's answers.
    """
    longest = np.zeros(len(values), np.int64)
    run = np.zeros(len(values), np.int64)
    for place in range(values.shape[1]):
        known = ~np.isnan(values[:, place])
        same = known & (values[:, place] == values[:, place - 1]) if place else np.zeros(len(values), bool)
        run = np.where(same, run + 1, known.astype(np.int64))
        longest = np.maximum(longest, run)
    return longest


def _alike(values: Matrix) -> dict[int, int]:
    """Rows whose many and different answers stand in another row too: place -> that of the other."""
    few = [place for place, column in enumerate(values.T) if len(np.unique(column[~np.isnan(column)])) <= MOST_LEVELS]
    values = values[:, few]
    pairs = len(values) * (len(values) - 1) / 2
    if pairs * pair_by_chance(values) >= BY_CHANCE:
        return {}
    first: dict[bytes, int] = {}
    alike: dict[int, int] = {}
    for row, answers in enumerate(values):
        given = answers[~np.isnan(answers)]
        if len(given) < LEAST_SAME or len(np.unique(given)) < LEAST_LEVELS:
            continue
        key = np.where(np.isnan(answers), np.inf, answers + 0.0).tobytes()
        if key in first:
            alike[row] = first[key]
        else:
            first[key] = row
    return {**alike, **{place: row for row, place in reversed(alike.items())}}


def pair_by_chance(values: Matrix) -> float:
    """Return the chance that two people give the same answers if each item is answered as all do, independently.

    Args:
        values: (people, items); NaN is missing, and counts as an answer.
    """
    chance = 1.0
    for column in values.T:
        shares = np.unique(column, return_counts=True)[1] / len(column)
        chance *= float((shares**2).sum())
    return chance


def _again(names: Sequence[str]) -> set[int]:
    """Rows of respondents who stand in several."""
    places: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        places.setdefault(name, []).append(row)
    return {row for rows in places.values() if len(rows) > 1 for row in rows}


@dataclass(frozen=True, slots=True)
class Shift:
    """An item's mean over all, over those without a flag, and the difference in standard deviations."""

    item: str
    everybody: float
    kept: float
    effect: float


def shifts_without(sheet: AnswerSheet, flagged: NDArray[np.bool_]) -> list[Shift]:
    """Return how each item's mean would move if the flagged were left out, the largest move first.

    Args:
        sheet: The answers.
        flagged: (people,).

    Returns:
        Items that somebody without a flag answered and not all alike.
    """
    shifts = []
    for item, column in zip(sheet.items, sheet.values.T, strict=True):
        known = ~np.isnan(column)
        everybody, kept = column[known], column[known & ~flagged]
        if len(everybody) > 1 and len(kept) and np.ptp(everybody) > 0:
            moved = float(kept.mean() - everybody.mean())
            shifts.append(
                Shift(item, float(everybody.mean()), float(kept.mean()), moved / float(everybody.std(ddof=1)))
            )
    return sorted(shifts, key=lambda shift: -abs(shift.effect))
