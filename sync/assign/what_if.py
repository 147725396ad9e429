"""What-if analysis: who would move under another segments.toml. Nothing is saved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import ibis
from ibis import Table

from connectors.errors import FixSettingsError
from connectors.records import ASSIGNMENTS, CONTACTS
from segmenter.personalize.personas import UNCLASSIFIED
from sync.assign.caps import decide_within_caps
from sync.assign.pins import definitions_in_force
from sync.session import Session
from sync.traits.compute import measured
from sync.workspace.settings import load_workspace

SAMPLES = 3  # of each move: enough to recognise it


@dataclass(frozen=True, slots=True)
class Move:
    """Persons who would go from one segment to another.

    Attributes:
        before: Segment now; "unclassified" for none.
        after: Segment then.
        persons: How many.
        samples: Addresses of some of them, or person ids where there is no address.
    """

    before: str
    after: str
    persons: int
    samples: tuple[str, ...]


def moves_document(moves: Sequence[Move], as_of: datetime) -> dict[str, Any]:
    """Return who would move as a JSON document."""
    return {"as_of": as_of, "moves": [asdict(move) for move in moves]}


def what_if(session: Session, segments: Path, *, as_of: datetime) -> list[Move]:
    """Return who would move under the segments of another file, the largest move first.

    Args:
        session: The open workspace; its personas, traits and model stay as they are.
        segments: The other segments.toml.
        as_of: The moment for which everybody is looked at, UTC.

    Returns:
        Number of people, and some of their addresses, by segment now and then.

    Raises:
        FixSettingsError: The file is missing or wrong.
    """
    if not segments.is_file():
        raise FixSettingsError(f"File not found: {segments}.", fix="Give the path of a segments.toml.")
    workspace = load_workspace(session.workspace.directory, segments_path=segments)
    other = definitions_in_force(workspace, session.control, as_of)
    now = session.warehouse.current(ASSIGNMENTS.name)
    people = measured(session, as_of, workspace.catalogue)
    decided, _ = decide_within_caps(people, other, previous=now, as_of=as_of)
    then = session.warehouse.memtable(decided)
    old = now.select("person_id", before=now.segment.fill_null(UNCLASSIFIED))
    joined = then.select("person_id", after=then.segment.fill_null(UNCLASSIFIED)).left_join(old, "person_id")
    moves = joined.mutate(before=joined.before.fill_null(UNCLASSIFIED)).drop("person_id_right")
    return list(_moves(session, moves.filter(moves.before != moves.after)))


def _moves(session: Session, moved: Table) -> Iterator[Move]:
    contacts, links = session.warehouse.current(CONTACTS.name), session.links()
    key = contacts.connection.concat(":", contacts.platform_id)
    known = contacts.filter(contacts.email.notnull()).mutate(contact_key=key).inner_join(links, "contact_key")
    address = known.group_by("person_id").aggregate(email=known.email.min())
    named = moved.left_join(address, "person_id")
    named = named.mutate(shown=named.email.fill_null(named.person_id))
    place = ibis.row_number().over(group_by=[named.before, named.after], order_by=named.shown)
    ranked = named.mutate(place=place, many=named.count().over(group_by=[named.before, named.after]))
    rows = ranked.filter(ranked.place < SAMPLES).order_by([ibis.desc("many"), "before", "after", "place"])
    shown: dict[tuple[str, str], Move] = {}
    for row in rows.select("before", "after", "many", "shown").to_pyarrow().to_pylist():
        pair = row["before"], row["after"]
        before = shown[pair].samples if pair in shown else ()
        shown[pair] = Move(*pair, row["many"], (*before, row["shown"]))
    yield from shown.values()
