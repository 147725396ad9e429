"""Manifest of a run: who ran it, where, with which version, seeds, settings and models."""

from __future__ import annotations

import hashlib
import os
import platform
import socket
from importlib.metadata import version
from pathlib import Path
from typing import Any

FIXED_SEED = 0
"""Of fits, bootstraps and simulations that no option gives another seed: the same data give the same figures."""
DIGITS = 16  # hexadecimal ones of a digest


def run_manifest(directory: Path, state_dir: Path) -> dict[str, Any]:
    """Return the manifest of a run that begins now.

    Args:
        directory: The workspace.
        state_dir: Its ``.personasync``.

    Returns:
        Plain JSON: ``by`` (the account of the machine), ``host``, ``version``, ``python``, ``seed``; and, by path, the
            first 16 digits of the SHA-256 of each settings file and model.
    """
    models = sorted(path for path in (state_dir / "models").rglob("*.json") if path.is_file())
    return {
        "by": account(),
        "host": socket.gethostname(),
        "version": version("personasync"),
        "python": platform.python_version(),
        "seed": FIXED_SEED,
        "settings": settings_digests(directory),
        "models": {path.relative_to(state_dir).as_posix(): _digest(path) for path in models},
    }


def settings_digests(directory: Path) -> dict[str, str]:
    """Return the digest of each settings file of a workspace, by its name."""
    return {path.name: _digest(path) for path in sorted(directory.glob("*.toml"))}


def account() -> str:
    """Return the account that runs this process: its name as the environment has it, else its number.

    The system's list of users is not asked: that may ask a directory service over a socket, for each run.
    """
    named = next((os.environ[name] for name in ("LOGNAME", "USER", "USERNAME") if os.environ.get(name)), "")
    return named or (f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown")


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:DIGITS]
    except OSError:
        return "unreadable"
