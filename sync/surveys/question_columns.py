"""Columns of a file as questions of a crosstab, and as the groups that they are compared by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from connectors.errors import FixSettingsError
from segmenter.errors import DefinitionError
from segmenter.stats.item_words import OTHER, rare_joined
from segmenter.surveys.answers import MOST_LEVELS, WordsError, code_answers, is_no_answer, number_of
from segmenter.surveys.questions import Banner, Question, Values
from sync.surveys.answers import labels_in, numbers_in
from sync.surveys.spreadsheet import Grid

MOST_GROUPS = 26
"""Columns of one banner: beyond, a table can't be read, and a group has too few people."""
MOST_WORDS = 40
SCALE = 5  # points from which the two at each end count together


@dataclass(frozen=True, slots=True)
class ReadQuestions:
    """Questions in the order of the file, and a sentence about each column that could not be one."""

    questions: tuple[Question, ...]
    notes: tuple[str, ...]


def questions_in(grid: Grid, headers: Sequence[str], texts: Mapping[str, str]) -> ReadQuestions:
    """Return the columns *headers* as questions.

    Numbers of few kinds are answers with a mean; of many kinds only a mean; words of a known scale have an order; other
    words are answers, the most frequent first.

    Args:
        grid: Answers, one row per respondent.
        headers: Which columns.
        texts: What was asked, by column.

    Raises:
        FixSettingsError: A cell of a column of numbers is none, or none of the columns is a question.
    """
    questions, notes = [], []
    for header in headers:
        text = texts.get(header) or grid.asked.get(header, "")
        cells = grid.column(header)
        if all(is_no_answer(cell) for cell in cells):
            notes.append(f"{header!r} is left out: nobody answered.")
            continue
        made, note = _question(grid, header, text)
        notes += note
        questions += made
    if not questions:
        raise FixSettingsError(
            f"{grid.file} has no question to show.", fix=notes[0] if notes else "Name columns with --question."
        )
    return ReadQuestions(tuple(questions), tuple(notes))


def _question(grid: Grid, header: str, text: str) -> tuple[list[Question], list[str]]:
    try:
        coded = code_answers(numbers_in(grid, header), header, grid.numbers)
    except WordsError:
        return _of_words(grid, header, text)
    except DefinitionError as error:
        raise FixSettingsError(
            f"{grid.file}, {error}.", fix="Fix the cell, or empty it if there is no answer."
        ) from error
    words = coded.words or labels_in(grid, header)
    levels = _levels(coded.values)
    if len(levels) > MOST_LEVELS:
        return [Question(header, text, np.full(len(coded.values), -1), (), coded.values)], []
    known = ~np.isnan(coded.values)
    codes = np.where(known, np.searchsorted(levels, np.where(known, coded.values, levels[0])), -1)
    answers = tuple(_unlike([words.get(level, f"{level:g}") for level in levels], levels))
    ordered = len(levels) > 2  # noqa: PLR2004 - of two answers the share says it all
    return [Question(header, text, codes, answers, coded.values if ordered else None, _nets(levels))], []


def _levels(values: Values) -> list[float]:
    """The answers that there are; of a scale of whole numbers also those between that nobody gave."""
    given: list[float] = np.unique(values[~np.isnan(values)]).tolist()
    whole = all(level.is_integer() for level in given)
    if whole and given[-1] - given[0] < MOST_LEVELS and len(given) > 2:  # noqa: PLR2004 - two codes may be 1 and 9
        return [float(level) for level in range(int(given[0]), int(given[-1]) + 1)]
    return given


def _unlike(labels: Sequence[str], levels: Sequence[float]) -> list[str]:
    """Labels, those that stand twice with their number."""
    many = Counter(labels)
    return [label if many[label] == 1 else f"{label} ({level:g})" for label, level in zip(labels, levels, strict=True)]


def _nets(levels: Sequence[float]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    many = len(levels)
    if many < SCALE or not all(level.is_integer() for level in levels):
        return ()
    return (("Top 2", (many - 2, many - 1)), ("Bottom 2", (0, 1)))


def _of_words(grid: Grid, header: str, text: str) -> tuple[list[Question], list[str]]:
    cells = [None if is_no_answer(cell) else cell for cell in grid.named(header)]
    column, rare = _without_rare(cells)
    counted = Counter(cell for cell in column if cell is not None)
    if len(counted) > MOST_WORDS:
        return [], [f"{header!r} is left out: {len(counted):,} different words are names or remarks, not answers."]
    answers = sorted(counted, key=lambda answer: (answer == OTHER and rare > 0, -counted[answer], answer))
    place = {answer: number for number, answer in enumerate(answers)}
    codes = np.array([-1 if cell is None else place[cell] for cell in column])
    notes = [f"{header!r}: {rare} rare answers are joined as {OTHER!r}."] if rare else []
    return [Question(header, text, codes, tuple(answers))], notes


def _without_rare(cells: Sequence[str | None]) -> tuple[Sequence[str | None], int]:
    """The words, of too many the rare ones joined, and how many those are; as they were where all are rare."""
    joined, rare = rare_joined({"": cells})
    several = len({cell for cell in joined[""] if cell is not None}) > 1
    return (joined[""], rare.get("", 0)) if several else (cells, 0)


def banner_of(name: str, cells: Sequence[str], file: str, order: Sequence[str] = ()) -> tuple[Banner, list[str]]:
    """Return the groups of a column: numbers by size, words by the alphabet; rare words of many are joined.

    Args:
        name: Of the column.
        cells: One per respondent; no answer: in no group.
        file: For messages.
        order: Words that come first, in this order.

    Returns:
        The groups, and what to know about them.

    Raises:
        FixSettingsError: It has fewer than two groups, or far too many.
    """
    known = [None if is_no_answer(cell) else cell for cell in cells]
    column, rare = _without_rare(known)
    groups = sorted({cell for cell in column if cell is not None}, key=lambda group: _order(group, order))
    if len(groups) < 2:  # noqa: PLR2004 - nothing to compare
        raise FixSettingsError(
            f"{file}, column {name!r}: everybody is in {groups[0]!r}." if groups else f"{file}: {name!r} is empty.",
            fix="Name another column with --by, or leave out --by.",
        )
    if len(groups) > MOST_GROUPS:
        raise FixSettingsError(
            f"{file}: {name!r} has {len(groups):,} different values; a table shows at most {MOST_GROUPS} groups.",
            fix="Make a column of ranges or of broader groups.",
        )
    place = {group: number for number, group in enumerate(groups)}
    codes = np.array([-1 if cell is None else place[cell] for cell in column])
    notes = [f"{name}: {rare} rare groups are joined as {OTHER!r}."] if rare else []
    return Banner(name, tuple(groups), codes), notes


def _order(group: str, first: Sequence[str]) -> tuple[int, bool, float, str]:
    number = number_of(group)
    return (first.index(group) if group in first else len(first), number is None, number or 0.0, group)
