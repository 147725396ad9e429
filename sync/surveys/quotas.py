"""Quotas of a survey: what a file wants of each cell, who is in it, and weights that make up for what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil, inf
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from connectors.errors import FixSettingsError
from segmenter.surveys.answers import is_no_answer, number_of
from segmenter.surveys.raking import MET, MOST_WEIGHT, Margin, Raked, rake
from sync.surveys.answers import numbers_in
from sync.surveys.spreadsheet import Grid
from sync.workspace.toml_reader import read_toml

BAND = re.compile(r"(\d+)\s*(?:-|\u2013|to)\s*(\d+)|(\d+)\s*\+")
ROUNDED = 0.005  # of the sum of shares: they are rounded
SHOWN = 5


class QuotaPart(BaseModel):
    """A ``[[quota]]``: the wanted share, or number of people, of each cell of one column or of several together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    shares: Mapping[str, Any] = Field(default_factory=dict)
    people: Mapping[str, Any] = Field(default_factory=dict)


class QuotaFile(BaseModel):
    """A file of quotas."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.05
    quota: Annotated[tuple[QuotaPart, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class QuotaCell:
    """One cell of a quota, and who is in it.

    Attributes:
        quota: The columns.
        name: Of the cell.
        wanted: Respondents, as the share of those whose cell is known, or as the file says.
        share: The same as a share of its quota.
        there: Respondents.
        filled: Whether there are as many as are wanted, but for the tolerance.
    """

    quota: str
    name: str
    wanted: float
    share: float
    there: int
    filled: bool


@dataclass(frozen=True, slots=True)
class Quotas:
    """Quotas, held against the respondents of a file.

    Attributes:
        file: Its name.
        cells: Of all quotas.
        margins: By quota, what raking needs.
        unknown: By quota, how many respondents gave no answer to one of its columns.
    """

    file: str
    cells: tuple[QuotaCell, ...]
    margins: Mapping[str, Margin]
    unknown: Mapping[str, int]

    @property
    def unfilled(self) -> tuple[QuotaCell, ...]:
        """The cells in which people are missing."""
        return tuple(cell for cell in self.cells if not cell.filled)

    def sentences(self, fix: str = "Survey more of them, or weight: `personasync survey weight`.") -> list[str]:
        """Return whether all cells are filled, which are not and the *fix*, and who could not be counted."""
        unfilled = self.unfilled
        said = [] if unfilled else [f"All {len(self.cells):,} cells of {self.file} are filled."]
        said += [_short(cell, fix) for cell in unfilled]
        said += [
            f"{many:,} respondents gave no answer to {quota}: they are in none of its cells, and keep their weight."
            for quota, many in self.unknown.items()
            if many
        ]
        return said


def _short(cell: QuotaCell, fix: str) -> str:
    missing = max(1, ceil(cell.wanted - cell.there - MET))
    return (
        f"Not filled: {cell.name} ({cell.quota}) has {cell.there:,} respondents, {cell.wanted:,.0f} are wanted: "
        f"{missing:,} short. {fix}".rstrip()
    )


def quotas_of(path: Path, grid: Grid) -> Quotas:
    """Hold the quotas of a file against the respondents of *grid*.

    Args:
        path: TOML; a ``[[quota]]`` names ``columns``, and for each cell its ``shares`` or ``people``.
        grid: A row a respondent.

    Raises:
        FixSettingsError: The file can't be read, shares don't add up, a column is missing, or an answer is in no cell.
    """
    if not path.is_file():
        raise FixSettingsError(f"There is no file {path}.", fix="Check the path of the quotas.")
    file = read_toml(path, QuotaFile)
    cells: list[QuotaCell] = []
    margins: dict[str, Margin] = {}
    unknown: dict[str, int] = {}
    for place, part in enumerate(file.quota, 1):
        where = f"{path.name}, [[quota]] {place}"
        columns = [grid.needed(name) for name in part.columns]
        title = " x ".join(columns)
        if len({*columns}) < len(columns):
            raise FixSettingsError(f"{where}: {title} names a column twice.", fix="Name each column once.")
        if title in margins:
            raise FixSettingsError(f"{where}: {title} has a quota already.", fix="Keep one of them.")
        wanted = _wanted(part, where)
        own = _cells_of(grid, columns, tuple(wanted), where)
        numbers = np.array([*wanted.values()])
        margin = margins[title] = Margin(own, numbers / numbers.sum())
        there = np.bincount(own[own >= 0], minlength=len(wanted))
        unknown[title] = int((own < 0).sum())
        of = numbers if part.people else margin.shares * there.sum()
        for words, number, share, many in zip(wanted, of.tolist(), margin.shares.tolist(), there.tolist(), strict=True):
            filled = many >= number * (1 - file.tolerance) - MET and (many > 0 or number == 0)
            cells.append(QuotaCell(title, ", ".join(words), number, share, many, filled))
    return Quotas(path.name, tuple(cells), margins, unknown)


def _wanted(part: QuotaPart, where: str) -> dict[tuple[str, ...], float]:
    if bool(part.shares) == bool(part.people):
        raise FixSettingsError(f"{where} needs either shares or people.", fix="Write [quota.shares] below it.")
    wanted = dict(_leaves(part.shares or part.people, len(part.columns), where))
    total = sum(wanted.values())
    if not 0 < total < inf:
        raise FixSettingsError(f"{where}: {total:g} are wanted.", fix="Write numbers above 0 that can be added up.")
    if part.shares and all(abs(total / whole - 1) > ROUNDED for whole in (1, 100)):
        raise FixSettingsError(
            f"{where}: the shares add up to {total:g}, not to 1 or 100.",
            fix="Fix the shares, or write numbers of respondents below [quota.people].",
        )
    return wanted


def _leaves(table: Mapping[str, Any], depth: int, where: str) -> Iterator[tuple[tuple[str, ...], float]]:
    """The number of each cell; a table a column."""
    for word, value in table.items():
        if depth > 1 and isinstance(value, Mapping):
            for words, number in _leaves(value, depth - 1, where):
                yield (word, *words), number
        elif depth == 1 and isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < inf:
            yield (word,), float(value)
        else:
            shape = "a number from 0 on" if depth == 1 else "a table with a cell for each answer of the next column"
            raise FixSettingsError(
                f"{where}: {word!r} has to be {shape}.", fix='Two columns: "18-34" = { female = 14, male = 15 }.'
            )


def _cells_of(grid: Grid, columns: list[str], wanted: tuple[tuple[str, ...], ...], where: str) -> NDArray[np.int64]:
    """The cell of each respondent; -1 where an answer is missing."""
    read = [
        _words_of(grid, header, [*dict.fromkeys(words[place] for words in wanted)], where)
        for place, header in enumerate(columns)
    ]
    places = {words: place for place, words in enumerate(wanted)}
    cells = np.full(len(grid.rows), -1, np.int64)
    for row, words in enumerate(zip(*read, strict=True)):
        known = tuple(word for word in words if word is not None)
        if len(known) < len(words):
            continue
        if known not in places:
            raise FixSettingsError(
                f"{where} has no cell {', '.join(known)} ({grid.file}, row {grid.numbers[row]}).",
                fix="Add it; 0 if nobody is wanted there.",
            )
        cells[row] = places[known]
    return cells


def _words_of(grid: Grid, header: str, offered: list[str], where: str) -> list[str | None]:
    """The word of a quota that each answer is: the same word, the label of a code, or the band of a number."""
    exact = {word.strip().casefold(): word for word in offered}
    bands = [(word, *_ends(word)) for word in offered if BAND.fullmatch(word.strip())]
    cells, names = grid.column(header), grid.named(header)
    numbers = numbers_in(grid, header) if bands else cells
    read: list[str | None] = []
    for cell, name, text, row in zip(cells, names, numbers, grid.numbers, strict=True):
        if is_no_answer(cell):
            read.append(None)
            continue
        word = exact.get(name.casefold()) or exact.get(cell.casefold())
        number = number_of(text)
        if word is None and number is not None:
            word = next((band for band, low, high in bands if low <= number < high), None)
        if word is None:
            shown = ", ".join(offered[:SHOWN]) + (" ..." if len(offered) > SHOWN else "")
            raise FixSettingsError(
                f"{grid.file}, row {row}, column {header!r}: {name!r} is in no cell of {where} ({shown}).",
                fix="Fix the answer, add a cell for it (0 if nobody is wanted), or empty it if it is unknown.",
            )
        read.append(word)
    return read


def _ends(band: str) -> tuple[float, float]:
    """The least number of a band, and the least above it: 18-34 is up to the 35th birthday."""
    match = BAND.fullmatch(band.strip())
    low, high, least = match.groups() if match else (None, None, None)
    return (float(least), float("inf")) if least else (float(low or 0), float(high or 0) + 1)


def raked_to(quotas: Quotas, begun: NDArray[np.float64], *, most: float = MOST_WEIGHT) -> Raked:
    """Return weights with which the respondents have the shares of all quotas.

    Args:
        quotas: Held against the respondents.
        begun: (respondents,) weights of the design, ones where there are none.
        most: Largest weight, in means.

    Raises:
        FixSettingsError: A cell has nobody, or the quotas contradict each other.
    """
    for title, margin in quotas.margins.items():
        there = np.bincount(margin.cells[margin.cells >= 0], begun[margin.cells >= 0], minlength=len(margin.shares))
        empty = np.flatnonzero((there == 0) & (margin.shares > 0))
        if len(empty):
            own = [cell for cell in quotas.cells if cell.quota == title]
            names = "; ".join(own[place].name for place in empty)
            raise FixSettingsError(
                f"Nobody is in {names} ({title}), of whom {quotas.file} wants {margin.shares[empty].sum():.1%}: no "
                "weight makes up for people who are not there.",
                fix="Survey some, or join the cell with a neighbour.",
            )
    raked = rake([*quotas.margins.values()], begun, most=most)
    free = raked if raked.trimmed == 0 else rake([*quotas.margins.values()], begun, most=float("inf"))
    if not free.met:
        raise FixSettingsError(
            f"The quotas of {quotas.file} can't be met together: with every weight, a share is {free.off:.1%} off.",
            fix="Check that those which share a column want the same of it.",
        )
    return raked
