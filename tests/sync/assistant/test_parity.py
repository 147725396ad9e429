"""Each tool gives what its command prints as JSON, as it may be told; on data that are meant to break it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sync.assistant.tools import TOOLS, AssistantTool, Place
from sync.assistant.withhold import Withholding, withholding_of
from sync.cli.main import run
from sync.clock import now
from sync.console.reading import Reader
from tests.sync.assistant.conftest import allow
from tests.sync.conftest import Platforms

pytestmark = [pytest.mark.long, pytest.mark.outside]

Say = Callable[..., Any]
NEW_EACH_TIME = {"plan", "proposed_by", "minutes"}


@pytest.fixture
def place(hostile: Platforms) -> Iterator[Place]:
    allow(hostile, "addresses = true\ntexts = true")
    reader = Reader(hostile.folder, now=now, environment={**os.environ, **hostile.environment})
    yield Place(hostile.folder, reader)
    reader.end()


@pytest.fixture
def printed(hostile: Platforms, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    for name, value in hostile.environment.items():
        monkeypatch.setenv(name, value)

    def command(*arguments: str) -> Any:
        capsys.readouterr()
        run([*arguments, "--json", "--workspace", str(hostile.folder)])
        return json.loads(capsys.readouterr().out)

    return command


def tool(name: str) -> AssistantTool:
    return next(each for each in TOOLS if each.name == name)


def test_each_tool_gives_what_its_command_prints(place: Place, printed: Say) -> None:
    telling = withholding_of(place.reader.workspace())
    person = printed("members", "--limit", "1")["members"][0]["person_id"]
    campaigns = printed("results", "--show")["campaigns"]
    printed("experiment", "create", "spring", "--arm", "a", "--arm", "b")
    run_id = printed("history", "--limit", "1")["runs"][0]["run"]
    asked: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
        "status": ({}, ("status",)),
        "alerts": ({}, ("status", "--check")),
        "history": ({"run": run_id}, ("history", run_id)),
        "segments": ({}, ("segments",)),
        "segment_sizes": ({}, ("segments", "--history")),
        "funnel": ({"segment": "newcomers"}, ("funnel", "newcomers")),
        "members": (
            {"segment": "newcomers", "limit": 7, "page": 2},
            ("members", "newcomers", "--limit", "7", "--page", "2"),
        ),
        "explain": ({"person": person}, ("explain", person)),
        "personas": ({}, ("personas", "show")),
        "persona": ({"persona": "nora_new"}, ("personas", "show", "nora_new")),
        "results": ({}, ("results", "--show")),
        "lift": ({}, ("lift",)),
        "offers": ({"metric": "opened"}, ("offers", "--metric", "opened")),
        "experiments": ({}, ("experiment", "list")),
        "experiment": ({"experiment": "spring"}, ("experiment", "show", "spring")),
    }
    given = {name: tool(name) for name in asked}
    told = {name: given[name].answer(place, given[name].asked(**asked[name][0])) for name in asked}
    wanted = {name: printed(*command) for name, (_, command) in asked.items()}

    assert len(campaigns) == 5
    assert {each.name for each in TOOLS} - set(asked) == {"newest_plan", "draft_rule", "make_plan"}  # below
    for name, document in told.items():
        assert given[name].command == " ".join(asked[name][1])[: len(given[name].command)], name
        assert telling.document(document) == telling.document(wanted[name]), name
        assert set(given[name].keys) <= set(document), name


def test_a_plan_and_a_drafted_rule_are_those_of_the_commands(place: Place, printed: Say, hostile: Platforms) -> None:
    made = json.loads(json.dumps(tool("make_plan").answer(place, tool("make_plan").asked()), default=str))
    shown = json.loads(json.dumps(tool("newest_plan").answer(place, tool("newest_plan").asked()), default=str))
    own = printed("plan")
    draft = tool("draft_rule")
    drafted = draft.answer(place, draft.asked.model_validate({"segment": "newcomers", "rule": "tenure_days < 20"}))
    other = hostile.folder / "other.toml"
    text = (hostile.folder / "segments.toml").read_text("utf-8")
    other.write_text(re.sub(r'rule = ".*tenure_days < 60.*"', 'rule = "tenure_days < 20"', text), "utf-8")
    moves = printed("assign", "--what-if", str(other), "--as-of", str(drafted["would_move"]["as_of"]))
    funnel = printed("funnel", "newcomers", "--what-if", str(other))

    assert {**shown, "path": made["path"]} == {**made, "code": shown["code"], "state": "fresh"}
    assert made["proposed_by"] == "assistant"
    assert {k: v for k, v in made.items() if k not in {*NEW_EACH_TIME, "path"}} == {
        k: v for k, v in own.items() if k not in {*NEW_EACH_TIME, "path"}
    }
    assert json.loads(json.dumps(drafted["funnel"], default=str)) == funnel
    assert json.loads(json.dumps(drafted["would_move"], default=str)) == moves
    assert drafted["size"] == funnel["left"]


def test_only_marks_differ_where_everything_may_be_told_and_nothing_is_hostile() -> None:
    document = {"name": "Rita Regular", "rate": 0.5, "at": "2026-11-30", "lines": ["Two words", ""], "a b": None}
    told = Withholding(frozenset(), addresses=True, texts=True).document(document)

    assert told == {
        "name": "⟦Rita Regular⟧",
        "rate": 0.5,
        "at": "2026-11-30",
        "lines": ["⟦Two words⟧", ""],
        "⟦a b⟧": None,
    }
