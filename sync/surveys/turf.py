"""`survey turf`: the items of a file that reach most of its respondents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from connectors.errors import FixSettingsError
from segmenter.stats.pairwise import SampleBase, sample_of
from segmenter.surveys.answers import NO, YES, AnswerSheet
from segmenter.surveys.turf import BestSet, ItemSet, TurfOptions, best_set, best_sets, held_out_reach
from sync.surveys.answers import SurveyColumns, answers_of
from sync.surveys.respondents import respondents_of, weight_column, weights_in
from sync.surveys.spreadsheet import read_grid

MOST_ITEMS = 200


@dataclass(frozen=True, slots=True)
class TurfWish:
    """What is looked for.

    Attributes:
        size: Items at most.
        items: Columns; empty: all that are numbers or yes/no.
        exclude: Columns that are no items.
        at_least: The answer from which somebody is reached; None: yes/no items.
        top: An item reaches those who have it among their so many best ones; None: by the answer.
        always: Items that every set has to contain.
        respondent: The column that says who; None: a usual name.
        weight: The column, or a file, of weights; None: everybody counts once.
        left_out: A list of respondents to leave out.
        seed: Halves the respondents, to tell the reach of others.
    """

    size: int
    items: Sequence[str] = ()
    exclude: Sequence[str] = ()
    at_least: float | None = None
    top: int | None = None
    always: Sequence[str] = ()
    respondent: str | None = None
    weight: str | None = None
    left_out: Path | None = None
    seed: int = 1


@dataclass(frozen=True, slots=True)
class TurfOfFile:
    """The best sets.

    Attributes:
        items: Names; sets name their places.
        sets: By size, the smallest first.
        alone: Each item by itself, the one that reaches most first.
        most: What all items together reach.
        held_out: Reach of the largest set among people who took no part in its choice; NaN unknown.
        base: Respondents.
    """

    file: str
    items: tuple[str, ...]
    sets: tuple[BestSet, ...]
    alone: tuple[ItemSet, ...]
    most: float
    held_out: float
    base: SampleBase
    notes: tuple[str, ...]

    def named(self, chosen: ItemSet) -> str:
        """Return the items of a set as text.

        Returns:
            Their names with commas between.
        """
        return ", ".join(self.items[place] for place in chosen.items)


def turf_of_file(path: Path, wish: TurfWish, *, sheet: str | None = None) -> TurfOfFile:
    """Find the items of a file that reach most respondents.

    Args:
        path: CSV, TSV, XLSX or SPSS; one row per respondent, a column per item: yes/no, a scale, or utilities.
        wish: What is looked for.
        sheet: Of an XLSX; None: the first one.

    Returns:
        The best sets by size, and what the largest reaches among others.

    Raises:
        FixSettingsError: The file can't be read, or it is not said who is reached.
    """
    read = respondents_of(read_grid(path, sheet=sheet), wish.respondent, wish.left_out)
    weights, about_weights = weights_in(read, wish.weight)
    own = weight_column(read.grid, wish.weight) if wish.weight else None
    away = [*wish.exclude, *([own] if own else [])]
    answers = answers_of(read.grid, SurveyColumns(wish.respondent, None, away, wish.items))
    asked, about_words = _without_words(answers.sheet, read.grid.file)
    items = asked.items
    options = TurfOptions(_places(items, [read.grid.needed(name) for name in wish.always]))
    if len(items) > MOST_ITEMS or not max(1, len(options.always)) <= wish.size < len(items):
        raise FixSettingsError(
            f"{wish.size} of {len(items)} items can't be chosen.",
            fix=f"Name from {wish.size + 1} to {MOST_ITEMS} items with --item, or another --size.",
        )
    likes, about = _likes(asked, wish, read.grid.file)
    sets = best_sets(likes, weights, wish.size, options)
    alone = [best_set(likes[:, [item]], weights, 1, TurfOptions()).best for item in range(len(items))]
    singles = [ItemSet((item,), chosen.reach, chosen.frequency) for item, chosen in enumerate(alone)]
    return TurfOfFile(
        read.grid.file,
        items,
        tuple(sets),
        tuple(sorted(singles, key=lambda chosen: -chosen.reach)),
        float(np.average(likes.any(axis=1), weights=weights)),
        held_out_reach(likes, weights, wish.size, options, np.random.default_rng(wish.seed)),
        sample_of(weights),
        (*read.notes, *about_weights, *about_words, *about, *(finding.message for finding in answers.findings)),
    )


def _without_words(sheet: AnswerSheet, file: str) -> tuple[AnswerSheet, list[str]]:
    """The items that are numbers, scales or yes/no: of two other words neither says that somebody is reached."""
    words = [
        item
        for item, labels in sheet.labels.items()
        if set(labels) == {0.0, 1.0} and not {label.casefold() for label in labels.values()} <= YES | NO | {"0", "1"}
    ]
    kept = [item for item in sheet.items if item not in words]
    if not kept:
        raise FixSettingsError(f"{file} has no yes/no item and no scale.", fix="Name the items with --item.")
    notes = [f"Two words that are not yes and no, left out: {', '.join(words)}."] if words else []
    return sheet.only(range(len(sheet.respondents)), kept), notes


def _places(items: Sequence[str], names: Sequence[str]) -> tuple[int, ...]:
    lacking = [name for name in names if name not in items]
    if lacking:
        raise FixSettingsError(f"{lacking[0]!r} is not among the items.", fix=f"Items: {', '.join(items[:40])}.")
    return tuple(items.index(name) for name in names)


def _likes(sheet: AnswerSheet, wish: TurfWish, file: str) -> tuple[NDArray[np.bool_], list[str]]:
    values = sheet.values
    missing = np.isnan(values)
    notes = [f"{int(missing.sum()):,} missing answers count as not reached."] if missing.any() else []
    known = np.where(missing, -np.inf, values)
    if wish.top is not None:
        limit = np.sort(known, axis=1)[:, -min(wish.top, values.shape[1])]
        return (known >= limit[:, None]) & ~missing, notes
    if wish.at_least is not None:
        likes = known >= wish.at_least
    elif not np.isin(values[~missing], (0.0, 1.0)).all():
        scale = next(item for item, column in zip(sheet.items, values.T, strict=True) if _is_more(column))
        raise FixSettingsError(
            f"{file}: {scale!r} is not a yes/no item, so it is not known who is reached.",
            fix="Say from which answer on: --at-least 4; or that the best items count: --top 3. Or name the items.",
        )
    else:
        likes = known > 0
    if not likes.any():
        raise FixSettingsError(f"{file}: nobody is reached by any item.", fix="Lower --at-least.")
    return likes, notes


def _is_more(column: NDArray[np.float64]) -> bool:
    return not np.isin(column[~np.isnan(column)], (0.0, 1.0)).all()
