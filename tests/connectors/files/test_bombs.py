"""Small files that hold very much are refused before they take the memory that they ask for."""

from __future__ import annotations

import zipfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.errors import FixSettingsError
from connectors.files import parquet_file
from connectors.files.table import read_table

SHEET = """<?xml version="1.0"?>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
<row r="1"><c r="A1" t="inlineStr"><is><t>email</t></is></c></row>
<row r="2"><c r="A2" t="inlineStr"><is><t>ada@people.test</t></is></c></row>
<row r="1048576"><c {far} t="inlineStr"><is><t>far</t></is></c></row>
</sheetData></worksheet>"""


def repeated(rows: int, text: str) -> pa.Table:
    indices = pa.array([0] * rows, pa.int32())
    return pa.table({"email": pa.DictionaryArray.from_arrays(indices, pa.array([text]))})


def test_texts_that_stand_once_in_a_parquet_file_are_counted_as_often_as_they_are_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "people.parquet"
    pq.write_table(repeated(20_000, "x" * 1_000), path, store_schema=False)
    monkeypatch.setattr(parquet_file, "MOST_UNPACKED", 20_000_001)
    held = pa.total_allocated_bytes()

    assert path.stat().st_size < 10_000
    assert read_table(path).rows.num_rows == 20_000

    monkeypatch.setattr(parquet_file, "MOST_UNPACKED", 10_000_000)
    with pytest.raises(FixSettingsError, match=r"people.parquet holds more than .* when unpacked"):
        read_table(path)
    assert pa.total_allocated_bytes() - held < 1_000_000


def test_values_are_counted_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "people.parquet"
    pq.write_table(pa.table({"id": pa.array([1] * 1_000), "lists": pa.array([[1] * 50] * 1_000)}), path)
    monkeypatch.setattr(parquet_file, "MOST_VALUES", 50_000)

    with pytest.raises(FixSettingsError, match="values"):
        read_table(path)


def test_a_parquet_file_reads_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    table = pa.table(
        {
            "email": pa.array(["a@people.test", None, "a@people.test"]),
            "large": pa.array(["x", "y", None], pa.large_string()),
            "dictionary": pa.array(["x", None, "x"]).dictionary_encode(),
            "number": pa.array([1.5, None, 2.0]),
            "empty": pa.array([None, None, None], pa.string()),
            "list": pa.array([["x"], [], None]),
        }
    )
    pq.write_table(table, path)

    assert read_table(path).rows.rename_columns(table.column_names).to_pydict() == table.to_pydict()


@pytest.mark.parametrize(
    "far", ['r="XFD1048576"', "r='XFD1048576'", 's="1" r = "XFD1048576"', 's="1"\n r="XFD1048576"']
)
def test_one_far_cell_of_a_sheet_takes_no_room_however_it_is_spelt(tmp_path: Path, far: str) -> None:
    path, whole = tmp_path / "people.xlsx", tmp_path / "whole.xlsx"
    openpyxl.Workbook().save(whole)
    with zipfile.ZipFile(whole) as known, zipfile.ZipFile(path, "w") as made:
        for name in known.namelist():
            is_sheet = name == "xl/worksheets/sheet1.xml"
            made.writestr(name, SHEET.format(far=far) if is_sheet else known.read(name))

    with pytest.raises(FixSettingsError, match="Delete stray cells"):
        read_table(path)
