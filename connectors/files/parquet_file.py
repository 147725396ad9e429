"""Parquet files, whose size says nothing of what they hold: equal texts stand in them once."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connectors.errors import FixSettingsError

MOST_VALUES = 100_000_000
MOST_UNPACKED = 2**30  # bytes: of all values, as they are stored, and of texts where each stands for itself
TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)


def read_parquet(path: Path) -> pa.Table:
    """Return a file's rows.

    Args:
        path: Of the file.

    Returns:
        Columns as the file has them.

    Raises:
        FixSettingsError: It holds too much.
        pa.ArrowInvalid: It is broken.
    """
    with path.open("rb") as file:
        parquet = pq.ParquetFile(file)
        groups = [parquet.metadata.row_group(number) for number in range(parquet.metadata.num_row_groups)]
        values = sum(group.column(number).num_values for group in groups for number in range(group.num_columns))
        if values > MOST_VALUES or sum(group.total_byte_size for group in groups) > MOST_UNPACKED:
            raise _too_large(path)
        kinds = {field.name: field.type for field in parquet.schema_arrow}
        texts = [name for name, kind in kinds.items() if any(is_kind(kind) for is_kind in TEXT)]
        rows = pq.ParquetFile(file, read_dictionary=texts).read()
    if sum(_unpacked(chunk) for column in rows.columns for chunk in column.chunks) > MOST_UNPACKED:
        raise _too_large(path)
    return rows.cast(pa.schema([pa.field(name, kinds[name]) for name in rows.column_names]))


def _unpacked(chunk: pa.Array) -> int:
    """Bytes of a chunk with each of its texts written out."""
    if not pa.types.is_dictionary(chunk.type) or not len(chunk.dictionary):
        return int(chunk.nbytes)
    lengths = pc.binary_length(chunk.dictionary).cast(pa.int64())
    return int(pc.sum(lengths.take(chunk.indices)).as_py() or 0)


def _too_large(path: Path) -> FixSettingsError:
    return FixSettingsError(
        f"{path.name} holds more than {MOST_VALUES:,} values or {MOST_UNPACKED // 2**20:,} MiB when unpacked.",
        fix="Split it into several files, or leave columns out.",
    )
