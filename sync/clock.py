"""The one door to the wall clock. Everything else takes the moment, or a clock, as an argument."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

TRIAL = "sandbox.json"  # in a workspace of the local platforms: where they are, and how far their clock is ahead


def now() -> datetime:
    """Return the present, UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is the door


def trial_note(workspace: Path) -> dict[str, Any] | None:
    """Return what a workspace notes of the local platforms; None: it is none that `sandbox up` wrote."""
    try:
        document = json.loads((workspace / TRIAL).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else {}


def clock_of(workspace: Path) -> Callable[[], datetime]:
    """Return the clock of a workspace: the wall clock; of one that `sandbox up` wrote, that of the local platforms.

    `sandbox send` lets days pass there. What happens on those days must not lie in the future here.
    """
    try:
        ahead = timedelta(seconds=float((trial_note(workspace) or {})["clock_ahead_seconds"]))
    except (ValueError, KeyError, TypeError, OverflowError):
        return now
    return lambda: now() + ahead


MINUTE = 60


def duration(seconds: float) -> str:
    """Return a time in the unit that fits it."""
    if seconds < 1:
        return "less than a second"
    return f"{seconds:.0f} seconds" if seconds < 2 * MINUTE else f"{seconds / MINUTE:.1f} minutes"
