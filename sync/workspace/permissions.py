"""Who besides its owner may read a workspace: settings, state, reports and secrets are for one user (0600, 0700)."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from connectors.records import Finding

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def readable_by_others(directory: Path) -> list[Path]:
    """Return the files and folders of a workspace that its group or everybody may use; symbolic links aside."""
    return [path for path in (directory, *_below(directory)) if stat.S_IMODE(path.lstat().st_mode) & OTHERS]


def _below(directory: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(directory):
        for name in (*folders, *files):
            path = Path(folder) / name
            if not path.is_symlink():
                yield path


def permission_findings(directory: Path) -> list[Finding]:
    """Return a finding for `doctor`, where others may read it; a folder of the owner alone hides what is in it."""
    if os.name != "posix" or not stat.S_IMODE(directory.stat().st_mode) & OTHERS:
        return []
    opened = readable_by_others(directory)
    message = f"Other users of this machine may read {len(opened):,} files and folders, such as {opened[-1].name}."
    return [Finding("permissions", "warn", message, f"Run `chmod -R go= {shlex.quote(str(directory.absolute()))}`.")]
