"""Bring the tables of a control store up to date, with Alembic."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Engine


class NewerStoreError(Exception):
    """The store stands at a step that this version does not have."""


def upgrade_store(engine: Engine) -> None:
    """Bring the tables up to date under a lock: of two processes that open at once one migrates, one waits.

    Raises:
        NewerStoreError: A newer personasync made the store.
    """
    config = Config()
    config.set_main_option("script_location", "sync.control:migrations")
    config.set_main_option("path_separator", "os")
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
