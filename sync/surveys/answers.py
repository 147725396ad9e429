"""Survey answers from a file (one row per respondent) or from the warehouse."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from connectors.errors import FixSettingsError
from connectors.files.formats import plain_numbers
from connectors.records import SURVEY_ANSWERS, email_key, normalise_email
from segmenter.errors import DefinitionError
from segmenter.surveys.answers import AnswerSheet, WordsError, code_answers, is_no_answer, number_of
from segmenter.surveys.survey_checks import SurveyFinding
from sync.surveys.spreadsheet import Grid, read_grid
from sync.warehouse.store import Warehouse

RESPONDENT = ("respondent", "respondent_id", "email", "e-mail", "id", "contact_id", "customer_id", "person_id", "case")
"""Names of the column that says who answered; the first that a file has is taken."""
WEIGHTS = ("weight", "weights", "wt", "wgt", "gewicht", "gewichtung")
"""Names of the column that says how many people a respondent stands for: no item, unless somebody names it as one."""
NOT_ITEMS = frozenset({"survey", "date", "at", "answered_at", "timestamp"})


@dataclass(frozen=True, slots=True)
class SurveyColumns:
    """Which column of a file is what.

    Attributes:
        respondent: Who answered; None: a usual name, else the rows' numbers.
        segment: The segment that is known already; None: it is to be found.
        exclude: No items.
        only: The items; empty: all other columns.
    """

    respondent: str | None = None
    segment: str | None = None
    exclude: Sequence[str] = ()
    only: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """Answers, what had to be left out of them, and what was asked where the file says so (SPSS): item -> text."""

    sheet: AnswerSheet
    findings: list[SurveyFinding] = field(default_factory=list)
    texts: Mapping[str, str] = field(default_factory=dict)


def answers_from_file(path: Path, columns: SurveyColumns, *, sheet: str | None = None) -> Read:
    """Return the answers of a file.

    Args:
        path: CSV, TSV, XLSX or SPSS; one row per respondent.
        columns: Which column is what.
        sheet: Of an XLSX; None: the first one.

    Returns:
        Answers (respondents, items), NaN for missing, and what was left out.

    Raises:
        FixSettingsError: It can't be read, lacks a column, or a cell of a numeric item is not a number.
    """
    return answers_of(read_grid(path, sheet=sheet), columns)


def answers_of(grid: Grid, columns: SurveyColumns) -> Read:
    """Return the answers in a grid. Raises as `answers_from_file`."""
    who = grid.needed(columns.respondent) if columns.respondent else usual_respondent(grid)
    segment = grid.needed(columns.segment) if columns.segment else None
    away = {grid.needed(name) for name in columns.exclude}
    wanted = [grid.needed(name) for name in columns.only] or [
        header for header in grid.headers if header.casefold() not in NOT_ITEMS
    ]
    items = [header for header in wanted if header not in {who, segment, *away}]
    findings: list[SurveyFinding] = []
    if not columns.only and (weights := looks_like_weights(items)) is not None:
        items.remove(weights)
        said = f"{weights!r} is excluded: it is named like weights of respondents."
        findings.append(SurveyFinding("weights", said, "Rename the column if it is a question."))
    values, labels, kept = [], {}, []
    for item in items:
        try:
            coded = code_answers(numbers_in(grid, item), item, grid.numbers)
        except WordsError as error:
            fix = f"Number its answers if they have an order, or pass --exclude {item!r}."
            findings.append(SurveyFinding("words", f"{item!r} is excluded: {error}.", fix))
            continue
        except DefinitionError as error:
            raise FixSettingsError(
                f"{grid.file}, {error}.", fix="Fix the cell, or empty it if there is no answer."
            ) from error
        values.append(coded.values)
        kept.append(item)
        if words := coded.words or labels_in(grid, item):
            labels[item] = words
    if not kept:
        raise FixSettingsError(
            f"{grid.file} has no usable item.", fix=findings[0].message if findings else "Add questions."
        )
    cells = grid.named(segment) if segment else []
    respondents = grid.column(who) if who else [f"row {number}" for number in grid.numbers]
    named = tuple(name or f"row {number}" for name, number in zip(respondents, grid.numbers, strict=True))
    segments = tuple("" if is_no_answer(cell) else cell for cell in cells)
    asked = {item: grid.asked[item] for item in kept if item in grid.asked}
    return Read(
        AnswerSheet(named, tuple(kept), np.column_stack(values), segments, labels, grid.numbers), findings, asked
    )


def labels_in(grid: Grid, header: str) -> dict[float, str]:
    """Return what the numbers below *header* stand for, where the file says so (SPSS); empty where it does not."""
    known = {number_of(code): label for code, label in grid.labels.get(header, {}).items()}
    return {number: known[number] for number in sorted(number for number in known if number is not None)}


def numbers_in(grid: Grid, header: str) -> list[str]:
    """Return the cells below *header*; where they are numbers, with a decimal point, told apart by the whole column.

    Args:
        grid: The file.
        header: One of its own.

    Returns:
        One text per row, in the order of the file.

    Raises:
        FixSettingsError: They could be read in two ways, or need both.
    """
    cells = list(zip(grid.numbers, grid.column(header), strict=True))
    where = f"{grid.file}, column {header!r}"
    return plain_numbers(
        cells,
        chosen=None,
        where=where,
        fix="Write all of its numbers with one decimal mark, and without marks of thousands.",
    )


def with_segments(read: Read, segments: Mapping[str, str], person_of: Mapping[str, str], proposal: str) -> Read:
    """Return the answers with the segment of each respondent, "" for those that *segments* does not know.

    Args:
        read: The answers.
        segments: By person, or by respondent of the file that the proposal was made of.
        person_of: Person by contact key.
        proposal: Its name, for the message.

    Returns:
        The same answers in the same order.

    Raises:
        FixSettingsError: None of the respondents is known.
    """
    sheet = read.sheet
    known = [
        segments.get(respondent)
        or segments.get(person_of.get(respondent, ""))
        or _by_address(respondent, segments, person_of)
        for respondent in sheet.respondents
    ]
    if not any(known):
        raise FixSettingsError(
            f"No respondent is in the proposal {proposal!r}: {why_nobody(sheet.respondents, [*segments, *person_of])}.",
            fix="Use the answers that it was made from, with the same --respondent.",
        )
    return replace(read, sheet=replace(sheet, segments=tuple(segment or "" for segment in known)))


def why_nobody(ours: Collection[str], theirs: Collection[str]) -> str:
    """Return why none of *ours* is among *theirs*, as a part of a sentence that is about the respondents of a file.

    Args:
        ours: How the file names its respondents.
        theirs: Who is known.
    """
    own, other = _way_of_naming(ours), _way_of_naming(theirs)
    if not theirs:
        return "nobody is known there"
    if own == ROW_NUMBERS:
        return f"the file has no column that says who answered, so they have {ROW_NUMBERS}"
    if own != other:
        return f"they are named by {own}, the others by {other}"
    return f"both are named by {own}, and none of the {len(ours):,} is among the {len(theirs):,}"


ROW_NUMBERS = "row numbers"


def _way_of_naming(names: Collection[str]) -> str:
    """What most of *names* are."""
    addresses = sum(normalise_email(name.removeprefix("mailto:")) is not None for name in names)
    rows = sum(name.startswith("row ") for name in names)
    if rows > len(names) * MOST_OF:
        return ROW_NUMBERS
    return "addresses" if addresses > len(names) * MOST_OF else "ids"


MOST_OF = 0.5


def _by_address(respondent: str, segments: Mapping[str, str], person_of: Mapping[str, str]) -> str:
    key = email_key(normalise_email(respondent) or "")
    return segments.get(person_of.get(key, ""), "")


def usual_respondent(grid: Grid) -> str | None:
    """Return the column of *grid* that says who answered.

    Returns:
        The first of the names in `RESPONDENT` that it has; None where none is named so.
    """
    return next((header for name in RESPONDENT if (header := grid.find(name)) is not None), None)


def looks_like_weights(headers: Collection[str]) -> str | None:
    """Return the header that by its name holds weights of respondents.

    Returns:
        The first one; None where none is named so.
    """
    return next((header for header in headers if header.strip().casefold() in WEIGHTS), None)


def answers_in_warehouse(warehouse: Warehouse, survey: str, columns: SurveyColumns) -> Read:
    """Return the answers to one survey that were pulled.

    Args:
        warehouse: Has the answers.
        survey: Name of the survey.
        columns: Which items are meant.

    Returns:
        Answers (respondents, items), NaN for missing, by contact key; and what was left out.

    Raises:
        FixSettingsError: There are none.
    """
    table = warehouse.current(SURVEY_ANSWERS.name)
    rows = table.filter(table.survey == survey).order_by("at").to_pyarrow().to_pylist()
    if not rows:
        surveys = sorted(table.select("survey").distinct().to_pyarrow()["survey"].to_pylist())
        raise FixSettingsError(
            f"There are no answers to a survey {survey!r}.",
            fix=f"Pulled surveys: {', '.join(surveys) or 'none; name a file, or run `personasync pull`'}.",
        )
    items = sorted({row["item"] for row in rows})
    answers: dict[str, dict[str, str]] = {}
    for row in rows:
        answers.setdefault(row["contact_key"], {})[row["item"]] = row["value"] or ""
    cells = tuple((who, *(replies.get(item, "") for item in items)) for who, replies in answers.items())
    grid = Grid(f"survey {survey!r}", ("respondent", *items), cells, tuple(range(1, len(cells) + 1)))
    return answers_of(grid, columns)
