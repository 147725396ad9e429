"""`personasync survey` as people use it: files good and bad, exports that platforms take, answers that decide."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from connectors.errors import FixSettingsError
from connectors.files import workbook
from connectors.safe_cells import safe_cell
from sync.cli.main import run
from sync.surveys.answers import SurveyColumns, answers_from_file
from sync.surveys.spreadsheet import read_grid
from tests.examples import examples

WORKSPACE = {
    "personasync.toml": '[workspace]\nname = "W"\n[connections.survey]\nconnector = "files"\nanswers = "answers.csv"\n',
    "segments.toml": "",
    "personas.toml": "",
}
SEGMENTS = ("value", "taste", "health_minded")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in WORKSPACE.items():
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def say(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    status = run(list(arguments))
    output = capsys.readouterr()
    return status, output.out, output.err


def answers(people: int = 240) -> list[list[str]]:
    """Respondents of three segments over six yes/no questions and one constant one."""
    generator = np.random.default_rng(4)
    labels = generator.integers(0, 3, people)
    chances = np.array(
        [[0.95, 0.1, 0.1, 0.5, 0.5, 0.5], [0.1, 0.95, 0.1, 0.5, 0.5, 0.5], [0.1, 0.1, 0.95, 0.5, 0.5, 0.5]]
    )
    said = generator.random((people, 6)) < chances[labels]
    head = ["email", "segment", "cheap", "tasty", "fresh", "q4", "q5", "q6", "same"]
    rows = [
        [f"p{place}@people.test", SEGMENTS[labels[place]], *("1" if answer else "0" for answer in said[place]), "3"]
        for place in range(people)
    ]
    return [head, *rows]


def write(path: Path, rows: list[list[str]], separator: str = ",") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=separator).writerows(rows)
    return path


@pytest.mark.long
def test_from_answers_to_a_form_to_scores_to_assignments(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(folder / "answers.csv", answers())
    design = ["survey", "design", str(file), "--segment", "segment", "--length", "3"]

    made, document, _ = say(capsys, *design, "--tool", "leads", "--survey", "answers", "--json")
    longer, shown, _ = say(capsys, *design[:-2], "--length", "5", "--tool", "members")
    _, before, _ = say(capsys, "survey", "list", "--json")
    for name, into in (("traits.toml", "personasync.toml"), ("segments.toml", "segments.toml")):
        text = (folder / into).read_text("utf-8") + (folder / "survey-leads" / name).read_text("utf-8")
        (folder / into).write_text(text, "utf-8")
    _, after, _ = say(capsys, "survey", "list", "--json")
    pulled, told, _ = say(capsys, "pull")
    _, scored, _ = say(capsys, "survey", "score", "--tool", "leads", "--json")

    result = json.loads(document)
    assert (made, longer, pulled) == (0, 0, 4)
    assert "none of the 240 respondents of the survey 'answers' is a contact, because there are no contacts" in told
    assert len({question["item"] for question in result["questions"]} & {"cheap", "tasty", "fresh"}) >= 2
    assert "'same' is excluded: all answers are 3." in [f["message"] for f in result["findings"]]
    assert result["quality"]["curve"][2]["hit"] > 0.8
    assert "Chance level" in shown
    assert [tool["name"] for tool in json.loads(before)["tools"]] == ["members", "leads"]
    assert all(tool["lacking"] for tool in json.loads(before)["tools"])
    assert [tool["lacking"] for tool in json.loads(after)["tools"] if tool["name"] == "leads"] == [""]
    assert sum(json.loads(scored)["segments"].values()) in {0, 240}  # files without contacts have no persons


@pytest.mark.slow
def test_a_file_is_scored_with_gaps_words_and_formulas_kept_harmless(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [[cell.replace("1", "Yes").replace("0", "No") if n and p > 1 else cell for p, cell in enumerate(row)]
            for n, row in enumerate(answers())]  # fmt: skip
    say(capsys, "survey", "design", str(write(folder / "a.csv", rows)), "--segment", "segment", "--length", "3")
    new = [["email", "cheap", "tasty", "fresh"], ["=cmd()", "Yes", "no", "No"], ["b@people.test", "Yes", "", ""]]

    status, document, _ = say(
        capsys, "survey", "score", str(write(folder / "new.csv", new, ";")), "--out", "scored.csv", "--json"
    )
    again = write(folder / "again.csv", [*new, ["b@people.test", "No", "Yes", "Yes"]])
    _, twice, _ = say(capsys, "survey", "score", str(again))
    wrong = write(folder / "wrong.csv", [["email", "cheap"], ["c@people.test", "maybe"]])
    refused, _, error = say(capsys, "survey", "score", str(wrong))

    scoring = json.loads(document)
    lines = list(csv.DictReader(io.StringIO((folder / "scored.csv").read_text("utf-8"))))
    assert status == 0
    assert (scoring["incomplete"], scoring["repeated"]) == (["b@people.test"], [])
    assert "Warning: answered several times, and each row was scored: b@people.test." in twice
    assert (lines[0]["respondent"], lines[0]["segment"]) == ("'=cmd()", "value")
    assert lines[1]["reasons"].startswith("answered 1 of 3 questions; missing: ")
    assert refused == 2
    assert (
        "wrong.csv, column 'cheap', row 2: 'maybe' is not an answer to this question. Valid answers: No, Yes." in error
    )


@pytest.mark.parametrize(
    ("change", "options", "told"),
    [
        ({}, [], "The answers have no segments. Name the segment column: --segment NAME"),
        ({}, ["--segment", "nope"], "a.csv has no column 'nope'"),
        ({}, ["--segment", "segment", "--length", "9"], "it needs 9 usable items, you have 6"),
        ({}, ["--segment", "segment", "--reverse", "nope"], "There is no item 'nope' to reverse"),
        ({(5, 2): "tow"}, ["--segment", "segment"], "a.csv, row 6, column 'cheap': 'tow' is not a number"),
        ({}, ["-k", "4", "--question", "same"], "No usable item"),
        ({}, ["-k", "9", "--question", "cheap"], "Finding 9 segments needs 9 different answers, you have 2"),
        ({}, ["--segment", "segment", "--tool", "Bad Name"], "is not a valid tool name"),
        ({}, ["--segment", "segment", "--action", "javascript:x"], "is not a URL"),
    ],
)
def test_what_is_wrong_with_a_survey_is_told_with_place_and_mend(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[tuple[int, int], str],
    options: list[str],
    told: str,
) -> None:
    rows = answers(120)
    for (row, column), cell in change.items():
        rows[row][column] = cell

    status, _, error = say(capsys, "survey", "design", str(write(folder / "a.csv", rows)), *options)

    assert status == 2
    assert told in error
    assert not (folder / ".personasync" / "tools").exists()


@pytest.mark.slow
def test_a_sensitive_question_is_left_out_until_the_purpose_names_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = answers()
    rows[0][4] = "has children"
    file = write(folder / "a.csv", rows)
    design = ["survey", "design", str(file), "--segment", "segment", "--tool", "t", "--length", "3", "--json"]

    _, without, _ = say(capsys, *design)
    main = folder / "personasync.toml"
    trait = '[traits.t_has_children]\nsurvey = "t"\nitem = "has children"\ntype = "number"\n'
    main.write_text(
        main.read_text("utf-8") + trait + '[sensitive]\npurpose = "Toys."\nallow = ["t_has_children"]\n', "utf-8"
    )
    _, with_purpose, _ = say(capsys, *design)

    assert "has children" not in {question["item"] for question in json.loads(without)["questions"]}
    assert "sensitive" in {finding["kind"] for finding in json.loads(without)["findings"]}
    assert "has children" in {question["item"] for question in json.loads(with_purpose)["questions"]}


def test_an_agencys_spreadsheet_becomes_a_tool_and_a_wrong_one_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = openpyxl.Workbook()
    for row in (["", " Fans ", "Savers"], ["price", "0,5", -1.25], ["taste", 2, "10%"], ["Constant", -1, 0]):
        book.active.append(row)
    book.save(folder / "table.xlsx")
    (folder / "wrong.tsv").write_text("\ufeffitem\tFans\tSavers\nprice\tmuch\t1\nConstant\t1\t2\n", "utf-8")

    status, document, _ = say(capsys, "survey", "import", "table.xlsx", "--json")
    refused, _, error = say(capsys, "survey", "import", "wrong.tsv")

    tool = json.loads(document)
    assert status == 0
    assert tool["model"]["labels"] == ["fans", "savers"]
    assert tool["model"]["weights"] == [[0.5, 2.0], [-1.25, 0.1]]
    assert tool["complete"]
    assert refused == 2
    assert "wrong.tsv: row 2 ('price'), column 'Fans' holds 'much', which is not a number" in error


@pytest.mark.slow
def test_what_is_written_for_the_platforms_keeps_their_limits(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(folder / "a.csv", answers())
    say(capsys, "survey", "design", str(file), "--segment", "segment", "--tool", "a_long_name_of_tool", "--length", "6")
    out = folder / "survey-a_long_name_of_tool"

    hubspot = json.loads((out / "hubspot-properties.json").read_text("utf-8"))["inputs"]
    mailchimp = json.loads((out / "mailchimp-merge-fields.json").read_text("utf-8"))

    assert {"name", "label", "type", "fieldType", "groupName"} <= hubspot[0].keys()
    assert [option["value"] for option in hubspot[0]["options"]] == ["0", "1"]
    tags = [field["tag"] for field in mailchimp]
    assert len(set(tags)) == 6
    assert all(len(tag) <= 10 and tag.isupper() for tag in tags)
    assert {field["type"] for field in mailchimp} == {"dropdown"}


@pytest.mark.slow
def test_the_form_needs_nothing_else_and_hostile_questions_stay_text(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(folder / "a.csv", answers())
    texts = write(folder / "texts.csv", [["item", "text"], ["cheap", "<script>alert(1)</script>"]])
    options = ["--segment", "segment", "--length", "3", "--texts", str(texts)]
    say(capsys, "survey", "design", str(file), *options)

    page = (folder / "survey-short" / "form.html").read_text("utf-8")
    say(capsys, "survey", "design", str(file), *options, "--action", "https://example.com/answers?a=1&b=2")
    posting = (folder / "survey-short" / "form.html").read_text("utf-8")

    assert "<script>alert" not in page
    assert "src=" not in page
    assert page.count("<fieldset>") == page.count("<legend>") == 4
    assert page.count('type="radio"') == page.count('<div class="answer">') == 6
    assert 'action="https://example.com/answers?a=1&amp;b=2"' in posting
    assert "<script>" not in posting


@examples(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400), st.sampled_from([".csv", ".xlsx", ".tsv", ".pdf"]))
def test_rubbish_is_read_or_refused_with_one_error(tmp_path: Path, data: bytes, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(data)
    try:
        grid = read_grid(path)
    except FixSettingsError:
        return
    assert all(len(row) == len(grid.headers) for row in grid.rows)


def test_a_spreadsheet_that_is_a_bomb_or_no_spreadsheet_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "MOST_UNPACKED", 2**20)
    for name, content in (("bomb.xlsx", b"0" * 2 * 2**20), ("none.xlsx", b"<xml/>")):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
            packed.writestr("xl/workbook.xml", content)

        with pytest.raises(FixSettingsError, match=r"far larger when unpacked|not a readable spreadsheet"):
            read_grid(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,2,3\n", "row 2: it has 3 cells, the header has 2"),
        ("a,a\n1,2\n", "has the column 'a' twice"),
        ('a,b\n1,"2\n', "row 2: a quotation mark is not closed"),
        ("a,,b\n1,2,3\n", "column 2 has no name"),
        ("a,b\n", "is empty"),
    ],
)
def test_a_broken_table_is_told_with_its_row(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, "utf-8")

    with pytest.raises(FixSettingsError, match=told):
        read_grid(path)


def test_a_column_of_decimal_commas_is_read_as_one(tmp_path: Path) -> None:
    file = tmp_path / "survey.csv"
    file.write_text("email;income;likes\na@people.test;3.250,50;1,5\nb@people.test;950,00;20 %\n", "utf-8")
    sheet = answers_from_file(file, SurveyColumns()).sheet
    assert sheet.values.tolist() == [[3250.5, 1.5], [950.0, 0.2]]

    file.write_text("email;income\na@people.test;3,5\nb@people.test;3.5\n", "utf-8")
    with pytest.raises(
        FixSettingsError, match=r"column 'income' has numbers with a decimal comma and .* one decimal mark"
    ):
        answers_from_file(file, SurveyColumns())


def test_a_column_that_is_named_like_weights_is_no_item_until_it_is_named(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    file.write_text("Weight,likes\n0.5,1\n1.5,2\n", "utf-8")

    read, named = (answers_from_file(file, SurveyColumns(only=only)) for only in ((), ("Weight", "likes")))

    assert read.sheet.items == ("likes",)
    assert [finding.kind for finding in read.findings] == ["weights"]
    assert (named.sheet.items, named.findings) == (("Weight", "likes"), [])


def test_encodings_of_spreadsheet_programs_are_read(tmp_path: Path) -> None:
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        path = tmp_path / f"{encoding}.csv"
        path.write_bytes("Größe;Wert\n  ja ;0,5\n".encode(encoding))

        assert read_grid(path).rows == (("ja", "0,5"),)
        assert read_grid(path).headers == ("Größe", "Wert")


def test_cells_that_a_spreadsheet_would_run_are_quoted() -> None:
    assert [safe_cell(cell) for cell in ("=1+1", "@x", "+1", "-x", "-2+3+cmd", "-1.5", None, "a")] == [
        "'=1+1", "'@x", "'+1", "'-x", "'-2+3+cmd", "-1.5", "", "a"
    ]  # fmt: skip
