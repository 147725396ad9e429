"""Who answered a file: one row each, without those whom a list leaves out; weights; segments from another file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from connectors.errors import FixSettingsError
from segmenter.stats.pairwise import sample_of
from segmenter.surveys.answers import NO, is_no_answer, number_of
from sync.surveys.answers import looks_like_weights, numbers_in, usual_respondent, why_nobody
from sync.surveys.spreadsheet import Grid, read_grid

SEGMENT = "segment"
EXCLUDE = "exclude"
"""Column of a list of respondents: where it says no, the respondent stays."""
SHOWN = 5
WEIGHT = "weight"
UNEVEN = 2.0  # design effect of weights from which a warning is due


@dataclass(frozen=True, slots=True)
class Respondents:
    """Answers, one row per respondent.

    Attributes:
        grid: Their rows.
        names: Who, one per row; "row 7" where the file names nobody.
        column: The column that names them; None: there is none.
        notes: Who was left out and why, a sentence each.
    """

    grid: Grid
    names: tuple[str, ...]
    column: str | None
    notes: tuple[str, ...]


def respondents_of(grid: Grid, column: str | None, left_out: Path | None = None) -> Respondents:
    """Return the rows of *grid* that count: the last one of each respondent, without those on a list.

    Args:
        grid: The file of answers.
        column: Who answered; None: a usual name, else the rows' numbers.
        left_out: A file with the respondents to leave out, as `survey quality --out` writes it; None: nobody.

    Raises:
        FixSettingsError: A column is missing, nobody is left, or nobody on the list answered.
    """
    who = grid.needed(column) if column else usual_respondent(grid)
    names = names_in(grid, who)
    last = {name: place for place, name in enumerate(names)}
    places = sorted(last.values())
    notes = [*_repeated(grid, names)]
    if left_out is not None:
        away = left_out_names(left_out)
        joined = away & last.keys()
        if away and not joined:
            raise FixSettingsError(
                f"{left_out.name} leaves out nobody of {grid.file}: {why_nobody(names, away)}.",
                fix="Use the list that `personasync survey quality` wrote about these answers.",
            )
        places = [place for place in places if names[place] not in joined]
        notes.append(f"Left out, as {left_out.name} says: {len(joined):,} respondents; {len(places):,} remain.")
    if not places:
        raise FixSettingsError(f"{grid.file}: nobody is left.", fix="Leave out fewer respondents.")
    return Respondents(grid.only(places), tuple(names[place] for place in places), who, tuple(notes))


def names_in(grid: Grid, who: str | None) -> list[str]:
    """Return the respondent of each row; "row 7" where the cell is empty, or *who* is None."""
    cells = grid.column(who) if who else [""] * len(grid.rows)
    return [cell or f"row {number}" for cell, number in zip(cells, grid.numbers, strict=True)]


def rows_by_name(names: Sequence[str]) -> dict[str, list[int]]:
    """Return the respondents that stand in several rows, with the places of these rows."""
    places = defaultdict(list)
    for place, name in enumerate(names):
        places[name].append(place)
    return {name: rows for name, rows in places.items() if len(rows) > 1}


def _repeated(grid: Grid, names: Sequence[str]) -> list[str]:
    several = rows_by_name(names)
    if not several:
        return []
    other = {name: rows for name, rows in several.items() if len({grid.rows[row] for row in rows}) > 1}
    shown = "; ".join(
        f"{name} in rows {', '.join(str(grid.numbers[row]) for row in rows)}"
        for name, rows in [*several.items()][:SHOWN]
    )
    more = " ..." if len(several) > SHOWN else ""
    differ = f"{len(other):,} with other answers" if other else "all with the same answers"
    return [f"Answered several times: {len(several):,}, {differ}; the last row counts: {shown}{more}."]


def left_out_names(path: Path) -> set[str]:
    """Return the respondents on a list, without those whose column ``exclude`` says no.

    Raises:
        FixSettingsError: The file can't be read.
    """
    listed = read_grid(path)
    who = usual_respondent(listed) or listed.headers[0]
    decided = listed.find(EXCLUDE)
    words = listed.column(decided) if decided else [""] * len(listed.rows)
    stays = NO | {"0"}
    return {name for name, word in zip(listed.column(who), words, strict=True) if name and word.casefold() not in stays}


def weights_in(respondents: Respondents, source: str | None) -> tuple[NDArray[np.float64], list[str]]:
    """Return the weight of each respondent, 1 where *source* is None, and what to know about them.

    Raises:
        FixSettingsError: As `read_weights`.
    """
    if source is None:
        return np.ones(len(respondents.grid.rows)), []
    read = read_weights(respondents.grid, source, respondents.names)
    return read, _about(read)


def weight_column(grid: Grid, source: str) -> str | None:
    """Return the column of *grid* that *source* means; None where it is the path of a file of weights.

    Raises:
        FixSettingsError: It is neither.
    """
    return None if grid.find(source) is None and Path(source).is_file() else grid.needed(source)


def read_weights(grid: Grid, source: str, names: Sequence[str]) -> NDArray[np.float64]:
    """Return how many people of the population each respondent stands for.

    Args:
        grid: A row a respondent.
        source: Its column of weights, with a decimal point or comma; or a file with the columns ``respondent`` and
            ``weight``, as `survey weight --out` writes it.
        names: Who stands in each row, as `names_in` returns them.

    Returns:
        (rows,) 0 or more, not all of them 0.

    Raises:
        FixSettingsError: The column is missing; a weight is missing, not a number or below 0; all are 0; or the file
            does not know a respondent.
    """
    header = weight_column(grid, source)
    if header is not None:
        return numbers_of_weights(grid, header)
    other = read_grid(Path(source))
    header = looks_like_weights(other.headers) or other.needed(WEIGHT)
    who = usual_respondent(other)
    listed = names_in(other, who)
    if twice := rows_by_name(listed):
        name, rows = next(iter(twice.items()))
        raise FixSettingsError(
            f"{other.file}: {name!r} stands in rows {', '.join(str(other.numbers[row]) for row in rows)}.",
            fix="Keep one weight a respondent.",
        )
    known = dict(zip(listed, numbers_of_weights(other, header).tolist(), strict=True))
    if not known.keys() & set(names):
        raise FixSettingsError(
            f"None of the {len(names):,} respondents of {grid.file} has a weight in {other.file}: "
            f"{why_nobody(names, known)}.",
            fix="Use weights of the same respondents, with the same column (--respondent).",
        )
    for name, row in zip(names, grid.numbers, strict=True):
        if name not in known:
            raise FixSettingsError(
                f"{grid.file}, row {row}: {name!r} has no weight in {other.file}.",
                fix="Weight the same respondents again, or give this one a weight; 0 leaves it out.",
            )
    read = np.array([known[name] for name in names])
    _check_some(read, grid.file, other.file)
    return read


def numbers_of_weights(grid: Grid, header: str, places: Sequence[str] = ()) -> NDArray[np.float64]:
    """Return the weights below *header*.

    Args:
        grid: A row a respondent.
        header: The column of weights.
        places: What an error calls each row; empty: file, row and column.

    Returns:
        (rows,) 0 or more, not all of them 0.

    Raises:
        FixSettingsError: A weight is missing, not a number or below 0; or all are 0.
    """
    where = places or [f"{grid.file}, row {row}, column {header!r}" for row in grid.numbers]
    weights = [number_of(cell) for cell in numbers_in(grid, header)]
    for weight, cell, place in zip(weights, grid.column(header), where, strict=True):
        if weight is None or weight < 0:
            said = "there is no weight" if is_no_answer(cell) else f"{cell!r} is not a weight"
            raise FixSettingsError(
                f"{place}: {said}.",
                fix="Use a number from 0 on; a respondent with the weight 0 counts nowhere.",
            )
    read = np.array([weight or 0.0 for weight in weights])
    _check_some(read, grid.file, f"column {header!r}")
    return read


def _check_some(weights: NDArray[np.float64], file: str, where: str) -> None:
    if not weights.any():
        raise FixSettingsError(f"{file}, {where}: all weights are 0, so nobody counts.", fix="Use another column.")


def _about(weights: NDArray[np.float64]) -> list[str]:
    sample, zero = sample_of(weights), int((weights == 0).sum())
    notes = [f"Weight 0, so they count nowhere: {zero:,} of {len(weights):,} respondents."] if zero else []
    if sample.design_effect >= UNEVEN:
        notes.append(
            f"The weights are uneven: design effect {sample.design_effect:.1f}, so {sample.people:,} respondents are "
            f"as exact as {sample.effective:,.0f} without weights. Check the largest weights."
        )
    return notes


def segments_from(path: Path, respondents: Respondents) -> tuple[list[str], list[str]]:
    """Return the segment that another file gives each respondent, "" where it gives none, and what to know about it.

    Args:
        path: Columns ``segment`` and who, as `survey score --out` and `discover --accept` write them.
        respondents: Those who answered.

    Raises:
        FixSettingsError: It lacks the column, gives somebody two segments, or knows none of the respondents.
    """
    other = read_grid(path)
    header = other.needed(SEGMENT)
    names = names_in(other, usual_respondent(other))
    given: dict[str, str] = {}
    for name, segment, row in zip(names, other.named(header), other.numbers, strict=True):
        if given.setdefault(name, segment) != segment:
            raise FixSettingsError(
                f"{other.file}, row {row}: {name!r} has two segments, {given[name]!r} and {segment!r}.",
                fix="Keep one of the rows.",
            )
    joined = [given.get(name, "") for name in respondents.names]
    if not any(joined):
        raise FixSettingsError(
            f"None of the {len(joined):,} respondents of {respondents.grid.file} is in {other.file}: "
            f"{why_nobody(respondents.names, given)}.",
            fix="Use files of the same respondents, with the same column (--respondent).",
        )
    without = sum(not segment for segment in joined)
    note = f"{without:,} of {len(joined):,} respondents have no segment in {other.file}: they are in the total only."
    return joined, [note] if without else []
