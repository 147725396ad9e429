"""Whatever commands write is for its owner alone from the first byte on, also under a umask that lets others read."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sync.ops.doctor import examine
from sync.session import open_session
from sync.workspace.permissions import readable_by_others
from tests.sync.ops.kept_workspace import MAIN, NOW, SEGMENTS, make_kept

# the commands as a terminal starts them, by `main`, one after the other in one process
WATCHED = """
import os, sys
os.umask(0o022)
from sync.cli import main
module = sys.modules['sync.cli.main']
run = module.run
def several(_):
    modes = os.umask(0o077)
    os.umask(modes)
    assert modes == 0o077, oct(modes)
    for line in sys.stdin.read().splitlines():
        status = run(line.split("|"))
        print(status, line, flush=True)
    return 0
module.run = several
main()
"""


@pytest.mark.long
def test_every_file_and_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder, outside = tmp_path / "work", tmp_path / "outside"
    outside.mkdir(mode=0o755)
    os.umask(0o077)
    commands = [
        ["init", str(folder)],
        ["pull", "-w", str(folder)],
        ["assign", "-w", str(folder)],
        ["report", "-w", str(folder)],
        ["export", "people", "--out", str(outside / "people.csv"), "-w", str(folder)],
        ["export", "people", "--out", str(outside / "people.parquet"), "-w", str(folder)],
        ["backup", "--out", str(outside / "new" / "saved.tar.gz"), "-w", str(folder)],
        ["restore", str(outside / "new" / "saved.tar.gz"), "-w", str(outside / "restored")],
    ]
    first = run_watched(commands[:1])
    rows = [f"{n},p{n}@people.test,{'tea' if n % 2 else 'rum'},subscribed" for n in range(30)]
    for name, text in {
        "contacts.csv": "\n".join(["id,email,kind,consent", *rows]) + "\n",
        "personasync.toml": MAIN,
        "segments.toml": SEGMENTS,
        "personas.toml": "",
    }.items():
        (folder / name).write_text(text, "utf-8")
    rest = run_watched(commands[1:])

    assert [line.split(" ")[0] for line in (*first, *rest)] == ["0"] * len(commands), (first, rest)
    assert readable_by_others(folder) == []
    assert [path for path in outside.rglob("*") if stat.S_IMODE(path.lstat().st_mode) & 0o077] == []


def run_watched(commands: list[list[str]]) -> list[str]:
    text = "\n".join("|".join(command) for command in commands)
    done = subprocess.run([sys.executable, "-c", WATCHED], input=text, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if "|" in line]
    assert len(lines) == len(commands), done.stderr
    return lines


@pytest.mark.long
@pytest.mark.parametrize(("mode", "findings_made"), [(0o700, 0), (0o755, 1), (0o750, 1)])
def test_doctor_names_what_others_may_read_and_the_fix(tmp_path: Path, mode: int, findings_made: int) -> None:
    folder = tmp_path / "a workspace"
    folder.mkdir()
    make_kept(folder)
    folder.chmod(mode)
    (folder / ".personasync" / "control.db").chmod(0o644)
    with open_session(folder, now=lambda: NOW, environment={}) as session:
        findings = [finding for _, finding in examine(session) if finding.check == "permissions"]

    assert len(findings) == findings_made
    assert all(finding.state == "warn" and finding.fix.startswith("Run `chmod -R go= '/") for finding in findings)
    subprocess.run(["/bin/chmod", "-R", "go=", str(folder)], check=True)
    assert readable_by_others(folder) == []
