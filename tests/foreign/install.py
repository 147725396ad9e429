"""What foreign clients need, from the package registries alone, each in a folder that later runs use again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MINUTES = 4  # for one client; the largest took one
OF_PYTHON = ("pip-system-certs==5.3",)  # lets a client trust the gate that sends its requests past its own settings


@dataclass(frozen=True, slots=True)
class ClientPackage:
    """One client as its registry has it.

    Attributes:
        name: As the result names it.
        registry: npm or PyPI.
        pins: What is installed, with versions.
        alone: What is installed without what it asks for besides: only a part of it is used.
    """

    name: str
    registry: str
    pins: tuple[str, ...]
    alone: tuple[str, ...] = ()


class InstallError(Exception):
    """A client is not to be had here; the message says why."""


def install(package: ClientPackage, root: Path) -> Path:
    """Return the folder in which *package* is installed, from an earlier run or now.

    Raises:
        InstallError: The registry is not reached, does not have it, or something that it needs is missing.
    """
    folder = root / package.name.replace("/", "-").removeprefix("@")
    stamp, wanted = folder / "installed.json", json.dumps([package.pins, package.alone, OF_PYTHON])
    if stamp.exists() and stamp.read_text() == wanted:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for command in (_of_npm if package.registry == "npm" else _of_pypi)(package, folder):
        _run(command, folder)
    stamp.write_text(wanted)
    return folder


def _of_npm(package: ClientPackage, folder: Path) -> list[list[str]]:
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise InstallError("needs node and npm (on Debian: apt-get install nodejs npm)")
    (folder / "package.json").write_text('{"private": true}')
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--loglevel=error", "--logs-max=0"]
    return [["npm", "install", *options, *package.pins]]


def _of_pypi(package: ClientPackage, folder: Path) -> list[list[str]]:
    pip = [str(folder / "venv/bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    commands = [[sys.executable, "-m", "venv", str(folder / "venv")], [*pip, *OF_PYTHON, *package.pins]]
    return [*commands, [*pip, "--no-deps", *package.alone]] if package.alone else commands


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=MINUTES * 60)
    except subprocess.TimeoutExpired as error:
        raise InstallError(f"{command[0]} took longer than {MINUTES} minutes") from error
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise InstallError(" ".join(line for line in said if "og files" not in line)[-300:]) from error
