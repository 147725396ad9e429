"""Segments over time: how many people each had at each assign, and what changed in the definitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import unified_diff

from connectors.errors import FixSettingsError
from segmenter.rules.segments import Segment
from sync.assign.evidence import EVIDENCE, FOLDER
from sync.control.rows import Run
from sync.session import Looked
from sync.workspace.settings import load_workspace

LOOKED_AT = 2_000
"""Newest runs that are looked through."""


@dataclass(frozen=True, slots=True)
class SizesThen:
    """People by segment as of a moment (UTC)."""

    as_of: datetime
    segments: Mapping[str, int]
    unclassified: int


@dataclass(frozen=True, slots=True)
class DefinitionChange:
    """What changed in the definition of a segment.

    Attributes:
        at: When the first assign with it began, UTC; None: it was edited since the last assign.
        lines: A diff: lines begin with "+", "-" or " ".
    """

    segment: str
    at: datetime | None
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class SegmentHistory:
    """Sizes, oldest first, and changes of definitions, newest first."""

    sizes: Sequence[SizesThen]
    changes: Sequence[DefinitionChange]


def segment_history(looked: Looked, *, limit: int = 60) -> SegmentHistory:
    """Return what the newest assigns say of the segments.

    Args:
        looked: The workspace's files and control store.
        limit: At most so many assigns.

    Returns:
        Empty before the first assign.
    """
    runs = [run for run in looked.control.runs.newest(LOOKED_AT, but="serve") if run.command == "assign"]
    done = [run for run in runs if run.state == "done"][:limit][::-1]
    sizes = [
        SizesThen(datetime.fromisoformat(run.counts["as_of"]), run.counts["segments"], run.counts["unclassified"])
        for run in done
    ]
    return SegmentHistory(sizes, list(_changes(looked, done))[::-1])


def _changes(looked: Looked, done: Sequence[Run]) -> Iterator[DefinitionChange]:
    before: Mapping[str, Segment] | None = None
    digest = ""
    for run in done:
        named = str((run.counts.get(EVIDENCE) or {}).get("definitions", ""))
        if named and named != digest:
            then = _segments_of(looked, named)
            if before is not None and then is not None:
                yield from _between(before, then, run.started_at)
            before, digest = then if then is not None else before, named
    if before is not None:
        yield from _between(before, {each.name: each for each in looked.workspace.segments}, None)


def _segments_of(looked: Looked, digest: str) -> Mapping[str, Segment] | None:
    try:
        past = load_workspace(looked.workspace.state_dir / FOLDER / digest)
    except (FixSettingsError, OSError):  # deleted by [retention], or of an older version
        return None
    return {each.name: each for each in past.segments}


def _between(
    before: Mapping[str, Segment], after: Mapping[str, Segment], at: datetime | None
) -> Iterator[DefinitionChange]:
    for name in dict.fromkeys([*before, *after]):
        old, new = (_lines(known.get(name)) for known in (before, after))
        if old != new:
            yield DefinitionChange(name, at, list(unified_diff(old, new, n=9, lineterm=""))[3:])


def _lines(segment: Segment | None) -> list[str]:
    if segment is None:
        return []
    parts = {
        "title": segment.title,
        "rule": segment.rule,
        "parent": segment.parent,
        "priority": segment.priority,
        "cap": segment.cap,
        "cap_by": segment.cap_by,
    }
    return [f"{name} = {value}" for name, value in parts.items() if value not in {None, ""}]
