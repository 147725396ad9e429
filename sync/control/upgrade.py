"""Bring the tables of a control store up to date, with Alembic."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

OLDER = "before-upgrade"  # folder, beside the store, of stores as they were


class NewerStoreError(Exception):
    """The store stands at a step that this version does not have."""


def upgrade_store(engine: Engine, file: Path | None) -> None:
    """Bring the tables up to date, and keep an older store as it was in ``before-upgrade/control-STEP.db`` beside it.

    Both happen under one lock: of the processes that open a store at once, one copies and migrates, the others wait.

    Args:
        engine: On the store.
        file: Of the store; None on a server, whose copies are its administrator's.

    Raises:
        NewerStoreError: A newer personasync made the store.
        sqlite3.Error: There is no room for the copy.
    """
    config = _config()
    with engine.connect() as connection:
        if file is not None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            _keep_older(connection, file, ScriptDirectory.from_config(config))
        else:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(722110)")
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise NewerStoreError from error
        connection.commit()


def _keep_older(connection: Connection, file: Path, steps: ScriptDirectory) -> None:
    step = _step(connection)
    if step is None or step == steps.get_current_head():
        return
    if step not in {script.revision for script in steps.walk_revisions()}:
        raise NewerStoreError
    copy = file.parent / OLDER / f"control-{step}.db"
    copy.parent.mkdir(exist_ok=True, mode=0o700)
    copy_store(file, copy)


def copy_store(file: Path, copy: Path) -> None:
    """Copy a store as its last commit left it, while others write to it. The copy is whole, or it is not there.

    Raises:
        sqlite3.Error: The store can't be read, or there is no room.
    """
    unfinished = copy.with_name(copy.name + ".part")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(unfinished)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it
        unfinished.replace(copy)
    finally:
        unfinished.unlink(missing_ok=True)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "sync.control:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _step(connection: Connection) -> str | None:
    """Where the store stands; None where it is new."""
    try:
        return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().first()
    except DBAPIError:
        return None
