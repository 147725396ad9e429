"""A package that brings a connector, installed beside personasync on the path of a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGES = Path(__file__).parents[1] / "outside"
COMMANDS = """\
import json, sys
from sync.cli.main import run
for line in json.loads(sys.argv[1]):
    print("$", *line)
    print("=", run(line), flush=True)
"""


def installed(folder: Path, package: str, *, version: str = "1.2.0", name: str = "") -> Path:
    """Put a package of tests/outside and its dist-info into *folder*, as pip does, and return the folder."""
    shutil.copytree(PACKAGES / package, folder / package, dirs_exist_ok=True)
    distribution = name or f"personasync-{package}"
    info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n", "utf-8")
    (info / "entry_points.txt").write_text(f"[personasync.connectors]\n{package} = {package}:connect\n", "utf-8")
    return folder


@contextmanager
def serving(site: Path, *, at: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run `personasync serve` in a process that has *site* on its path, and end it with the block."""
    path = os.pathsep.join([str(site), *filter(None, sys.path)])
    process = subprocess.Popen(
        [sys.executable, "-c", COMMANDS, '[["serve"]]'],
        env={**os.environ, "PYTHONPATH": path, **environment},
        cwd=at,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


def commands(site: Path, lines: str, *, at: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run commands one after the other, in a process that has *site* on its path.

    Args:
        site: Where packages lie.
        lines: JSON: a list of the arguments of each command.
        at: The folder in which they run.
        environment: Added to that of the test.
    """
    return subprocess.run(
        [sys.executable, "-c", COMMANDS, lines],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), *filter(None, sys.path)]), **environment},
        cwd=at,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
