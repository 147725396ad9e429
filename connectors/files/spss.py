"""SPSS files (SAV, ZSAV, POR) as a table: value labels, texts of questions, and user-missing values.

A code that SPSS calls a missing value is no answer. A variable whose measure is nominal becomes its labels, since its
codes have no order; of any other the codes stay, and the labels come beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from connectors.errors import FixSettingsError, missing_extra, reason_of

SPSS_KINDS = (".sav", ".zsav", ".por")
MOST_COLUMNS, MOST_CELLS = 2_000, 20_000_000  # as of other tables


@dataclass(frozen=True, slots=True)
class SpssTable:
    """An SPSS file that was read.

    Attributes:
        headers: Names of the variables.
        rows: A column for each.
        labels: Variable -> text of a value, as its cell has it -> its label; of variables whose cells are codes.
        asked: Variable -> its label: what was asked.
    """

    headers: list[str]
    rows: pa.Table
    labels: Mapping[str, Mapping[str, str]]
    asked: Mapping[str, str]


def read_spss(path: Path) -> SpssTable:
    """Return what an SPSS file holds.

    Args:
        path: SAV, ZSAV or POR.

    Raises:
        FixSettingsError: It is broken or too large, or the package that reads it is not installed.
        OSError: It can't be read.
    """
    with path.open("rb") as file:
        file.read(1)  # a missing file is told as one
    pyreadstat = _reader()
    read = pyreadstat.read_por if path.suffix.lower() == ".por" else pyreadstat.read_sav
    try:
        _, meta = read(str(path), metadataonly=True)
        _refuse_large(path, meta.number_rows, len(meta.column_names))
        columns, meta = read(str(path), output_format="dict")
    except (pyreadstat.ReadstatError, pyreadstat.PyreadstatError, ValueError, UnicodeError, OverflowError) as error:
        raise FixSettingsError(
            f"{path.name} is not a readable SPSS file: {reason_of(error)}.", fix="Save it as SAV again, or as CSV."
        ) from error
    if not meta.column_names:
        raise FixSettingsError(f"{path.name} is empty.", fix="It needs variables and rows.")
    named = {name: _as_texts(labels) for name, labels in meta.variable_value_labels.items()}
    nominal = {name for name, measure in meta.variable_measure.items() if measure == "nominal" and name in named}
    arrays = [_cells(columns[name], named[name] if name in nominal else {}) for name in meta.column_names]
    return SpssTable(
        list(meta.column_names),
        pa.table(arrays, names=[str(place) for place in range(len(arrays))]),
        {name: labels for name, labels in named.items() if name not in nominal},
        {name: " ".join(text.split()) for name, text in meta.column_names_to_labels.items() if text},
    )


def _reader() -> Any:
    try:
        import pyreadstat  # noqa: PLC0415 - an extra: most people have no SPSS files
    except ImportError as error:
        raise missing_extra(error) or error from error
    return pyreadstat


def _refuse_large(path: Path, rows: int | None, columns: int) -> None:
    if columns > MOST_COLUMNS or (rows or 0) * columns > MOST_CELLS:
        message = f"{path.name} has more than {MOST_COLUMNS:,} columns or {MOST_CELLS:,} cells."
        raise FixSettingsError(message, fix="Save the variables that you need as a file of their own.")


def _as_texts(labels: Mapping[Any, str]) -> dict[str, str]:
    return {_code(value): " ".join(label.split()) for value, label in labels.items() if label.strip()}


def _code(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _cells(values: Sequence[Any], labels: Mapping[str, str]) -> pa.Array:
    """A column: numbers stay numbers, unless *labels* stand for them."""
    known = [value for value in values if value is not None and value != ""]
    if known and not labels and all(isinstance(value, int | float) for value in known):
        return pa.array([None if value is None else float(value) for value in values], pa.float64(), from_pandas=True)
    return pa.array([_text(value, labels) for value in values], pa.string())


def _text(value: Any, labels: Mapping[str, str]) -> str | None:
    if value is None or value != value:  # noqa: PLR0124 - NaN is no answer
        return None
    if isinstance(value, date):
        return value.isoformat()
    code = _code(value).strip()
    return labels.get(code, code) or None
