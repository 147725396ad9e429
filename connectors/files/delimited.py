"""Delimited text files: separator detection and duplicate header checks."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.errors import FixSettingsError

SEPARATORS = ",;\t|"


def separator_of(line: str) -> str:
    """Return the separator of a table, given its first line: the one that stands there most often."""
    return max(SEPARATORS, key=line.count)


def refuse_repeated(file: str, headers: Sequence[str]) -> None:
    """Refuse headers of which one stands twice.

    Args:
        file: Its name, for the message.
        headers: The cells of the first row, as read.

    Raises:
        FixSettingsError: With the first of them, by the alphabet.
    """
    repeated = sorted({name for name in headers if headers.count(name) > 1})
    if repeated:
        raise FixSettingsError(
            f"{file} has the column {repeated[0]!r} twice.", fix="Rename one of them in the first row."
        )
