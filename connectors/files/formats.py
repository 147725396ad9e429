"""Formats of whole columns: the order of day and month, and the decimal mark.

No cell is read by itself where it could mean two things: 03/04/2026 is what the other dates of its column say, and
1,234 is what the other numbers of its column say. Where none of them says it, the setting has to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from connectors.errors import FixSettingsError
from connectors.files.cells import CellError, Formats, amount_parts, as_number, as_text, date_parts, is_year_first

DATE_ORDER, DECIMAL_MARK = "date_order", "decimal_mark"
"""The settings that decide where a column can't."""
LAST_MONTH = 12
GROUP = 3  # digits between two marks of thousands


@dataclass(slots=True)
class _Evidence:
    """The first row that speaks for each reading of a column, and the first that could be either."""

    first: dict[str, tuple[int, str]] = field(default_factory=dict)
    open: tuple[int, str] | None = None

    def note(self, reading: str, number: int, text: str) -> None:
        if reading:
            self.first.setdefault(reading, (number, text))
        elif self.open is None:
            self.open = number, text


@dataclass(frozen=True, slots=True)
class _Style:
    """What the cells of a column may leave open.

    Attributes:
        setting: What decides where the column can't.
        values: The values of *setting*, for messages.
        usual: The value where no cell tells, and none needs to.
        both: What a column has that needs both values.
        unclear: The message where no cell decides, with places for ``where``, ``text`` and ``row``.
        reading: The value that a cell needs; "": it could be either; None: it has no say.
    """

    setting: str
    values: str
    usual: str
    both: str
    unclear: str
    reading: Callable[[str], str | None]

    def needs_both(self, where: str, first: tuple[int, str], other: tuple[int, str]) -> FixSettingsError:
        message = f"{where} has {self.both}: {first[1]!r} in row {first[0]}, {other[1]!r} in row {other[0]}."
        fix = f"Say which is right: {self.setting} = {self.values}; rows that it does not fit are skipped."
        return FixSettingsError(message, fix=fix)

    def undecided(self, where: str, cell: tuple[int, str]) -> FixSettingsError:
        message = self.unclear.format(where=where, row=cell[0], text=cell[1])
        return FixSettingsError(
            message, fix=f"Add {self.setting} = {self.values} to the connection in personasync.toml."
        )


def formats_of(cells: Iterable[tuple[int, str]], *, dates: bool, chosen: str | None, where: str) -> Formats:
    """Return how to read the cells of one column.

    Args:
        cells: Texts of the whole column, with the numbers of their rows; those that leave nothing open may be missing.
        dates: Whether they are dates; else numbers.
        chosen: What the setting says; None: nothing.
        where: File and column, for messages.

    Raises:
        FixSettingsError: The column could be read in two ways, or needs both; the message names the setting.
    """
    if dates:
        return Formats(date_order=_decided(cells, DATES, chosen, where), dates=True)
    return Formats(decimal_mark=_decided(cells, NUMBERS, chosen, where))


def _decided(cells: Iterable[tuple[int, str]], style: _Style, chosen: str | None, where: str) -> str:
    if chosen is not None:
        return chosen
    evidence = _Evidence()
    for number, cell in cells:
        if text := cell.strip():
            clue = style.reading(text)
            if clue is not None:
                evidence.note(clue, number, text)
    first, *others = sorted(evidence.first.items(), key=lambda item: item[1]) or [(style.usual, (0, ""))]
    if others:
        raise style.needs_both(where, first[1], others[0][1])
    if not evidence.first and evidence.open is not None:
        raise style.undecided(where, evidence.open)
    return first[0]


def _date_reading(text: str) -> str | None:
    """What must come first, "day" or "month"; "" could be either; None: it does not matter, or is no such date."""
    parts = None if is_year_first(text) else date_parts(text)
    if parts is None or parts.first == parts.second:
        return None
    if parts.first > LAST_MONTH:
        return "day"
    if parts.second > LAST_MONTH:
        return "month"
    return "day" if parts.separator == "." else ""  # nobody writes 12.31.2026 who does not write 31.12.2026 so


def _number_reading(text: str) -> str | None:
    """The decimal mark that a number must have; "" could be either; None: it has no mark, or is no number."""
    parts = None if text.isdigit() else amount_parts(text)
    marks = re.sub(r"[^.,]", "", parts.digits) if parts else ""
    if not parts or not marks:
        return None
    mark = marks[-1]
    whole, _, rest = parts.digits.rpartition(mark)
    other = "," if mark == "." else "."
    if other in marks:
        return mark
    if marks.count(mark) > 1:
        return other
    digits = re.sub(r"\D", "", whole)
    grouped = len(re.sub(r"\D", "", rest)) == GROUP and 1 <= len(digits) <= GROUP and not digits.startswith("0")
    return "" if grouped else mark


DATES = _Style(
    DATE_ORDER,
    '"day" or "month"',
    usual="day",
    both="dates with the day first and with the month first",
    unclear="{where} could have the day or the month first: {text!r} in row {row}, and no date tells.",
    reading=_date_reading,
)
NUMBERS = _Style(
    DECIMAL_MARK,
    '"." or ","',
    usual=".",
    both="numbers with a decimal comma and with a decimal point",
    unclear="{where}: the mark in {text!r} (row {row}) could be decimal or of thousands; no other number tells.",
    reading=_number_reading,
)


def plain_numbers(cells: Sequence[tuple[int, str]], *, chosen: str | None, where: str, fix: str) -> list[str]:
    """Return the answers to one question; where all of them are numbers, as numbers with a decimal point.

    What holds no digit ("n/a", "other") does not count, and stays, as numbers without a mark do: 017 may be a code. A
    point before three digits is decimal (1.234) unless another answer tells; a comma there has to be told apart.

    Args:
        cells: Every answer that was given, with the number of its row.
        chosen: The decimal mark that the setting says; None: nothing.
        where: File and column, for messages.
        fix: What to do where the answers do not tell.

    Returns:
        As many texts, in the same order.

    Raises:
        FixSettingsError: They could be read in two ways, or need both.
    """
    texts = [text for _, text in cells]
    readings = {text: _number_reading(text) for text in texts if any(map(str.isdigit, text))}
    if not all(map(amount_parts, readings)):
        return texts
    open_points = not any(readings.values()) and not any(mark == "" and "," in text for text, mark in readings.items())
    try:
        formats = formats_of(cells, dates=False, chosen=chosen or ("." if open_points else None), where=where)
    except FixSettingsError as error:
        raise FixSettingsError(error.what, fix=fix) from error
    return [text if WITHOUT_MARK.fullmatch(text) else _plain(text, formats) for text in texts]


WITHOUT_MARK = re.compile(r"[-+]?[\d\s]+|\D*")


def _plain(text: str, formats: Formats) -> str:
    try:
        return as_text(as_number(text, formats)) or text
    except CellError:
        return text
