"""The form of a table's columns. Arrow is imported when a type of it is asked for: many commands need names only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa

ColumnKind = Literal["text", "texts", "time", "number", "count", "flag"]
TEXT: ColumnKind = "text"
TEXTS: ColumnKind = "texts"
MOMENT: ColumnKind = "time"
NUMBER: ColumnKind = "number"
COUNT: ColumnKind = "count"
FLAG: ColumnKind = "flag"


def arrow_type(kind: ColumnKind) -> pa.DataType:
    """Return the type of Arrow that a kind of column has.

    Args:
        kind: As a schema of records names it.

    Returns:
        Moments are microseconds in UTC.
    """
    import pyarrow as pa  # noqa: PLC0415 - many commands look at names of columns only

    if kind == TEXTS:
        return pa.list_(pa.string())
    if kind == MOMENT:
        return pa.timestamp("us", tz="UTC")
    return {TEXT: pa.string, NUMBER: pa.float64, COUNT: pa.int64, FLAG: pa.bool_}[kind]()


@dataclass(frozen=True)
class TableSchema:
    """One table of the warehouse: its columns, and the ones that name a row.

    Versions of a row share the key; the newest `recorded_at`, which the warehouse adds, is in force.

    Attributes:
        fields: Names and kinds of its columns.
    """

    name: str
    key: tuple[str, ...]
    fields: tuple[tuple[str, ColumnKind], ...]

    @property
    def names(self) -> list[str]:
        """Names of its columns."""
        return [name for name, _ in self.fields]

    @cached_property
    def columns(self) -> pa.Schema:
        """Its columns as Arrow has them."""
        import pyarrow as pa  # noqa: PLC0415 - see `arrow_type`

        return pa.schema([(name, arrow_type(kind)) for name, kind in self.fields])
