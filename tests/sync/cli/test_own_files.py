"""No command writes over what a workspace lives on, whatever file a person names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import FixSettingsError
from sync.cli.main import all_commands, run
from sync.cli.options import not_ours
from sync.workspace.own_files import refuse_own_file

SETTINGS = """
[workspace]
state = "sqlite:///elsewhere/state.db"
[connections.shop]
connector = "files"
contacts = "contacts.csv"
[connections.crm]
connector = "hubspot"
access_token = "file:token.txt"
"""
OWN = (
    *("personasync.toml", "personas.toml", "segments.toml", "contacts.csv", "token.txt", "elsewhere/state.db"),
    *(".personasync/control.db", ".personasync/warehouse.duckdb", ".personasync/models/model.json", ".personasync/new"),
    *("link.html", "sub/../personas.toml"),
)
WRITTEN = {"--out", "--letter", "--rejects", "--kept"}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    for name in OWN:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix not in {".html", ""}:
            path.write_text("what was there")
    (tmp_path / "personasync.toml").write_text(SETTINGS)
    (tmp_path / "link.html").symlink_to(tmp_path / "personas.toml")
    return tmp_path


def options(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every option of every command."""
    for name, inner in getattr(command, "commands", {}).items():
        yield from options(inner, (*path, name))
    if not hasattr(command, "commands"):
        yield from ((" ".join(path), option) for option in command.params)


@pytest.mark.parametrize("name", OWN)
def test_what_a_workspace_lives_on_is_not_written_over(workspace: Path, name: str) -> None:
    with pytest.raises(FixSettingsError, match="belongs to the workspace"):
        refuse_own_file(workspace / name)


@pytest.mark.parametrize("name", ["preview.html", "out/people.csv", "elsewhere/other.db", "new.json"])
def test_other_files_in_its_folder_may_be_written(workspace: Path, name: str) -> None:
    refuse_own_file(workspace / name)


def test_settings_that_can_not_be_read_keep_their_files_all_the_same(workspace: Path) -> None:
    (workspace / "personasync.toml").write_text("= no TOML")
    with pytest.raises(FixSettingsError):
        refuse_own_file(workspace / "personasync.toml")


def test_every_option_that_names_a_file_to_write_is_checked() -> None:
    group = all_commands()
    written = [
        (command, option)
        for command, option in options(group)
        if WRITTEN & set(option.opts) and not getattr(option, "is_flag", False)
    ]

    assert len(written) >= 18
    unchecked = [
        command for command, option in written if getattr(option.callback, "__wrapped__", option.callback) is None
    ]
    assert unchecked == []


def test_preview_leaves_a_store_as_it_is(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = workspace / ".personasync" / "control.db"
    status = run(["preview", "mail.html", "--workspace", str(workspace), "--out", str(store)])

    assert status == 2
    assert "belongs to the workspace" in capsys.readouterr().err
    assert store.read_text() == "what was there"
    assert not_ours(None) is None
