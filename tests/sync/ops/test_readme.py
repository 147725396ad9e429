"""The README's steps, word for word: every command of "Your first workspace", in order, without accounts."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sync.cli.main import run

README = Path(__file__).parents[3] / "README.md"
OF_THE_PROJECT = {"make setup", "source .venv/bin/activate"}  # this test runs in what they make
UP = "personasync sandbox up "
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Person(io.StringIO):
    """Somebody at a terminal who takes what is suggested, and agrees."""

    def isatty(self) -> bool:
        return True


@contextmanager
def platforms_of(line: str, folder: Path) -> Iterator[None]:
    """The command that runs until Ctrl-C, in a process of its own."""
    code = "import sys; from sync.cli.main import run; sys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *shlex.split(line)[1:]]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert any("personasync doctor" in text for text in process.stdout), process.wait()
        yield
    finally:
        process.terminate()
        process.communicate(timeout=60)


def steps() -> tuple[list[str], list[str]]:
    """Lines of the section's shell blocks; and its other blocks, which are parts of files."""
    section = README.read_text("utf-8").partition("## Your first workspace\n")[2].partition("\n## ")[0]
    blocks = BLOCK.findall(section)
    lines = [line for kind, text in blocks if not kind for line in text.splitlines() if line.strip()]
    return lines, [text for kind, text in blocks if kind == "toml"]


@pytest.mark.long
def test_every_step_of_the_readme_works_as_it_stands_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, parts = steps()
    place = next(i for i, line in enumerate(lines) if line.startswith(UP))
    assert all("rule" in segment for part in parts for segment in tomllib.loads(part)["segments"])
    monkeypatch.chdir(tmp_path)
    for line in lines[:place]:
        do(line, monkeypatch, capsys)
    assert (tmp_path / "my-shop" / "segments.toml").is_file()

    monkeypatch.chdir(tmp_path)  # the second terminal
    outputs = {}
    with platforms_of(lines[place], tmp_path):
        for line in lines[place + 1 :]:
            outputs[line] = do(line, monkeypatch, capsys)

    assert "FAIL" not in outputs["personasync doctor"]
    assert "in segment 'newcomers'" in outputs["personasync members newcomers"]
    assert "applied" in outputs["personasync apply"]
    assert "to the whole audience: " in outputs["personasync sandbox send"]
    assert "Sent to variant 'new': " in outputs["personasync sandbox send --experiment spring"]
    assert "“new” vs “old”" in " ".join(outputs["personasync lift --experiment spring"].split())
    assert len(outputs) >= 16


def do(line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Do what a line says, as a shell would; return what it printed."""
    words = shlex.split(line)
    if line in OF_THE_PROJECT:
        return ""
    if words[0] == "cd":
        monkeypatch.chdir(words[1])
        return ""
    if words[0] == "export":
        monkeypatch.setenv(*words[1].split("=", 1))
        return ""
    assert words[0] == "personasync", line
    with monkeypatch.context() as terminal:
        terminal.setattr(sys, "stdin", Person("\n" * 5 if words[1] == "init" else "y\n"))
        capsys.readouterr()
        status = run(words[1:])
    output = capsys.readouterr()
    assert status == 0, (line, output.out, output.err)
    return output.out
