"""The control store: open it and run migrations."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError

from connectors.errors import FixSettingsError, missing_extra, not_writable
from connectors.secret import SecretUrl, remember, url_without_secrets
from sync.control.damage import control_damaged, control_trouble
from sync.control.erasures import Erasures
from sync.control.future import FutureTimes
from sync.control.identities import Links
from sync.control.inbox import Inbox
from sync.control.leases import Leases
from sync.control.ledger import Ledger
from sync.control.notices import Notices
from sync.control.objections import Objections
from sync.control.opt_outs import OptOuts
from sync.control.personas import PersonaVersions
from sync.control.pins import Pins
from sync.control.plans import Plans
from sync.control.probed import ProbeStates
from sync.control.published import People
from sync.control.rows import BUSY_SECONDS, NEWEST_STEP
from sync.control.runs import Cursors, Runs
from sync.control.seal import Seal
from sync.control.service_decisions import ServiceDecisions
from sync.control.stamp import Stamp

LOOK = "Check [workspace] state in personasync.toml."


@dataclass(frozen=True, slots=True)
class Control:
    """The control store, one small class per concern."""

    runs: Runs
    cursors: Cursors
    links: Links
    plans: Plans
    ledger: Ledger
    inbox: Inbox
    leases: Leases
    people: People
    decisions: ServiceDecisions
    opt_outs: OptOuts
    objections: Objections
    personas: PersonaVersions
    future: FutureTimes
    pins: Pins
    probed: ProbeStates
    stamp: Stamp
    erasures: Erasures
    notices: Notices
    close: Callable[[], None]

    def knows_contacts(self) -> bool:
        """Tell whether the identity map has somebody."""
        return self.links.persons() > 0


def open_control(url: str, *, now: Callable[[], datetime]) -> Control:
    """Open the store at an SQLAlchemy URL, and bring its tables up to date under a lock.

    Args:
        url: Such as ``sqlite:///control.db`` or ``postgresql://...``; printed without its password.
        now: Clock, UTC.

    Returns:
        The open store; `Control.close` gives the connections back.

    Raises:
        FixSettingsError: There is no store to be reached at *url*, or its file is damaged.
    """
    remember(SecretUrl(url))
    engine, shown = _engine(url), url_without_secrets(url)
    file = _file(engine)
    seal = Seal(file) if file else None

    def close() -> None:
        engine.dispose()
        if seal is not None:
            seal.close()

    try:
        current = _is_current(engine) or _upgraded(engine, file)
    except (DBAPIError, sqlite3.Error) as error:
        close()
        raise _not_opened(error, shown, file) from error
    except BaseException:
        close()
        raise
    if not current:
        close()
        raise FixSettingsError(
            f"The control store {shown} was created by a newer version of personasync.",
            fix="Install that version.",
        )
    return _concerns(engine, now, close)


def _concerns(engine: Engine, now: Callable[[], datetime], close: Callable[[], None]) -> Control:
    return Control(
        runs=Runs(engine, now),
        cursors=Cursors(engine, now),
        links=Links(engine),
        plans=Plans(engine, now),
        ledger=Ledger(engine, now),
        inbox=Inbox(engine, now),
        leases=Leases(engine, now),
        people=People(engine, now),
        decisions=ServiceDecisions(engine),
        opt_outs=OptOuts(engine, now),
        objections=Objections(engine, now),
        personas=PersonaVersions(engine, now),
        future=FutureTimes(engine),
        pins=Pins(engine, now),
        probed=ProbeStates(engine, now),
        stamp=Stamp(engine, now),
        erasures=Erasures(engine, now),
        notices=Notices(engine, now),
        close=close,
    )


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed)
    except (ArgumentError, ValueError):  # both repeat the text, which may hold a password: neither is kept as the cause
        fix = f"{LOOK} In a password, write @ : / ? # and % as %40 %3A %2F %3F %23 and %25."
        raise FixSettingsError("The control store address is not a database URL.", fix=fix) from None
    except ImportError as error:
        unknown = FixSettingsError(
            f"The control store needs a missing driver: {error.name}.", fix=f"Install {error.name}."
        )
        raise missing_extra(error) or unknown from error
    if parsed.database and parsed.database != ":memory:":
        _writable(Path(parsed.database))
    engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _file(engine: Engine) -> Path | None:
    named = engine.url.database if engine.dialect.name == "sqlite" else None
    return Path(named) if named and named != ":memory:" else None


def _not_opened(error: Exception, shown: str, file: Path | None) -> Exception:
    if (known := control_trouble(error)) is not None:
        return known
    reason = error.orig if isinstance(error, DBAPIError) else error
    if (
        file is not None
        and isinstance(reason, sqlite3.DatabaseError)
        and not isinstance(reason, sqlite3.OperationalError)
    ):
        return control_damaged(str(reason))
    return FixSettingsError(f"The control store {shown} can't be opened: {reason}.", fix=LOOK)


def _writable(file: Path) -> None:
    """Make the folder of the store. SQLite tells of a folder that is read-only only when a run is noted."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(file.parent) from error
    for path in (file.parent, file):
        if path.exists() and not os.access(path, os.W_OK):
            raise not_writable(path)


def _prepare_sqlite(connection: DBAPIConnection, record: object) -> None:
    del record
    for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA {setting}")
        cursor.close()


def _is_current(engine: Engine) -> bool:
    """Whether the tables stand at the newest step: one statement, where Alembic needs longer than a small command."""
    try:
        with engine.connect() as connection:
            steps = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all()
    except DBAPIError:  # a new store; or none that can be reached, which the upgrade says
        return False
    return list(steps) == [NEWEST_STEP]


def _upgraded(engine: Engine, file: Path | None) -> bool:
    """Bring the tables up to date, and keep a copy of an older store; False where a newer personasync made it."""
    from sync.control.upgrade import NewerStoreError, upgrade_store  # noqa: PLC0415 - it loads Alembic

    try:
        upgrade_store(engine, file)
    except NewerStoreError:
        return False
    return True
