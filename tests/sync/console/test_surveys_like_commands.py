"""Sheets of a workbook, attention items, texts of questions and parts of a tool: on the pages as by the commands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from tests.sync.console.conftest import Command
from tests.sync.console.survey_world import BOOK, SHEET, book, new_workspace
from tests.sync.console.visitor import Visitor, hand_in, visiting

pytestmark = pytest.mark.outside

ADDRESS = f"/surveys/answers/file?name={quote(BOOK, safe='')}"
CHECKED = f"{ADDRESS}&sheet={quote(SHEET)}"


def two_workspaces(root: Path) -> tuple[Path, Path]:
    """Two workspaces with the same workbook: of the console, and of the commands."""
    made = []
    for name in ("pages", "commands"):
        (root / name).mkdir()
        folder = new_workspace(root / name / "workspace")
        (folder / "surveys").mkdir()
        (folder / BOOK).write_bytes(book())
        (folder / "surveys" / "texts.csv").write_text("item,text\nq0,First <b>question</b>?\nq5,Last?\n", "utf-8")
        made.append(folder)
    return made[0], made[1]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """For tests that leave settings and proposals as they are; the others make two of their own."""
    return two_workspaces(tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="module")
def visitor(folders: tuple[Path, Path]) -> Iterator[Visitor]:
    with visiting(folders[0], {}) as known:
        yield known


def test_of_several_sheets_one_is_asked_for(visitor: Visitor, folders: tuple[Path, Path], document: Command) -> None:
    asked = visitor.get(ADDRESS)
    chosen = visitor.get(CHECKED)
    told = document(folders[1], "survey", "quality", BOOK, "--sheet", SHEET)

    assert "The workbook has several sheets" in asked.words
    assert re.search(r"Read me 2 2 .*Answers & more 241 8", asked.words)
    assert "Empty" not in asked.words
    assert f"Sheet {SHEET} ; choose another" in chosen.words
    assert all(f" {flag} {many:,} " in chosen.words for flag, many in told["flags"].items())
    assert "did not work" in visitor.get(f"{ADDRESS}&sheet=None").words


@pytest.mark.parametrize("action", ["answers/discover", "design/tool"])
def test_nothing_is_made_of_a_sheet_that_nobody_chose(visitor: Visitor, action: str) -> None:
    token = visitor.token("/surveys")
    refused = visitor.post(f"/surveys/{action}", token, file=BOOK, name="x", tool="x")

    assert refused.status == 400
    assert "book.xlsx has several sheets." in refused.words
    assert f"Choose one of them: Read me, {SHEET}." in refused.words


def test_the_only_sheet_with_anything_is_not_asked_for(visitor: Visitor, folders: tuple[Path, Path]) -> None:
    kept = hand_in(visitor, "one.xlsx", book(notes=False))

    assert "Respondents 240 " in visitor.get(kept.headers["location"]).words
    assert (folders[0] / "surveys" / "one.xlsx").is_file()


def test_a_workbook_whose_first_sheet_is_no_table_can_be_handed_in(visitor: Visitor) -> None:
    kept = hand_in(visitor, "again.xlsx", book())

    assert (kept.status, "several sheets" in visitor.get(kept.headers["location"]).words) == (303, True)


def test_attention_items_are_named_with_their_right_answers(
    visitor: Visitor, folders: tuple[Path, Path], document: Command
) -> None:
    asked = urlencode({"attention_1": "q0", "answer_1": "1", "attention_3": "q5", "answer_3": "0"})
    page = visitor.get(f"{CHECKED}&{asked}")
    told = document(
        folders[1], "survey", "quality", BOOK, "--sheet", SHEET, "--attention", "q0=1", "--attention", "q5=0"
    )

    assert told["flags"]["attention"] > 0
    assert all(f" {flag} {many:,} " in page.words for flag, many in told["flags"].items())
    assert all(f"{entry['respondent']} {entry['row']} {entry['flags']}" in page.words for entry in told["list"][:25])
    assert all(note in page.words for note in told["notes"])
    ticked = re.findall(r'name="exclude" value="(\w+)" checked', page.text)
    assert ticked == ["q0", "q5", "q0", "q5"]  # no questions of the two forms below


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"attention_1": "q0"}, "An attention item lacks its answer"),
        ({"answer_2": "<i>four"}, "An attention item lacks its column"),
        ({"attention_1": "q0", "answer_1": "9"}, "nobody gave the answer '9' to 'q0'"),
        ({"attention_1": "none", "answer_1": "9"}, "has no column 'none'"),
        ({"attention_1": "q0", "answer_1": "1", "attention_2": "q0", "answer_2": "0"}, "an attention item twice"),
    ],
)
def test_a_wrong_attention_item_is_told_and_what_was_written_stays(
    visitor: Visitor, fields: Mapping[str, str], said: str
) -> None:
    page = visitor.get(f"{CHECKED}&{urlencode(fields)}")

    assert said in page.words
    assert "Respondents 240 " in page.words
    assert "<i>" not in page.text
    answers_written = [value for name, value in fields.items() if name.startswith("answer")]
    assert [f'value="{text.replace("<", "&lt;").replace(">", "&gt;")}"' in page.text for text in answers_written] == [
        True
    ] * len(answers_written)


@pytest.mark.long
def test_a_survey_with_texts_of_a_sheet_is_designed_and_added_as_by_the_commands(
    tmp_path: Path, document: Command
) -> None:
    pages, commands = two_workspaces(tmp_path)
    with visiting(pages, {}) as visitor:
        designed_alike(visitor, pages, commands, document)
        added_alike(visitor, pages, commands, document)


def designed_alike(visitor: Visitor, pages: Path, commands: Path, document: Command) -> None:
    token = visitor.token("/surveys")
    body = urlencode(
        [
            *{"token": token, "file": BOOK, "sheet": SHEET, "tool": "short", "length": "6", "segments": "3"}.items(),
            *{"exclude": "duration", "texts": "surveys/texts.csv", "text:q5": "", "text:q1": "Own “text”?"}.items(),
            ("anyway", "yes"),
        ]
    )
    designed = visitor.done(visitor.ask("POST", "/surveys/design/tool", body))
    (commands / "surveys" / "texts.csv").write_text(
        "item,text\nq0,First <b>question</b>?\nq5,Last?\nq1,Own “text”?\n", "utf-8"
    )
    design = ["--sheet", SHEET, "--tool", "short", "--length", "6", "--segments", "3", "--exclude", "duration"]
    told = document(commands, "survey", "design", BOOK, *design, "--texts", "surveys/texts.csv", "--anyway")
    asked = {question["item"]: question["text"] for question in told["questions"]}

    assert "See the survey and its form" in designed.words
    assert (asked["q0"], asked["q1"], asked["q5"]) == ("First <b>question</b>?", "Own “text”?", "Last?")
    for name in ("form.html", "questions.csv", "traits.toml", "segments.toml"):
        mine, theirs = (folder / "survey-short" / name for folder in (pages, commands))
        assert mine.read_bytes() == theirs.read_bytes(), name


def added_alike(visitor: Visitor, pages: Path, commands: Path, document: Command) -> None:
    token, page = visitor.token("/surveys"), visitor.get("/surveys/short")
    code = re.search(r'name="code" value="(\w+)"', page.text)
    assert code is not None
    refused = visitor.done(visitor.post("/surveys/tools/short/add", token, code="other"))
    unchanged = (pages / "personasync.toml").read_bytes() == (commands / "personasync.toml").read_bytes()
    added = visitor.done(visitor.post("/surveys/tools/short/add", token, code=code[1]))
    again = visitor.done(visitor.post("/surveys/tools/short/add", token, code=code[1]))
    told = document(commands, "survey", "add", "--tool", "short", "--yes")
    files = ("personasync.toml", "segments.toml")

    assert (unchanged, "nothing was written" in refused.words) == (True, True)
    assert all(" ".join(line.split()) in page.words for line in told["diff"] if line.startswith("+[traits."))
    assert code[1] == told["code"]
    assert "assign` asks short from now on" in added.words
    assert "nothing was written" in again.words
    assert [(pages / name).read_bytes() for name in files] == [(commands / name).read_bytes() for name in files]
    assert set(told["traits"]) <= tomllib.loads((pages / "personasync.toml").read_text("utf-8"))["traits"].keys()
    assert "its traits and segments are part of the workspace" in visitor.get("/surveys/short").words


@pytest.mark.long
def test_segments_of_a_sheet_are_found_and_remembered_with_it(tmp_path: Path, document: Command) -> None:
    pages, commands = two_workspaces(tmp_path)
    wanted = {"file": BOOK, "sheet": SHEET, "name": "kinds", "exclude": "duration"}
    with visiting(pages, {}) as visitor:
        visitor.done(visitor.post("/surveys/answers/discover", visitor.token("/surveys"), **wanted))
        page = visitor.get("/surveys/proposals/kinds").words
    document(commands, "discover", BOOK, "--sheet", SHEET, "--name", "kinds", "--exclude", "duration")
    made = [tomllib.loads((folder / "proposals" / "kinds.toml").read_text("utf-8")) for folder in (pages, commands)]
    for each in made:
        del each["proposal"]["made_at"]
    told = document(commands, "discover", "--accept", "kinds")
    design = document(commands, "survey", "design", "--proposal", "kinds", "--tool", "kinds_short", "--length", "3")

    assert made[0] == made[1]
    assert made[0]["proposal"]["sheet"] == SHEET
    assert f"sheet {SHEET}" in page
    assert (len(told["segments"]), len(design["questions"])) == (3, 3)
