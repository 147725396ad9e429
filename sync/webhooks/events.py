"""Events of platforms as the inbox keeps them. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any

from connectors.events import MalformedError, PlatformEvent
from connectors.records import platform_key
from sync.control.inbox import Event

MEANS = "means"  # in the detail of an event: see `PlatformEvent.means`
ACCOUNT = "account"


def address_key(connection: str, address: str) -> str:
    """Return how an inbox names a contact that is known by its normalised address only."""
    return f"{connection}:#{hashlib.sha256(address.encode()).hexdigest()[:40]}"


def inbox_event(event: PlatformEvent, connections: Sequence[str], source: str) -> Event:
    """Return an event of a delivery for the inbox; its key is the same for each of its deliveries.

    Args:
        event: As the connector read it.
        connections: Those that the delivery may be about; an event that names none is about the only one.
        source: The connector, or what else events of its own kind come from.

    Raises:
        MalformedError: The event has no contact, or the delivery may not speak of its connection.
    """
    named = [event.connection] if event.connection else list(connections)
    if len(named) != 1 or named[0] not in connections:
        raise MalformedError("the event does not tell which connection it is about")
    connection = named[0]
    if event.ids:
        contact = platform_key(connection, event.ids[0])
    elif event.addresses:
        contact = address_key(connection, event.addresses[0])
    else:
        raise MalformedError("the event has no contact")
    parts = {"ids": list(event.ids), "addresses": list(event.addresses), "shows": dict(event.changed)}
    detail: dict[str, Any] = {
        name: value for name, value in {**parts, MEANS: event.means, ACCOUNT: event.account}.items() if value
    }
    digest = hashlib.sha256(event.id.encode("utf-8", "surrogatepass")).hexdigest()[:40]
    at = event.at if event.at.tzinfo else event.at.replace(tzinfo=UTC)
    return Event(f"{source}:{connection}:{digest}", contact, event.kind[:40], at, detail)


def values_shown(events: Sequence[Event]) -> Iterator[tuple[str, str]]:
    """Yield name and value of everything that events say a contact shows."""
    for event in events:
        yield from dict(event.detail.get("shows", {})).items()
