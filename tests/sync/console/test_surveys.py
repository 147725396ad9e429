"""Surveys in the console, from a file that is handed in to a form, beside the commands that do the same."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from urllib3.filepost import encode_multipart_formdata

from sync.workspace.proposals import ProposalFile, ProposalPart, save
from tests.sync.console.conftest import Command
from tests.sync.console.survey_world import FILE, PEOPLE, answers, new_workspace, rows_of, with_answers
from tests.sync.console.visitor import Answer, Visitor, hand_in, visiting

pytestmark = pytest.mark.outside


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_workspace(tmp_path_factory.mktemp("surveys") / "workspace")


@pytest.fixture(scope="module")
def visitor(folder: Path) -> Iterator[Visitor]:
    with visiting(folder, {}) as known:
        yield known


@pytest.mark.long
def test_a_file_becomes_segments_and_a_form_as_by_the_commands(
    visitor: Visitor, folder: Path, document: Command, tmp_path: Path
) -> None:
    kept = hand_in(visitor, "answers.csv", answers().encode())
    looks_like_the_commands(visitor, kept, folder, document)
    other = with_answers(tmp_path / "other")
    segments_are_found_and_accepted_alike(visitor, folder, other, document)
    surveys_are_designed_alike(visitor, folder, other, document)


def looks_like_the_commands(visitor: Visitor, kept: Answer, folder: Path, document: Command) -> None:
    assert (kept.status, kept.headers["location"]) == (303, "/surveys/answers/file?name=surveys%2Fanswers.csv")
    page = visitor.get(kept.headers["location"])
    quality = document(folder, "survey", "quality", FILE)
    usable = quality["respondents"] - quality["flagged"]
    sample = document(folder, "survey", "sample-size", "--respondents", str(usable))

    assert (quality["respondents"], quality["flags"]["speeder"]) == (PEOPLE, 1)
    assert all(f" {flag} {many:,} {many / PEOPLE:.1%} " in page.words for flag, many in quality["flags"].items())
    assert all(f"{entry['respondent']} {entry['row']} {entry['flags']}" in page.words for entry in quality["list"])
    assert all(note in page.words for note in quality["notes"])
    for need in sample["requirements"]:
        assert f"{need['what']} {need['respondents']:,} {need['limit']}" in page.words


def segments_are_found_and_accepted_alike(visitor: Visitor, folder: Path, other: Path, document: Command) -> None:
    token = visitor.token("/surveys")
    found = visitor.post("/surveys/answers/discover", token, file=FILE, name="kinds", exclude="duration")
    done = visitor.done(found)
    told = document(other, "discover", FILE, "--name", "kinds", "--exclude", "duration")
    page = visitor.get("/surveys/proposals/kinds").words

    assert len(told["segments"]) == 3
    assert all(said in done.words for said in (told["sentence"], *told["notes"], told["power"]))
    assert told["sentence"] in page
    assert f"kinds {told['light']}" in page
    assert without_moment(folder, "proposals/kinds.toml") == without_moment(other, "proposals/kinds.toml")
    for part in told["segments"]:
        assert f"{part['title']} {part['size']:,} {part['share']:.0%} {part['stability']:.2f}" in page
        assert "; ".join(part["markers"][:4]) in page

    names = {f"name_{part['number']}": f"kind_{part['number']}" for part in told["segments"]}
    titles = {f"title_{part['number']}": f"Kind <i>{part['number']}</i>" for part in told["segments"]}
    refused = visitor.post("/surveys/proposals/kinds/accept", token, keep="1", **{**names, "name_1": "Not a name"})
    assert (refused.status, "is not a valid name of a segment" in refused.words) == (400, True)
    body = "&".join(["", *(f"keep={part['number']}" for part in told["segments"])])
    accepted = visitor.done(
        visitor.ask("POST", "/surveys/proposals/kinds/accept", encoded(token, names, titles) + body)
    )
    edited = (other / "proposals" / "kinds.toml").read_text("utf-8")
    for part in told["segments"]:
        edited = edited.replace(f'name = "{part["name"]}"', f'name = "kind_{part["number"]}"')
        edited = edited.replace(f'title = "{part["title"]}"', f'title = "Kind <i>{part["number"]}</i>"')
    (other / "proposals" / "kinds.toml").write_text(edited, "utf-8")
    told = document(other, "discover", "--accept", "kinds")

    assert all(f"{name} {people:,}" in accepted.words for name, people in told["segments"].items())
    for file in ("segments.toml", "personasync.toml", "proposals/kinds.accepted.csv"):
        assert same_members(folder / file) == same_members(other / file), file
    assert "Kind <i>1</i>" in visitor.get("/segments").words


def surveys_are_designed_alike(visitor: Visitor, folder: Path, other: Path, document: Command) -> None:
    token = visitor.token("/surveys")
    form = {"title": "A <b>few</b> questions", "action": "https://example.com/answers", "low": "never", "high": "daily"}
    designed = visitor.done(
        visitor.post("/surveys/design/tool", token, proposal="kinds", tool="short", length="3", **form)
    )
    options = ["--title", form["title"], "--action", form["action"], "--scale", "never,daily"]
    told = document(other, "survey", "design", "--proposal", "kinds", "--tool", "short", "--length", "3", *options)
    page = visitor.get("/surveys/short").words
    point = told["quality"]["curve"][2]
    written = [Path(path).name for path in told["written"]]

    assert all(finding["message"] in designed.words for finding in told["findings"])
    assert f"right for {point['hit']:.0%} (95% CI {point['low']:.0%} to {point['high']:.0%})" in designed.words
    assert f"Right about held-out people {point['hit']:.0%}" in page
    assert f"By chance {told['quality']['proportional_chance']:.0%}" in page
    assert all(question["text"] in page for question in told["questions"])
    for name in written:
        mine, theirs = (place / "survey-short" / name for place in (folder, other))
        saved = visitor.get(f"/surveys/tools/short/files/{name}")
        assert mine.read_bytes() == theirs.read_bytes() == saved.text.encode()
        assert saved.headers["content-disposition"] == f"attachment; filename*=UTF-8''short-{name}"
    shown = visitor.get("/surveys/tools/short/form")
    assert shown.text == (folder / "survey-short" / "form.html").read_text("utf-8")
    assert "script-src" not in shown.headers["content-security-policy"]
    assert "form-action 'none'" in shown.headers["content-security-policy"]

    again = visitor.post("/surveys/tools/short/form", token, title="Other", low="", high="")
    assert again.headers["location"] == "/surveys/short"
    assert "<h1>Other</h1>" in visitor.get("/surveys/tools/short/form").text


def encoded(token: str, *fields: dict[str, str]) -> str:
    return urlencode({"token": token, **{name: value for part in fields for name, value in part.items()}})


def without_moment(folder: Path, name: str) -> Any:
    made = tomllib.loads((folder / name).read_text("utf-8"))
    del made["proposal"]["made_at"]
    return made


def same_members(path: Path) -> Any:
    """Rows in any order; of settings all but the name of the workspace, which is that of both."""
    return sorted(rows_of(path)) if path.suffix == ".csv" else tomllib.loads(path.read_text("utf-8"))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("face.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "face.png is not a readable table"),
        ("face.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "face.csv is not text"),
        ("empty.csv", b"", "empty.csv is empty"),
        ("", b"", "No file was chosen"),
        ("<i>x.csv", b"q1,q1\n1,2\n", "i_x.csv has the column 'q1' twice"),
    ],
)
def test_rubbish_is_told_on_a_page_that_leads_back(visitor: Visitor, name: str, content: bytes, said: str) -> None:
    answer = hand_in(visitor, name, content)

    assert answer.status == 400
    assert said in answer.words
    assert "Back to Surveys" in answer.words
    assert "<i>x" not in answer.text


def test_two_rows_are_shown_and_too_few_for_segments(visitor: Visitor) -> None:
    kept = hand_in(visitor, "two.csv", b"email,q1,q2\na@people.test,1,2\nb@people.test,2,1\n")
    token = visitor.token("/surveys")
    page = visitor.get(kept.headers["location"]).words
    found = visitor.done(visitor.post("/surveys/answers/discover", token, file="surveys/two.csv", name="two"))
    designed = visitor.done(
        visitor.post("/surveys/design/tool", token, file="surveys/two.csv", tool="two", segments="2")
    )

    assert "Respondents 2 " in page
    assert "needs 20 people, you have 2" in found.words
    assert "did not work" in designed.words


def test_a_file_that_is_too_large_is_told_once_all_of_it_was_sent(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setattr("sync.console.forms.MOST_OF_FILE", 1_000)
    answer = hand_in(visitor, "large.csv", b"q1,q2\n" + b"1,2\n" * 400_000)

    assert (answer.status, "Take a sample" in answer.words or "take a sample" in answer.words) == (413, True)
    assert not (folder / "surveys" / "large.csv").exists()


def test_a_file_is_taken_only_from_our_own_page(visitor: Visitor, folder: Path) -> None:
    table = b"q1,q2\n1,2\n2,1\n"

    assert hand_in(visitor, "x.csv", table, token="wrong").status == 403
    assert hand_in(visitor, "x.csv", table, Origin="http://evil.example").status == 403
    assert hand_in(visitor, "x.csv", table, Sec_Fetch_Site="cross-site").status == 403
    assert hand_in(Visitor(visitor.link), "x.csv", table, token="none").status == 401
    body, kind = encode_multipart_formdata([("token", visitor.token("/surveys"))])
    assert visitor.ask("POST", "/plans/make", body, Content_Type=kind).status == 403  # this form has no file
    assert not (folder / "surveys" / "x.csv").exists()


@pytest.mark.parametrize(
    "path",
    [
        "/surveys/answers/file?name=../../etc/passwd",
        "/surveys/answers/file?name=personasync.toml",
        "/surveys/answers/file",
        "/surveys/proposals/..%2Fpersonasync",
        "/surveys/proposals/none",
        f"/surveys/proposals/{'x' * 10_000}",
        "/surveys/none",
        "/surveys/tools/none/form",
        "/surveys/tools/short/files/..%2F..%2Fpersonasync.toml",
    ],
)
def test_nothing_else_is_read(visitor: Visitor, path: str) -> None:
    answer = visitor.get(path)

    assert answer.status in {400, 404}
    assert "[workspace]" not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/surveys/answers/keep", "/surveys/answers/discover", "/surveys/design/tool", "/surveys/proposals/x/accept"],
)
def test_nothing_is_done_by_a_link(visitor: Visitor, path: str) -> None:
    assert visitor.get(f"/surveys/{path}").status == 404


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"file": "surveys/none.csv", "tool": "x"}, "There is no file of answers"),
        ({"file": FILE, "tool": "Not A Name"}, "is not a valid tool name"),
        ({"file": FILE, "tool": "x", "length": "many"}, "'many' is not a number of questions"),
        ({"file": FILE, "tool": "x", "segments": "1"}, "'1' is not a number of segments"),
        ({"file": FILE, "tool": "x", "error_rate": "90"}, "'90' is not a number of per cent"),
        ({"file": FILE, "tool": "x", "action": "javascript:alert(1)"}, "is not a URL"),
    ],
)
def test_a_wish_that_makes_no_sense_starts_nothing(tmp_path: Path, fields: dict[str, str], said: str) -> None:
    with visiting(with_answers(tmp_path / "workspace"), {}) as visitor:
        answer = visitor.post("/surveys/design/tool", visitor.token("/surveys"), **fields)

    assert (answer.status, said in answer.words) == (400, True), answer.words


def test_the_page_of_a_proposal_says_what_it_was_weighted_by(tmp_path: Path) -> None:
    folder = new_workspace(tmp_path / "workspace")
    made = ProposalPart(
        name="kinds",
        made_at="2026-12-01T08:00:00+00:00",
        light="green",
        sentence="Two segments.",
        source="survey",
        method="kmeans",
        base=("a", "b"),
        people=240,
        seed=1,
    )
    weighted = {"weight": "w", "weight_from": "column", "effective": 180.2, "design_effect": 1.33}
    save(folder, ProposalFile(proposal=made), [], None)
    save(folder, ProposalFile(proposal=made.model_copy(update={"name": "heavy", **weighted})), [], None)

    with visiting(folder, {}) as visitor:
        alike, heavy = (visitor.get(f"/surveys/proposals/{name}").words for name in ("kinds", "heavy"))

    assert "by k-means, weighted by w (as exact as 180 without weights);" in heavy
    assert "weighted" not in alike
