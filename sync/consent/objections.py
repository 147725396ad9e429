"""Objections (GDPR art. 21): noted here by a person, or shown by a property that a pull or a webhook read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.errors import FixSettingsError
from connectors.records import email_key, normalise_email, platform_key
from sync.consent.purposes import consent_answers
from sync.control.inbox import Event
from sync.control.rows import BY_COMMAND
from sync.workspace.consent_rules import ConsentRules

if TYPE_CHECKING:
    from sync.control.store import Control
    from sync.workspace.settings import Workspace

OBJECTS = ("yes", "not understood")
"""Answers of an objection's property that count as one: whoever wrote something there meant something."""


def note_shown(
    control: Control, rules: ConsentRules, rows: Sequence[Mapping[str, Any]], *, began: datetime | None = None
) -> set[str]:
    """Note the objections that contacts show, and withdraw those that they show no more.

    Args:
        control: Where they are noted.
        rules: Of the workspace.
        rows: Contacts as a platform shows them, with their properties (`connectors.records.CONTACTS`).
        began: When their reading began, UTC: what was noted since is newer. None: just now.

    Returns:
        Contact keys of those who object.
    """
    shown: dict[str, tuple[set[str], set[str]]] = {source.label: (set(), set()) for source in rules.objections}
    for row in rows:
        if row["state"] != "active" or row["properties"] is None:
            continue
        key = platform_key(row["connection"], row["platform_id"])
        said = {
            a.source.label for a in consent_answers(rules, [row]) if a.source in rules.objections and a.kind in OBJECTS
        }
        for source in rules.objections:
            if source.connection == row["connection"]:
                shown[source.label][source.label not in said].add(key)
    for label, (objecting, others) in shown.items():
        control.objections.note(objecting, source=label)
        control.objections.withdraw(others, source=label, noted_before=began)
    return {key for objecting, _ in shown.values() for key in objecting}


def object_by_hand(
    workspace: Workspace, control: Control, email: str, *, by: str, withdraw: bool = False
) -> dict[str, Any]:
    """Note that the person behind an address objects, or that they do not any more. It counts at once.

    Args:
        workspace: Its files.
        control: The control store.
        email: Any address of the person.
        by: Who notes it.
        withdraw: Take the objection back.

    Returns:
        ``email``, ``person_id``, ``objects``, ``changed``, and ``elsewhere``: places on platforms where an objection
        still stands.

    Raises:
        FixSettingsError: Nobody has that address.
    """
    address = normalise_email(email)
    person = control.links.of_keys([email_key(address)]).get(email_key(address)) if address else None
    if address is None or person is None:
        raise FixSettingsError(
            f"No contact has the email address {email!r}.",
            fix="Run `personasync pull`, or check the address for a typo.",
        )
    keys = sorted(control.links.of_persons([person]))
    change = control.objections.withdraw if withdraw else None
    changed = change(keys, source=BY_COMMAND) if change else control.objections.note(keys, source=BY_COMMAND, by=by)
    if changed:
        _record(workspace, control, keys, withdraw=withdraw, by=by)
    standing = control.objections.of(keys)
    elsewhere = sorted({noted.source for noted in standing if noted.source != BY_COMMAND})
    return {
        "email": address,
        "person_id": person,
        "objects": bool(standing),
        "changed": bool(changed),
        "elsewhere": elsewhere,
    }


def _record(workspace: Workspace, control: Control, keys: Sequence[str], *, withdraw: bool, by: str) -> None:
    """Note it in the history, without the address; wake the webhook service, which shows the fallback at once."""
    now = control.objections.now()
    what = "objection withdrawn" if withdraw else "objection"
    run = control.runs.begin("object")
    control.runs.finish(run, "done", {"objects": not withdraw, "by": by})
    if workspace.serve is None:
        return
    records = [key for key in keys if not key.startswith(email_key(""))]
    control.inbox.take(
        Event(f"{what}:{now.isoformat()}:{key}"[:400], key, what, now, {"ids": [key.partition(":")[2]]})
        for key in records
    )


def shown_as_rows(table: Any) -> list[dict[str, Any]]:
    """Return the contacts of an Arrow table as rows with what `note_shown` reads."""
    names = ("connection", "platform_id", "state", "consent", "updated_at", "properties")
    rows: list[dict[str, Any]] = table.select(list(names)).to_pylist()
    return [{**row, "properties": json.loads(row["properties"] or "{}")} for row in rows]
