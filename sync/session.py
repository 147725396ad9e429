"""Everything that a step works with, opened once and closed in the right order."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from connectors.connector import Connector
from connectors.errors import FixSettingsError, TryLaterError
from connectors.installed import find_connector
from connectors.processes import is_alive
from connectors.secret import hide
from sync.consent.erased_people import hidden_contacts
from sync.control.damage import control_lost, stores_unlike
from sync.control.person_ids import new_person_id
from sync.control.reading import ReadableControl, ReadControl, open_read_control
from sync.warehouse.damage import FILE, warehouse_lost
from sync.workspace.manifest import Manifest, load_manifest
from sync.workspace.run_manifest import run_manifest
from sync.workspace.settings import Workspace, load_workspace

if TYPE_CHECKING:
    from ibis import Table

    from sync.consent.purposes import Withheld
    from sync.control.store import Control
    from sync.warehouse.store import Warehouse
    from sync.warehouse.withheld import WithheldRows

Progress = Callable[[str, int, int | None], None]
"""Told the name of what is being read or written, how much is done, and of how much."""


def no_progress(name: str, done: int, total: int | None) -> None:
    """Show nothing.

    Args:
        name: What is being read or written.
        done: Rows so far.
        total: Rows to come in all; None: unknown.
    """


class ConfiguredWorkspace(Protocol):
    """What decides: the workspace's segments, personas and fields, and what the plugin declares."""

    workspace: Workspace
    manifest: Manifest


class Recording(Protocol):
    """Where runs and changes are recorded."""

    control: Control


class Looked(Protocol):
    """What is looked at without the warehouse: definitions, and what was done."""

    @property
    def workspace(self) -> Workspace:
        """The checked files."""

    @property
    def control(self) -> ReadableControl:
        """Where runs and changes are recorded."""


@dataclass(slots=True)
class ReadStores:
    """A workspace with its control store open to read."""

    workspace: Workspace
    control: ReadableControl


@dataclass(slots=True)
class Stores:
    """A workspace with its control store open, for what only looks at what was done: the warehouse stays closed."""

    workspace: Workspace
    control: Control


@dataclass(slots=True)
class Session:
    """A workspace with its stores open, and its platforms a call away.

    Attributes:
        now: The wall clock, UTC.
        environment: Where ``env:NAME`` secrets are looked up.
        opened: Connectors by connection.
        new_person_id: Makes a person id that nobody has.
        links_read: The links as `links` read them, and the number of the writing before.
        copied: Whether the warehouse is a copy, since another process holds it: what is written to it is lost.
        withheld_read: What `withheld` read, and what it had stood on.
    """

    workspace: Workspace
    manifest: Manifest
    control: Control
    warehouse: Warehouse
    now: Callable[[], datetime]
    environment: Mapping[str, str]
    opened: dict[str, Connector] = field(default_factory=dict)
    new_person_id: Callable[[], str] = new_person_id
    links_read: tuple[int, Table] | None = None
    copied: bool = False
    withheld_read: tuple[tuple[Any, ...], Withheld, WithheldRows | None] | None = None

    def __post_init__(self) -> None:
        self.warehouse.withheld = self.withheld_rows

    def withheld(self) -> Withheld:
        """Return whose data may not be used, by purpose, as it is now (`sync.consent.purposes`)."""
        return self._withheld()[0]

    def withheld_rows(self) -> WithheldRows | None:
        """Return whose rows the warehouse withholds; None: nobody's."""
        return self._withheld()[1]

    def _withheld(self) -> tuple[Withheld, WithheldRows | None]:
        """Look again only after a writing of rows, of links or of objections."""
        # the libraries of tables load slowly: who only looks at runs needs none
        from sync.consent.purposes import NOBODY, rows_withheld, withheld_people  # noqa: PLC0415

        rules, objections = self.workspace.purposes, self.control.objections.newest()
        if not rules.sources and objections is None:
            return NOBODY, None
        known = (rules, objections, self.control.links.newest(), self.warehouse.last_sequence())
        if self.withheld_read is None or self.withheld_read[0] != known:
            people = withheld_people(self.warehouse, self.control, rules)
            self.withheld_read = known, people, rows_withheld(people, self.control)
        return self.withheld_read[1:]

    def links(self) -> Table:
        """Return whose contact is whose, as a table of the warehouse: ``contact_key``, ``person_id``.

        It is read again only after a writing of links.
        """
        number = self.control.links.newest()  # first: what is written meanwhile is read the next time
        if self.links_read is None or self.links_read[0] != number:
            self.links_read = number, self.warehouse.memtable(self.control.links.load())
        read = self.links_read[1]
        return self.warehouse.read_once.get(("links", number), lambda: read)

    def reload(self) -> None:
        """Read the workspace's files again; connectors are opened anew, since they were told of the old ones.

        Raises:
            FixSettingsError: A file is wrong now.
        """
        self.workspace = load_workspace(self.workspace.directory)
        for connector in self.opened.values():
            connector.close()
        self.opened.clear()

    def connector(self, name: str) -> Connector:
        """Return the connector of connection *name*, opened on first use.

        Returns:
            The same object each time.

        Raises:
            FixSettingsError: The connection is unknown, or its secret is missing.
        """
        if name not in self.opened:
            connection = self.workspace.connection(name, self.manifest, self.environment)
            connection = replace(
                connection,
                groups=(*connection.groups, *self.undefined_groups(name)),
                hidden=partial(hidden_contacts, self.control, self.workspace.state_dir, name),
            )
            self.opened[name] = find_connector(self.workspace.connections[name].connector)(connection)
        return self.opened[name]

    def undefined_groups(self, name: str) -> tuple[str, ...]:
        """Return the groups of a connection that were ours, and that no definition names any more.

        Who is in them is read still, so that the next plan empties them.
        """
        return self.control.ledger.undefined(name, "group", self.workspace.groups)

    def connectors(self, only: str | None = None) -> list[Connector]:
        """Return every connector of the workspace, or the one named *only*: a connection, or its kind of platform.

        Returns:
            In the order of personasync.toml.

        Raises:
            FixSettingsError: There is no connection *only*.
        """
        connections = self.workspace.connections
        named = [name for name, part in connections.items() if only in {None, name, part.connector}]
        if only in connections:
            named = [name for name in named if name == only]
        if not named and only is not None:
            known = ", ".join(connections) or "none"
            raise FixSettingsError(f"There is no connection {only!r}.", fix=f"personasync.toml has: {known}.")
        return [self.connector(name) for name in named]

    def budget(self, name: str) -> str:
        """Return how much of its account's limit a connection uses; *name* begins with the connection's."""
        return self.opened[key].traffic.budget if (key := name.split(" ", 1)[0]) in self.opened else ""

    def requests(self) -> dict[str, dict[str, int]]:
        """Return the requests sent so far, by connection and endpoint.

        Returns:
            Connections that were not opened are left out.
        """
        return {name: dict(connector.traffic.requests) for name, connector in self.opened.items()}


@dataclass(slots=True)
class RecordedRun:
    """One command while it runs; what it sets here is kept when it ends."""

    run_id: str
    counts: dict[str, Any] = field(default_factory=dict)
    state: str = "done"


@contextmanager
def recorded(session: Session, command: str) -> Iterator[RecordedRun]:
    """Note in the control store that *command* runs, and how it ended: "failed" where it raised.

    Args:
        session: The open workspace.
        command: As the history shows it.

    Yields:
        The run; what is put into its ``counts`` is kept.
    """
    session.control.runs.fail_killed(is_alive)
    run = RecordedRun(session.control.runs.begin(command))
    run.counts["manifest"] = run_manifest(session.workspace.directory, session.workspace.state_dir)
    started = time.monotonic()
    before = {name: connector.traffic.writes for name, connector in session.opened.items()}
    sent = session.requests()
    try:
        yield run
    except BaseException as error:
        session.control.runs.finish(run.run_id, "failed", {**run.counts, "error": hide(str(error))})
        raise
    endpoints = {
        name: {end: new for end, count in counts.items() if (new := count - sent.get(name, {}).get(end, 0))}
        for name, counts in session.requests().items()
    }
    run.counts["endpoints"] = endpoints
    run.counts["requests"] = {name: sum(counts.values()) for name, counts in endpoints.items()}
    run.counts["seconds"] = round(time.monotonic() - started, 2)
    run.counts["writes"] = sum(each.traffic.writes - before.get(name, 0) for name, each in session.opened.items())
    session.control.runs.finish(run.run_id, run.state, run.counts)


@contextmanager
def open_stores(directory: Path, *, now: Callable[[], datetime]) -> Iterator[Stores]:
    """Open the control store of the workspace in *directory*; another command may hold the warehouse meanwhile.

    Args:
        directory: The workspace's folder.
        now: Clock, UTC.

    Yields:
        The checked files and the open control store.

    Raises:
        FixSettingsError: A file of the workspace is missing or wrong.
    """
    from sync.control.store import open_control  # noqa: PLC0415 - it loads SQLAlchemy

    workspace = load_workspace(directory)
    control = open_control(workspace.state_url.reveal(), now=now)
    try:
        refuse_lost_control(workspace, control)
        yield Stores(workspace, control)
    finally:
        control.close()


@contextmanager
def open_read_stores(directory: Path, *, now: Callable[[], datetime]) -> Iterator[ReadStores]:
    """Open what `open_stores` opens, to read only."""
    workspace = load_workspace(directory)
    control = open_read_control(workspace.state_url.reveal(), now=now)
    try:
        if not isinstance(control, ReadControl):
            refuse_lost_control(workspace, control)
        yield ReadStores(workspace, control)
    finally:
        control.close()


@contextmanager
def open_session(
    directory: Path,
    *,
    now: Callable[[], datetime],
    environment: Mapping[str, str],
    reading: bool = False,
    healing: Collection[str] = (),
) -> Iterator[Session]:
    """Open the workspace in *directory*, and close all of it when the block ends.

    Args:
        directory: The workspace's folder.
        now: Clock, UTC.
        environment: Environment variables, for secrets.
        reading: Whether a copy of the warehouse will do while another process holds it; what is written to it is lost.
        healing: Stores that may be lost, since the block makes them again: "warehouse", "control".

    Yields:
        The open workspace; connectors are opened on first use.

    Raises:
        FixSettingsError: A file of the workspace is missing or wrong; a store is lost, damaged or of another workspace.
        TryLaterError: Another process holds the warehouse.
    """
    from sync.control.store import open_control  # noqa: PLC0415 - it loads SQLAlchemy

    workspace = load_workspace(directory)
    control = open_control(workspace.state_url.reveal(), now=now)
    try:
        if control.stamp.is_blank() and not control.stamp.get() and not (workspace.state_dir / FILE).exists():
            control.stamp.set(secrets.token_hex(8))  # first: a kill before the warehouse is there looks like no loss
        with _opened(workspace, reading=reading) as (warehouse, copied):
            if not copied:  # a copy may be of a moment ago
                _refuse_lost(control, warehouse, healing)
            session = Session(workspace, load_manifest(), control, warehouse, now, environment, copied=copied)
            try:
                yield session
            finally:
                for connector in session.opened.values():
                    connector.close()
                if session.warehouse is not warehouse:  # an erasure wrote the file anew
                    session.warehouse.close()
    finally:
        control.close()


def refuse_lost_control(workspace: Workspace, control: Control) -> None:
    """Refuse a new control store beside a warehouse that is there, for who does not open the warehouse.

    Raises:
        FixSettingsError: It is one.
    """
    if not control.stamp.get() and (workspace.state_dir / FILE).exists() and control.stamp.is_blank():
        raise control_lost()


def _refuse_lost(control: Control, warehouse: Warehouse, healing: Collection[str]) -> None:
    """See that both stores are of one workspace; give those an id that have none yet.

    A new control store beside people who are known would give everybody a new id, count them twice and deal them into
    experiments anew.
    """
    ours, theirs, followed = control.stamp.get(), warehouse.stamp.get(), control.stamp.followed()
    stored = warehouse.last_sequence()  # after what was followed: both may grow meanwhile
    empty = stored == 0
    if ours is None and "control" not in healing and (theirs or (control.stamp.is_blank() and not empty)):
        raise control_lost()
    if ours and theirs and ours != theirs and "control" not in healing:
        raise stores_unlike()
    if "warehouse" not in healing and (stored < followed or (empty and control.knows_contacts())):
        raise warehouse_lost()
    if ours != theirs or ours is None:
        agreed = theirs or ours or secrets.token_hex(8)
        if theirs is None:
            warehouse.stamp.set(agreed)
            agreed = warehouse.stamp.get() or agreed  # another process may have been first
        if ours != agreed:
            control.stamp.set(agreed)


@contextmanager
def _opened(workspace: Workspace, *, reading: bool) -> Iterator[tuple[Warehouse, bool]]:
    """The warehouse, and whether it is a copy."""
    from sync.warehouse.copies import open_copy  # noqa: PLC0415 - who only looks at runs needs no engine
    from sync.warehouse.opening import open_warehouse  # noqa: PLC0415

    try:
        warehouse = open_warehouse(workspace.engine.reveal(), workspace.state_dir)
    except TryLaterError:
        if not reading:
            raise
        with open_copy(workspace.state_dir) as copy:
            yield copy, True
        return
    try:
        yield warehouse, False
    finally:
        warehouse.close()
