"""What both platforms and a workspace say of people, read past all code of ours: tables, SQL and TOML."""

from __future__ import annotations

import contextlib
import sqlite3
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

Key = tuple[str, str]  # connection, and the platform's id
ASSIGNED = (
    "SELECT person_id, segment, persona FROM assignments "
    "QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY recorded_at DESC, sequence DESC) = 1"
)


@dataclass(frozen=True)
class Record:
    """Somebody whom a platform shows.

    Attributes:
        out: Whether the platform has no consent of theirs, or a no.
        fields: What it shows in fields of ours.
        groups: The segments whose list or tag they are in.
    """

    addresses: frozenset[str]
    out: bool
    fields: Mapping[str, str]
    groups: frozenset[str]


@dataclass(frozen=True)
class Ours:
    """What a workspace knows.

    Attributes:
        links: Person by connection and platform id.
        assigned: Segment and persona by person.
        copy: What each persona's fields say, by persona ("" for those who have none) and name of the field.
    """

    links: Mapping[Key, str]
    assigned: Mapping[str, tuple[str, str]]
    copy: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def records(tables: Mapping[str, Mapping[str, Any]]) -> dict[Key, Record]:
    """Return everybody whom the platforms show now, from the side door's tables."""
    return {**dict(_contacts(tables)), **dict(_members(tables))}


def _contacts(tables: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Key, Record]]:
    lists = {
        contact_list["listId"]: contact_list["name"].removeprefix("personasync: ")
        for contact_list in tables["hubspot.lists"].values()
    }
    within: dict[str, set[str]] = {}
    for pair in tables["hubspot.memberships"]:
        number, contact = pair.split("/")
        within.setdefault(contact, set()).add(lists.get(number, ""))
    for key, row in tables["hubspot.contacts"].items():
        if row["archived"]:
            continue
        shown = row["properties"]
        addresses = [shown.get("email", ""), *shown.get("hs_additional_emails", "").split(";")]
        fields = {name: value for name, value in shown.items() if name.startswith("personasync_") and value}
        out = shown.get("hs_email_optout") == "true"
        yield ("crm", key), Record(_plain(addresses), out, fields, frozenset(within.get(key, ())))


def _members(tables: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Key, Record]]:
    [members] = [rows for name, rows in tables.items() if name.startswith("mailchimp.members.")]
    [tags] = [rows for name, rows in tables.items() if name.startswith("mailchimp.segments.")]
    names = {str(tag["id"]): tag["name"].removeprefix("ps:") for tag in tags.values()}
    for key, row in members.items():
        if row["status"] == "archived":
            continue
        fields = {name: value for name, value in row["merge_fields"].items() if name.startswith(("PERSONA", "PS_"))}
        groups = frozenset(names.get(str(number), "") for number in row["tags"])
        shown = {name: str(value) for name, value in fields.items() if value}
        yield ("email", key), Record(_plain([row["email_address"]]), row["status"] != "subscribed", shown, groups)


def _plain(addresses: list[str]) -> frozenset[str]:
    return frozenset(address.strip().lower() for address in addresses if address and address.strip())


def ours(folder: Path) -> Ours:
    """Return what the workspace in *folder* knows; call it in a process of its own."""
    links: dict[Key, str] = {}
    store = f"file:{folder / '.personasync' / 'control.db'}?mode=ro"
    with contextlib.closing(sqlite3.connect(store, uri=True)) as control:
        for key, person in control.execute("SELECT contact_key, person_id FROM link"):
            connection, _, name = key.partition(":")
            links[connection, name] = person
    with duckdb.connect(str(folder / ".personasync" / "warehouse.duckdb"), read_only=True) as warehouse:
        rows = warehouse.execute(ASSIGNED).fetchall()
    assigned = {person: (segment or "", persona or "") for person, segment, persona in rows}
    return Ours(links, assigned, _copy(tomllib.loads((folder / "personas.toml").read_text("utf-8"))))


def _copy(document: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    fallback = {name: entry["fallback"] for name, entry in document["fields"].items()}
    return {
        "": fallback,
        **{slug: {**fallback, **persona.get("fields", {})} for slug, persona in document["personas"].items()},
    }


def lost(then: Mapping[Key, Record], now: Mapping[Key, Record], known: Ours, *, assigned: bool) -> list[str]:
    """Return who was there at the last pull and still is, and belongs to nobody, or to somebody else, or to nothing.

    Args:
        then: Whom the platforms showed when the last pull began.
        now: Whom they show.
        known: What the workspace knows.
        assigned: Whether everybody was assigned since.
    """
    losses, owners = [], dict[str, str]()
    for key, record in then.items():
        person = known.links.get(key)
        if key not in now:
            continue
        if person is None:
            losses.append(f"{key} {set(record.addresses)} belongs to nobody")
        elif assigned and person not in known.assigned:
            losses.append(f"{key} has no assignment")
        elif any(owners.setdefault(address, person) != person for address in record.addresses):
            losses.append(f"{key} {set(record.addresses)} is twice there")
    return losses


SUBSCRIBES = "email"  # where a yes is said; the other platform knows refusals only


def said_no(shown: Mapping[Key, Record], remembered: Collection[Key]) -> set[Key]:
    """Return connection and address of everybody who said no there, and was not seen there with a yes since."""
    now = {(key[0], address): record.out for key, record in shown.items() for address in sorted(record.addresses)}
    kept = {key for key in remembered if now.get(key, True)}
    return kept | {key for key, out in now.items() if out}


@dataclass
class Heard:
    """Whose no was heard, and what became of it: it counts until consent comes anew.

    A no of a record that is gone, also of one that was erased, holds until the address is subscribed anew: seen with a
    subscription after it had been seen with none since the no.

    Attributes:
        keys: Connection and address of who said no to somebody who heard it.
        without: Of these, who was seen without a subscription at the last look.
        anew: Of these, who subscribed after that, while the record that says no is still there.
    """

    keys: set[Key] = field(default_factory=set)
    without: set[Key] = field(default_factory=set)
    anew: set[Key] = field(default_factory=set)

    def look(self, shown: Mapping[Key, Record]) -> None:
        """See what platforms show now."""
        yes = {a for key, record in shown.items() if key[0] == SUBSCRIBES and not record.out for a in record.addresses}
        there = {(key[0], address) for key, record in shown.items() for address in record.addresses}
        self.anew = {key for key in self.keys if key[1] in yes and (key in self.anew or key in self.without)}
        self.keys -= {key for key in self.anew if key not in there}
        self.without = {key for key in self.keys if key[1] not in yes}

    def hear(self, shown: Mapping[Key, Record]) -> None:
        """Note who says no now."""
        self.keys = said_no(shown, self.keys)
        self.look(shown)


def written_to(before: Mapping[Key, Record], after: Mapping[Key, Record], gone: Collection[Key]) -> list[str]:
    """Return those without consent whose fields or groups of ours changed."""
    left = {address for _, address in gone}
    changed = [
        (key, old, after[key])
        for key, old in before.items()
        if key in after and (old.out or old.addresses & left)
        if (old.fields, old.groups) != (after[key].fields, after[key].groups)
    ]
    return [f"{key}: {dict(old.fields)} -> {dict(new.fields)}" for key, old, new in changed]


def stale(shown: Mapping[Key, Record], known: Ours, gone: Collection[Key]) -> list[str]:
    """Return the fields that show something else than the person's assignment, of those who may be written to."""
    left = {address for _, address in gone}
    refused = {known.links.get(key) for key, record in shown.items() if record.out or record.addresses & left}
    # who said no by a record that is gone may have another address now
    refused |= {person for (kind, address), person in known.links.items() if kind == "mailto" and address in left}
    complaints = []
    for key, record in shown.items():
        person = known.links.get(key)
        if person in refused or person not in known.assigned or (key[0] == "email" and not record.addresses):
            continue
        segment, persona = known.assigned[person or ""]
        wanted = _wanted(key[0], segment, persona, known.copy[persona])
        complaints += [
            f"{key} {name}: {record.fields.get(name, '')!r}, not {value!r}"
            for name, value in wanted.items()
            if record.fields.get(name, "") != value
        ]
        if segment and segment not in record.groups:
            complaints.append(f"{key} is not in {segment}")
    return complaints


def _wanted(connection: str, segment: str, persona: str, copy: Mapping[str, str]) -> dict[str, str]:
    shown = persona or "unclassified"
    if connection == "email":
        return {"PERSONA": shown, "PS_HEAD": copy["headline"], "PS_OFFER": copy["offer"]}
    texts = {f"personasync_{name}": text for name, text in copy.items()}
    return {"personasync_persona": shown, "personasync_segment": segment, **texts}
