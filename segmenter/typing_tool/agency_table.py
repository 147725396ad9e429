"""Import of an agency's coefficient table: items by segments, with a row of constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from segmenter.classifier.linear import LinearModel
from segmenter.errors import DefinitionError
from segmenter.surveys.answers import number_of
from segmenter.typing_tool.tool_file import SurveyQuestion, slug, trait_name

CONSTANTS = frozenset({
    "constant", "constants", "(constant)", "const", "intercept", "(intercept)", "bias",
    "konstante", "(konstante)", "konstant", "achsenabschnitt",
})  # fmt: skip
MEANS = frozenset({"mean", "means", "average", "fill", "mittelwert", "mittelwerte", "durchschnitt"})
FEWEST = 2


@dataclass(frozen=True, slots=True)
class AgencyTable:
    """Cells as text.

    Attributes:
        headers: Of the columns; the first names the rows.
        rows: As many cells as headers.
        numbers: The number of each row in its file.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """An imported coefficient table.

    Attributes:
        has_means: Whether it says what stands for a missing answer; else every question has to be answered.
        transposed: Whether it had segments in its rows.
    """

    model: LinearModel
    questions: tuple[SurveyQuestion, ...]
    has_means: bool
    transposed: bool


def read_coefficients(table: AgencyTable, tool: str, *, file: str) -> Imported:
    """Return the classification functions of a table: z = constant + sum of coefficient times answer.

    Args:
        table: Items in rows and segments in columns, or the other way round; decimal commas and percent signs are read.
        tool: The tool's name.
        file: Its name, for messages.

    Returns:
        The linear model, its questions, and whether the table gave means and was transposed.

    Raises:
        DefinitionError: It has no constants, too few segments or items, a name twice, or a cell that is not a number.
    """
    names = [row[0] for row in table.rows]
    in_rows = [place for place, name in enumerate(names) if _plain(name) in CONSTANTS]
    in_columns = [place for place, name in enumerate(table.headers) if _plain(name) in CONSTANTS]
    if not in_rows and not in_columns:
        raise DefinitionError(
            f"it has no row of constants; add a row named 'constant' (its rows are: {', '.join(names[:8])})", where=file
        )
    if len(in_rows) + len(in_columns) > 1:
        raise DefinitionError("it has duplicate constants; keep one row (or column)", where=file)
    cells, items, named, constant, means = _turned(table, file) if in_columns else _straight(table, file)
    segments = [slug(name) for name in named]
    _check_names(items, segments, file)
    questions: list[SurveyQuestion] = []
    for item in items:
        questions.append(
            SurveyQuestion(trait=trait_name(tool, item, {q.trait for q in questions}), item=item, text=item)
        )
    fill = tuple(means or [0.0] * len(items))
    model = LinearModel(
        "lda",
        tuple(segments),
        tuple(question.trait for question in questions),
        tuple(tuple(cells[item][place] for item in range(len(items))) for place in range(len(segments))),
        tuple(constant),
        fill,
        fill,
    )
    return Imported(model, tuple(questions), means is not None, bool(in_columns))


Parsed = tuple[list[list[float]], list[str], list[str], list[float], list[float] | None]


def _straight(table: AgencyTable, file: str) -> Parsed:
    columns = [place for place, name in enumerate(table.headers) if place and _plain(name) not in MEANS]
    mean = next((place for place, name in enumerate(table.headers) if place and _plain(name) in MEANS), None)
    rows = [place for place, row in enumerate(table.rows) if _plain(row[0]) not in CONSTANTS]
    constant = next(place for place, row in enumerate(table.rows) if _plain(row[0]) in CONSTANTS)
    return (
        [[_number(table, row, column, file) for column in columns] for row in rows],
        [table.rows[row][0] for row in rows],
        [table.headers[column] for column in columns],
        [_number(table, constant, column, file) for column in columns],
        None if mean is None else [_number(table, row, mean, file) for row in rows],
    )


def _turned(table: AgencyTable, file: str) -> Parsed:
    columns = [place for place, name in enumerate(table.headers) if place and _plain(name) not in CONSTANTS]
    constant = next(place for place, name in enumerate(table.headers) if _plain(name) in CONSTANTS)
    rows = [place for place, row in enumerate(table.rows) if _plain(row[0]) not in MEANS]
    mean = next((place for place, row in enumerate(table.rows) if _plain(row[0]) in MEANS), None)
    return (
        [[_number(table, row, column, file) for row in rows] for column in columns],
        [table.headers[column] for column in columns],
        [table.rows[row][0] for row in rows],
        [_number(table, row, constant, file) for row in rows],
        None if mean is None else [_number(table, mean, column, file) for column in columns],
    )


def _plain(name: str) -> str:
    return name.strip().casefold()


def _number(table: AgencyTable, row: int, column: int, file: str) -> float:
    cell = table.rows[row][column]
    number = number_of(cell)
    if number is None:
        what = "is empty" if not cell.strip() else f"holds {cell!r}, which is not a number"
        raise DefinitionError(
            f"row {table.numbers[row]} ({table.rows[row][0]!r}), column {table.headers[column]!r} {what}; "
            "write every coefficient as 0.25 or 0,25, without thousands separators",
            where=file,
        )
    return number


def _check_names(items: Sequence[str], segments: Sequence[str], file: str) -> None:
    if len(segments) < FEWEST:
        raise DefinitionError(
            f"it has {len(segments)} column of coefficients; a table needs two segments or more", where=file
        )
    if not items:
        raise DefinitionError("it has constants and no items; add a row for each question", where=file)
    for names, kind in ((items, "item"), (segments, "segment")):
        twice = next((name for name in names if list(names).count(name) > 1), None)
        if twice is not None:
            raise DefinitionError(f"duplicate {kind} {twice!r}; rename one", where=file)
        if not all(name.strip() for name in names):
            raise DefinitionError(f"a {kind} has no name; name it", where=file)
