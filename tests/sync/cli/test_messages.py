"""What is wrong is named for what it is, with its place and a fix that an installed user has; and it is said once."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sync.cli.main import run

Said = Callable[..., tuple[int, str]]

SETTINGS = """
[workspace]
name = "Acme"
[connections.shop]
connector = "files"
contacts = "people.csv"
"""
ROOTS = ("sync", "segmenter", "connectors")
SOURCES = [path for root in ROOTS for path in sorted((Path(__file__).parents[3] / root).rglob("*.py"))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "personasync.toml").write_text(SETTINGS, "utf-8")
    (tmp_path / "personas.toml").write_text("", "utf-8")
    (tmp_path / "segments.toml").write_text('[[segments]]\nname = "a"\nrule = "tenure_days > 1"\n', "utf-8")
    (tmp_path / "people.csv").write_text("email,consent\nada@acme.example,yes\n", "utf-8")
    return tmp_path


@pytest.fixture
def said(folder: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    """Run a command, and return its status and all that it said, on one line."""

    def command(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        status = run([*arguments, "--workspace", str(folder)])
        output = capsys.readouterr()
        return status, " ".join((output.out + output.err).split())

    return command


def assert_said_once(text: str) -> None:
    sentences = [part.strip() for part in re.split(r"(?<=[.!?])\s+", text) if len(part) > 20]
    assert len(sentences) == len(set(sentences)), text
    assert "Errno" not in text
    assert "docs/" not in text
    assert ".." not in text, text


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("orders_total > 1 && opens_7d > 0", "'&&' is no operator of rules; write AND"),
        ("orders_total > 1 || opens_7d > 0", "'||' is no operator of rules; write OR"),
        ("orders_total > 1 & opens_7d > 0", "'&' is no operator of rules; write AND"),
        ("(orders_total > 1) | (opens_7d > 0)", "'|' is no operator of rules; write OR"),
        ("orders_total => 1", "the rule can't be read; '=>' is no operator: write >="),
        ("orders_total =< 1", "the rule can't be read; '=<' is no operator: write <="),
        ('country = \\"DE\\"', "there is no trait 'DE'; a text stands in single quotes: 'DE'"),
    ],
)
def test_a_rule_in_the_words_of_another_language(folder: Path, said: Said, rule: str, message: str) -> None:
    (folder / "segments.toml").write_text(f'[[segments]]\nname = "a"\nrule = "{rule}"\n', "utf-8")

    status, output = said("assign")

    assert (status, "segments.toml, line 3: segment 'a': " + message in output) == (2, True), output
    assert_said_once(output)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04\x14\x00", "people.csv is not a readable spreadsheet. Save it as CSV."),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "people.csv is not a readable spreadsheet. Save it as CSV."),
        (b"email\n\x00\x01\x02ada@acme.example\n", "people.csv is not text. Save it as CSV in UTF-8."),
        (None, "File not found: {folder}/people.csv. Check the path; those in personasync.toml are relative"),
    ],
)
def test_a_file_of_another_kind_or_none(folder: Path, said: Said, content: bytes | None, message: str) -> None:
    (folder / "people.csv").unlink()
    if content is not None:
        (folder / "people.csv").write_bytes(content)

    for command in ("pull", "doctor"):
        status, output = said(command)
        assert status in {1, 2, 3}
        assert message.format(folder=folder) in output.replace(" |", ""), output
        assert_said_once(output)


@pytest.mark.parametrize("command", ["assign", "apply", "run"])
def test_a_guardrail_that_does_not_exist_overrides_nothing(said: Said, command: str) -> None:
    status, output = said(command, "--override", "max_chnged")

    assert (status, output) == (2, "Error: There is no guardrail 'max_chnged'. Did you mean 'max_changed'?")
    assert "There are: max_changed, max_removed" in said(command, "--override", "everything")[1]


def test_a_folder_without_a_workspace_is_named_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert run(["status"]) == 2
    assert capsys.readouterr().err == (
        f"Error: There is no personasync.toml in {tmp_path}. Run `personasync init` there to create a workspace, or "
        "name its folder: --workspace DIR.\n"
    )
    assert run(["status", "--workspace", "nowhere"]) == 2
    assert f"There is no folder {tmp_path}/nowhere. Check the path" in capsys.readouterr().err


def test_files_that_a_command_names_and_that_are_not_there(folder: Path, said: Said) -> None:
    missing = folder / "missing.html"
    for arguments in (
        ("preview", str(missing)),
        ("apply", str(missing)),
        ("assign", "--what-if", str(missing)),
        ("fit", "--labels", str(missing)),
        ("preview", str(folder)),
    ):
        status, output = said(*arguments)
        assert status == 2, (arguments, output)
        assert "Unexpected" not in output
        assert output.count(arguments[-1]) <= 1, output
        assert_said_once(output)


WITHOUT_RIGHTS = """
import os, sys
from pathlib import Path
from sync.cli.main import run
folder, new = sys.argv[1:]
run(["status", "--workspace", folder])  # loads all that it needs: a Python of root's may be closed to others
run(["init", f"{new}/first"])
run(["init", f"{new}/first/personas.toml/x"])
for path in Path(folder).rglob("*"):
    path.chmod(0o755 if path.is_dir() else 0o644)
Path(folder).chmod(0o555)
if os.getuid() == 0:
    os.setuid(65534)
print(run(["status", "--workspace", folder]), run(["init", f"{folder}/new"]))
"""


def test_a_folder_that_can_not_be_written_to(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Root may write everywhere, so the command gives up its rights first."""
    for parent in folder.parents[:3]:
        parent.chmod(0o755)
    program = [sys.executable, "-c", WITHOUT_RIGHTS, str(folder), str(tmp_path_factory.mktemp("new"))]
    try:
        ended = subprocess.run(program, capture_output=True, text=True, check=False)
    finally:
        folder.chmod(0o755)

    messages = " ".join(ended.stderr.split()).split("Error: ")[1:]
    assert ended.stdout.splitlines()[-1] == "2 2", ended
    assert "not a directory. Check the path: a part of it is a file where a folder is expected." in messages[0]
    assert "can't be written to. Give yourself write permission there" in messages[1]
    assert "permission denied. Give yourself permission there" in messages[2]
    assert [message.startswith(str(folder)) for message in messages] == [False, True, True], messages


def test_no_message_names_a_file_that_only_the_repository_has() -> None:
    named = re.compile(r"""["'(`;, ](docs/[\w/-]+\.md|README\.md|CONTRIBUTING\.md)""")
    lines = [
        f"{path.name}: {line.strip()}"
        for path in SOURCES
        for line in path.read_text("utf-8").splitlines()
        if named.search(line) and not line.strip().startswith(('"""', "#"))
    ]

    assert lines == []
