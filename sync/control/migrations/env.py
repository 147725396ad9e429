"""What Alembic runs: the connection is given by `sync.control.store`, there is no alembic.ini."""

from __future__ import annotations

from alembic import context

from sync.control.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
