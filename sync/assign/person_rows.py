"""What the warehouse says of one person: assignment, contacts, traits. By kept statements, or by Ibis."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol

from connectors import records
from connectors.errors import TryLaterError
from connectors.records import ASSIGNMENTS, CONTACTS
from segmenter.late_ibis import ibis
from segmenter.privacy.purposes import ConsentPurpose, PurposeStanding
from sync.consent.purposes import person_standings, standings_of_contacts
from sync.session import Looked, Session, open_session
from sync.traits import aggregates, compute, one_person
from sync.traits.compute import made_by, measured
from sync.traits.one_person import PersonTraits, mark_of, trait_statements
from sync.warehouse import latest_rows, statements, time_zones
from sync.warehouse.statements import (
    ANY_PERSON,
    StatementRunner,
    compiled,
    keep_statements,
    kept_statements,
    made_with,
    open_to_read,
    runner_of,
)
from sync.workspace.consent_rules import ConsentRules

if TYPE_CHECKING:
    from ibis import Table

    from sync.warehouse.store import Warehouse

ASSIGNMENT, OF_CONTACTS, KEYS_GIVEN = "assignment", "contacts", "given_keys"
CODE = (records, statements, time_zones, latest_rows, aggregates, compute, one_person)


class PersonRows(Protocol):
    """What the warehouse says of one person."""

    def assignment(self, person_id: str) -> Mapping[str, Any] | None:
        """Return the assignment in force; None where there is none yet."""

    def contacts(self, keys: Sequence[str]) -> list[dict[str, Any]]:
        """Return the contacts of some keys: connection, platform_id, email, state, consent."""

    def traits(self, person_id: str, as_of: datetime) -> Mapping[str, Any]:
        """Return the traits as of a moment (UTC); empty without an active contact."""

    def standings(self, person_id: str, keys: Sequence[str]) -> Mapping[ConsentPurpose, PurposeStanding]:
        """Return what the person's data may be used for, by purpose."""


@dataclass(frozen=True, slots=True)
class SessionRows:
    """By Ibis, on any engine."""

    session: Session

    def assignment(self, person_id: str) -> Mapping[str, Any] | None:
        """Return the assignment in force; None where there is none yet."""
        rows = _assignment(self.session.warehouse, person_id).to_pyarrow().to_pylist()
        return dict(rows[0]) if rows else None

    def contacts(self, keys: Sequence[str]) -> list[dict[str, Any]]:
        """Return the contacts of some keys: connection, platform_id, email, state, consent."""
        given = ibis.memtable([{"key": key} for key in keys], schema={"key": "string"})
        contacts: list[dict[str, Any]] = _contacts(self.session.warehouse, given).to_pyarrow().to_pylist()
        return contacts

    def traits(self, person_id: str, as_of: datetime) -> Mapping[str, Any]:
        """Return the traits as of a moment (UTC); empty without an active contact."""
        people = measured(self.session, as_of)
        known: list[dict[str, Any]] = people.filter(people.person_id == person_id).to_pyarrow().to_pylist()
        return known[0] if known else {}

    def standings(self, person_id: str, keys: Sequence[str]) -> Mapping[ConsentPurpose, PurposeStanding]:
        """Return what the person's data may be used for, by purpose."""
        del keys
        session = self.session
        return person_standings(session.warehouse, session.control, session.workspace.purposes, person_id)


@dataclass(frozen=True, slots=True)
class StatementRows:
    """By statements that were compiled before, on the embedded engine."""

    runner: StatementRunner
    statements: Mapping[str, str]
    person_traits: PersonTraits
    purposes: ConsentRules

    def assignment(self, person_id: str) -> Mapping[str, Any] | None:
        """Return the assignment in force; None where there is none yet."""
        rows = self.runner.rows(self.statements[ASSIGNMENT], person=person_id)
        return rows[0] if rows else None

    def contacts(self, keys: Sequence[str]) -> list[dict[str, Any]]:
        """Return the contacts of some keys: connection, platform_id, email, state, consent."""
        self.runner.give(KEYS_GIVEN, {"key": list(keys)}, {"key": one_person.TEXT})
        return self.runner.rows(self.statements[OF_CONTACTS])

    def traits(self, person_id: str, as_of: datetime) -> Mapping[str, Any]:
        """Return the traits as of a moment (UTC); empty without an active contact."""
        return self.person_traits.traits(person_id, as_of)

    def standings(self, person_id: str, keys: Sequence[str]) -> Mapping[ConsentPurpose, PurposeStanding]:
        """Return what the person's data may be used for, by purpose: without sources and objections, by status."""
        del person_id
        return standings_of_contacts(self.purposes, self.contacts(keys))


def rows_of_session(session: Session) -> PersonRows:
    """Return what the warehouse of an open session says of one person: for who asks about many, one after another.

    Args:
        session: The open workspace. Compiled statements are kept while it only reads (`Warehouse.reading`).

    Returns:
        By statements where they say all, else by Ibis.
    """
    warehouse, workspace = session.warehouse, session.workspace
    whole = not workspace.purposes.sources and session.control.objections.newest() is None
    if not (warehouse.embedded and whole and warehouse.read_once.keeps):
        return SessionRows(session)

    def prepared() -> StatementRows:
        runner = runner_of(warehouse)
        mark = mark_of(runner)
        digest = _digest(session, mark.made_by if mark else None)
        # those that name tables of this session are not for others: they are not written to disk
        kept = kept_statements(workspace.state_dir, digest) or _compiled(session)
        known = PersonTraits(runner, kept, session.control.links, workspace.catalogue, workspace.time_zone)
        return StatementRows(runner, kept, known, workspace.purposes)

    rows = warehouse.read_once.get(("person rows",), prepared)
    return replace(rows, person_traits=replace(rows.person_traits, links=session.control.links))


def _assignment(warehouse: Warehouse, person_id: str) -> Table:
    table = warehouse.current(ASSIGNMENTS.name)
    return table.filter(table.person_id == person_id)


def _contacts(warehouse: Warehouse, keys: Table) -> Table:
    table = warehouse.about(CONTACTS.name, keys.rename(contact_key="key"))
    rows = table.select("connection", "platform_id", "email", "state", "consent")
    return rows.order_by("connection", "platform_id")


@contextmanager
def open_person_rows(
    stores: Looked, *, now: Callable[[], datetime], environment: Mapping[str, str]
) -> Iterator[PersonRows]:
    """Open the warehouse for questions about one person, after what the webhook service decided was taken in.

    On the embedded engine the statements are compiled the first time, and again when traits, code or engine changed.

    Args:
        stores: The open workspace.
        now: The clock.
        environment: As for `open_session`.

    Raises:
        FixSettingsError: The warehouse can't be opened.
        TryLaterError: Another process holds it and it can't be copied, or changed it meanwhile.
    """
    workspace = stores.workspace
    # statements are compiled once, and know nothing of whose rows consent withholds today
    whole = not workspace.purposes.sources and stores.control.objections.newest() is None
    embedded = workspace.engine.reveal() == "duckdb" and whole
    if embedded and not stores.control.people.waiting(1):
        with _by_statements(stores) as rows:
            if rows is not None:
                yield rows
                return
    with open_session(workspace.directory, now=now, environment=environment, reading=True) as session:
        from sync.online.handoff import import_service_results  # noqa: PLC0415 - only here is something written

        import_service_results(session)
        if not embedded or session.copied:
            yield SessionRows(session)
            return
        _keep(session)
    with _by_statements(stores) as rows:
        if rows is None:
            raise TryLaterError("Another personasync command changed this workspace meanwhile.", fix="Try again.")
        yield rows


@contextmanager
def _by_statements(stores: Looked) -> Iterator[StatementRows | None]:
    """Rows by the statements that are kept; None where they are of something else."""
    workspace, links = stores.workspace, stores.control.links
    with open_to_read(workspace.state_dir) as runner:
        if runner is None:
            yield None
            return
        mark = mark_of(runner)
        kept = kept_statements(workspace.state_dir, _digest(stores, mark.made_by if mark else None))
        known = PersonTraits(runner, kept, links, workspace.catalogue, workspace.time_zone)
        yield StatementRows(runner, kept, known, workspace.purposes) if kept else None


def _keep(session: Session) -> None:
    mark = aggregates.KeptAggregates(session.warehouse).mark()
    made = _compiled(session)
    keep_statements(session.workspace.state_dir, _digest(session, mark.made_by if mark else None), made)


def _compiled(session: Session) -> dict[str, str]:
    mark = aggregates.KeptAggregates(session.warehouse).mark()
    catalogue = session.workspace.catalogue
    of_kept = mark is not None and mark.made_by == made_by(catalogue, session.workspace.time_zone)
    given = ibis.table({"key": "string"}, name=KEYS_GIVEN)
    return {
        ASSIGNMENT: compiled(session.warehouse, _assignment(session.warehouse, ANY_PERSON)),
        OF_CONTACTS: compiled(session.warehouse, _contacts(session.warehouse, given)),
        **trait_statements(session.warehouse, catalogue, of_kept=of_kept),
    }


def _digest(stores: Looked, kept_by: str | None) -> str:
    """Of all that the statements are made from: definitions, code, engine, and whether kept aggregates are of them."""
    workspace = stores.workspace
    made = made_by(workspace.catalogue, workspace.time_zone)
    code = [inspect.getsource(module) for module in (*CODE, _assignment, _contacts)]
    parts = [version("personasync"), *made_with(), made, str(kept_by == made), *code]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
