"""Real-time diff: wanted minus current values for a few people; `sync.plan.diff` for one contact.

Pure. A test holds both to the same answers.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from connectors.records import MEMBER, Change
from sync.consent.strictest import strictest_consent
from sync.plan.diff import may_write
from sync.plan.left_out import BY_CONSENT
from sync.plan.state import Target

ContactRow = Mapping[str, Any]


def changes_of(
    person_id: str,
    contacts: Sequence[ContactRow],
    *,
    targets: Mapping[str, Target],
    values: Mapping[tuple[str, str], str],
    groups: Collection[str],
    shown_groups: Collection[tuple[str, str, str]],
    ours: Collection[tuple[str, str, str]],
    written: Mapping[tuple[str, str, str], str | None],
) -> Iterator[Change]:
    """Yield what has to change so that a person's contacts show what they shall.

    Args:
        person_id: The person.
        contacts: All of their contacts (schema `connectors.records.CONTACTS`).
        targets: By connection.
        values: What their fields shall show, by connection and field; "" clears.
        groups: The groups they shall be in.
        shown_groups: Memberships as they are: connection, platform id, group.
        ours: Memberships that the ledger shows we made.
        written: What the ledger shows we wrote last: connection, platform id, field.
    """
    consent = strictest_consent(contacts)
    for row in contacts:
        target = targets.get(row["connection"])
        if target is None or row["state"] != "active" or blocked(row, consent, target):
            continue
        name, key = row["connection"], row["platform_id"]
        properties = json.loads(row["properties"] or "{}")
        for field in target.fields:
            wanted, shown = values.get((name, field), "") or None, properties.get(field) or None
            mine, overwrite = written.get((name, key, field)), target.co_owned_fields.get(field, True)
            free = field not in target.co_owned_fields or may_write(
                wanted=wanted, shown=shown, ours=mine, overwrite=overwrite
            )
            if wanted != shown and free:
                yield Change(name, key, person_id, row["email"], "field", field, shown, wanted)
        for group in target.groups:
            member, wants = (name, key, group) in shown_groups, group in groups
            if wants and not member:
                yield Change(name, key, person_id, row["email"], "group", group, None, MEMBER)
            elif member and not wants and (name, key, group) in ours:
                yield Change(name, key, person_id, row["email"], "group", group, MEMBER, None)


def blocked(row: ContactRow, consent: str, target: Target) -> str | None:
    """Return why nothing may be written to a contact, None where it may."""
    if row["email"] is None and target.needs_email:
        return "no email address"
    return None if consent in target.consents else f"{BY_CONSENT}{consent}"
