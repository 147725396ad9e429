"""`survey conjoint`: part-worths of a conjoint from a file, made comparable between people."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from connectors.errors import FixSettingsError
from segmenter.stats.pairwise import sample_of
from segmenter.surveys.part_worths import Attribute, Summary, importances, summary_of, zero_centred_differences
from sync.surveys.answers import SurveyColumns, answers_of
from sync.surveys.respondents import Respondents, respondents_of, weight_column, weights_in
from sync.surveys.spreadsheet import read_grid

SEPARATORS = (": ", ":", " = ", "=", "|", " - ")
"""Between attribute and level in the name of a column; the first that a name has counts."""


@dataclass(frozen=True, slots=True)
class ConjointOfFile:
    """Part-worths of a file.

    Attributes:
        respondents: Who.
        attributes: Each with its levels; columns are places in *differences*.
        differences: (people, levels) zero-centred.
        importances: (people, attributes) in percent, NaN for somebody to whom nothing makes a difference.
        weights: (people,) how many people of the population each stands for.
        notes: What was left out, and how it is weighted.
    """

    respondents: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    differences: NDArray[np.float64]
    importances: NDArray[np.float64]
    weights: NDArray[np.float64]
    notes: tuple[str, ...]


def conjoint_of_file(
    path: Path,
    *,
    respondent: str | None = None,
    levels: Path | None = None,
    left_out: Path | None = None,
    weight: str | None = None,
    sheet: str | None = None,
) -> ConjointOfFile:
    """Return the part-worths of a file as zero-centred differences, and the importances of attributes.

    Args:
        path: One row per respondent, a column per level, named "Attribute: Level".
        respondent: The column that says who; None: a usual name.
        levels: A file with the columns column, attribute and level, where names are others.
        left_out: A list of respondents to leave out.
        weight: The column, or a file, of weights; None: everybody counts once.
        sheet: Of an XLSX; None: the first one.

    Returns:
        Both for each respondent, in the order of the file.

    Raises:
        FixSettingsError: The file can't be read, a part-worth is missing, or there are no attributes; or as
            `sync.surveys.respondents.read_weights`.
    """
    read = respondents_of(read_grid(path, sheet=sheet), respondent, left_out)
    weights, about = weights_in(read, weight)
    own = None if weight is None else weight_column(read.grid, weight)
    named = _named_in(levels) if levels is not None else _named_by(read, own)
    columns = [read.grid.needed(column) for column in named]
    attributes = _attributes(list(named.values()), read.grid.file)
    sheet_ = answers_of(read.grid, SurveyColumns(respondent, None, (), columns)).sheet
    if len(sheet_.items) < len(columns):
        lacking = next(column for column in columns if column not in sheet_.items)
        raise FixSettingsError(f"{read.grid.file}: {lacking!r} holds no numbers.", fix="Give its part-worths.")
    missing = np.argwhere(np.isnan(sheet_.values))
    if len(missing):
        row, place = missing[0]
        raise FixSettingsError(
            f"{read.grid.file}, row {sheet_.rows[row]}, column {sheet_.items[place]!r}: the part-worth is missing.",
            fix="Give it, or leave the respondent out with --leave-out.",
        )
    shares, others = importances(sheet_.values, attributes), {*read.grid.headers} - {*columns, read.column, own}
    notes = [*read.notes, *_left_out(read.grid.headers, others), *_nothing_matters(shares), *about]
    notes += _weighted(weight, weights)
    differences = zero_centred_differences(sheet_.values, attributes)
    return ConjointOfFile(sheet_.respondents, attributes, differences, shares, weights, tuple(notes))


def _left_out(headers: Sequence[str], others: Collection[str | None]) -> list[str]:
    listed = ", ".join(header for header in headers if header in others)
    return [f"No part-worths, left out: {listed}."] if others else []


def _nothing_matters(shares: NDArray[np.float64]) -> list[str]:
    same = int(np.isnan(shares).any(axis=1).sum())
    said = f"Respondents to whom no level makes a difference, so that their part-worths are 0: {same:,}."
    return [said] if same else []


def _weighted(source: str | None, weights: NDArray[np.float64]) -> list[str]:
    if source is None:
        return []
    sample = sample_of(weights)
    said = (
        f"Means, deviations and intervals are weighted by {source}: {sample.people:,} respondents tell them as exactly "
        f"as {sample.effective:,.0f} without weights (Kish 1965). Each respondent's own differences are not changed."
    )
    return [said]


def _named_by(read: Respondents, weight: str | None) -> dict[str, tuple[str, str]]:
    named = {}
    for header in read.grid.headers:
        between = next((mark for mark in SEPARATORS if mark in header), None)
        if between is not None and header not in (read.column, weight):
            attribute, _, level = header.partition(between)
            if attribute.strip() and level.strip():
                named[header] = (attribute.strip(), level.strip())
    if not named:
        raise FixSettingsError(
            f"{read.grid.file} has no columns like 'Price: low'.",
            fix="Name the columns so, or say what they are: --levels FILE with the columns column, attribute, level.",
        )
    return named


def _named_in(path: Path) -> dict[str, tuple[str, str]]:
    grid = read_grid(path)
    parts = [grid.column(grid.needed(name)) for name in ("column", "attribute", "level")]
    return {column: (attribute, level) for column, attribute, level in zip(*parts, strict=True)}


def _attributes(named: Sequence[tuple[str, str]], file: str) -> tuple[Attribute, ...]:
    columns: dict[str, list[int]] = {}
    for place, (attribute, _) in enumerate(named):
        columns.setdefault(attribute, []).append(place)
    lonely = next((name for name, own in columns.items() if len(own) < 2), None)  # noqa: PLR2004 - a range needs two
    if lonely is not None:
        raise FixSettingsError(
            f"{file}: the attribute {lonely!r} has one level.",
            fix="Give all of its levels, also the one that the others are compared with (0).",
        )
    return tuple(Attribute(name, tuple(named[place][1] for place in own), tuple(own)) for name, own in columns.items())


def attribute_means(made: ConjointOfFile) -> Mapping[str, Summary]:
    """Return what the population says of each attribute's importance, over those to whom anything matters.

    Returns:
        By name, in percent; NaN where nothing matters to anybody.
    """
    known = ~np.isnan(made.importances).any(axis=1)
    return {
        attribute.name: summary_of(made.importances[known, place], made.weights[known])
        for place, attribute in enumerate(made.attributes)
    }


def level_means(made: ConjointOfFile) -> Mapping[tuple[str, str], Summary]:
    """Return what the population says of each level: zero-centred differences.

    Returns:
        By attribute and level, in their order.
    """
    return {
        (attribute.name, level): summary_of(made.differences[:, column], made.weights)
        for attribute in made.attributes
        for level, column in zip(attribute.levels, attribute.columns, strict=True)
    }
