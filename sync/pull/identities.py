"""Incremental identity resolution: update the links of contacts to people after changes.

`segmenter.identity.resolve` decides; here the contacts are found that it has to see: the changed ones, and by the links
of their records and addresses everybody who is, was, or may become the same person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pyarrow as pa

from connectors.records import CONTACTS, email_key
from segmenter.identity import ContactKeys, contact_keys, resolve
from sync.control.leases import new_holder
from sync.control.person_ids import new_person_id
from sync.control.store import Control
from sync.warehouse.store import Warehouse

AT_ONCE = 10_000  # changed contacts a step; some tens of megabytes
LOCK = "identity"  # the lease under which links are read, decided and written: the webhook service does so too
LOCK_SECONDS = 60.0
POSITION = ("*", "identity")  # in the store of cursors: how far the versions of contacts were followed
SEQUENCE, STORED = "sequence", "stored"  # of the position: a number; whether it never ran ahead of what is stored


@dataclass(slots=True)
class Followed:
    """What following did.

    Attributes:
        joined: Persons that turned out to be one with another.
        linked: Records of which a link, or one of an address that they show, was written or changed.
    """

    joined: int = 0
    linked: int = 0


def follow_identities(
    warehouse: Warehouse,
    control: Control,
    run_id: str,
    *,
    start: int | None = None,
    new_id: Callable[[], str] = new_person_id,
) -> Followed:
    """Follow every version of a contact that was written since the last time.

    Links first, position last: after a kill a step is done again, which changes nothing.

    Args:
        warehouse: Where the versions are.
        control: Where the links and the position are.
        run_id: Of the run that does it.
        start: Follow those after this number, wherever the position is; None: those after the position.
        new_id: Makes a person id that nobody has.
    """
    cursor, done, holder = control.cursors.get(*POSITION), Followed(), new_holder()
    position = position_of(control) if start is None else start
    sound = {STORED: "yes"} if not cursor or STORED in cursor else {}
    while True:
        keys, reached = warehouse.written_after(CONTACTS.name, position, AT_ONCE)
        if reached == position:
            break
        with control.leases.lock(LOCK, holder, seconds=LOCK_SECONDS):
            _follow(warehouse, control, keys, run_id, done, new_id)
        position = reached
        if start is None:
            control.cursors.move(*POSITION, {SEQUENCE: str(position), **sound}, run_id)
    return done


def position_of(control: Control) -> int:
    """Return the number of the last version that was followed; 0 where none was."""
    return int(control.cursors.get(*POSITION).get(SEQUENCE, 0))


def heal(warehouse: Warehouse, control: Control, run_id: str, *, full: bool = False) -> int:
    """Follow every version again, if some may have been passed over; return for how many records links were missing.

    Before a position said that it follows what is stored, it ran ahead of it from one process to the next: what was
    written in between was never followed. A position beyond what is stored belongs to another warehouse.

    Args:
        warehouse: Where the versions are.
        control: Where the links and the position are.
        run_id: Of the run that does it.
        full: Do it in any case.
    """
    cursor, last = control.cursors.get(*POSITION), warehouse.last_sequence()
    if not cursor or (STORED in cursor and position_of(control) <= last and not full):
        return 0
    follow_identities(warehouse, control, run_id)  # what a killed pull left: nobody passed it over
    count = follow_identities(warehouse, control, run_id, start=0).linked
    control.cursors.move(*POSITION, {SEQUENCE: str(min(position_of(control), last)), STORED: "yes"}, run_id)
    return count


def is_replaced(warehouse: Warehouse, control: Control) -> bool:
    """Tell whether more was followed than is stored: the warehouse is another one, or an older state of it."""
    return STORED in control.cursors.get(*POSITION) and position_of(control) > warehouse.last_sequence()


def unlinked(warehouse: Warehouse, control: Control) -> int:
    """Return how many active contacts belong to no person: nobody gives them a persona.

    Args:
        warehouse: Has the contacts.
        control: Has the links.

    Returns:
        Number of contacts; 0 is right.
    """
    contacts = warehouse.current(CONTACTS.name)
    active = contacts.filter(contacts.state == "active")
    keyed = active.select(contact_key=active.connection.concat(":", active.platform_id))
    links = warehouse.memtable(control.links.load())
    return int(keyed.anti_join(links, "contact_key").count().to_pyarrow().as_py())


def _follow(
    warehouse: Warehouse, control: Control, keys: pa.Table, run_id: str, done: Followed, new_id: Callable[[], str]
) -> None:
    known: dict[str, ContactKeys] = {}
    links: dict[str, str] = {}
    asked: set[str] = set()
    while keys.num_rows:
        contacts = {
            contact_keys.records[0]: contact_keys
            for contact_keys in contact_keys(warehouse.rows_of(CONTACTS.name, keys))
        }
        known |= contacts
        asked |= contacts.keys()
        named = {key for contact in contacts.values() for key in (*contact.records, *contact.addresses)} - links.keys()
        persons = set(control.links.of_keys(named).values()) - set(links.values())
        links |= control.links.of_persons(persons)
        others = {key for key in {*named, *links} if not key.startswith(email_key(""))} - asked
        asked |= others
        keys = _rows(others)
    changes = resolve(known.values(), links, new_id)
    if changes.links or changes.merged:
        control.links.write(changes, run_id)
    done.joined += len(changes.merged)
    done.linked += sum(not changes.links.keys().isdisjoint((*o.records, *o.addresses)) for o in known.values())


def _rows(keys: Iterable[str]) -> pa.Table:
    """Contact keys of records as key columns of the contacts table."""
    pairs = [key.partition(":")[::2] for key in keys]
    names, ids = [connection for connection, _ in pairs], [platform_id for _, platform_id in pairs]
    return pa.table({"connection": pa.array(names, pa.string()), "platform_id": pa.array(ids, pa.string())})
