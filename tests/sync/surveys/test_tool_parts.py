"""What a workspace lacks of a typing tool is shown as a diff and added once; the files stay valid, or as they were."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from connectors.errors import FixSettingsError
from segmenter.typing_tool.tool_file import ToolFile
from sync.cli.main import run
from sync.surveys.tool_parts import add_parts, lacking_parts, parts_sentences
from sync.workspace.settings import Workspace, load_workspace
from sync.workspace.typing_tools import load_tool, load_tools
from tests.sync.console.survey_world import answers, new_workspace

HEAD = "# Ours; keep this remark.\r\n"


def with_tool(folder: Path) -> Path:
    """A workspace with lines of Windows, and a tool that was designed from a file beside it."""
    new_workspace(folder)
    main = folder / "personasync.toml"
    main.write_bytes(HEAD.encode() + main.read_bytes().replace(b"\n", b"\r\n"))
    (folder / "answers.csv").write_text(answers(), "utf-8")
    design = [
        "survey",
        "design",
        str(folder / "answers.csv"),
        "--segments",
        "3",
        "--length",
        "3",
        "--exclude",
        "duration",
    ]
    assert run([*design, "--anyway", "--workspace", str(folder), "--out", str(folder / "survey-short")]) == 0
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the workspace, by name: each test gets a workspace of its own from them."""
    folder = with_tool(tmp_path_factory.mktemp("parts") / "workspace")
    names = ("personasync.toml", "segments.toml", "personas.toml", ".personasync/tools/short.json")
    return {name: (folder / name).read_bytes() for name in names}


@pytest.fixture
def folder(tmp_path: Path, made: dict[str, bytes]) -> Path:
    for name, content in made.items():
        path = tmp_path / "workspace" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "workspace"


def opened(folder: Path) -> tuple[Workspace, ToolFile]:
    workspace = load_workspace(folder)
    return workspace, load_tool(workspace.state_dir, "short")


def contents(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in ("personasync.toml", "segments.toml")]


def test_the_diff_says_what_is_added_and_nothing_else_changes(folder: Path) -> None:
    workspace, tool = opened(folder)
    before = contents(folder)
    parts = lacking_parts(workspace, tool)
    add_parts(workspace, tool, parts.code)
    after = contents(folder)

    assert parts.traits == tuple(question.trait for question in tool.questions)
    assert parts.segments == tool.segments
    assert [line for line in parts.lines() if line.startswith("-") and not line.startswith("---")] == []
    assert all(new.startswith(old) for old, new in zip(before, after, strict=True))
    assert b"\n" not in after[0].replace(b"\r\n", b"")  # the ends of its lines are those that it had
    added = "\n".join(line[1:] for line in parts.lines() if line.startswith("+") and not line.startswith("+++"))
    assert tomllib.loads(added)["traits"].keys() == set(parts.traits)
    assert load_tools(load_workspace(folder))[0].lacking == ""


def test_nothing_is_added_twice(folder: Path) -> None:
    workspace, tool = opened(folder)
    agreed = lacking_parts(workspace, tool).code
    add_parts(workspace, tool, agreed)
    once = contents(folder)
    with pytest.raises(FixSettingsError, match="have changed since the diff was shown"):
        add_parts(load_workspace(folder), tool, agreed)
    again = add_parts(load_workspace(folder), tool)

    assert (again.traits, again.segments, contents(folder)) == ((), (), once)
    assert parts_sentences(again, load_workspace(folder))[0].startswith("Nothing to add")


def test_only_what_is_lacking_is_added(folder: Path) -> None:
    _, tool = opened(folder)
    kept = tool.questions[0].trait
    with (folder / "personasync.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[traits.{kept}]\nsurvey = "other"\nitem = "mine"\ntype = "number"\n')
    parts = add_parts(load_workspace(folder), tool)

    assert kept not in parts.traits
    assert load_workspace(folder).catalogue.surveyed[kept].item == "mine"
    assert len(parts.traits) == len(tool.questions) - 1


def test_files_that_were_edited_after_the_diff_are_not_written(folder: Path) -> None:
    workspace, tool = opened(folder)
    code = lacking_parts(workspace, tool).code
    (folder / "segments.toml").write_text("# edited meanwhile\n", "utf-8")
    before = contents(folder)

    with pytest.raises(FixSettingsError, match="nothing was written"):
        add_parts(load_workspace(folder), tool, code)
    assert contents(folder) == before


def test_a_workspace_that_would_not_load_is_as_it_was(folder: Path) -> None:
    _, tool = opened(folder)
    first = tool.questions[0].trait
    with (folder / "personasync.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[traits]\n{first}x.survey = "other"\n{first}x.item = "b"\n{first}x.type = "number"\n')
    (folder / "segments.toml").write_text("segments = []\n", "utf-8")  # nothing can be appended to it
    before = contents(folder)

    with pytest.raises(FixSettingsError):
        add_parts(load_workspace(folder), tool)
    assert contents(folder) == before


def test_the_command_shows_asks_and_adds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(folder)
    refused = run(["survey", "add", "--workspace", str(folder)])
    shown = capsys.readouterr()
    after_refusal = contents(folder)
    added = run(["survey", "add", "--workspace", str(folder), "--yes", "--json"])
    document = json.loads(capsys.readouterr().out)

    assert (refused, after_refusal) == (2, before)
    assert "+[traits.short_q" in shown.err
    assert "survey add --tool short --yes" in shown.err
    assert (added, len(document["traits"])) == (0, 3)
    assert any(line.startswith("+[traits.") for line in document["diff"])
