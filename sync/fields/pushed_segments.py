"""Segments that are pushed: the value focus and the minimum audience, without the warehouse.

A segment is not pushed where `[value] focus` leaves it out, or where fewer people than `[personalize] min_audience`
are in it. How many that are is what the newest `assign` counted, so that plan and webhook service agree.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ibis import Table

from segmenter.value.focus import Instead, focused, instead_of, sizes_with_subsegments, with_subsegments
from sync.active_people import shown_assignments
from sync.control.store import Control
from sync.session import Session
from sync.workspace.settings import Workspace

PLANNED = "focus"
"""In a plan run's counts: the segments that `[value] focus` chose."""
SEGMENTS = "segments"
"""In an assign run's counts: people by segment."""


def in_focus(workspace: Workspace, control: Control) -> frozenset[str] | None:
    """Return the segments that `[value] focus` lets be pushed, None for all.

    `[value] focus = N` means those that the newest plan chose: a ranking needs all orders. Before any plan nobody has
    been chosen, so that nobody is shown a persona that the first plan would take back.

    Args:
        workspace: The definitions.
        control: Where plans are recorded.

    Returns:
        Segment names, those within a named one among them.
    """
    wanted = workspace.value.focus
    if wanted is None:
        return None
    if isinstance(wanted, int):
        newest = control.runs.latest("plan", state="done")
        return frozenset((newest.counts.get(PLANNED) or ()) if newest else ())
    return with_subsegments(wanted, workspace.steps)


def small_segments(workspace: Workspace, control: Control) -> dict[str, int]:
    """Return the segments that too few people are in to be pushed, with their people.

    One that nobody was in counts as holding one: that is who comes next.

    Args:
        workspace: The definitions.
        control: Where the newest `assign` recorded its counts.

    Returns:
        Segment name -> people; empty before the first `assign`.
    """
    newest = control.runs.latest("assign", state="done")
    if newest is None:
        return {}
    sizes = sizes_with_subsegments(newest.counts.get(SEGMENTS, {}), workspace.steps)
    return {name: size for name, size in sizes.items() if max(size, 1) < workspace.personalize.min_audience}


def shown_instead(workspace: Workspace, control: Control, focus: Collection[str] | None) -> Instead:
    """Return what people are shown whose segment is not pushed.

    Args:
        workspace: The definitions.
        control: Where runs are recorded.
        focus: The segments that `[value] focus` chose, None for all.

    Returns:
        By segment that is not pushed: the segment and the persona shown in its place (None: the fallback).
    """
    small = small_segments(workspace, control)
    names = workspace.steps.by_name() if focus is None else focus
    return instead_of([name for name in names if name not in small], workspace.steps, workspace.persona_of)


def skipped_sentences(skipped: Mapping[str, int], instead: Instead, least: int) -> list[str]:
    """Say of each segment with too few people that it is skipped, and what its people are shown.

    Args:
        skipped: People by segment, as `small_segments` returns them.
        instead: As `shown_instead` returns it.
        least: `[personalize] min_audience`.

    Returns:
        One text per segment, with what to do about it.
    """
    sentences = []
    for name, people in skipped.items():
        around = instead[name][0]
        shown = f"get the copy of the parent segment {around!r}" if around else "get the fallback and no tag or list"
        held = "1 person" if people == 1 else f"{people:,} people"
        sentences.append(
            f"Segment {name!r} is skipped: it has {held}, [personalize] min_audience is {least:,}. "
            f"Its people {shown}; max_changed and max_removed do not count this. To push it, widen or merge it in "
            "segments.toml, or lower min_audience in personasync.toml; then run `personasync assign` and `plan`."
        )
    return sentences


def shown_people(session: Session, focus: Collection[str] | None) -> Table:
    """Return the assignments of everybody who is active, as the platforms are shown them; see `shown_instead`."""
    return as_shown(session, focus, shown_assignments(session))


def as_shown(session: Session, focus: Collection[str] | None, assigned: Table) -> Table:
    """Return assignments as the platforms are shown them; see `shown_instead`."""
    return focused(assigned, shown_instead(session.workspace, session.control, focus))
