"""Deliveries read as a spec declares them: whether the platform signed them, and what they say of contacts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from connectors.base.reading import moment, optional_at, required_at
from connectors.errors import SignatureError
from connectors.events import Delivery, MalformedError, PlatformEvent, event_json, short_text
from connectors.records import normalise_email
from connectors.signatures import SignatureScheme

LONGEST_KIND = 100
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNREADABLE = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)


def scheme_of(delivery: Delivery) -> SignatureScheme:
    """Return how the connector's deliveries are signed.

    Raises:
        SignatureError: Its spec declares no signature.
    """
    declared = delivery.spec["deliveries"]["signature"] if delivery.spec else {"header": ""}
    if not declared["header"]:
        raise SignatureError("the spec declares no signature", reason="missing")
    return SignatureScheme(**declared)


def events_of(delivery: Delivery) -> list[PlatformEvent]:
    """Return the events about contacts that a verified delivery holds.

    Raises:
        MalformedError: It is none of the platform's.
    """
    where, document = delivery.spec["deliveries"]["events"], event_json(delivery.body)
    try:
        listed = required_at(document, where["list"]) if where["list"] else [document]
        return list(_events(delivery, where, listed))
    except UNREADABLE as error:
        raise MalformedError("the body has another form than the platform's") from error


def _events(delivery: Delivery, where: Mapping[str, Any], listed: Sequence[Any]) -> Iterator[PlatformEvent]:
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise TypeError("events are a list of objects")
    for each in listed:
        if not where["about"] or isinstance(optional_at(each, where["about"]), dict):
            yield _event(delivery, where, each)


def _event(delivery: Delivery, where: Mapping[str, Any], event: Mapping[str, Any]) -> PlatformEvent:
    kind = str((where["kind"] and optional_at(event, where["kind"])) or where["usual"])[:LONGEST_KIND]
    ids = _texts(optional_at(event, path) for path in where["ids"])
    addresses = _texts(normalise_email(optional_at(event, path)) for path in where["addresses"])
    if not ids and not addresses:
        raise KeyError("contact")
    values = (where["values"] and optional_at(event, where["values"])) or {}
    changed = {str(name): short_text(value) for name, value in values.items()}
    signed = scheme_of(delivery).milliseconds(delivery)
    spelt = " ".join(str(required_at(event, path)) for path in where["id"])
    stamp = b"" if signed is None else str(signed).encode()
    when = moment(required_at(event, where["at"])) if where["at"] else None
    return PlatformEvent(
        spelt or hashlib.sha256(delivery.body + stamp).hexdigest(),
        kind,
        when or (delivery.now if signed is None else EPOCH + timedelta(milliseconds=signed)),
        ids=ids,
        addresses=addresses,
        changed=changed,
        means=_meaning(kind, where, changed),
    )


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(value) for value in values if isinstance(value, (str, int)) and value != ""))


def _meaning(
    kind: str, where: Mapping[str, Any], changed: Mapping[str, str]
) -> Literal["", "values", "gone", "erased"]:
    if kind in where["erased"]:
        return "erased"
    if kind in where["gone"]:
        return "gone"
    return "values" if kind in where["only_values"] and changed else ""
