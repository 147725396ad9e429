"""Parsing of webhook bodies into inbox events. Pure.

An event's key is the same for each of its deliveries: HubSpot's event ids are not unique, Mailchimp gives none
(PLATFORMS: webhooks), so several parts make it. What a platform sends beyond what is known here is let pass.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from connectors.limits import EVENTS_PER_DELIVERY, TEXT_BYTES
from connectors.records import normalise_email, platform_key
from sync.control.inbox import Event

MOST_FIELDS = 500  # of a Mailchimp body: an audience has at most 80 merge fields
MOST_MERGED = 250  # HubSpot merges no record more often; those beyond come with the next pull
CONTACT_OBJECT = "0-1"
RECORD_ID = re.compile(r"[0-9]{1,19}")  # 64 bits
IN_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
MAILCHIMP_TYPES = ("subscribe", "unsubscribe", "profile", "upemail", "cleaned")


class MalformedError(Exception):
    """A body that is none of the platform's; the message says why, without repeating it."""


def address_key(connection: str, address: str) -> str:
    """Return how an inbox names a contact that is known by its normalised address only."""
    return f"{connection}:#{hashlib.sha256(address.encode()).hexdigest()[:40]}"


# -- HubSpot ---------------------------------------------------------------------------------------------------
def hubspot_events(body: bytes, connection: str) -> list[Event]:
    """Return the events about contacts that a HubSpot delivery holds.

    Raises:
        MalformedError: It is no list of events.
    """
    rows = _json(body)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise MalformedError("the body is not a list of events")
    if len(rows) > EVENTS_PER_DELIVERY:
        raise MalformedError(f"the body contains more than {EVENTS_PER_DELIVERY} events")
    return [event for row in rows if (event := _hubspot_event(row, connection)) is not None]


def _hubspot_event(row: Mapping[str, Any], connection: str) -> Event | None:
    """Return an event, None for one that is about no contact."""
    kind = row.get("subscriptionType") or row.get("eventType")
    if not isinstance(kind, str):
        raise MalformedError("an event has no type")
    about = kind.startswith("contact.") or (
        kind.startswith("object.") and str(row.get("objectTypeId", CONTACT_OBJECT)) == CONTACT_OBJECT
    )
    if not about:
        return None
    kind = kind[:40].replace("object.", "contact.", 1)
    ids = _contact_ids(row, kind)
    occurred_at = _milliseconds(row.get("occurredAt"))
    parts = [
        kind,
        row.get("subscriptionId"),
        ids[0],
        row.get("propertyName"),
        row.get("occurredAt"),
        row.get("eventId"),
    ]
    detail: dict[str, Any] = {"ids": ids}
    if isinstance(row.get("propertyName"), str):
        detail["shows"] = {row["propertyName"][:TEXT_BYTES]: _short(row.get("propertyValue"))}
    return Event(_key("hubspot", connection, parts), platform_key(connection, ids[0]), kind, occurred_at, detail)


def _contact_ids(row: Mapping[str, Any], kind: str) -> list[str]:
    """Return the ids of the contacts that an event concerns, the one in use first."""
    named: list[Any] = [row.get("objectId")]
    if kind == "contact.merge":
        merged = row.get("mergedObjectIds")
        others = merged if isinstance(merged, list) else []
        named = [row.get("newObjectId"), row.get("primaryObjectId"), row.get("objectId"), *others[:MOST_MERGED]]
    elif kind == "contact.associationChange":
        named = [row.get("objectId"), row.get("fromObjectId")]
    ids = [str(record) for record in named if isinstance(record, int | str) and RECORD_ID.fullmatch(str(record))]
    if not ids:
        raise MalformedError("an event has no contact")
    return list(dict.fromkeys(ids))


def _milliseconds(value: Any) -> datetime:
    try:
        return datetime.fromtimestamp(int(value) / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise MalformedError("an event has no time") from error


def hubspot_action(body: bytes, connection: str) -> Event:
    """Return the request of a workflow action as an event; each call of the action is one of its own.

    Raises:
        MalformedError: It is no such request, or about something that is no contact.
    """
    row = _json(body)
    about, callback = (row.get("object"), row.get("callbackId")) if isinstance(row, dict) else (None, None)
    if not isinstance(about, dict) or not isinstance(callback, str) or not callback:
        raise MalformedError("the body is not a workflow action call")
    if str(about.get("objectType", "CONTACT")).upper() not in {"CONTACT", CONTACT_OBJECT}:
        raise MalformedError("the workflow action has no contact")
    ids = _contact_ids(about, "action")
    key = _key("action", connection, [callback, ids[0]])
    # an answer is worth nothing later: such a call is not put in the order of other events
    return Event(key, platform_key(connection, ids[0]), "action", datetime.fromtimestamp(0, UTC), {"ids": ids})


# -- Mailchimp -------------------------------------------------------------------------------------------------
def mailchimp_events(body: bytes, connections: Mapping[str, str]) -> list[Event]:
    """Return the event that a Mailchimp delivery holds; none where it is about no member of our audiences.

    Args:
        body: The form.
        connections: Connection by audience.

    Raises:
        MalformedError: It is no form of Mailchimp's.
    """
    form = _form(body)
    kind = form.get("type", "")
    if not kind:
        raise MalformedError("the form has no type")
    connection = connections.get(form.get("data.list_id", ""))
    if connection is None or kind not in MAILCHIMP_TYPES:
        return []
    addresses = [
        address
        for name in ("email", "new_email", "old_email")
        if (address := normalise_email(form.get(f"data.{name}"))) is not None
    ]
    if not addresses:
        raise MalformedError("the event has no contact")
    identity = form.get("data.id") or form.get("data.new_id") or addresses[0]
    parts = [kind, identity, form.get("data.old_id"), *addresses, form.get("fired_at"), form.get("data.action")]
    shows = {
        name.removeprefix("data.merges."): _short(v) for name, v in form.items() if name.startswith("data.merges.")
    }
    detail: dict[str, Any] = {"addresses": addresses, **({"shows": shows} if kind == "profile" else {})}
    at = _fired_at(form.get("fired_at", ""))
    return [Event(_key("mailchimp", connection, parts), address_key(connection, addresses[0]), kind, at, detail)]


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise MalformedError("the body is not form data") from error
    return {IN_BRACKETS.sub(r".\1", name): value for name, value in pairs}


def _fired_at(text: str) -> datetime:
    """Read Mailchimp's moment. Its zone is not documented (?); it only orders events of one contact."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise MalformedError("the event has no time") from error


# -- both ------------------------------------------------------------------------------------------------------
def _json(body: bytes) -> Any:
    try:
        document = json.loads(body)
        if b"\\u" in body:
            json.dumps(document, ensure_ascii=False).encode()  # half a character, written as an escape, can't be kept
    except (ValueError, RecursionError) as error:  # a text that is no UTF-8 is a ValueError too
        raise MalformedError("the body is not JSON") from error
    return document


def _key(platform: str, connection: str, parts: Sequence[Any]) -> str:
    text = json.dumps(parts, default=str, ensure_ascii=False)
    return f"{platform}:{connection}:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:40]}"


def _short(value: Any) -> str:
    return "" if value is None else str(value).encode("utf-8", "replace").decode()[:TEXT_BYTES]


def values_shown(events: Sequence[Event]) -> Iterator[tuple[str, str]]:
    """Yield name and value of everything that events say a contact shows."""
    for event in events:
        yield from dict(event.detail.get("shows", {})).items()
