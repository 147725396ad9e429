"""Open the control store, and bring its tables up to date."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import OperationalError

from connectors.errors import FixSettingsError
from sync.control.identities import Links
from sync.control.ledger import Ledger
from sync.control.plans import Plans
from sync.control.runs import Cursors, Runs

BUSY_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Control:
    """The control store, one small class per concern."""

    runs: Runs
    cursors: Cursors
    links: Links
    plans: Plans
    ledger: Ledger
    close: Callable[[], None]


def open_control(url: str, *, now: Callable[[], datetime]) -> Control:
    """Open the store at an SQLAlchemy URL, and bring its tables up to date under a lock.

    Raises:
        FixSettingsError: There is no store to be reached at *url*.
    """
    engine = _engine(url)
    try:
        _migrate(engine)
    except OperationalError as error:
        engine.dispose()
        shown = make_url(url).render_as_string(hide_password=True)
        raise FixSettingsError(
            f"The control store {shown} can't be opened: {error.orig}.", mend="Look at [workspace] state in personasync.toml."
        ) from error
    return Control(
        runs=Runs(engine, now),
        cursors=Cursors(engine, now),
        links=Links(engine),
        plans=Plans(engine, now),
        ledger=Ledger(engine, now),
        close=engine.dispose,
    )


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed)
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: object) -> None:
    del record
    for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {setting}")


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
