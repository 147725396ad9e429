"""Home names the same next step as every command does, and where to do it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from sync.cli.main import run
from sync.ops.next_step import DEMO
from tests.sync.conftest import Moment, Platforms, connected, edit
from tests.sync.console.visitor import visiting

pytestmark = pytest.mark.outside

Advice = Callable[[Path], str]


@pytest.fixture
def advice(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Advice:
    """What `status` ends with in a folder: the next command, without what names the folder, and why."""

    def told(folder: Path) -> str:
        monkeypatch.setenv("COLUMNS", "1000")
        capsys.readouterr()
        run(["status", "--workspace", str(folder)])
        error = capsys.readouterr().err
        found = re.search(r"Next: (.*)\Z", error, flags=re.DOTALL)
        assert found, error
        return found[1].strip().replace(f" --workspace {folder}", "").replace("`", "")

    return told


def own(platforms: Platforms) -> Platforms:
    """The same workspace as if somebody had made it, and no demo."""
    (platforms.folder / DEMO).unlink()
    return platforms


def home_of(platforms: Platforms) -> tuple[str, str]:
    with visiting(platforms.folder, platforms.environment) as visitor:
        page = visitor.get("/")
    assert page.status == 200
    return page.words, page.text


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(make_world()) as opened:
        yield opened


def test_of_a_new_workspace(sandbox: Sandbox, tmp_path: Path, advice: Advice) -> None:
    platforms = own(connected(sandbox, tmp_path / "workspace"))
    told = advice(platforms.folder)

    assert told == "personasync doctor checks connections and settings."
    assert f" Next {told}" in home_of(platforms)[0]


@pytest.mark.slow
def test_of_a_workspace_whose_plan_waits(ready_moment: Moment, tmp_path: Path, advice: Advice) -> None:
    with Sandbox(ready_moment.world()) as opened:
        platforms = own(connected(opened, tmp_path / "workspace", ready_moment))
        told, (words, text) = advice(platforms.folder), home_of(platforms)

        assert re.match(r"personasync (setup|assign|plan|apply)", told)
        assert f" Next {told}" in words
        assert text.count('<h2 class="plain">Next</h2>') == 1

        edit(platforms, "min_audience = ", "min_audience = 1", "personasync.toml")
        again = advice(platforms.folder)

        assert again != ""
        assert f" Next {again}" in home_of(platforms)[0]


@pytest.mark.slow
def test_of_a_workspace_that_was_applied_and_of_one_whose_demo_ended(
    applied_moment: Moment, tmp_path: Path, advice: Advice
) -> None:
    with Sandbox(applied_moment.world()) as opened:
        platforms = own(connected(opened, tmp_path / "workspace", applied_moment))
        told = advice(platforms.folder)
        assert f" Next {told}" in home_of(platforms)[0]

        (platforms.folder / DEMO).write_text("", "utf-8")
        ended = advice(platforms.folder)
        assert ended != told
        assert f" Next {ended}" in home_of(platforms)[0]
