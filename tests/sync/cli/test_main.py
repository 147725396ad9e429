"""Every step as a command: what it prints, its JSON document, its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sync.cli.main import run
from tests.sync.conftest import Run


@pytest.mark.long
def test_the_steps_run_one_by_one(say: Run) -> None:
    documents = {}
    for command in (["doctor"], ["setup", "--yes"], ["pull"], ["assign"], ["plan"], ["apply"], ["results"], ["report"]):
        status, out, error = say(*command, "--json")
        assert (status, error) == (0, ""), command
        documents[command[0]] = json.loads(out)

    assert {finding["state"] for finding in documents["doctor"]["findings"]} <= {"ok", "warn"}
    assert documents["pull"]["persons"] == documents["assign"]["persons"] > 100
    assert documents["assign"]["assigned"] + documents["assign"]["unclassified"] == documents["assign"]["persons"]
    assert sum(documents["apply"]["outcomes"].values()) == documents["plan"]["changes"]
    assert Path(documents["report"]["report"]).read_text("utf-8").startswith("<!doctype html>")


@pytest.mark.long
def test_every_step_speaks_to_people_too(say: Run) -> None:
    for command in (["setup", "--yes"], ["pull"], ["assign"], ["plan"], ["apply"], ["status"], ["history"], ["doctor"]):
        status, out, _ = say(*command)
        assert status == 0
        assert out.strip(), command
        assert not out.lstrip().startswith("{")


@pytest.mark.long
def test_explain_names_the_clauses_and_the_values(say: Run) -> None:
    for command in (["pull"], ["assign"]):
        assert say(*command)[0] == 0
    status, out, _ = say("explain", "JUN.imber.1@people.test")
    _, document, _ = say("explain", "jun.imber.1@people.test", "--json")
    explanation = json.loads(document)

    assert status == 0
    assert "Reasons:" in out or "unclassified" in out
    assert {attempt["segment"] for attempt in explanation["tried"]} == {
        "regulars",
        "gift_buyers",
        "bargain_hunters",
        "newcomers",
    }
    assert {contact["connection"] for contact in explanation["contacts"]} <= {"crm", "email"}


def test_explain_says_that_it_knows_nobody(say: Run) -> None:
    say("pull")

    status, _, error = say("explain", "nobody@people.test")

    assert status == 2
    assert "No contact has the email address" in error


@pytest.mark.long
def test_assign_looks_at_any_moment_and_refuses_what_is_none(say: Run) -> None:
    say("pull")

    past, out, _ = say("assign", "--as-of", "2025-06-01", "--json")
    wrong, _, error = say("assign", "--as-of", "last week")

    assert (past, wrong) == (0, 2)
    assert json.loads(out)["persons"] < 120
    assert "last week" in error


def test_a_command_that_does_not_exist_is_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bogus"]) == 2
    assert "No such command" in capsys.readouterr().err


def test_init_writes_a_workspace_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(tmp_path / "mine"), "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert run(["init", str(tmp_path / "mine"), "--json"]) == 0

    assert len(first["written"]) == 3
    assert json.loads(capsys.readouterr().out) == {"written": []}


@pytest.mark.outside
def test_the_demo_leaves_folders_of_others_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    assert run(["demo", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err
