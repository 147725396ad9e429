"""Segment migration between two dates, and the cross-tabulation of two segmentations (overlap)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors.errors import FixSettingsError
from connectors.records import ASSIGNMENTS
from segmenter.stats.alignment import Overlap, overlap
from sync.active_people import active_people, assigned_people
from sync.session import Session
from sync.workspace.proposals import labels, load

IN_FORCE = "assigned"


def migration(session: Session, before: datetime, after: datetime | None = None) -> Overlap:
    """Return people by their segment as it was known at *before* (rows) and at *after* (columns), both UTC.

    People who were known at one of both moments only, or had left by the second, are left out.

    Args:
        session: The open workspace.
        before: The earlier moment, UTC.
        after: The later moment, UTC; None: now.

    Returns:
        The migration matrix in people; None is unclassified.

    Raises:
        FixSettingsError: Nobody was assigned at one of the moments, or the order is wrong.
    """
    later = after or session.now()
    if before >= later:
        raise FixSettingsError(f"{before:%Y-%m-%d %H:%M} is not before {later:%Y-%m-%d %H:%M}.", fix="Swap them.")
    first = session.warehouse.as_of(ASSIGNMENTS.name, before)
    if after is None:  # what is in force has been read
        there = assigned_people(session)
    else:
        second = session.warehouse.as_of(ASSIGNMENTS.name, after)
        there = second.semi_join(active_people(session, at=after), "person_id")
    segments = there.select("person_id", there="segment")
    both = first.select("person_id", here="segment").inner_join(segments, "person_id")
    rows = both.group_by("here", "there").aggregate(people=both.count()).to_pyarrow().to_pylist()
    if not rows:
        raise FixSettingsError(f"Nobody was assigned at {before:%Y-%m-%d %H:%M} UTC.", fix=_first_assigned(session))
    return overlap({(row["here"], row["there"]): row["people"] for row in rows})


def _first_assigned(session: Session) -> str:
    first = session.warehouse.history(ASSIGNMENTS.name).recorded_at.min().to_pyarrow().as_py()
    return (
        "Run `personasync assign`." if first is None else f"The first assignments were at {first:%Y-%m-%d %H:%M} UTC."
    )


@dataclass(frozen=True, slots=True)
class SegmentMoves:
    """Who came to a segment and who left it, of the people who were known at both moments.

    Attributes:
        stayed: People.
        came: Segment from which, and people; *left*: segment to which. None is unclassified; the largest first.
    """

    stayed: int
    came: Sequence[tuple[str | None, int]]
    left: Sequence[tuple[str | None, int]]


def moves_of(moved: Overlap, segment: str) -> SegmentMoves:
    """Return the row and the column of one segment of a migration matrix.

    Args:
        moved: Of `migration`.
        segment: Its name; one that nobody was in has no moves.
    """
    cells = {
        (row, column): int(moved.counts[i, j])
        for i, row in enumerate(moved.rows)
        for j, column in enumerate(moved.columns)
        if moved.counts[i, j]
    }
    came = {row: people for (row, column), people in cells.items() if column == segment != row}
    left = {column: people for (row, column), people in cells.items() if row == segment != column}
    largest = [sorted(part.items(), key=lambda pair: (-pair[1], pair[0] or "")) for part in (came, left)]
    return SegmentMoves(cells.get((segment, segment), 0), *largest)


def meeting(session: Session, first: str, second: str) -> Overlap:
    """Return how two segmentations meet in the people that both know.

    Args:
        session: The workspace.
        first: A proposal's name, or "assigned" for the segments in force.
        second: Likewise.

    Returns:
        People by segment of *first* (rows) and of *second* (columns).

    Raises:
        FixSettingsError: There is no such proposal, or both have nobody in common.
    """
    here, there = _segmentation(session, first), _segmentation(session, second)
    pairs = Counter((here[person], there[person]) for person in here if person in there)
    if not pairs:
        raise FixSettingsError(
            f"{first} and {second} have no people in common.",
            fix="Respondents of a file are not people of the workspace: compare others.",
        )
    return overlap(pairs)


def _segmentation(session: Session, name: str) -> dict[str, str | None]:
    if name == IN_FORCE:
        current = assigned_people(session).select("person_id", "segment").to_pyarrow()
        return dict(zip(current["person_id"].to_pylist(), current["segment"].to_pylist(), strict=True))
    names: dict[int, str] = {part.number: part.name for part in load(session.workspace.directory, name).segments}
    return {person: names.get(number) for person, number in labels(session.workspace.directory, name).items()}
