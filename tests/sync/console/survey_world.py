"""A workspace with a file of answers of three kinds of people, who say yes to two of six questions each."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import openpyxl

PEOPLE = 240
FILE = "surveys/answers.csv"
BOOK, SHEET = "surveys/book.xlsx", "Answers & more"


def answers() -> str:
    """The file; two people answered twice, one named their column of times."""
    draw = np.random.default_rng(4)
    kind = draw.integers(0, 3, PEOPLE)
    said = (draw.random((PEOPLE, 6)) < np.where(np.arange(6) // 2 == kind[:, None], 0.9, 0.1)).astype(int)
    rows = [[f"p{row}@people.test", *cells, 60 + row % 7] for row, cells in enumerate(said.tolist())]
    rows[5][-1] = 3  # far below half of the median
    lines = [["email", *(f"q{item}" for item in range(6)), "duration"], *rows]
    return "\n".join(",".join(map(str, line)) for line in lines) + "\n"


def book(*, notes: bool = True) -> bytes:
    """The answers as the second sheet, behind a note; an empty sheet ends the workbook."""
    made = openpyxl.Workbook()
    first = made.active
    assert first is not None
    first.title = "Read me"
    if notes:
        for row in (["What this is"], ["A note", "of ours"]):
            first.append(row)
    sheet = made.create_sheet(SHEET)
    for line in answers().splitlines():
        sheet.append([int(cell) if cell.isdigit() else cell for cell in line.split(",")])
    made.create_sheet("Empty")
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def new_workspace(folder: Path) -> Path:
    """Write settings without a connection."""
    folder.mkdir()
    (folder / "personasync.toml").write_text('[workspace]\nname = "Survey <b>shop</b>"\n', "utf-8")
    (folder / "segments.toml").write_text("", "utf-8")
    (folder / "personas.toml").write_text("", "utf-8")
    return folder


def with_answers(folder: Path) -> Path:
    """Write a workspace in which the answers lie as the console keeps them."""
    (new_workspace(folder) / "surveys").mkdir()
    (folder / FILE).write_text(answers(), "utf-8")
    return folder


def rows_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))
