"""Exports of people with their segment, persona and template fields; of a plan; and of a hashed audience."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ibis import Table

from connectors.errors import FixSettingsError
from connectors.records import CONTACTS, MEMBER, Change
from connectors.spec import DeclaredField
from segmenter.personalize import fields as template_fields
from segmenter.personalize.fields import Known, OwnedField, probability_one
from segmenter.traits.people import NO_CONSENT
from segmenter.value.focus import with_subsegments
from sync.active_people import assigned_people, shown_assignments
from sync.assign.exclusions import excluded_persons
from sync.assign.job import individual_traits, memberships_wanted
from sync.experiments.arms import copies
from sync.export.write import check_target, write_rows
from sync.fields import privacy_checks
from sync.plan.diff import strictest_consents
from sync.plan.file import read_plan
from sync.plan.inputs import assigned_at
from sync.session import Session

HERE = ""  # the connection of an export that is for nobody in particular
MAY_BE_ADVERTISED_TO = "subscribed"
"""Handing an address to an advertising platform needs a yes; that nobody said no is none."""
NO_ADDRESS, NOT_MARKETABLE, NO_YES = "no email address", "consent does not allow it", "no consent"


@dataclass(frozen=True, slots=True)
class Importer:
    """How the importer of a platform calls the columns, and through which connection the workspace writes there.

    Attributes:
        address: The header of the address.
        connection: Whose fields and copy are exported; None: the workspace has no such connection.
        owned: Our fields that tell of the assignment.
        tags: The header of tags, where the importer takes them; "": it does not.
        prefix: Put before the name of a group.
    """

    address: str
    connection: str | None
    owned: Sequence[DeclaredField]
    tags: str
    prefix: str


@dataclass(slots=True)
class Exported:
    """What was written.

    Attributes:
        rows: How many there are.
        left_out: People who are not in the file, by reason.
        notes: What must be known, in sentences.
    """

    path: Path
    rows: int = 0
    columns: tuple[str, ...] = ()
    left_out: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def export_people(session: Session, path: Path, *, segment: str | None = None, target: str | None = None) -> Exported:
    """Write one row per person: address, segment, persona, confidence, reason, and every template field.

    Args:
        session: The open workspace.
        path: Of the file; its suffix says the format.
        segment: Only this segment and those within it.
        target: A connector with an importer: only whom a plan would write to, in the importer's columns.

    Returns:
        How many people, and who was left out.

    Raises:
        FixSettingsError: There is no such segment, nobody was assigned yet, or the file can't be written.
    """
    check_target(path)
    importer = importer_of(session, target) if target else None
    people = _assigned(session, segment)
    names, values = _values(session, people, importer)
    addresses, consent = _addresses(session, importer), _consents(session)
    without_consent = dict.fromkeys(session.withheld().mailing, NOT_MARKETABLE)
    excluded = without_consent | excluded_persons(session, assigned_at(session)) if importer else {}
    groups = _groups(session, people, importer)
    exported = Exported(path)
    left_out: Counter[str] = Counter()
    rows = []
    for person in people.order_by("person_id").to_pyarrow().to_pylist():
        who = person["person_id"]
        reason = excluded.get(who) or _kept_back(session, who, addresses, consent if importer else None)
        if reason:
            left_out[reason] += 1
            continue
        shown = [values.get((who, name), "") or None for name in names]
        if importer is None:
            rows.append([addresses[who], *_assignment(session, person), consent.get(who, NO_CONSENT), *shown])
        else:
            tags = [", ".join(groups.get(who, ()))] if importer.tags else []
            rows.append([addresses[who], *shown, *tags])
    exported.columns = _columns(session, names, importer)
    exported.rows, exported.left_out = len(rows), dict(left_out)
    session.control.erasures.note_file(path)  # first: a file that nobody knows of can't be cleaned
    write_rows(path, exported.columns, sorted(rows, key=lambda row: str(row[0])))
    return exported


def importer_of(session: Session, target: str) -> Importer:
    """Return the importer of a connector's platform.

    Raises:
        FixSettingsError: There is none of that name.
    """
    importers = {name: spec.importer for name, spec in session.manifest.connectors.items() if spec.importer}
    if target not in importers:
        raise FixSettingsError(f"There is no importer {target!r}.", fix=f"Use --for {' or '.join(importers)}.")
    facts, importer = session.manifest.connectors[target], importers[target]
    named = [name for name, part in session.workspace.connections.items() if part.connector == target]
    return Importer(importer.address, named[0] if named else None, facts.fields, importer.tags, facts.group_prefix)


def _assigned(session: Session, segment: str | None) -> Table:
    people = shown_assignments(session) if segment is None else assigned_people(session)
    if not people.count().to_pyarrow().as_py():
        raise FixSettingsError("Nobody is assigned yet.", fix="Run `personasync pull` and `personasync assign`.")
    if segment is None:
        return people
    names = [entry.name for entry in session.workspace.segments]
    if segment not in names:
        raise FixSettingsError(
            f"There is no segment {segment!r}.", fix=f"segments.toml has: {', '.join(names) or 'none'}."
        )
    return people.filter(people.segment.isin(sorted(with_subsegments([segment], session.workspace.steps))))


def _values(session: Session, people: Table, importer: Importer | None) -> tuple[list[str], dict[tuple[str, str], str]]:
    """Names of fields, those for the assignment first where an importer has them, and what each person is shown."""
    connection = importer.connection if importer else None
    fields = {
        name: replace(setting, targets={connection or HERE: name})
        for name, setting in session.workspace.fields.items()
        if connection is None or connection in setting.targets
    }
    individual = individual_traits(session, assigned_at(session))
    consent, held = session.workspace.consent, privacy_checks.limits(session).held_back
    known = None if individual is None else Known(individual, consent.individual, consent.persona, held)
    personas = list(session.workspace.personas.values())
    owned = [OwnedField(connection or HERE, column.name, column.role) for column in importer.owned] if importer else []
    wanted = template_fields.values_wanted(people, personas, fields, owned, copies(session), known)
    rows = wanted.to_pyarrow().to_pylist() if fields or owned else []
    return [*(column.name for column in owned), *fields], {
        (row["person_id"], row["name"]): row["value"] for row in rows
    }


def _addresses(session: Session, importer: Importer | None) -> dict[str, str]:
    """An address of each person: one that the importer's platform has, else the first by the alphabet."""
    contacts = session.warehouse.current(CONTACTS.name)
    active = contacts.filter(contacts.state == "active", contacts.email.notnull())
    keyed = active.mutate(contact_key=active.connection.concat(":", active.platform_id))
    linked = keyed.inner_join(session.links(), "contact_key").select("person_id", "connection", "email")
    addresses: dict[str, tuple[bool, str]] = {}
    for row in linked.to_pyarrow().to_pylist():
        place = importer is None or row["connection"] != importer.connection, row["email"]
        addresses[row["person_id"]] = min(addresses.get(row["person_id"], place), place)
    return {person: email for person, (_, email) in addresses.items()}


def _consents(session: Session) -> dict[str, str]:
    rows = strictest_consents(session.warehouse.current(CONTACTS.name), session.links()).to_pyarrow().to_pylist()
    return {row["person_id"]: row["consent"] for row in rows}


def _kept_back(
    session: Session, who: str, addresses: Mapping[str, str], consent: Mapping[str, str] | None
) -> str | None:
    if who not in addresses:
        return NO_ADDRESS
    if consent is not None and consent.get(who, NO_CONSENT) not in session.workspace.consent.push:
        return NOT_MARKETABLE
    return None


def _assignment(session: Session, person: Mapping[str, Any]) -> list[Any]:
    persona = session.workspace.personas.get(person["persona"] or "")
    return [person["segment"], persona.name if persona else None, probability_one(person), person["reasons"]]


HEAD = ("email", "segment", "persona", "confidence", "reason", "consent")


def _columns(session: Session, names: Sequence[str], importer: Importer | None) -> tuple[str, ...]:
    if importer is None:
        return (*HEAD, *names)
    labels = {column.name: column.label for column in importer.owned}
    labels |= {name: setting.label for name, setting in session.workspace.fields.items()}
    return (importer.address, *(labels[name] for name in names), *([importer.tags] if importer.tags else []))


def _groups(session: Session, people: Table, importer: Importer | None) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    if importer is not None and importer.tags:
        wanted = memberships_wanted(session, people).order_by(["person_id", "group_name"])
        for row in wanted.to_pyarrow().to_pylist():
            groups.setdefault(row["person_id"], []).append(f"{importer.prefix}{row['group_name']}")
    return groups


def export_audience(session: Session, path: Path, *, segment: str) -> Exported:
    """Write the SHA-256 of every normalised address of a segment's people who gave their consent.

    Args:
        session: The open workspace.
        path: Of the file; its suffix says the format.
        segment: With those within it.

    Returns:
        How many addresses, and how many people were left out.

    Raises:
        FixSettingsError: There is no such segment, nobody was assigned yet, or the file can't be written.
    """
    check_target(path)
    people = set(_assigned(session, segment).person_id.to_pyarrow().to_pylist())
    consent = _consents(session)
    excluded = {who: why for who, why in excluded_persons(session, assigned_at(session)).items() if who in people}
    people -= excluded.keys()
    withheld, fed = session.withheld().advertising, session.workspace.purposes.rule("advertising").sources
    with_yes = {who for who in people if fed or consent.get(who) == MAY_BE_ADVERTISED_TO} - withheld
    contacts = session.warehouse.current(CONTACTS.name)
    active = contacts.filter(contacts.state == "active", contacts.email.notnull())
    keyed = active.mutate(contact_key=active.connection.concat(":", active.platform_id))
    linked = keyed.inner_join(session.links(), "contact_key").select("person_id", "email").to_pyarrow().to_pylist()
    addresses = {row["email"]: row["person_id"] for row in linked if row["person_id"] in with_yes}
    left_out = {
        **Counter(excluded.values()),
        NO_YES: len(people - with_yes),
        NO_ADDRESS: len(with_yes - set(addresses.values())),
    }
    rows = sorted([hashed(email)] for email in addresses)
    exported = Exported(path, len(rows), ("email",), {why: count for why, count in left_out.items() if count})
    exported.notes.append(
        "Only people whom [consent.advertising] allows, and who did not object, are in an audience for advertising."
        if fed
        else "Only people whose consent is subscribed, and who did not object, are in an audience for advertising."
    )
    session.control.erasures.note_file(path)  # first: a file that nobody knows of can't be cleaned
    write_rows(path, exported.columns, rows)
    return exported


def hashed(address: str) -> str:
    """Return the SHA-256 of a normalised address (lower case, trimmed), in hexadecimal, as ad platforms match it."""
    return hashlib.sha256(address.strip().lower().encode()).hexdigest()


def export_plan(session: Session, path: Path, *, plan: Path | None = None, target: str | None = None) -> Exported:
    """Write the changes of a saved plan: a row a change, or for an importer a row a contact.

    Args:
        session: The open workspace.
        path: Of the file; its suffix says the format.
        plan: Of the plan; None: the newest.
        target: A connector with an importer: only the fields of its connections, in the importer's columns.

    Returns:
        How many rows, and what an importer can't do.

    Raises:
        FixSettingsError: There is no plan, or the file can't be written.
    """
    check_target(path)
    saved = read_plan(plan or _newest(session))
    if target is not None:
        return _plan_for(session, path, saved.changes, importer_of(session, target), target)
    columns = ("connection", "email", "platform_id", "kind", "name", "before", "after")
    rows = [[getattr(change, name) for name in columns] for change in saved.changes]
    session.control.erasures.note_file(path)  # first: a file that nobody knows of can't be cleaned
    write_rows(path, columns, rows)
    return Exported(path, len(rows), columns)


def _newest(session: Session) -> Path:
    newest = session.control.plans.latest()
    if newest is None:
        raise FixSettingsError("There is no plan yet.", fix="Run `personasync plan` first.")
    return session.workspace.directory / newest.path


def _plan_for(session: Session, path: Path, changes: Sequence[Change], importer: Importer, target: str) -> Exported:
    mine = [
        entry
        for entry in changes
        if session.workspace.connections[entry.connection].connector == target and entry.email
    ]
    labels = dict(_labels(session, target))
    wanted = [name for name in labels if any(entry.kind == "field" and entry.name == name for entry in mine)]
    fields: dict[str, dict[str, str | None]] = {}
    tags: dict[str, list[str]] = {}
    unset = 0
    for change in mine:
        address = str(change.email)
        fields.setdefault(address, {})
        if change.kind == "field":
            fields[address][change.name] = change.after
            unset += change.after in {None, ""}
        elif change.after == MEMBER and importer.tags:
            tags.setdefault(address, []).append(f"{importer.prefix}{change.name}")
        else:
            unset += 1
    columns = (importer.address, *(labels[name] for name in wanted), *([importer.tags] if tags else []))
    rows = [
        [address, *(values.get(name) for name in wanted), *([", ".join(tags.get(address, ()))] if tags else [])]
        for address, values in sorted(fields.items())
    ]
    session.control.erasures.note_file(path)  # first: a file that nobody knows of can't be cleaned
    write_rows(path, columns, rows)
    exported = Exported(path, len(rows), columns)
    if unset:
        note = "values to clear, and lists and tags to leave or to join, are not in the file: no importer does that."
        exported.notes.append(f"{unset:,} {note} Use `personasync apply` for them.")
    return exported


def _labels(session: Session, target: str) -> Iterator[tuple[str, str]]:
    """The platform's name of each field that we own there, and its label, which importers match."""
    for column in session.manifest.connectors[target].fields:
        yield column.name, column.label
    for template in session.workspace.fields.values():
        for connection, name in template.targets.items():
            if session.workspace.connections[connection].connector == target:
                yield name, template.label
