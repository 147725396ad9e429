"""Laws of events: only the platform is believed, rubbish is no crash, and an event is known when it comes again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.connector import NO_SECRET
from connectors.errors import SignatureError
from connectors.events import Delivery, EventSource, MalformedError, PlatformEvent
from connectors.secret import Secret
from connectors.testing.kit import Kit
from connectors.testing.law import law

RUBBISH = (b"", b"{}", b"[]", b"[7]", b"null", b"\xff\xfe", b'{"events": 7}', b"a=b&c", b"[" * 5000, b'"\\ud800"')


def _source(kit: Kit) -> Any:
    source: Any = kit.stand.factory
    assert isinstance(source, EventSource), "the entry point is no class with verify, parse, webhooks and register"
    return source


def _delivered(kit: Kit) -> tuple[Any, Delivery, str]:
    [key] = kit.people(1)
    return _source(kit), kit.stand.delivery(key), key


def _refused(source: Any, delivery: Delivery) -> bool:
    try:
        source.verify(delivery)
    except SignatureError:
        return True
    return False


def _events(kit: Kit) -> Sequence[PlatformEvent]:
    source, delivery, _ = _delivered(kit)
    source.verify(delivery)
    events: Sequence[PlatformEvent] = source.parse(delivery)
    return events


@law("a delivery that the platform signed passes, and tells of its contact", needs="events")
def events_told(kit: Kit) -> None:
    source, delivery, key = _delivered(kit)
    source.verify(delivery)
    [event] = source.parse(delivery)

    assert key in event.ids or kit.address(key) in event.addresses


@law("an event names its contact as the spec says", needs="events")
def events_named(kit: Kit) -> None:
    by = kit.stand.spec.deliveries.contacts_by

    assert all(event.ids if by == "id" else event.addresses for event in _events(kit))


@law("an event has a moment with a time zone, a kind, and values that are text", needs="events")
def events_complete(kit: Kit) -> None:
    for event in _events(kit):
        assert event.at.tzinfo is not None
        assert event.kind
        assert {type(value) for value in event.changed.values()} <= {str}


@law("a body of which one byte is another is refused", needs="events")
def events_changed(kit: Kit) -> None:
    source, delivery, _ = _delivered(kit)
    body = delivery.body
    flipped = [body[:n] + bytes([body[n] ^ 1]) + body[n + 1 :] for n in (0, len(body) // 2, len(body) - 1)]

    assert all(_refused(source, replace(delivery, body=other)) for other in (*flipped, body + b" ", body[:-1], b""))


@law("a delivery without signature is refused", needs="events")
def events_unsigned(kit: Kit) -> None:
    source, delivery, _ = _delivered(kit)

    assert _refused(source, replace(delivery, headers=()))


@law("a signature that came twice is refused", needs="events")
def events_twice(kit: Kit) -> None:
    source, delivery, _ = _delivered(kit)

    assert _refused(source, replace(delivery, headers=(*delivery.headers, *delivery.headers)))


@law("a signature with another secret, or without one, is refused", needs="events")
def events_other_secret(kit: Kit) -> None:
    source, delivery, _ = _delivered(kit)

    assert _refused(source, replace(delivery, secret=Secret("somebody-else")))
    assert _refused(source, replace(delivery, secret=NO_SECRET))


@law("of several secrets the right one is enough", needs="events")
def events_several_secrets(kit: Kit) -> None:
    source, delivery, _ = _delivered(kit)
    known = delivery.secret.reveal()

    for several in (f"another {known}", f"{known}\nanother"):
        source.verify(replace(delivery, secret=Secret(several)))


@law("a signature that holds the time is refused a day later, and a day before", needs="events")
def events_late(kit: Kit) -> None:
    source, delivery, _ = _delivered(kit)
    day = timedelta(days=1)

    if source.verify(delivery):
        assert all(_refused(source, replace(delivery, now=delivery.now + away)) for away in (day, -day))


@law("an event that is delivered again is the same, and that of another contact is another", needs="events")
def events_again(kit: Kit) -> None:
    source = _source(kit)
    first, second = kit.people(2)
    delivery, other = kit.stand.delivery(first), kit.stand.delivery(second)
    ids = [[event.id for event in source.parse(each)] for each in (delivery, delivery, other)]

    assert ids[0] == ids[1]
    assert not set(ids[0]) & set(ids[2])


@law("rubbish is refused or holds no event, and is no crash", needs="events")
def events_rubbish(kit: Kit) -> None:
    source, delivery, _ = _delivered(kit)
    for body in RUBBISH:
        with suppress(MalformedError):
            assert source.parse(replace(delivery, body=body)) == []
    with pytest.raises(SignatureError):
        source.verify(replace(delivery, headers=[(name, b"\xff") for name, _ in delivery.headers]))


@law("nobody is asked to verify and read a delivery", needs="events")
def events_silent(kit: Kit) -> None:
    source, delivery, _ = _delivered(kit)
    before = len(kit.proxy.seen)
    source.verify(delivery)
    source.parse(delivery)

    assert len(kit.proxy.seen) == before
