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
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

OLDER = "before-upgrade"  # folder, beside the store, of stores as they were


class NewerStoreError(Exception):
    """The store stands at a step that this version does not have."""


def upgrade_store(engine: Engine) -> None:
    """Bring the tables up to date under a lock: of two processes that open at once one migrates, one waits.

    Raises:
        NewerStoreError: A newer personasync made the store.
    """
    config = _config()
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(722110)")
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise NewerStoreError from error
        connection.commit()


def keep_older(engine: Engine, file: Path) -> Path | None:
    """Keep a copy of an older store before its tables change.

    Args:
        engine: On the store.
        file: Of the store.

    Returns:
        The copy, ``before-upgrade/control-STEP.db`` beside the store; None where the store is new, or not older.

    Raises:
        NewerStoreError: A newer personasync made the store.
    """
    step = _step(engine)
    if step is None:
        return None
    if step not in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}:
        raise NewerStoreError
    copy = file.parent / OLDER / f"control-{step}.db"
    copy.parent.mkdir(exist_ok=True, mode=0o700)
    copy_store(file, copy)
    return copy


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


def _step(engine: Engine) -> str | None:
    """Where the store stands; None where it is new."""
    with engine.connect() as connection:
        try:
            return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().first()
        except DBAPIError:
            return None
