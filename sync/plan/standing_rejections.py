"""Standing rejections: changes that a platform rejected are skipped until the cause is gone.

A refusal stands until something is different: the contact (its consent, address, state, any value that is not ours),
the value that is wanted, the fields and groups there (`setup` ran), or a week has passed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from connectors.records import CONTACTS, Outcome
from sync.control.ledger import SENT_AGAIN
from sync.plan.state import Refused
from sync.session import Session

TRIED_AGAIN = timedelta(days=7)
NOT_A_REFUSAL = (*SENT_AGAIN, "no_list", "no_tag")
LOOKED_AT = ("email", "state", "consent")


def standing_rejections(session: Session) -> dict[Refused, str]:
    """Return the standing rejections, with the platform's reason."""
    set_up = session.control.runs.latest("setup")
    oldest = max(session.now() - TRIED_AGAIN, set_up.started_at) if set_up else session.now() - TRIED_AGAIN
    refusals = [
        (outcome, at)
        for outcome, at in session.control.ledger.refusals()
        if at > oldest and outcome.code not in NOT_A_REFUSAL
    ]
    changed = _changed_since(session, refusals)
    return {
        (change.connection, change.platform_id, change.kind, change.name, change.after or ""): outcome.reason
        for outcome, _ in refusals
        for change in (outcome.change,)
        if (change.connection, change.platform_id) not in changed
    }


def _changed_since(session: Session, refusals: Collection[tuple[Outcome, datetime]]) -> set[tuple[str, str]]:
    """Contacts that look different from when the platform refused them, our own fields left out."""
    refused_at: dict[tuple[str, str], datetime] = {}
    for outcome, at in refusals:
        key = (outcome.change.connection, outcome.change.platform_id)
        refused_at[key] = max(at, refused_at.get(key, at))
    if not refused_at:
        return set()
    owned = {name: frozenset(session.workspace.owned(name, session.manifest)) for name in session.workspace.connections}
    keys = pa.table(
        {"connection": [name for name, _ in refused_at], "platform_id": [contact for _, contact in refused_at]}
    )
    before: dict[tuple[str, str], Any] = {}
    after: dict[tuple[str, str], Any] = {}
    for version in session.warehouse.versions_of(CONTACTS.name, keys).to_pylist():
        key = (version["connection"], version["platform_id"])
        looks = tuple(_looks(version, owned.get(version["connection"], frozenset())))
        if version["recorded_at"] <= refused_at[key]:
            before[key] = looks
        after[key] = looks
    return {key for key in refused_at if before.get(key) != after.get(key)}


def _looks(version: Mapping[str, Any], owned: Collection[str]) -> Iterator[Any]:
    yield from (version[name] for name in LOOKED_AT)
    properties = json.loads(version["properties"] or "{}")
    yield json.dumps({name: value for name, value in properties.items() if name not in owned}, sort_keys=True)
