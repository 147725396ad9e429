"""Metrics as a text file, which the node exporter's textfile collector reads.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/ (read 2026-11-30). The file is replaced as a whole.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.errors import FixSettingsError
from sync.notify.conditions import LOOKED_AT, WATCHED, Condition
from sync.results.freshness import CONTACTS, freshness

if TYPE_CHECKING:
    from sync.session import Looked

SECOND = timedelta(seconds=1)
WORLD_READABLE = 0o644  # the exporter is another user; there is nothing of anybody in the file


def metrics_text(looked: Looked, wrong: Iterable[Condition], waiting: int, now: datetime) -> str:
    """Return the metrics of a workspace.

    Args:
        looked: The workspace's files and control store.
        wrong: What is wrong.
        waiting: Messages that have not arrived yet.
        now: UTC.
    """
    lines = ["# TYPE personasync_alert gauge"]
    lines += [f'personasync_alert{{key="{_escaped(condition.key)}"}} 1' for condition in wrong]
    lines += ["# TYPE personasync_notices_waiting gauge", f"personasync_notices_waiting {waiting}"]
    lines.append("# TYPE personasync_data_age_seconds gauge")
    lines += [
        f'personasync_data_age_seconds{{connection="{_escaped(line.connection)}"}} {(now - line.at) / SECOND:.0f}'
        for line in freshness(looked.workspace.connections, looked.control.cursors)
        if line.stream == CONTACTS and line.at is not None
    ]
    newest = {
        run.command.split(" ")[0]: run for run in reversed(looked.control.runs.newest(LOOKED_AT)) if run.finished_at
    }
    lines.append("# TYPE personasync_run_success gauge")
    watched = [(name, newest[name]) for name in WATCHED if name in newest]
    lines += [
        f'personasync_run_success{{command="{name}"}} {int(run.state in {"done", "rejects"})}' for name, run in watched
    ]
    lines.append("# TYPE personasync_run_timestamp_seconds gauge")
    lines += [
        f'personasync_run_timestamp_seconds{{command="{name}"}} {run.finished_at.timestamp():.0f}'
        for name, run in watched
        if run.finished_at is not None
    ]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def write_metrics(path: Path, text: str) -> None:
    """Replace the file at once: the collector never reads half of it.

    Raises:
        FixSettingsError: It can't be written.
    """
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8") as file:
            file.write(text)
        Path(file.name).chmod(WORLD_READABLE)
        Path(file.name).replace(path)
    except OSError as error:
        raise FixSettingsError(
            f"The metrics file can't be written: {error.strerror}.", fix="Check [notify] metrics in personasync.toml."
        ) from error
