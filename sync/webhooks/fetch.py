"""Fetch of the contacts behind events from all platforms, with identity resolution.

The identity map decides together with what the platforms show now, as in a pull (`sync.pull.identities`); here the
contacts come from the platforms and not from the warehouse. What no platform can be asked for (a file's contacts)
comes from what `assign` published.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from connectors.fetched import Fetched
from connectors.records import CONTACTS, email_key, normalise_email, platform_key
from segmenter.identity import ContactKeys, contact_keys, resolve
from segmenter.traits.people import OUTLIVES
from sync.consent.erased_people import ErasedPeople
from sync.control.person_ids import new_person_id
from sync.pull.identities import LOCK, LOCK_SECONDS
from sync.webhooks.service import Service

ROUNDS = 4  # a person's contacts lead to further addresses; nobody has more than a few
ADDRESS = email_key("")

ContactRow = dict[str, Any]


@dataclass(slots=True)
class Gathered:
    """Contacts as they are now, and whose they are.

    Attributes:
        rows: By contact key, in the schema of `CONTACTS`.
        groups: Contact key and group of each membership of ours.
        person_of: Person by contact key.
        merged: Person that is no more -> person that took its place just now.
        erased: Contact keys that were left out, since their people were erased.
    """

    rows: dict[str, ContactRow] = field(default_factory=dict)
    groups: set[tuple[str, str]] = field(default_factory=set)
    person_of: dict[str, str] = field(default_factory=dict)
    merged: dict[str, str] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)

    def of_person(self, person: str) -> list[ContactRow]:
        """Return a person's contacts."""
        return [row for key, row in self.rows.items() if self.person_of.get(key) == person]


def gather_contacts(
    service: Service, ids: Iterable[str], addresses: Iterable[tuple[str, str]], holder: str
) -> Gathered:
    """Read the contacts behind events, and everything that belongs to the same persons.

    Args:
        service: The service.
        ids: Contact keys of records.
        addresses: Connection and normalised address.
        holder: Who holds the lease while the identity map is changed.
    """
    reader = _Reader(service)
    reader.read(set(ids), set(addresses))
    with service.control.leases.lock(LOCK, holder, seconds=LOCK_SECONDS):
        leave_out_erased(service, reader.found)
        links = _links(service, reader)
        changes = resolve(reader.known(), links, new_person_id)
        if changes.links or changes.merged:
            service.control.links.write(changes, holder[:40])
    links |= changes.links
    reader.keep_refusals()
    reader.found.merged = dict(changes.merged)
    reader.found.person_of = {key: links[key] for key in reader.found.rows if key in links}
    return reader.found


def _links(service: Service, reader: _Reader) -> dict[str, str]:
    named = {key for contact in reader.known() for key in (*contact.records, *contact.addresses)}
    return service.control.links.of_persons(set(service.control.links.of_keys(named).values()))


class _Reader:
    """Reads contacts, and what they lead to, until nothing new is named."""

    def __init__(self, service: Service) -> None:
        self.service, self.found = service, Gathered()
        self._asked: set[str | tuple[str, str]] = set()
        self._gone: dict[str, ContactRow] = {}  # published contacts that were gone, and had refused

    def known(self) -> list[ContactKeys]:
        return list(contact_keys(_table(self.found.rows.values())))

    def read(self, ids: set[str], addresses: set[tuple[str, str]]) -> None:
        for _ in range(ROUNDS):
            ids, addresses = ids - self._asked - self.found.rows.keys(), addresses - self._asked
            if not ids and not addresses:
                return
            self._asked |= ids
            self._asked |= addresses
            self._fetch(ids, addresses)
            ids, addresses = self._named()

    def keep_refusals(self) -> None:
        """Let the refusal of a record that is gone count on; note those that records in use show now."""
        rows, noted = self.found.rows, self.service.control.opt_outs
        live = {key: row for key, row in rows.items() if row["state"] == "active"}
        refusals = {key: row["consent"] for key, row in live.items() if row["consent"] in OUTLIVES}
        noted.note(refusals, live.keys() - refusals.keys())
        seen = noted.of(rows.keys() - live.keys())
        for key, row in self._gone.items():
            rows.setdefault(key, row)
            seen.setdefault(key, row["consent"])
        for key, consent in seen.items():
            if key not in live and rows[key]["consent"] not in OUTLIVES:
                rows[key]["consent"] = consent

    def _fetch(self, ids: set[str], addresses: set[tuple[str, str]]) -> None:
        wanted: dict[str, tuple[list[str], list[str]]] = {name: ([], []) for name in self.service.live}
        for key in sorted(ids):
            name, _, platform_id = key.partition(":")
            if name in wanted:
                wanted[name][0].append(platform_id)
        for name, address in sorted(addresses):
            wanted[name][1].append(address)
        asked = {name: both for name, both in wanted.items() if any(both)}
        connectors = {name: self.service.connector(name) for name in asked}
        with ThreadPoolExecutor(max(len(asked), 1)) as pool:
            answers = {name: pool.submit(connectors[name].fetch, *both) for name, both in asked.items()}
        for name, answer in answers.items():
            self._keep(name, answer.result())

    def _keep(self, name: str, answer: Fetched) -> None:
        for row in answer.contacts.to_pylist():
            self.found.rows[platform_key(name, row["platform_id"])] = row
        self.found.groups |= {(platform_key(name, key), group) for key, group in answer.groups}

    def _named(self) -> tuple[set[str], set[tuple[str, str]]]:
        """Return records and addresses that belong to the same persons and were not looked for yet."""
        control, gathered = self.service.control, self.found
        named = {key for contact in self.known() for key in (*contact.records, *contact.addresses)}
        persons = set(control.links.of_keys(named).values())
        linked = control.links.of_persons(persons)
        for row in self._published_contacts(persons):
            place = gathered.rows if row["state"] == "active" else self._gone
            place.setdefault(platform_key(row["connection"], row["platform_id"]), row)
        ids = {key for key in {*linked, *named} if not key.startswith(ADDRESS)}
        shown = {(row["connection"], address) for row in gathered.rows.values() for address in _shown_by(row)}
        known = {key.removeprefix(ADDRESS) for key in named if key.startswith(ADDRESS)}
        return ids, {(name, address) for name in self.service.live for address in known} - shown

    def _published_contacts(self, persons: set[str]) -> Iterable[ContactRow]:
        """Contacts of connections that can't be asked, and those that are gone."""
        for person in self.service.control.people.published(persons).values():
            for row in person.base.get("contacts", ()):
                yield as_contact(row)


def leave_out_erased(service: Service, gathered: Gathered) -> None:
    """Leave out who was erased, unless their consent came anew: before links are written, and again under leases.

    Args:
        service: The service.
        gathered: Loses these contacts.
    """
    people = ErasedPeople(service.control, service.workspace.state_dir)
    kept = people.without(CONTACTS.name, _table(gathered.rows.values())).to_pylist()
    rows = {platform_key(row["connection"], row["platform_id"]): row for row in kept}
    gathered.erased |= gathered.rows.keys() - rows.keys()
    gathered.rows = rows
    gathered.groups = {pair for pair in gathered.groups if pair[0] not in gathered.erased}


def _table(rows: Iterable[ContactRow]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=CONTACTS.columns)


def as_contact(row: Mapping[str, Any]) -> ContactRow:
    """Return a published contact as a row: moments are text in JSON."""
    table = pa.Table.from_pylist([dict(row)])
    moments = {name: table[name].cast(pa.timestamp("us", tz="UTC")) for name in ("created_at", "updated_at")}
    for name, column in moments.items():
        table = table.set_column(table.schema.get_field_index(name), name, column)
    made: ContactRow = table.select(CONTACTS.columns.names).cast(CONTACTS.columns).to_pylist()[0]
    return made


def _shown_by(row: ContactRow) -> list[str]:
    shown = (normalise_email(address) for address in (row["email"], *(row["additional_emails"] or ())))
    return [address for address in shown if address and row["state"] == "active"]
