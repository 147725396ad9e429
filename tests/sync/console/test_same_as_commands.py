"""What pages show and do is what commands print and do: the same functions, the same figures."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox.server import Sandbox
from sync.cli.main import run
from tests.sync.conftest import Moment, Platforms, connected, edit
from tests.sync.console.visitor import Visitor, visiting

ROOT = Path(__file__).resolve().parents[3]
NASTY = "<i>Rita</i> 🎁 مرحبا " + "x" * 60
"""80 characters: HTML, an emoji, and letters that are written from the right."""
pytestmark = pytest.mark.outside

Command = Callable[..., Any]


def nasty_names(definitions: str) -> str:
    """Definitions with names that are meant to break pages; no two are the same."""
    numbers = count()
    return re.sub(
        r'^(name|title) = "[A-Z].*"',
        lambda line: f'{line[1]} = "{NASTY}{next(numbers) or ""}"',
        definitions,
        flags=re.MULTILINE,
    )


@pytest.fixture(scope="module")
def platforms(tmp_path_factory: pytest.TempPathFactory, applied_moment: Moment) -> Iterator[Platforms]:
    """A workspace after its first apply; its first persona has a name that is meant to break pages."""
    with Sandbox(applied_moment.world()) as sandbox:
        opened = connected(sandbox, tmp_path_factory.mktemp("console") / "workspace", applied_moment)
        for file in ("personas.toml", "segments.toml"):
            path = opened.folder / file
            text = nasty_names(path.read_text("utf-8"))
            path.write_text(text, "utf-8")
        yield opened


@pytest.fixture(scope="module")
def visitor(platforms: Platforms) -> Iterator[Visitor]:
    with visiting(platforms.folder, platforms.environment) as known:
        yield known


@pytest.fixture
def document(platforms: Platforms, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command, and return what it prints for scripts."""
    for name, value in platforms.environment.items():
        monkeypatch.setenv(name, value)

    def command(*arguments: str) -> Any:
        capsys.readouterr()
        where = [] if "--workspace" in arguments else ["--workspace", str(platforms.folder)]
        run([*arguments, "--json", *where])
        return json.loads(capsys.readouterr().out)

    return command


def addresses(text: str) -> list[str]:
    return re.findall(r'<th scope="row" dir="auto"><a href="/people/person[^"]*">([^<]*)</a>', text)


def test_people_and_members_are_those_of_members(visitor: Visitor, document: Command) -> None:
    for path, arguments in (
        ("/people?page=2", ("members", "--page", "2")),
        ("/people?find=LUND", ("members", "--find", "LUND")),
        ("/segments/newcomers", ("members", "newcomers", "--limit", "25")),
    ):
        listed = document(*arguments)
        page = visitor.get(path)

        assert listed["members"]
        assert addresses(page.text) == [member["email"] for member in listed["members"] if member["email"]], path
        if path.startswith("/people"):
            assert f"{listed['people']:,} " in page.words


def test_a_person_is_that_of_explain(visitor: Visitor, document: Command) -> None:
    email = document("members", "--limit", "1")["members"][0]["email"]
    known, happened = document("explain", email), document("explain", email, "--timeline")
    page, timeline = visitor.get(f"/people/person?email={email}"), visitor.get(f"/people/person/timeline?email={email}")

    assert known["reasons"] in page.words
    assert all(clause["clause"] in page.words for step in known["tried"] for clause in step["clauses"])
    assert timeline.text.count("</li>") == min(happened["entries"], 50) > 0
    assert f"{happened['entries']:,} entries" in timeline.words
    assert all(entry["text"] in timeline.words for entry in happened["shown"])


def test_a_segment_is_that_of_funnel_and_history(visitor: Visitor, document: Command) -> None:
    funnel, history = document("funnel", "gift_buyers"), document("segments", "--history")
    page, listed = visitor.get("/segments/gift_buyers").words, visitor.get("/segments").words

    for part in funnel["clauses"]:
        assert f"{part['clause']} {part['kept']:,} left, {part['dropped']:,} dropped" in page
    assert f"so {funnel['left']:,} are left by rules alone" in page
    assert f"{funnel['assigned']:,} people are in it now" in page
    assert all(f" {size:,} " in listed for size in history["sizes"][-1]["segments"].values())


@pytest.mark.slow
def test_who_came_and_left_is_that_of_migration(
    applied_moment: Moment, document: Command, tmp_path: Path, platforms: Platforms
) -> None:
    with Sandbox(applied_moment.world()) as sandbox:
        own = connected(sandbox, tmp_path / "workspace", applied_moment)  # of its own: what it changes others read
        where = ["--workspace", str(own.folder)]
        edit(own, "tenure_days < 60", "tenure_days < 20", "segments.toml")
        assert run(["assign", *where]) == 0
        as_of = document("segments", "--history", *where)["sizes"][-1]["as_of"]
        cells = document("migration", "--from", as_of, *where)["cells"]
        with visiting(own.folder, platforms.environment) as visitor:
            page = visitor.get("/segments/newcomers").words

    left = {cell["to"]: cell["people"] for cell in cells if cell["from"] == "newcomers" != cell["to"]}
    came = sum(cell["people"] for cell in cells if cell["to"] == "newcomers" != cell["from"])
    assert sum(left.values()) > 0
    assert f"{came:,} came" in page
    assert f"{sum(left.values()):,} left" in page
    assert all(f"{people:,} to {other or 'unclassified'}" in page for other, people in [*left.items()][:3])


@pytest.mark.long
def test_a_rule_that_is_tried_gives_what_what_if_gives(
    visitor: Visitor, document: Command, platforms: Platforms, tmp_path: Path
) -> None:
    text = (platforms.folder / "segments.toml").read_text("utf-8")
    other = tmp_path / "segments.toml"
    other.write_text(text.replace('rule = "tenure_days < 60"', 'rule = "tenure_days < 20"'), "utf-8")
    assert other.read_text("utf-8") != text
    moves = document("assign", "--what-if", str(other), "--as-of", document("funnel", "newcomers")["as_of"])["moves"]
    page = visitor.get("/segments/newcomers?rule=tenure_days+%3C+20").words

    assert moves
    assert f"{sum(move['persons'] for move in moves):,} people would move" in page
    assert all(f"{m['before']} {m['after']} {m['persons']:,} {', '.join(m['samples'])}" in page for m in moves)
    assert (platforms.folder / "segments.toml").read_text("utf-8") == text
    assert not list((platforms.folder / ".personasync").glob("draft-*"))


def test_a_rule_that_is_wrong_is_told_with_its_place(visitor: Visitor) -> None:
    page = visitor.get("/segments/newcomers?rule=tenure_day+%3C+20")

    assert page.status == 200
    assert "tenure_days" in page.words.partition('role="alert"')[0].partition("Try it")[2]


def test_runs_freshness_and_the_plan_are_those_of_history_status_and_plan(visitor: Visitor, document: Command) -> None:
    history, status, plan = document("history"), document("status"), document("plan", "--show")
    data, plans = visitor.get("/data"), visitor.get("/plans").words

    assert history["runs"]
    assert all(f'href="/data/runs/{entry["run"]}"' in data.text for entry in history["runs"])
    assert all(f"{each['rows']:,}" in data.words for each in status["streams"] if each["rows"] is not None)
    assert plan["code"] in plans
    assert all(f"{name} {count:,}" in plans for name, count in plan["by_field"].items())
    assert all(sample["contact"] in plans for sample in plan["samples"])


@pytest.mark.long
@pytest.mark.slow
def test_quality_and_value_are_those_of_the_commands(visitor: Visitor, document: Command) -> None:
    quality, value = document("quality"), document("segments")
    judged, ranked = visitor.get("/data/quality").words, visitor.get("/segments/by-value").words

    assert f"Data quality and drift {quality['light']}" in judged
    assert all(fault["what"] in judged for fault in quality["faults"])
    assert all(f"{each['segment']} {each['people']:,}" in ranked for each in value["segments"])


@pytest.mark.long
@pytest.mark.slow
def test_an_experiment_is_created_and_shown_as_by_the_command(
    visitor: Visitor, document: Command, platforms: Platforms
) -> None:
    token = visitor.token("/campaigns/new")
    made = visitor.done(
        visitor.ask(
            "POST",
            "/campaigns/create",
            f"token={token}&name=spring&arm=old&arm=new&arm=&metric=clicked&holdout=10%25&mde=2%25"
            "&placebo=old&holdout_of_nora_new=30%25&holdout_of_gus_gift=",
        )
    )
    shown = document("experiment", "show", "spring")
    page = visitor.get("/campaigns/experiments/spring").words
    counts = shown["everyone"]["people"]

    written = tomllib.loads((platforms.folder / "experiments.toml").read_text("utf-8"))["experiments"]["spring"]
    refused = visitor.ask(
        "POST", "/campaigns/create", f"token={token}&name=other&arm=old&arm=new&metric=clicked&placebo=nobody"
    )

    assert (written["placebo"], written["holdouts"], written.get("generic")) == (["old"], {"nora_new": 0.3}, None)
    assert "nobody" in visitor.done(refused).words
    assert "other" not in (platforms.folder / "experiments.toml").read_text("utf-8")
    assert "done" in made.words
    assert (shown["holdout"], shown["mde"], sum(counts.values()) > 0) == (0.1, 0.02, True)
    assert f"everyone {' '.join(f'{counts[arm]:,}' for arm in shown['groups'])}" in page
    assert f"{shown['everyone']['needed_per_arm']:,} contacts per variant" in page


def test_no_page_obeys_a_name_that_is_html(visitor: Visitor) -> None:
    for path in ("/", "/people", "/segments", "/segments/newcomers", "/personas", "/campaigns", "/campaigns/new"):
        answer = visitor.get(path)
        assert (answer.status, "<i>" in answer.text) == (200, False), path
    assert NASTY in visitor.get("/personas").words


CONSOLE_ONLY = {
    "draft_rule": "what `funnel --what-if` and `assign --what-if` ask, of a file that it writes and deletes",
    "avatar": "drawn on cards of the report too",
    "picture": "as avatar",
    "persona_shares": "counted for `report`",
    "newest_campaigns": "as persona_shares",
    "no_progress": "shows nothing", "poster_pages": "the pages that `personas poster` writes",
    "show_campaign": "formats results for `report`",
    "shown_lifts": "as show_campaign",
    "in_points": "formats for `lift`",
    "spark": "draws", "plot": "draws", "parts_of_whole": "draws", "hues_of": "draws", "prepared": "draws",
    "open_funnels": "reads once what each `funnel` asks",
    "moves_of": "the row and the column of what `migration` prints",
    "conditions": "what `status --check` asks",
    "rejected": "what `history --rejects` writes",
    "rows_of_session": "opens what `explain` opens",
    "state_name": "names states for `history`",
    "plan_code": "as `plan --show` prints it",
    "keep_answers": "a command is given a path, and a browser hands over the content",
    "answer_files": "chooses a file, as a path does at a terminal", "answers_file": "as answer_files",
    "sheets_in": "a command takes the first sheet, and a page asks which",
    "answers_of": "reads a file as `survey design` does", "usual_respondent": "as answers_of",
    "all_proposals": "lists what lies in the folder proposals",
    "path_of": "looks whether a proposal was accepted", "edit": "what an editor does to proposals/NAME.toml",
    "written_exports": "lists what `survey design` wrote",
}  # fmt: skip


def test_pages_show_nothing_that_no_command_asks() -> None:
    views = [path for path in (ROOT / "sync" / "console").glob("*.py") if path.stem in VIEWS]
    asked = {
        alias.name
        for path in views
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sync.")
        for alias in node.names
        if alias.name[0].islower() and not (node.module or "").startswith("sync.console")
    }
    commands = " ".join(path.read_text("utf-8") for path in (ROOT / "sync" / "cli").glob("*.py"))

    assert len(views) == len(VIEWS)
    assert {name for name in asked if not re.search(rf"\b{name}\b", commands)} - set(CONSOLE_ONLY) == set()


VIEWS = {"home", "data", "people", "segments", "plans", "personas", "campaigns", "surveys", "answers"}
