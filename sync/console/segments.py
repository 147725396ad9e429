"""Segments: size over time, definition with its changes, members, clause funnel, what-if, and value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from connectors.errors import FixSettingsError
from segmenter.stats.alignment import Overlap
from sync.assign.draft import RuleDraft, draft_rule
from sync.assign.funnel import funnel, open_funnels
from sync.assign.members import members
from sync.assign.segment_history import SegmentHistory, segment_history
from sync.console.pages import Asked, ConsolePage, Desk
from sync.console.people import addressed, named_personas, person_address
from sync.design.plots import Measured, plot, spark
from sync.monitor.migration import SegmentMoves, migration, moves_of
from sync.session import Progress, Session, no_progress
from sync.value.ranking import SegmentValues, focus, rank_segments

SECTION = "/segments"
SIZE = 25
LONGEST_RULE = 4_000


def segments_page(desk: Desk, asked: Asked) -> ConsolePage:
    """Return all segments with their sizes over time and what changed in their definitions."""
    del asked
    with desk.reader.stores() as looked:
        history, workspace = segment_history(looked), looked.workspace
    newest = history.sizes[-1] if history.sizes else None
    values = {
        "workspace_segments": workspace.segments,
        "persona_of": workspace.persona_of,
        "personas": named_personas(workspace),
        "newest": newest,
        "total": max(sum(newest.segments.values()) + newest.unclassified, 1) if newest else 1,
        "courses": _courses(history),
        "history": history,
    }
    return ConsolePage(SECTION, "Segments", "segments.html.j2", values)


def open_segments(session: Session) -> None:
    """Calculate what the pages of all segments share."""
    history = segment_history(session)
    if history.sizes:
        moved_since(session, history.sizes[-1].as_of)
    open_funnels(session)


def _courses(history: SegmentHistory) -> Mapping[str, Any]:
    names = dict.fromkeys(name for then in history.sizes for name in then.segments)
    return {
        name: spark([float(then.segments.get(name, 0)) for then in history.sizes], lambda size: f"{size:,.0f} people")
        for name in names
    }


def segment_page(desk: Desk, asked: Asked) -> ConsolePage:
    """Return one segment: definition, size over time, clause funnel, a page of members, and a rule that is tried."""
    name, page = asked.path["segment"], asked.number("page")
    tried_rule = asked.query.get("rule", "").strip()[:LONGEST_RULE]
    with desk.reader.stores() as looked:
        history, workspace = segment_history(looked), looked.workspace
    defined = next((each for each in workspace.segments if each.name == name), None)
    if defined is None:
        raise FixSettingsError(f"There is no segment {name!r}.", fix="See the list of segments.")
    listing = desk.reader.ask(("members", name, "", page, SIZE), partial(members, segment=name, page=page, size=SIZE))
    values = {
        "segment": defined,
        "persona": named_personas(workspace).get(workspace.persona_of.get(name, "")),
        "personas": named_personas(workspace),
        "sizes": _over_time(history, name),
        "course": _courses(history).get(name),
        "changes": [change for change in history.changes if change.segment == name],
        "listing": listing,
        "funnel": desk.reader.ask(("funnel", name), partial(funnel, segment=name)),
        "tried": _tried(desk, name, tried_rule) if tried_rule and tried_rule != defined.rule else None,
        "rule": tried_rule or defined.rule,
        "since": history.sizes[-1].as_of if history.sizes else None,
        "moves": _moves(desk, history, name),
        "address": addressed(f"{SECTION}/{name}"),
        "person": person_address,
    }
    return ConsolePage(SECTION, defined.title, "segment.html.j2", values)


def _moves(desk: Desk, history: SegmentHistory, name: str) -> SegmentMoves | None:
    """Who came and who left at the newest assign; None where nobody was assigned before it."""
    if not history.sizes:
        return None
    before = history.sizes[-1].as_of
    moved = desk.reader.ask(("migration", before), partial(moved_since, before=before))
    return moves_of(moved, name) if moved else None


def moved_since(session: Session, before: datetime) -> Overlap | None:
    """Return who moved between segments since a moment (UTC), of all segments at once; None where nobody had one."""

    def moved() -> Overlap | None:
        try:
            return migration(session, before)
        except FixSettingsError:
            return None

    return session.warehouse.read_once.get(("moved since", before), moved)


def _tried(desk: Desk, name: str, rule: str) -> RuleDraft | str:
    """The rule that is tried; why it can't be, where it can't."""
    try:
        return desk.reader.ask(("tried", name, rule), partial(draft_rule, segment=name, rule=rule), slow=True)
    except FixSettingsError as error:
        return str(error)


def _over_time(history: SegmentHistory, name: str) -> Any:
    rows = [
        Measured(f"{then.as_of:%-d %b %Y, %H:%M}", size, size, size, f"{size:,.0f}", "", 0)
        for then in history.sizes[-12:]
        for size in [float(then.segments.get(name, 0))]
    ]
    return plot("People at each assign", rows, lambda size: f"{size:,.0f}", bars=True)


def value_page(desk: Desk, asked: Asked) -> ConsolePage:
    """Return the segments by value, as `segments` ranks them."""
    del asked
    dated = desk.reader.figures(("value",), _ranked, tuple[SegmentValues, str])
    ranked, sentence = dated.answer
    values = {"ranked": ranked, "focus": sentence, "calculated": dated.at}
    return ConsolePage(SECTION, "Segments by value", "value.html.j2", values)


def _ranked(session: Session, progress: Progress = no_progress) -> tuple[SegmentValues, str]:
    return rank_segments(session, progress=progress), focus(session)[1]
