"""Echo suppression: events caused by our own writes, or already pulled, are ignored.

What we wrote is known from the ledger, what a contact showed besides from when it was last read; an event is an echo
only when every value that it tells is known in one of these ways.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.records import INTEREST_GROUP
from sync.control.inbox import Claimed, Event
from sync.webhooks.events import MEANS, values_shown
from sync.webhooks.service import Service


def echoes(service: Service, claimed: Sequence[Claimed]) -> set[str]:
    """Return the keys of those events of *claimed* that say nothing new."""
    asked = [claimed for claimed in claimed if any(_tells_values(event) for event in claimed.events)]
    seen = service.control.people.seen([claim.contact for claim in asked])
    wrote = _written(service, asked, seen)
    return {
        event.key
        for claim in asked
        for event in claim.events
        if _tells_values(event) and _known(service, event, seen.get(claim.contact, {}), wrote)
    }


def _tells_values(event: Event) -> bool:
    """Whether an event is about values and nothing else."""
    return event.detail.get(MEANS) == "values"


def _id_of(contact: str, seen: Mapping[str, Mapping[str, object]]) -> tuple[str, str]:
    connection, _, platform_id = contact.partition(":")
    return connection, str(seen.get(contact, {}).get("id") or platform_id)


def _written(
    service: Service, asked: Sequence[Claimed], seen: Mapping[str, Mapping[str, object]]
) -> dict[tuple[str, str], str]:
    """Return what we last wrote to each field of these contacts, by contact as the inbox names it, and field."""
    by_connection: dict[str, dict[str, str]] = {}
    for claimed in asked:
        connection, platform_id = _id_of(claimed.contact, seen)
        by_connection.setdefault(connection, {})[platform_id] = claimed.contact
    values: dict[tuple[str, str], str] = {}
    for connection, contacts in by_connection.items():
        for (key, kind, name), noted in service.control.ledger.newest_of(connection, contacts).items():
            if kind == "field":
                values[contacts[key], name] = noted.outcome.change.after or ""
    return values


def _known(service: Service, event: Event, seen: Mapping[str, object], wrote: Mapping[tuple[str, str], str]) -> bool:
    connection = event.contact.partition(":")[0]
    if connection not in service.workspace.connections:
        return False
    owned = service.workspace.owned(connection, service.manifest)
    values = seen.get("values")
    shown: Mapping[str, object] = values if isinstance(values, Mapping) else {}
    used = {*service.connector(connection).reads, *owned}
    groups = any(name.startswith(INTEREST_GROUP) for name in used)  # what people chose of them no event shows
    if groups or not event.detail.get("shows"):
        return False
    return all(  # of what nobody uses nothing can be new
        wrote.get((event.contact, name)) == value if name in owned else bool(shown) and shown.get(name, "") == value
        for name, value in values_shown([event])
        if name in used
    )
