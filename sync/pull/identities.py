"""Keep the identity map true after contacts changed, looking only at those whom a change can concern.

`segmenter.identity.resolve` decides; here the contacts are found that it has to see: the changed ones, and by the links
of their records and addresses everybody who is, was, or may become the same person.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable

import pyarrow as pa

from connectors.records import CONTACTS, email_key
from segmenter.identity import ContactKeys, contact_keys, resolve
from sync.control import Control
from sync.control.leases import new_holder
from sync.warehouse.store import Warehouse

AT_ONCE = 10_000  # changed contacts a step; some tens of megabytes
GREGORIAN = 0x01B21DD213814000  # 100 ns from 1582 to 1970: ids count as uuid1 does, which asks a daemon each time
ALONE = "identity"  # the lease under which links are read, decided and written: the webhook service does so too
ALONE_SECONDS = 60.0
POSITION = ("*", "identity")  # in the store of cursors: how far the versions of contacts were followed


def follow(warehouse: Warehouse, control: Control, run_id: str) -> int:
    """Follow every version of a contact that was written since the last time; return how many persons were joined.

    Links first, position last: after a kill a step is done again, which changes nothing.
    """
    position = int(control.cursors.get(*POSITION).get("sequence", 0))
    joined, holder = 0, new_holder()
    while True:
        keys, reached = warehouse.written_after(CONTACTS.name, position, AT_ONCE)
        if reached == position:
            return joined
        with control.leases.alone(ALONE, holder, seconds=ALONE_SECONDS):
            joined += _follow(warehouse, control, keys, run_id)
        position = reached
        control.cursors.move(*POSITION, {"sequence": str(position)}, run_id)


def _follow(warehouse: Warehouse, control: Control, keys: pa.Table, run_id: str) -> int:
    known: dict[str, ContactKeys] = {}
    links: dict[str, str] = {}
    asked: set[str] = set()
    while keys.num_rows:
        found = {one.records[0]: one for one in contact_keys(warehouse.rows_of(CONTACTS.name, keys))}
        known |= found
        asked |= found.keys()
        named = {key for one in found.values() for key in (*one.records, *one.addresses)} - links.keys()
        persons = set(control.links.of_keys(named).values()) - set(links.values())
        links |= control.links.of_persons(persons)
        others = {key for key in {*named, *links} if not key.startswith(email_key(""))} - asked
        asked |= others
        keys = _rows(others)
    changes = resolve(known.values(), links, new_person_id)
    if changes.links or changes.merged:
        control.links.write(changes, run_id)
    return len(changes.merged)


def _rows(keys: Iterable[str]) -> pa.Table:
    """Contact keys of records as key columns of the contacts table."""
    pairs = [key.partition(":")[::2] for key in keys]
    names, ids = [connection for connection, _ in pairs], [platform_id for _, platform_id in pairs]
    return pa.table({"connection": pa.array(names, pa.string()), "platform_id": pa.array(ids, pa.string())})


def new_person_id() -> str:
    """Return a person id that nobody has. Ids sort by age, so that where persons join the oldest survives."""
    return f"p-{time.time_ns() // 100 + GREGORIAN:016x}-{uuid.uuid4().hex[:8]}"
