"""Whoever names a workspace finds it again in each command that is named to them, and can run it as it stands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync.cli.commands import GROUPS, NO_WORKSPACE
from sync.cli.main import all_commands, run
from sync.cli.where import GIVEN, with_workspace
from tests.sync.console.survey_world import answers, new_workspace

OPTION = " --workspace 'my shop'"
NAMED = re.compile(r"personasync [a-z][^`\n]*")


@pytest.fixture
def given() -> Iterator[None]:
    GIVEN.option = OPTION
    yield
    GIVEN.option = ""


@pytest.mark.usefixtures("given")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("`personasync pull` or `personasync plan --show`", "`personasync pull{0}` or `personasync plan --show{0}`"),
        ("then run: personasync discover --accept NAME", "then run: personasync discover{0} --accept NAME"),
        ("`personasync survey design --tool short`", "`personasync survey design --tool short{0}`"),
        ("personasync survey design A.csv", "personasync survey design{0} A.csv"),
        ("as `personasync survey weight --out` writes it", "as `personasync survey weight --out` writes it"),
        ("`personasync survey`, what personasync owns", "`personasync survey`, what personasync owns"),
        ("`personasync pull --workspace other`", "`personasync pull --workspace other`"),
        ("personasync pull -w other\npersonasync pull", "personasync pull -w other\npersonasync pull{0}"),
        ("the console of personasync", "the console of personasync"),
    ],
)  # fmt: skip
def test_a_command_gets_the_workspace_where_it_takes_and_lacks_it(text: str, told: str) -> None:
    assert with_workspace(text) == told.format(OPTION)


def test_in_the_current_folder_nothing_is_added() -> None:
    assert with_workspace("Run `personasync pull`.") == "Run `personasync pull`."


def test_the_workspace_of_a_command_is_not_the_next_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["history", "--workspace", str(new_workspace(tmp_path / "shop"))])

    assert f"personasync doctor --workspace {tmp_path / 'shop'}" in capsys.readouterr().err
    assert with_workspace("Run `personasync pull`.") == "Run `personasync pull`."


def below(group: Any, path: str = "") -> Iterator[tuple[str, set[str]]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from below(command, f"{name} ")
        else:
            yield path + name, {parameter.name for parameter in command.params}


def test_groups_and_commands_without_a_workspace_are_those_that_there_are() -> None:
    commands = dict(below(all_commands()))

    assert {name for name, parameters in commands.items() if "workspace" not in parameters} == NO_WORKSPACE
    assert {name for name in commands if " " in name} == {
        f"{g} {name}" for g, names in GROUPS.items() for name in names
    }


@pytest.mark.outside
@pytest.mark.long
def test_every_command_that_is_named_from_another_folder_names_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = new_workspace(tmp_path / "my shop")
    (tmp_path / "answers.csv").write_text(answers(), "utf-8")
    monkeypatch.chdir(tmp_path)
    where = ["--workspace", "my shop"]
    said = {}
    for arguments in (
        ["discover", "answers.csv", "--name", "kinds", "--exclude", "duration"],
        ["discover", "--accept", "kinds"],
        ["survey", "design", "--proposal", "kinds", "--length", "3"],
        ["survey", "score"],
        ["survey", "add"],
        ["survey", "add", "--yes"],
        ["survey", "list"],
        ["status"],
        ["history"],
        ["doctor"],
        ["assign"],
        ["plan"],
        ["apply"],
        ["undo", "last"],
        ["report"],
        ["gallery"],
        ["explain", "a@people.test"],
        ["pin", "a@people.test", "none"],
        ["personas", "show"],
        ["personas", "draft", "--all"],
        ["experiment", "show", "none"],
        ["fit"],
    ):
        capsys.readouterr()
        run([*arguments, *where])
        output = capsys.readouterr()
        said[" ".join(arguments)] = NAMED.findall(output.out + output.err)
    named = [command for commands in said.values() for command in commands]
    lacking = [command for command in named if shlex.quote("my shop") not in command]

    assert len(named) > 20, said
    assert [c for c in lacking if not c.startswith(tuple(f"personasync {name}" for name in NO_WORKSPACE))] == []
    assert folder.is_dir()
