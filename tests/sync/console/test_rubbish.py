"""Every form of Surveys, Campaigns and Plans gets rubbish: no answer is an accident, and what was typed comes back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import pytest
from urllib3.filepost import encode_multipart_formdata

from sync.cli.main import run
from tests.sync.console.survey_world import FILE, new_workspace
from tests.sync.console.visitor import Answer, Visitor, visiting

pytestmark = [pytest.mark.outside, pytest.mark.long]

TINY = "surveys/tiny.csv"
RUBBISH = (
    "",
    " ",
    "x" * 10_000,
    "<script>alert(1)</script>\"'&",
    "😀" * 300,
    "\u202eמה\u2066",
    "a\x00b\x07",
    "-1",
    "0",
    "NaN",
    "inf",
    "1e309",
    "9" * 400,
    "٣",
    "0000-00-00",
    "0001-01-01",
    "9999-12-31T23:59:59-23:59",
    "../../etc/passwd",
    "{{ 7*7 }}%s%n",
)
EXPERIMENT = {
    "name": "spring", "metric": "orders", "holdout": "10%", "mde": "1%", "ends": "", "baseline": "", "generic": "",
    "placebo": "", "persona": "",
}  # fmt: skip
FORM = {"title": "", "action": "", "low": "", "high": ""}
DESIGN = {"tool": "x", "length": "", "segments": "2", "respondent": "", "segment": "", "error_rate": "", "texts": ""}
FORMS: dict[str, tuple[str, dict[str, str]]] = {  # where it is posted: the page that it stands on, and its fields
    "/surveys/answers/discover": (
        f"/surveys/answers/file?name={quote(TINY, safe='')}",
        {"file": TINY, "sheet": "", "name": "kinds_2", "segments": "", "method": "auto", "exclude": ""},
    ),
    "/surveys/design/tool": (
        f"/surveys/answers/file?name={quote(TINY, safe='')}",
        {"file": TINY, "sheet": "", **DESIGN, **FORM, "exclude": "", "reverse": "", "text:q1": "", "proposal": ""},
    ),
    "/surveys/proposals/kinds/accept": ("/surveys/proposals/kinds", {"name_1": "one", "title_1": "One", "keep": "1"}),
    "/surveys/tools/agency/form": ("/surveys/agency", FORM),
    "/surveys/tools/agency/add": ("/surveys/agency", {"code": "0"}),
    "/campaigns/create": ("/campaigns/new", {"arm": "old", **EXPERIMENT, "holdout_of_nora_new": ""}),
    "/campaigns/experiments/none/end": ("/campaigns", {"name": "none"}),
    "/plans/apply": ("/plans", {"plan": "x", "code": "x", "connection": "", "people": "", "override": ""}),
    "/plans/undo": ("/plans", {"run": "x"}),
    "/plans/undo/none/do": ("/plans", {}),
}  # fmt: skip


@dataclass
class Sender(Visitor):
    """A visitor who knows the token of the session."""

    known: str = ""


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sender]:
    folder = new_workspace(tmp_path_factory.mktemp("rubbish") / "workspace")
    (folder / "surveys").mkdir()
    for name in (FILE, TINY):
        (folder / name).write_text("email,q1,q2\na@people.test,1,2\nb@people.test,2,1\n", "utf-8")
    (folder / "table.csv").write_text("item,early,late\nq1,1,0\nq2,0,1\nconstant,0,0\n", "utf-8")
    out, where = str(folder / "survey-agency"), ["--workspace", str(folder)]
    assert run(["survey", "import", str(folder / "table.csv"), "--tool", "agency", "--out", out, *where]) == 0
    with visiting(folder, {}) as known:
        yield Sender(known.link, known.headers, known.token("/surveys"))


def send(visitor: Sender, path: str, fields: list[tuple[str, str]]) -> Answer:
    """Post a form as the browser does, and follow it to the end of its task."""
    page = FORMS[path][0]
    referer = {"Referer": f"http://{visitor.host}{page}"}
    answer = visitor.ask("POST", path, urlencode([("token", visitor.known), *fields]), **referer)
    return visitor.get(answer.headers["location"]) if answer.status == 303 else answer


def fine(answer: Answer, what: object) -> None:
    assert answer.status in {200, 400, 404}, (what, answer.status, answer.words[-400:])
    assert "Unexpected error" not in answer.words, (what, answer.words[-400:])
    assert "<script>alert" not in answer.text, what


@pytest.mark.parametrize("path", FORMS)
def test_no_field_makes_an_accident(visitor: Sender, path: str) -> None:
    fields = FORMS[path][1]
    for number, name in enumerate(fields or [""]):
        for text in RUBBISH[number % 3 :: 3]:  # a part for each field: most start a task
            fine(send(visitor, path, list({**fields, name: text}.items())), (name, text[:40]))


@pytest.mark.parametrize("path", FORMS)
def test_a_field_that_is_missing_or_comes_twice_makes_none_either(visitor: Sender, path: str) -> None:
    fields = FORMS[path][1]
    fine(send(visitor, path, []), "nothing")
    for name in fields:
        fine(send(visitor, path, [each for each in fields.items() if each[0] != name]), f"without {name}")
        fine(send(visitor, path, [*fields.items(), (name, "other")]), f"{name} twice")


@pytest.mark.parametrize("path", FORMS)
def test_a_form_of_somebody_else_does_nothing(visitor: Sender, path: str) -> None:
    fields = FORMS[path][1]

    assert visitor.ask("POST", path, urlencode({"token": "wrong", **fields})).status == 403
    assert visitor.ask("POST", path, urlencode(fields)).status == 403
    assert visitor.ask("POST", path, b"token=%ED%A0%80&x=\xff").status == 403
    assert visitor.ask("POST", path, urlencode({"token": visitor.known, **fields}), Origin="null").status == 403


def test_files_of_rubbish_and_odd_names_are_told(visitor: Sender) -> None:
    for name, content in (
        ("a.csv", b""), ("a.csv", b"\x00" * 5_000), ("\u202ecsv.exe", b"x"), ("x" * 3_000 + ".csv", b"q1\n\n"),
        ("a.xlsx", b"PK\x03\x04 no"), ("a.sav", b"$FL2"), ("a.parquet", b"PAR1"), ("a.ods", b""),
        (".csv", b"q1,q2\n1,2\n"),
        ("a.csv", b'"q1\n1\n'), ("a.csv", "😀,q\n1,2\n".encode()), ("a.csv", b"q1,q2\n1\n2,3,4\n"),
    ):  # fmt: skip
        body, kind = encode_multipart_formdata([("token", visitor.known), ("answers", (name, content))])
        answer = visitor.ask("POST", "/surveys/answers/keep", body, Content_Type=kind)
        fine(visitor.get(answer.headers["location"]) if answer.status == 303 else answer, (name[:20], content[:20]))


@pytest.mark.parametrize("text", RUBBISH)
def test_addresses_of_rubbish_are_told(visitor: Sender, text: str) -> None:
    said = quote(text, safe="")
    asked = urlencode({"name": FILE, "attention_1": text, "answer_1": text, "duration": text, "respondent": text})
    answers_page, named = "/surveys/answers/file?", said or "x"
    for path in (
        f"{answers_page}{asked}",
        f"{answers_page}name={said}",
        f"{answers_page}sheet={said}&name={quote(FILE)}",
        f"/surveys/{named}",
        f"/surveys/proposals/{named}",
        f"/surveys/tools/agency/files/{named}",
        f"/campaigns/results/email/{named}",
        f"/campaigns/experiments/{named}",
        f"/tasks/{named}/form",
    ):
        fine(visitor.get(path), path[:80])
