"""A drafted rule: its text for segments.toml, its funnel, and who would move. No file of the workspace changes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from connectors.errors import FixSettingsError
from segmenter.rules.segments import Segment
from sync.assign.funnel import Funnel, funnel
from sync.assign.what_if import Move, moves_document, what_if
from sync.session import Session
from sync.workspace.settings import Workspace


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A rule for a segment, tried on everybody.

    Attributes:
        new: Whether the workspace has no such segment.
        toml: The segment's part of segments.toml with the rule.
        funnel: As of the newest assign; its *left* is the size by rules alone.
        moves: Who would go from one segment to another.
    """

    segment: str
    new: bool
    rule: str
    toml: str
    funnel: Funnel
    moves: Sequence[Move]

    @property
    def people(self) -> int:
        """How many would move."""
        return sum(move.persons for move in self.moves)

    @property
    def document(self) -> dict[str, Any]:
        """The draft as a JSON document: funnel and moves as `funnel` and `assign --what-if` print them."""
        return {
            "segment": self.segment,
            "new": self.new,
            "toml": self.toml,
            "size": self.funnel.left,
            "funnel": asdict(self.funnel),
            "would_move": moves_document(self.moves, self.funnel.as_of),
        }


def draft_rule(session: Session, segment: str, rule: str, *, title: str = "", parent: str | None = None) -> RuleDraft:
    """Try another rule for a segment, or a new segment, which is tried after all others.

    Args:
        session: The open workspace.
        segment: Its name.
        rule: As segments.toml would have it.
        title: Of a new segment.
        parent: Of a new segment: the one that it is a part of.

    Returns:
        Its text, its funnel as of the newest assign, and who would move.

    Raises:
        FixSettingsError: The rule or the name is wrong, or nobody was assigned yet.
    """
    drafted = _drafted(session.workspace, segment, rule, title, parent)
    newest = session.control.runs.latest("assign", state="done")
    as_of = datetime.fromisoformat(newest.counts["as_of"]) if newest else session.now()
    new = segment not in {each.name for each in session.workspace.segments}
    with _written(session.workspace, drafted) as path:
        tried = funnel(session, segment, segments=path)
        moves = what_if(session, path, as_of=as_of)
    [own] = [each for each in drafted if each.name == segment]
    return RuleDraft(segment, new, own.rule, segment_toml(own), tried, moves)


def _drafted(workspace: Workspace, segment: str, rule: str, title: str, parent: str | None) -> list[Segment]:
    if not rule.strip():
        raise FixSettingsError("The rule is empty.", fix="Write a condition such as: orders_total >= 1")
    known = list(workspace.segments)
    if segment not in {each.name for each in known}:
        return [*known, Segment(segment, title, rule.strip(), parent or None)]
    return [replace(each, rule=rule.strip()) if each.name == segment else each for each in known]


@contextmanager
def _written(workspace: Workspace, segments: Sequence[Segment]) -> Iterator[Path]:
    """Write segments to a file for `funnel` and `what_if`; it is gone afterwards."""
    with tempfile.TemporaryDirectory(dir=workspace.state_dir, prefix="draft-") as folder:
        path = Path(folder) / "segments.toml"
        path.write_text("\n".join(map(segment_toml, segments)), "utf-8")
        yield path


def segment_toml(segment: Segment) -> str:
    """Return a segment as segments.toml has it."""
    values = {
        "name": segment.name,
        "title": segment.title or None,
        "rule": segment.rule,
        "parent": segment.parent,
        "priority": segment.priority,
        "cap": segment.cap,
        "cap_by": segment.cap_by or None,
    }
    # a JSON text is a TOML basic string, but for DEL
    lines = [
        f"{name} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f")
        for name, value in values.items()
        if value is not None
    ]
    return "\n".join(["[[segments]]", *lines, ""])
