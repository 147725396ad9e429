"""Help, the version and completion load no library that only commands need; the table of commands is true."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Set as AbstractSet
from importlib.metadata import version
from pathlib import Path

import pytest

from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from sync.cli.commands import ENTRIES, HELP_GROUPS
from sync.cli.main import all_commands
from sync.clock import now
from sync.session import open_stores
from tests.sync.conftest import Moment, connected

HEAVY = {
    *("ibis", "sqlglot", "sqlalchemy", "alembic", "pandas", "numpy", "duckdb", "pyarrow", "sklearn", "scipy"),
    *("requests", "urllib3", "jinja2", "keyring", "rich", "starlette", "uvicorn", "hubspot"),
}
PYDANTIC = {"pydantic", "pydantic_core"}  # Typer itself loads it to read a command's own options
PROGRAM = """\
import sys
from sync.cli import main
sys.argv[0] = "personasync"
try:
    main()
finally:
    sys.stderr.write(" ".join(sys.modules))
"""


def loaded(
    *arguments: str, at: Path | None = None, but: AbstractSet[str] = frozenset(), **environment: str
) -> tuple[str, set[str]]:
    """Run the command line in a process of its own: what it printed, and which heavy libraries it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, **environment},
        cwd=at,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, {name.split(".")[0] for name in done.stderr.split()} & (HEAVY | PYDANTIC) - but


def completed(line: str, at: Path) -> tuple[list[str], set[str]]:
    """Press Tab at the end of *line* in a Bash: what is offered, and which heavy libraries that loaded."""
    words = line.split(" ")
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_PERSONASYNC_COMPLETE": "complete_bash"}
    out, heavy = loaded(at=at, but=PYDANTIC, **asked)
    return out.split(), heavy


@pytest.fixture
def workspace(ready_moment: Moment, tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    shutil.copytree(ready_moment.state, folder / ".personasync")
    segments = '[[segments]]\nname = "regulars"\ntitle = "Regulars"\nrule = "orders_365d >= 3"\n'
    (folder / "segments.toml").write_text(segments + '[[segments]]\nname = "rest"\nrule = "true"\n', "utf-8")
    (folder / "personas.toml").write_text('[personas.rita]\nname = "Rita"\nsegments = ["regulars"]\n', "utf-8")
    (folder / "experiments.toml").write_text('[experiments.spring]\nmetric = "clicked"\n', "utf-8")
    (folder / "personasync.toml").write_text('[connections.crm]\nconnector = "hubspot"\n', "utf-8")
    (folder / ".personasync" / "plans").mkdir(exist_ok=True)
    (folder / ".personasync" / "plans" / "20261124-090000-abcdef.jsonl").write_text("", "utf-8")
    return folder


@pytest.mark.parametrize(
    "arguments", [["--help"], ["undo", "--help"], ["experiment", "create", "--help"], ["--version"]]
)
def test_help_and_the_version_load_no_heavy_library(arguments: list[str]) -> None:
    out, heavy = loaded(*arguments, but=PYDANTIC if len(arguments) > 1 else set())

    assert heavy == set()
    assert out.startswith("Usage: " if "--help" in arguments else f"personasync {version('personasync')}")


def test_help_lists_the_commands_in_the_order_of_the_work() -> None:
    out, _ = loaded("--help")
    order = ["Start:", "The loop:", "Understand:", "Segments and models:", "Personas:", "Campaigns:", "Operate:"]

    assert [line for line in out.splitlines() if line in order] == order
    assert list(HELP_GROUPS) == [title.rstrip(":") for title in order]
    assert out.index("\n  init ") < out.index("\n  pull ") < out.index("\n  audit ")


def test_the_table_says_what_the_commands_say_themselves() -> None:
    said = {name: command.get_short_help_str(1000) for name, command in all_commands().commands.items()}

    assert {entry.name: entry.help for entry in ENTRIES.values()} == said


def test_a_typo_is_answered_with_the_command_that_was_meant() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "statsu"], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 2
    assert "Did you mean 'status'" in done.stderr


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("personasync hi", ["history"]),
        ("personasync experiment sh", ["show"]),
        ("personasync discover --within re", ["regulars", "rest"]),
        ("personasync personas show ri", ["rita"]),
        ("personasync lift --experiment ", ["spring"]),
        ("personasync apply ", [".personasync/plans/20261124-090000-abcdef.jsonl"]),
        ("personasync pull --connection ", ["crm"]),
    ],
)
def test_completion_knows_the_names_of_the_workspace(workspace: Path, line: str, offered: list[str]) -> None:
    assert completed(line, workspace) == (offered, set())


def test_completion_knows_the_runs_of_a_workspace_elsewhere(workspace: Path) -> None:
    offered, heavy = completed(f"personasync history -w {workspace} ", workspace.parent)

    assert len(offered) == 3  # pull, assign, setup
    assert sorted(offered, reverse=True) == offered
    assert heavy == set()


def test_completion_offers_nothing_where_files_are_wrong(tmp_path: Path) -> None:
    (tmp_path / "segments.toml").write_text("[[segments", "utf-8")
    (tmp_path / ".personasync").mkdir()
    (tmp_path / ".personasync" / "control.db").write_text("no database", "utf-8")

    assert completed("personasync discover --within ", tmp_path) == ([], set())
    assert completed("personasync undo ", tmp_path) == ([], set())


@pytest.mark.parametrize("command", ["status", "history"])
def test_what_looks_at_runs_loads_no_engine_no_client_and_no_migrations(demo_files: Path, command: str) -> None:
    _, heavy = loaded(command, "-w", str(demo_files))

    assert (
        heavy & {"duckdb", "sqlalchemy", "pandas", "alembic", "requests", "urllib3", "scipy", "sklearn", "jinja2"}
        == set()
    )


@pytest.mark.long
@pytest.mark.parametrize("command", ["explain", "classify"])
def test_what_asks_about_one_person_compiles_once_and_then_loads_no_compiler(demo_files: Path, command: str) -> None:
    with open_stores(demo_files, now=now) as stores:
        address = next(key for key in stores.control.links.mapping() if key.startswith("mailto:")).removeprefix(
            "mailto:"
        )
    asked = [command, address, "-w", str(demo_files), "--json"]
    _, first = loaded(*asked)
    _, heavy = loaded(*asked)

    assert "ibis" in first
    assert (
        heavy & {"ibis", "sqlalchemy", "pandas", "alembic", "requests", "urllib3", "scipy", "sklearn", "jinja2"}
        == set()
    )


@pytest.fixture
def demo_files(ready_moment: Moment, tmp_path: Path) -> Path:
    """A whole workspace that has pulled and assigned."""
    with Sandbox(make_world()) as sandbox:
        return connected(sandbox, tmp_path / "workspace", ready_moment).folder
