"""`survey quality`: who of a survey is to be looked at, and what it would change."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from connectors.errors import FixSettingsError
from segmenter.surveys.answers import AnswerSheet, is_no_answer, number_of
from segmenter.surveys.respondent_quality import (
    SPEED,
    QualityInputs,
    QualityOfSurvey,
    Shift,
    judge_respondents,
    shifts_without,
)
from sync.surveys.answers import NOT_ITEMS, SurveyColumns, answers_of, numbers_in, usual_respondent
from sync.surveys.quotas import Quotas, quotas_of
from sync.surveys.respondents import names_in
from sync.surveys.spreadsheet import Grid, read_grid

DURATION = ("duration", "duration_seconds", "interview_time", "lengthofinterview", "loi", "time_sum", "completion_time")
"""Usual names of the column with the time that an interview took."""
CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2}(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class QualityWish:
    """What is known of a survey.

    Attributes:
        respondent: The column that says who; None: a usual name.
        duration: The column of the interview's time; None: a usual name, if there is one.
        speed: Part of the median below which somebody is a speeder.
        attention: Column -> the answer that passes.
        blocks: Patterns of columns that belong together, such as ``brand_*`` or ``q1,q2,q3``; empty: found by scale.
        exclude: Columns that are no questions.
        by: A column whose groups are shown with their flagged respondents.
        quotas: A file of quotas that those without a flag are held against; None: none.
    """

    respondent: str | None = None
    duration: str | None = None
    speed: float = SPEED
    attention: Mapping[str, str] | None = None
    blocks: Sequence[str] = ()
    exclude: Sequence[str] = ()
    by: str | None = None
    quotas: Path | None = None


@dataclass(frozen=True, slots=True)
class QualityOfFile:
    """Respondents of a file, judged.

    Attributes:
        grid: The file.
        names: Who stands in each row.
        quality: The verdicts, one per row.
        items: Names of the blocks' items.
        shifts: What would change without the flagged, the largest first.
        groups: By group: respondents, and how many of them are flagged.
        notes: What could not be judged.
        quotas: Held against the respondents without a flag; None: none were named.
    """

    grid: Grid
    names: tuple[str, ...]
    quality: QualityOfSurvey
    items: tuple[tuple[str, ...], ...]
    shifts: tuple[Shift, ...]
    groups: Mapping[str, tuple[int, int]]
    notes: tuple[str, ...]
    quotas: Quotas | None = None

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """Who has a flag, one per row."""
        return self.quality.flagged

    def meanings(self, speed: float) -> dict[str, str]:
        """Return what each flag means, as a part of a sentence.

        Args:
            speed: Part of the median below which somebody is a speeder.
        """
        median = self.quality.median
        return {
            "speeder": f"took less than {speed:.0%} of the median ({median:g})" if isfinite(median) else "not judged",
            "straight-liner": "one answer to all items of a block",
            "attention": "failed an attention item",
            "duplicate": "answered several times",
            "same answers": "the same answers as somebody else",
            "missing": "answered fewer than half of the items",
        }


def quality_of_file(path: Path, wish: QualityWish, *, sheet: str | None = None) -> QualityOfFile:
    """Judge the respondents of a file; none is removed.

    Args:
        path: CSV, TSV, XLSX or SPSS; one row per respondent.
        wish: What is known of it.
        sheet: Of an XLSX; None: the first one.

    Returns:
        A verdict per row, what would change without the flagged, and what could not be judged.

    Raises:
        FixSettingsError: The file can't be read, lacks a column, or a duration is none.
    """
    grid = read_grid(path, sheet=sheet)
    who = grid.needed(wish.respondent) if wish.respondent else usual_respondent(grid)
    names = tuple(names_in(grid, who))
    timed = grid.needed(wish.duration) if wish.duration else _usual_duration(grid)
    attention = {grid.needed(name): answer for name, answer in (wish.attention or {}).items()}
    group = grid.needed(wish.by) if wish.by else None
    away = {timed, group, *attention, *(grid.needed(name) for name in wish.exclude)} - {None}
    away |= {header for header in grid.headers if header.casefold() in NOT_ITEMS}
    read = answers_of(grid, SurveyColumns(wish.respondent, None, [header for header in away if header]))
    inputs = QualityInputs(
        _durations(grid, timed) if timed else None,
        {name: _passed(grid, name, answer) for name, answer in attention.items()},
        wish.speed,
        [_block(read.sheet, pattern) for pattern in wish.blocks] or None,
    )
    judged = judge_respondents(read.sheet, inputs)
    items = tuple(tuple(read.sheet.items[place] for place in block.items) for block in judged.blocks)
    notes = [*_not_judged(timed, attention, judged, items), *(finding.message for finding in read.findings)]
    return QualityOfFile(
        grid,
        names,
        judged,
        items,
        tuple(shifts_without(read.sheet, judged.flagged)),
        _groups(grid, group, judged.flagged) if group else {},
        tuple(notes),
        quotas_of(wish.quotas, grid.only(np.flatnonzero(~judged.flagged).tolist())) if wish.quotas else None,
    )


def _usual_duration(grid: Grid) -> str | None:
    return next((header for name in DURATION if (header := grid.find(name)) is not None), None)


def _durations(grid: Grid, header: str) -> NDArray[np.float64]:
    """Seconds, or whatever unit: numbers, or minutes and seconds with a colon."""
    cells = grid.column(header)
    clock = any(CLOCK.fullmatch(cell) for cell in cells)
    read = cells if clock else numbers_in(grid, header)
    durations = []
    for cell, number in zip(read, grid.numbers, strict=True):
        if is_no_answer(cell):
            durations.append(float("nan"))
            continue
        parts = CLOCK.fullmatch(cell)
        value = 3600 * int(parts[1] or 0) + 60 * int(parts[2]) + float(parts[3]) if parts else number_of(cell)
        if value is None or value < 0 or (clock and not parts):
            raise FixSettingsError(
                f"{grid.file}, row {number}, column {header!r}: {cell!r} is not a duration.",
                fix="Use seconds, or hh:mm:ss, the same way in all rows; leave the cell empty if it is unknown.",
            )
        durations.append(value)
    return np.array(durations)


def _passed(grid: Grid, header: str, answer: str) -> list[bool | None]:
    wanted = {answer.strip().casefold()}
    number = number_of(answer)
    shown = zip(grid.column(header), grid.named(header), strict=True)
    passed = [
        None
        if is_no_answer(cell)
        else bool({cell.casefold(), label.casefold()} & wanted) or (number is not None and number_of(cell) == number)
        for cell, label in shown
    ]
    if not any(passed):
        raise FixSettingsError(
            f"{grid.file}: nobody gave the answer {answer!r} to {header!r}.",
            fix=f"Answers given: {', '.join(sorted({cell for cell in grid.named(header) if cell})[:10])}.",
        )
    return passed


def _block(sheet: AnswerSheet, pattern: str) -> tuple[int, ...]:
    wanted = [part.strip() for part in pattern.split(",") if part.strip()]
    places = [place for place, item in enumerate(sheet.items) if any(fnmatchcase(item, part) for part in wanted)]
    if len(places) < 2:  # noqa: PLR2004 - a run needs two
        raise FixSettingsError(
            f"--block {pattern!r} names {len(places)} items.", fix=f"Items: {', '.join(sheet.items[:40])}."
        )
    return tuple(places)


def _not_judged(
    timed: str | None, attention: Mapping[str, str], judged: QualityOfSurvey, items: Sequence[Sequence[str]]
) -> list[str]:
    notes = []
    if timed is None:
        notes.append("Speed was not judged: no column of durations; name it with --duration.")
    if not attention:
        notes.append("No attention items were named; if there are some: --attention COLUMN=ANSWER.")
    if not judged.blocks:
        notes.append(
            "Straight-lining was not judged: no six items in succession have one scale; name them with --block."
        )
    notes += [
        f"{own[0]} to {own[-1]}: {block.by_chance:.0%} would give one answer to all {len(own)} items by chance, so "
        "nobody is flagged for it."
        for block, own in zip(judged.blocks, items, strict=True)
        if not block.tells
    ]
    return notes


def _groups(grid: Grid, header: str, flagged: NDArray[np.bool_]) -> dict[str, tuple[int, int]]:
    cells = [cell or "no answer" for cell in grid.named(header)]
    everybody = Counter(cells)
    away = Counter(cell for cell, flag in zip(cells, flagged, strict=True) if flag)
    return {name: (everybody[name], away[name]) for name in sorted(everybody)}
