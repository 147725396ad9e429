"""`survey crosstab`: questions of a file by groups of its respondents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connectors.errors import FixSettingsError
from segmenter.surveys.crosstab import Crosstab, CrosstabOptions, make_crosstab
from segmenter.surveys.questions import Banner
from sync.surveys.answers import NOT_ITEMS, labels_in
from sync.surveys.question_columns import banner_of, questions_in
from sync.surveys.respondents import SEGMENT, Respondents, respondents_of, segments_from, weight_column, weights_in
from sync.surveys.spreadsheet import read_grid


@dataclass(frozen=True, slots=True)
class CrosstabWish:
    """What a crosstab is to show.

    Attributes:
        by: Columns whose groups are compared.
        segments: A file with the respondents' segments, which are compared too.
        questions: Columns to show; empty: all others.
        exclude: Columns not to show.
        respondent: The column that says who; None: a usual name.
        weight: The column, or a file, of weights; None: everybody counts once.
        left_out: A list of respondents to leave out.
        texts: What was asked, by column.
        options: How it is tested.
    """

    by: Sequence[str] = ()
    segments: Path | None = None
    questions: Sequence[str] = ()
    exclude: Sequence[str] = ()
    respondent: str | None = None
    weight: str | None = None
    left_out: Path | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    options: CrosstabOptions = field(default_factory=CrosstabOptions)


@dataclass(frozen=True, slots=True)
class CrosstabOfFile:
    """A crosstab, where it is from, and what to know about it."""

    file: str
    weight: str | None
    crosstab: Crosstab
    notes: tuple[str, ...]


def crosstab_of_file(path: Path, wish: CrosstabWish, *, sheet: str | None = None) -> CrosstabOfFile:
    """Return the crosstab of a file of answers.

    Args:
        path: CSV, TSV, XLSX or SPSS; one row per respondent.
        wish: What it is to show.
        sheet: Of an XLSX; None: the first one.

    Returns:
        A table per question, and a sentence about everything that was left out or joined.

    Raises:
        FixSettingsError: The file can't be read, lacks a column, or has nothing to compare.
    """
    read = respondents_of(read_grid(path, sheet=sheet), wish.respondent, wish.left_out)
    weights, about_weights = weights_in(read, wish.weight)
    banners, about_groups = _banners(read, wish)
    grid = read.grid
    away = {read.column, *(grid.needed(name) for name in (*wish.by, *wish.exclude)), SEGMENT if wish.segments else None}
    away |= {weight_column(grid, wish.weight)} if wish.weight else set()
    shown = [grid.needed(name) for name in wish.questions] or [
        header for header in grid.headers if header not in away and header.casefold() not in NOT_ITEMS
    ]
    questions = questions_in(grid, shown, wish.texts)
    made = make_crosstab(questions.questions, banners, weights, wish.options)
    return CrosstabOfFile(grid.file, wish.weight, made, (*read.notes, *about_weights, *about_groups, *questions.notes))


def _banners(read: Respondents, wish: CrosstabWish) -> tuple[list[Banner], list[str]]:
    banners, notes = [], []
    for name in wish.by:
        header = read.grid.needed(name)
        in_order = list(labels_in(read.grid, header).values())
        banner, about = banner_of(header, read.grid.named(header), read.grid.file, in_order)
        banners.append(banner)
        notes += about
    if wish.segments is not None:
        cells, about = segments_from(wish.segments, read)
        banner, joined = banner_of(SEGMENT, cells, wish.segments.name)
        banners.append(banner)
        notes += [*about, *joined]
    if sum(len(banner.groups) for banner in banners) > MOST_COLUMNS:
        raise FixSettingsError(
            f"These banners have more than {MOST_COLUMNS} columns.", fix="Name fewer columns with --by."
        )
    return banners, notes


MOST_COLUMNS = 100
