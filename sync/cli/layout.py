"""Text and tables at the width of a terminal: lines break between words, and no word is ever cut.

What is longer than a line (an address, an id of a run) stays whole, so that it can be copied.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from connectors.visible import visible

GAP = 2  # spaces between two columns
UNBOUNDED = 1_000_000


def cells(text: str) -> int:
    """Return how many places of a terminal *text* takes: a wide character takes two, a combining one none."""
    if text.isascii():
        return len(text)
    return sum(_places(character) for character in text)


def _places(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def wrap(text: str, width: int) -> list[str]:
    """Return the lines of *text* at *width*; what a line begins with in spaces, its continuation has too."""
    return [line for given in text.split("\n") for line in _wrapped(given, width)]


def _wrapped(line: str, width: int) -> Iterator[str]:
    if cells(line) <= width:
        yield line
        return
    indent = " " * (len(line) - len(line.lstrip(" ")))
    built = ""
    for word in line.split():
        if built and cells(indent) + cells(built) + 1 + cells(word) > width:
            yield indent + built
            built = word
        else:
            built = f"{built} {word}" if built else word
    yield indent + built


class Table:
    """A table of texts and numbers; numbers stand at the right and are grouped by thousands.

    Args:
        columns: Their names.
        rows: A cell for each column.
        title: A line above it.
    """

    def __init__(self, columns: Sequence[str], rows: Sequence[Sequence[object]], title: str | None = None) -> None:
        places = range(len(columns))
        self.columns, self.title = columns, None if title is None else visible(title)
        self.right = [bool(rows) and all(isinstance(row[place], int | float) for row in rows) for place in places]
        self.rows = [
            [f"{cell:,}" if isinstance(cell, int | float) else visible(str(cell)) for cell in row] for row in rows
        ]

    def lines(self, width: int = UNBOUNDED) -> Iterator[str]:
        """Yield its lines: side by side where every word has room, else each row as a list of `column: value`.

        Yields:
            None is wider than *width*, except where a single word is.
        """
        if self.title:
            yield from wrap(self.title, width)
        widths = _fitted(*self._wanted(), width - GAP * (len(self.columns) - 1))
        if widths is None:
            yield from self._records(width)
            return
        for row in ([self.columns] if any(self.columns) else []) + self.rows:
            yield from self._row(row, widths)

    def _wanted(self) -> tuple[list[int], list[int]]:
        """For each column: the room for its longest word, and for its longest line."""
        table = [self.columns, *self.rows]
        texts = [[row[place] for row in table] for place in range(len(self.columns))]
        least = [max((cells(word) for text in column for word in text.split()), default=0) for column in texts]
        return least, [max(cells(line) for text in column for line in text.split("\n")) for column in texts]

    def _row(self, row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
        columns = [wrap(text, width) for text, width in zip(row, widths, strict=True)]
        for number in range(max(map(len, columns))):
            parts = [column[number] if number < len(column) else "" for column in columns]
            padded = [
                " " * (width - cells(part)) + part if right else part + " " * (width - cells(part))
                for part, width, right in zip(parts, widths, self.right, strict=True)
            ]
            yield (" " * GAP).join(padded).rstrip()

    def _records(self, width: int) -> Iterator[str]:
        for number, row in enumerate(self.rows):
            if number:
                yield ""
            for name, text in zip(self.columns, row, strict=True):
                first, *more = wrap(f"{name}: {text}" if name else text, width)
                yield first
                yield from (f"  {line}" for part in more for line in wrap(part, width - GAP))


def _fitted(least: list[int], most: list[int], room: int) -> list[int] | None:
    """Widths of columns that take *room* together, the widest narrowed first; None where words would be cut."""
    if sum(least) > room:
        return None
    low, high = 0, max(most, default=0)
    while low < high:  # the largest limit at which all columns have room
        limit = (low + high + 1) // 2
        if sum(_limited(least, most, limit)) <= room:
            low = limit
        else:
            high = limit - 1
    return _limited(least, most, low)


def _limited(least: Sequence[int], most: Sequence[int], limit: int) -> list[int]:
    return [max(small, min(large, limit)) for small, large in zip(least, most, strict=True)]
