"""The control store: open it and run migrations."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError

from connectors.errors import FixSettingsError
from connectors.secret import SecretUrl, remember, url_without_secrets
from sync.control.identities import Links
from sync.control.inbox import Inbox
from sync.control.leases import Leases
from sync.control.ledger import Ledger
from sync.control.opt_outs import OptOuts
from sync.control.personas import PersonaVersions
from sync.control.plans import Plans
from sync.control.published import People
from sync.control.runs import Cursors, Runs

BUSY_SECONDS = 30
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
    opt_outs: OptOuts
    personas: PersonaVersions
    close: Callable[[], None]


def open_control(url: str, *, now: Callable[[], datetime]) -> Control:
    """Open the store at an SQLAlchemy URL, and bring its tables up to date under a lock.

    Raises:
        FixSettingsError: There is no store to be reached at *url*.
    """
    remember(SecretUrl(url))
    engine, shown = _engine(url), url_without_secrets(url)
    try:
        _migrate(engine)
    except (DBAPIError, sqlite3.Error) as error:
        engine.dispose()
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise FixSettingsError(f"The control store {shown} can't be opened: {reason}.", mend=LOOK) from error
    except CommandError as error:  # it stands at a step that this version does not have
        engine.dispose()
        raise FixSettingsError(
            f"The control store {shown} was created by a newer version of personasync.",
            mend="Install that version.",
        ) from error
    return Control(
        runs=Runs(engine, now),
        cursors=Cursors(engine, now),
        links=Links(engine),
        plans=Plans(engine, now),
        ledger=Ledger(engine, now),
        inbox=Inbox(engine, now),
        leases=Leases(engine, now),
        people=People(engine, now),
        opt_outs=OptOuts(engine, now),
        personas=PersonaVersions(engine, now),
        close=engine.dispose,
    )


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed)
    except (ArgumentError, ValueError):  # both repeat the text, which may hold a password: neither is kept as the cause
        mend = f"{LOOK} In a password, write @ : / ? # and % as %40 %3A %2F %3F %23 and %25."
        raise FixSettingsError("The control store address is not a database URL.", mend=mend) from None
    except ImportError as error:
        raise FixSettingsError(
            f"The control store needs a missing driver: {error.name}.", mend=f"Install {error.name}."
        ) from error
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, record: object) -> None:
    del record
    for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA {setting}")
        cursor.close()


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", "sync.control:migrations")
    config.set_main_option("path_separator", "os")
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # two processes that open at once: one migrates, one waits
        else:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(722110)")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
