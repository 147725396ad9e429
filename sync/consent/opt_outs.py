"""Opt-outs of deleted records, kept until the person opts in again (ADR 19)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from ibis import Table

from connectors.records import CONTACTS, platform_key
from segmenter.traits.people import OUTLIVES
from sync.consent.strictest import gone, is_released, last_refusal, with_last_refusals
from sync.control.store import Control
from sync.warehouse.store import Warehouse

RECALLED = ("*", "opt-outs")  # in the store of cursors: that records which went before 0.2 were looked through
NOTED = ("*", "opt-outs noted")  # that the opt-outs of records in use were noted, which earlier pulls had read
Versions = Mapping[str, Sequence[Mapping[str, Any]]]


def keep_opt_outs(warehouse: Warehouse, control: Control, rows: pa.Table) -> pa.Table:
    """Return *rows* of contacts, as they came in, with the refusals that those had shown which are gone now.

    A refusal between two pulls only the webhook service has seen.

    Args:
        warehouse: Has the rows as they were.
        control: Has the opt-outs that webhooks told.
        rows: In the schema of `connectors.records.CONTACTS`.

    Returns:
        The same rows in the same order; ``consent`` of a contact that is gone may be a refusal now.
    """
    away = gone(rows)
    if not away.num_rows:
        return rows
    known = {_key(row): row for row in warehouse.rows_of(CONTACTS.name, away).to_pylist()}
    seen = control.opt_outs.of([_key(row) for row in away.select(CONTACTS.key).to_pylist()])
    for key, consent in seen.items():
        if key in known and known[key]["state"] == "active":
            known[key]["consent"] = consent
    return with_last_refusals(rows, known.values())


def note_opt_outs(control: Control, rows: pa.Table, began: datetime) -> None:
    """Note the opt-outs that *rows* of contacts show, and withdraw those that they show no more.

    The webhook service reads no warehouse: it must know them when a record is gone before the next pull.

    Args:
        control: Where they are noted.
        rows: As a platform sent them.
        began: When their reading began, UTC; what the service noted since is newer.
    """
    active = rows.filter(pc.equal(rows["state"], "active")).select([*CONTACTS.key, "consent"])
    shown = {_key(row): row["consent"] for row in active.to_pylist()}
    refusals = {key: consent for key, consent in shown.items() if consent in OUTLIVES}
    control.opt_outs.note(refusals, shown.keys() - refusals.keys(), seen_before=began)


def follow_opt_outs(warehouse: Warehouse, control: Control, run_id: str, now: datetime) -> None:
    """Recall and note, once, what earlier versions of ours forgot; release whoever said yes since."""
    if not control.cursors.get(*RECALLED):
        recalled = [{**row, "consent": no} for row in _away(warehouse, kept=False) if (no := _last(warehouse, row))]
        _write(warehouse, recalled, now)
        control.cursors.move(*RECALLED, {"recalled": "all"}, run_id)
    if not control.cursors.get(*NOTED):
        control.opt_outs.note(_refusing(warehouse), ())
        control.cursors.move(*NOTED, {"noted": "all"}, run_id)
    held = {_key(row): row for row in _away(warehouse, kept=True)}
    if held:
        released = _released(warehouse, control, held)
        _write(warehouse, [{**held[key], "consent": "unknown"} for key in released], now)
        control.opt_outs.note({}, released)


def refusals_of_gone(warehouse: Warehouse) -> list[dict[str, Any]]:
    """Return the contacts that are gone and whose refusal still counts.

    Returns:
        Rows in the schema of `connectors.records.CONTACTS`.
    """
    return _away(warehouse, kept=True)


def _refusing(warehouse: Warehouse) -> dict[str, str]:
    """Contacts in use that show a refusal."""
    contacts = warehouse.current(CONTACTS.name)
    refusing = contacts.filter(contacts.state == "active", contacts.consent.isin(OUTLIVES))
    return {_key(row): row["consent"] for row in _arrow(refusing.select(*CONTACTS.key, "consent")).to_pylist()}


def _away(warehouse: Warehouse, *, kept: bool) -> list[dict[str, Any]]:
    """Contacts in force that are gone and refused once; with *kept* those that still show it, else the others."""
    versions = warehouse.history(CONTACTS.name)
    refused = versions.filter(versions.consent.isin(OUTLIVES))
    named = (refused.filter(refused.state != "active") if kept else refused).select(*CONTACTS.key).distinct()
    contacts = gone(warehouse.rows_of(CONTACTS.name, _arrow(named))).to_pylist()
    return [row for row in contacts if (row["consent"] in OUTLIVES) == kept]


def _released(warehouse: Warehouse, control: Control, held: Mapping[str, Any]) -> list[str]:
    """Of records that are gone, those whose person said yes since, on another record."""
    person_of = control.links.of_keys(held)
    linked = control.links.of_persons(set(person_of.values()))
    records = [key for key in linked if not key.startswith("mailto:")]
    versions = _versions(warehouse, {*records, *person_of})
    others: dict[str, list[str]] = {}
    for key in records:
        if key in versions and key not in held:
            others.setdefault(linked[key], []).append(key)
    return [
        key
        for key, person in person_of.items()
        if any(is_released(versions[key], versions[other]) for other in others.get(person, ()))
    ]


def _last(warehouse: Warehouse, row: Mapping[str, Any]) -> str | None:
    return last_refusal(_versions(warehouse, [_key(row)])[_key(row)])


def _versions(warehouse: Warehouse, keys: Iterable[str]) -> Versions:
    pairs = [key.partition(":")[::2] for key in keys]
    named = pa.Table.from_pylist([dict(zip(CONTACTS.key, pair, strict=True)) for pair in pairs])
    if not pairs:
        return {}
    rows = sorted(warehouse.versions_of(CONTACTS.name, named).to_pylist(), key=_key)  # stable: oldest first
    return {key: list(versions) for key, versions in groupby(rows, _key)}


def _write(warehouse: Warehouse, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    contacts = [{name: row[name] for name in CONTACTS.columns.names} for row in rows]
    warehouse.append(CONTACTS.name, pa.Table.from_pylist(contacts, schema=CONTACTS.columns), recorded_at=now)


def _key(row: Mapping[str, Any]) -> str:
    return platform_key(row["connection"], row["platform_id"])


def _arrow(rows: Table) -> pa.Table:
    return rows.to_pyarrow()
