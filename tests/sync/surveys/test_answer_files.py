"""Files of answers in a workspace: what is handed in is a table, lies in one place, and an erasure knows of it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import FixSettingsError
from sync.control.erasures import Erasures
from sync.control.store import open_control
from sync.surveys import answer_files
from sync.surveys.answer_files import answer_files as listed
from sync.surveys.answer_files import answers_file, keep_answers, safe_name
from sync.surveys.spreadsheet import KINDS

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20
TABLE = b"email,q1,q2\na@people.test,1,2\nb@people.test,2,1\n"


@pytest.fixture
def erasures(tmp_path: Path) -> Iterator[Erasures]:
    control = open_control(f"sqlite:///{tmp_path / 'control.db'}", now=lambda: datetime(2026, 12, 1, tzinfo=UTC))
    yield control.erasures
    control.close()


def far_cell() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for place, value in {"A1": "email", "B1": "q1", "A2": "a@people.test", "B2": 1, "XFD1048576": 7}.items():
        sheet[place] = value
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_table_is_kept_and_an_erasure_knows_of_it(tmp_path: Path, erasures: Erasures) -> None:
    kept = keep_answers(erasures, tmp_path, "C:\\Surveys\\Our answers (1).CSV", TABLE)

    assert kept == tmp_path / "surveys" / "Our_answers_1.csv"
    assert kept.read_bytes() == TABLE
    assert erasures.files() == [kept.resolve()]
    assert [file.name for file in listed(tmp_path)] == ["surveys/Our_answers_1.csv"]
    assert answers_file(tmp_path, "surveys/Our_answers_1.csv") == kept


def test_the_same_file_is_kept_once_and_another_one_gets_a_number(tmp_path: Path, erasures: Erasures) -> None:
    names = [
        keep_answers(erasures, tmp_path, "answers.csv", content).name
        for content in (TABLE, TABLE, TABLE + b"c@people.test,1,1\n", TABLE)
    ]

    assert names == ["answers.csv", "answers.csv", "answers_2.csv", "answers.csv"]
    assert (tmp_path / "surveys" / "answers.csv").read_bytes() == TABLE


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("answers.csv", b"", "answers.csv is empty"),
        ("answers.csv", b"\n\n", "answers.csv is empty"),
        ("answers.csv", b"email,q1\n", "answers.csv is empty"),
        ("face.png", PICTURE, "face.png is not a readable table"),
        ("face.csv", PICTURE, "face.csv is not text"),
        ("face.xlsx", PICTURE, "face.xlsx is not a readable spreadsheet"),
        ("face.sav", PICTURE, "face.sav"),
        ("face.parquet", PICTURE, "face.parquet"),
        ("far.xlsx", far_cell(), "Delete stray cells far from the table"),
        ("twice.csv", b"q1,q1\n1,2\n", "twice.csv has the column 'q1' twice"),
        ("", TABLE, "The file is not a readable table"),
        ("answers.csv.exe", TABLE, "answers.csv.exe is not a readable table"),
    ],
)
def test_rubbish_is_refused_by_its_name_and_leaves_nothing(
    tmp_path: Path, erasures: Erasures, name: str, content: bytes, said: str
) -> None:
    with pytest.raises(FixSettingsError) as caught:
        keep_answers(erasures, tmp_path, name, content)

    assert said in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert list((tmp_path / "surveys").rglob("*")) == []
    assert erasures.files() == []


def test_a_file_that_is_too_large_is_refused(
    tmp_path: Path, erasures: Erasures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_files, "MOST_BYTES", len(TABLE) - 1)

    with pytest.raises(FixSettingsError, match="has more than 0 MB"):
        keep_answers(erasures, tmp_path, "answers.csv", TABLE)


@given(name=st.text(max_size=300), kind=st.sampled_from(KINDS))
def test_no_name_leads_out_of_the_folder(name: str, kind: str) -> None:
    kept = safe_name(f"{name}{kind}")

    assert Path(kept).name == kept
    assert kept.endswith(kind)
    assert not kept.startswith(".")
    assert len(kept.encode()) < 255
    assert safe_name(kept) == kept


@pytest.mark.parametrize(
    "name", ["../answers.csv", "surveys/../personasync.toml", "/etc/passwd", "surveys/none.csv", "", "linked.csv"]
)
def test_only_files_of_the_list_are_read(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "workspace"
    folder.mkdir()
    for place in (tmp_path / "answers.csv", folder / "personasync.toml", folder / "notes.txt"):
        place.write_bytes(TABLE)
    (folder / "linked.csv").symlink_to(tmp_path / "answers.csv")

    assert listed(folder) == []
    with pytest.raises(FixSettingsError, match="There is no file of answers"):
        answers_file(folder, name)


def test_what_a_killed_console_left_is_cleared(tmp_path: Path, erasures: Erasures) -> None:
    left = tmp_path / "surveys" / ".incoming-x"
    left.mkdir(parents=True)
    (left / "answers.csv").write_bytes(TABLE)
    keep_answers(erasures, tmp_path, "answers.csv", TABLE)

    assert not left.exists()
