"""Commands beside pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sync.cli.main import run

Command = Callable[..., Any]


@pytest.fixture
def document(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in a folder, and return what it prints for scripts."""

    def command(folder: Path, *arguments: str) -> Any:
        monkeypatch.chdir(folder)
        capsys.readouterr()
        status = run([*arguments, "--json"])
        output = capsys.readouterr()
        assert status == 0, output.err
        return json.loads(output.out)

    return command
