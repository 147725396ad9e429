"""What both servers show, held against what it should be; and what the ledger of a plan says."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from tests.real.bottlecrm import BottleServer
from tests.real.ghost import GhostServer
from tests.real.people import RealPerson

PERSONAS = {"champions": "regular", "buyers": "returner", "readers": "browser"}
HEADLINES = {"regular": "First to see it", "returner": "It's been a while", "browser": "Why customers love us"}
PREFIX = "ps:"


@dataclass
class Shown:
    """What is wrong on the servers, a sentence each."""

    fields: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)


def compare(people: Sequence[RealPerson], crm: BottleServer, site: GhostServer, today: date | None) -> Shown:
    """Compare our fields and groups of everybody with what the rules say; *today* None: nothing of ours is there."""
    shown, by_id = Shown(), _contacts(crm)
    members = {member["id"]: member for member in site.members()}
    for person in people:
        segment = "" if person.no or today is None else person.segment(today)
        persona = PERSONAS.get(segment, "")
        wanted = [f"{PREFIX}{segment}"] if segment else []
        if person.crm:
            fields, labels = by_id[person.keys["crm"]]
            _hold(shown, f"crm {person.crm}", fields, {"ps_persona": persona, "ps_segment": segment}, labels, wanted)
        if person.ghost:
            fields, labels = _member(members[person.keys["email"]])
            own = {"ps_persona": persona, "ps_headline": HEADLINES.get(persona, "")}
            _hold(shown, f"email {person.ghost}", fields, own, labels, wanted)
    there = {"crm": len(by_id), "email": len(members)}
    meant = {"crm": sum(bool(p.crm) for p in people), "email": sum(bool(p.ghost) for p in people)}
    shown.twice += [
        f"{name}: {there[name]} people instead of {meant[name]}" for name in there if there[name] != meant[name]
    ]
    return shown


def _hold(
    shown: Shown,
    who: str,
    fields: Mapping[str, Any],
    own: Mapping[str, str],
    labels: Sequence[str],
    wanted: Sequence[str],
) -> None:
    ours = {name: str(value) for name, value in fields.items() if name.startswith("ps_") and value}
    shown.fields += [
        f"{who}: {name} is {ours.get(name, '')!r} instead of {value!r}"
        for name, value in own.items()
        if ours.get(name, "") != value
    ]
    if not wanted:  # the other fields of ours: reason, confidence, date
        shown.fields += [f"{who}: {name} is {value!r}" for name, value in ours.items() if name not in own]
    found = sorted(label for label in labels if label.startswith(PREFIX))
    if found != list(wanted):
        shown.labels.append(f"{who}: {found} instead of {wanted}")


def _contacts(crm: BottleServer) -> dict[str, tuple[Mapping[str, Any], list[str]]]:
    tags = {tag["id"]: tag["name"] for tag in crm.call("GET", "tags/", limit=1000)["tags"]}
    found: dict[str, tuple[Mapping[str, Any], list[str]]] = {}
    while len(page := crm.call("GET", "contacts/", limit=1000, offset=len(found))["results"]):
        found |= {row["id"]: (row["custom_fields"], [tags[key] for key in row["tags"]]) for row in page}
    return found


def _member(member: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[str]]:
    return member["metafields"]["custom"], [label["name"] for label in member["labels"]]


def in_label_twice(database: Path) -> int:
    """Return how often Ghost's own database holds a member in a label more than once."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as opened:
        pairs = Counter(opened.execute("SELECT member_id, label_id FROM members_labels").fetchall())
    return sum(count - 1 for count in pairs.values())


def applied_twice(state: Path, since: int) -> int:
    """Return how many changes the ledger says were applied more than once in its entries after *since*."""
    with sqlite3.connect(f"file:{state}?mode=ro", uri=True) as opened:
        rows = opened.execute(
            "SELECT connection, platform_id, kind, name FROM ledger WHERE state = 'applied' AND entry > ?", (since,)
        )
        return sum(count - 1 for count in Counter(rows.fetchall()).values())


def newest_entry(state: Path) -> int:
    """Return the number of the ledger's newest entry."""
    with sqlite3.connect(f"file:{state}?mode=ro", uri=True) as opened:
        return int(opened.execute("SELECT coalesce(max(entry), 0) FROM ledger").fetchone()[0])
