"""What must hold after a command was stopped and run again: nothing lost, nothing twice, nobody's consent touched."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connectors.records import ASSIGNMENTS, CONTACTS, MEMBERSHIPS, ORDERS
from sync.clock import now
from sync.plan.file import read_plan
from sync.session import Session, open_session
from sync.traits.aggregates import KeptAggregates

TIMES = {
    "history",
    "timestamp_opt",
    "timestamp_signup",
    "createdate",
    "hs_createdate",
    "lastmodifieddate",
    "updatedAt",
    "last_changed",
    "updated_at",
    "hs_lastmodifieddate",
    "at",
    "used",
    "polled",
    "created_at",
    "createdAt",
}
TIMES |= {"filtersUpdatedAt"}  # of a list
NOT_COMPARED = {"created_at", "updated_at", "person_id"}
PLATFORM = (
    "hubspot.contacts", "hubspot.lists", "hubspot.memberships", "hubspot.properties", "hubspot.consent",
    "hubspot.groups", "hubspot.merged", "mailchimp.members", "mailchimp.segments", "mailchimp.merge_fields",
    "mailchimp.blocked", "mailchimp.campaigns",
)  # fmt: skip

Found = dict[str, Any]


def platform(tables: Mapping[str, Mapping[str, Any]]) -> Found:
    """Return what both platforms show, without the times at which it came about."""
    return {
        name: {key: _timeless(row) for key, row in rows.items()}
        for name, rows in sorted(tables.items())
        if name.startswith(PLATFORM)
    }


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _timeless(part) for key, part in sorted(value.items()) if key not in TIMES}
        return {**kept, "tags": sorted(kept["tags"])} if isinstance(kept.get("tags"), dict) else kept
    return [_timeless(part) for part in value] if isinstance(value, list) else value


def consents(tables: Mapping[str, Mapping[str, Any]]) -> Found:
    """Return every consent that both platforms know."""
    members = {
        f"{name} {key}": row["status"]
        for name, rows in tables.items()
        if name.startswith("mailchimp.members")
        for key, row in rows.items()
    }
    optouts = {key: row["properties"].get("hs_email_optout") for key, row in tables["hubspot.contacts"].items()}
    return {"members": members, "optouts": optouts, "choices": _timeless(tables["hubspot.consent"])}


def workspace(folder: Path) -> Found:
    """Return what a workspace knows, without ids and times that differ between two runs."""
    with open_session(folder, now=now, environment=os.environ) as session:
        return {
            **{table.name: _rows(session, table.name) for table in (CONTACTS, MEMBERSHIPS, ORDERS)},
            "versions": {name: _versions(session, name) for name in (CONTACTS.name, MEMBERSHIPS.name, ORDERS.name)},
            "persons": _persons(session),
            "assigned": Counter(str(row[3]) for row in _rows(session, ASSIGNMENTS.name)),
            "facts": _facts(session),
            "cursors": {
                f"{name} {stream}": bool(session.control.cursors.get(name, stream))
                for name in session.workspace.connections
                for stream in ("contacts", "memberships", "orders")
            },
            "ledger": _ledger(session),
            "ours": sorted(map(list, zip(*session.control.ledger.groups_made().to_pydict().values(), strict=True))),
            "twice": _twice(session),
            "plan": _plan(session),
        }


def _rows(session: Session, name: str) -> list[list[Any]]:
    rows = session.warehouse.current(name).to_pyarrow().to_pylist()
    kept = [[str(value) for key, value in row.items() if key not in NOT_COMPARED] for row in rows]
    return sorted(kept)


def _facts(session: Session) -> list[list[str]]:
    """What is kept of people from one `assign` to the next."""
    kept = KeptAggregates(session.warehouse)
    mark = kept.mark()
    if mark is None:
        return []
    rows = kept.aggregates.to_pyarrow().to_pylist()
    facts = sorted([f"{name}: {value}" for name, value in row.items() if name not in NOT_COMPARED] for row in rows)
    return [[str(mark.as_of)], *facts]


def _versions(session: Session, name: str) -> int:
    return int(session.warehouse.history(name).count().execute())


def _persons(session: Session) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for key, person in session.control.links.mapping().items():
        groups.setdefault(person, []).append(key)
    return sorted(sorted(keys) for keys in groups.values())


def _ledger(session: Session) -> list[list[str]]:
    """The newest entry of each change: what the platforms shall show if nobody else wrote."""
    newest: dict[tuple[str, ...], list[str]] = {}
    for run in reversed(session.control.runs.newest(10_000)):
        for outcome in session.control.ledger.outcomes(run.run_id):
            change = outcome.change
            key = (change.connection, change.platform_id, change.kind, change.name)
            if outcome.state in {"applied", "unchanged"}:
                newest[key] = [*key, change.after or ""]
    return sorted(newest.values())


def _twice(session: Session) -> list[list[str]]:
    """Changes that the ledger says were applied more than once to the same value in a row, and open ones."""
    seen: dict[tuple[str, ...], str | None] = {}
    repeats = [["open", str(change)] for changes in session.control.ledger.unsettled().values() for change in changes]
    for run in reversed(session.control.runs.newest(10_000)):
        for outcome in session.control.ledger.outcomes(run.run_id, state="applied"):
            change = outcome.change
            key = (change.connection, change.platform_id, change.kind, change.name)
            if key in seen and seen[key] == change.after:
                repeats.append(["twice", *key, str(change.after)])
            seen[key] = change.after
    return repeats


def _plan(session: Session) -> list[list[str]]:
    newest = session.control.plans.latest()
    if newest is None:
        return []
    plan = read_plan(session.workspace.directory / newest.path)
    return sorted([c.connection, c.platform_id, c.kind, c.name, str(c.before), str(c.after)] for c in plan.changes)


def differences(expected: Found, actual: Found) -> dict[str, list[str]]:
    """Return what is missing, too much, or different, in words, by kind: lost, duplicated."""
    faults: dict[str, list[str]] = {"lost": [], "duplicated": []}
    for name in sorted({*expected, *actual}):
        before, after = expected.get(name), actual.get(name)
        if before == after:
            continue
        more = _size(after) > _size(before)
        faults["duplicated" if more or name in {"twice", "versions"} else "lost"].append(
            f"{name}: {_shown(before, after)}"
        )
    return faults


def _size(value: Any) -> int:
    return len(json.dumps(value, default=str))


def _shown(before: Any, after: Any) -> str:
    if isinstance(before, list) and isinstance(after, list):
        left, right = Counter(map(json.dumps, before)), Counter(map(json.dumps, after))
        return f"missing {list(left - right)[:3]}, more {list(right - left)[:3]}"
    if isinstance(before, dict) and isinstance(after, dict):
        keys = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
        return "; ".join(f"{key}: {_shown(before.get(key), after.get(key))}" for key in keys[:3])
    return f"{str(before)[:200]} -> {str(after)[:200]}"
