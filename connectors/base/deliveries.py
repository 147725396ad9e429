"""Deliveries read as a spec declares them: whether the platform signed them, and what they say of contacts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from connectors.base.reading import at, found, moment
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
        told = at(document, where["list"]) if where["list"] else [document]
        return list(_events(delivery, where, told))
    except UNREADABLE as error:
        raise MalformedError("the body has another form than the platform's") from error


def _events(delivery: Delivery, where: Mapping[str, Any], told: Sequence[Any]) -> Iterator[PlatformEvent]:
    if not isinstance(told, list) or not all(isinstance(each, dict) for each in told):
        raise TypeError("events are a list of objects")
    for each in told:
        if not where["about"] or isinstance(found(each, where["about"]), dict):
            yield _event(delivery, where, each)


def _event(delivery: Delivery, where: Mapping[str, Any], told: Mapping[str, Any]) -> PlatformEvent:
    kind = str((where["kind"] and found(told, where["kind"])) or where["usual"])[:LONGEST_KIND]
    ids = _texts(found(told, path) for path in where["ids"])
    addresses = _texts(normalise_email(found(told, path)) for path in where["addresses"])
    if not ids and not addresses:
        raise KeyError("contact")
    values = (where["values"] and found(told, where["values"])) or {}
    changed = {str(name): short_text(value) for name, value in values.items()}
    signed = scheme_of(delivery).milliseconds(delivery)
    spelt = " ".join(str(at(told, path)) for path in where["id"])
    stamp = b"" if signed is None else str(signed).encode()
    when = moment(at(told, where["at"])) if where["at"] else None
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
