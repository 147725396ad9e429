"""Pins: a person's segment by hand, until a date. They go before rules and models, and end by themselves."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from connectors.errors import FixSettingsError
from connectors.records import email_key, normalise_email
from segmenter.assign.definitions import Definitions, Pinned
from sync.assign.sources import definitions_of
from sync.control.reading import ReadableControl
from sync.control.rows import Pin
from sync.session import Recording, Session, Stores
from sync.workspace.definition_files import SEGMENTS
from sync.workspace.settings import Workspace

if TYPE_CHECKING:
    from sync.control.store import Control

ADDRESS = email_key("")


def definitions_in_force(workspace: Workspace, control: ReadableControl, as_of: datetime) -> Definitions:
    """Return what decides at a moment, pins included: `sync.assign.sources.definitions_of` and who is pinned.

    Args:
        workspace: The workspace.
        control: Where pins are.
        as_of: UTC.

    Raises:
        FixSettingsError: As `definitions_of`.
    """
    return with_pins(definitions_of(workspace), control, as_of)


def with_pins(definitions: Definitions, control: ReadableControl, as_of: datetime) -> Definitions:
    """Return *definitions* with the pins that count at a moment (UTC); those of segments that are gone do not."""
    pins = [pin for pin in control.pins.in_force(as_of) if pin.segment in definitions.segments]
    persons = control.links.of_keys(email_key(pin.email) for pin in pins)
    pinned = {
        persons[email_key(pin.email)]: Pinned(pin.segment, reason(pin), pin.version)
        for pin in pins  # of several addresses of a person, the newest pin
        if email_key(pin.email) in persons
    }
    return replace(definitions, pinned=pinned)


def reason(pin: Pin) -> str:
    """Return the reason that platforms are shown: that it was by hand and until when, not what somebody wrote."""
    return f"set by hand until {until_text(pin.until)}"


def until_text(until: datetime) -> str:
    """Return when a pin ends: the last whole day, or the time."""
    whole = until.time() == time(0)
    return f"{until - timedelta(days=1):%Y-%m-%d}" if whole else f"{until:%Y-%m-%d %H:%M} UTC"


def pin(stores: Stores | Session, email: str, segment: str, *, until: datetime, reason: str, by: str) -> Pin:
    """Pin the person behind an address to a segment.

    Args:
        stores: The open workspace.
        email: Any address of the person.
        segment: A segment of segments.toml.
        until: When it ends, UTC.
        reason: Why, in somebody's own words.
        by: Who says so.

    Returns:
        The pin; pins of the person's other addresses are ended.

    Raises:
        FixSettingsError: Nobody has that address, there is no such segment, the date is over, or there is no reason.
    """
    check_segment(stores.workspace, segment)
    if until <= stores.control.pins.now():
        raise FixSettingsError(f"--until {until_text(until)} is over.", fix="Give a date in the future.")
    if not reason.strip():
        raise FixSettingsError("A pin needs a reason.", fix='Say why: --reason "asked for it on the phone".')
    address, person = _person(stores, email)
    others = _addresses(stores, person) - {address}
    stores.control.pins.end(others, by=by)
    made = stores.control.pins.put(address, segment, until=until, reason=reason.strip(), by=by)
    _record(stores, "pin", person, made, by)
    return made


def unpin(stores: Stores | Session, email: str, *, by: str) -> list[Pin]:
    """End the pins of the person behind an address.

    Returns:
        Those that were in force.

    Raises:
        FixSettingsError: The person has none.
    """
    address = normalise_email(email) or email
    person = stores.control.links.of_keys([email_key(address)]).get(email_key(address))
    addresses = {address} | (_addresses(stores, person) if person else set())
    ended = stores.control.pins.end(addresses, by=by)
    if not ended:
        raise FixSettingsError(f"{email} is not pinned.", fix="`personasync pins` lists the pins.")
    for record in ended:
        _record(stores, "unpin", person, record, by)
    return ended


def pin_of(control: ReadableControl, person: str, at: datetime) -> Pin | None:
    """Return the pin of a person that counts at a moment (UTC), the newest of several; None: none."""
    keys = control.links.of_persons([person])
    addresses = {key.removeprefix(ADDRESS) for key in keys if key.startswith(ADDRESS)}
    mine = [record for record in control.pins.in_force(at) if record.email in addresses]
    return mine[-1] if mine else None


def touched_persons(control: Control, since: datetime) -> set[str]:
    """Return the persons whose pin was set, ended or ran out at a moment (UTC) or later."""
    keys = [email_key(address) for address in control.pins.touched_since(since)]
    return set(control.links.of_keys(keys).values())


def pin_state(pin: Pin, now: datetime, segments: Collection[str]) -> str:
    """Return how a pin stands: in force, without effect since its segment is gone, or ended.

    Args:
        pin: Any.
        now: UTC.
        segments: Names of the segments that there are.
    """
    if pin.ended_at is not None:
        return f"ended by {pin.ended_by} on {pin.ended_at:%Y-%m-%d}"
    if not pin.holds(now):
        return "ended"
    return "in force" if pin.segment in segments else "without effect: its segment is gone"


def check_segment(workspace: Workspace, name: str) -> None:
    """Raise where there is no segment *name*.

    Raises:
        FixSettingsError: With the nearest name.
    """
    names = [segment.name for segment in workspace.segments]
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        fix = f"Did you mean {near[0]!r}?" if near else f"{SEGMENTS} has: {', '.join(names) or 'none'}."
        raise FixSettingsError(f"There is no segment {name!r}.", fix=fix)


def pin_end(text: str, zone: str) -> datetime:
    """Return the moment (UTC) at which *text* is over: a day at its end in a time zone, a time at once.

    Raises:
        FixSettingsError: It is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise FixSettingsError(f"{text!r} is not a date.", fix="Write a date like 2027-01-31.") from error
    if moment.tzinfo is None and moment.time() == time(0) and len(text) <= len("2027-01-31"):
        moment = moment + timedelta(days=1)
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def _person(stores: Recording, email: str) -> tuple[str, str]:
    address = normalise_email(email) or ""
    person = stores.control.links.of_keys([email_key(address)]).get(email_key(address)) if address else None
    if person is None:
        raise FixSettingsError(
            f"No contact has the email address {email!r}.",
            fix="Run `personasync pull`, or check the address for a typo.",
        )
    return address, person


def _addresses(stores: Recording, person: str) -> set[str]:
    keys = stores.control.links.of_persons([person])
    return {key.removeprefix(ADDRESS) for key in keys if key.startswith(ADDRESS)}


def _record(stores: Stores | Session, command: str, person: str | None, pin: Pin, by: str) -> None:
    """Note it in the history (without the address, which may have to be forgotten); wake the webhook service."""
    from sync.control.inbox import Event  # noqa: PLC0415 - who only asks who is pinned needs none

    runs, inbox = stores.control.runs, stores.control.inbox
    run = runs.begin(command)
    runs.finish(run, "done", {"pin": pin.number, "segment": pin.segment, "until": until_text(pin.until), "by": by})
    if stores.workspace.serve is not None and person is not None:
        keys: Collection[str] = [
            key for key in stores.control.links.of_persons([person]) if not key.startswith(ADDRESS)
        ]
        now = stores.control.pins.now()
        inbox.take(
            Event(f"{command}:{run}:{key}"[:400], key, command, now, {"ids": [key.partition(":")[2]]}) for key in keys
        )
