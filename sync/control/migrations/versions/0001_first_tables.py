"""Runs, cursors, the identity map, plans and the ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "run",
        sa.Column("run_id", sa.String(40), primary_key=True),
        sa.Column("command", sa.String(200), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
        sa.Column("counts", sa.JSON, nullable=False),
    )
    op.create_index("ix_run_command", "run", ["command"])
    op.create_table(
        "cursor",
        sa.Column("connection", sa.String(100), primary_key=True),
        sa.Column("stream", sa.String(100), primary_key=True),
        sa.Column("position", sa.JSON, nullable=False),
        sa.Column("moved_at", MOMENT, nullable=False),
        sa.Column("run_id", sa.String(40), nullable=False),
    )
    op.create_table(
        "link",
        sa.Column("contact_key", sa.String(400), primary_key=True),
        sa.Column("person_id", sa.String(60), nullable=False),
        sa.Column("run_id", sa.String(40), nullable=False),
    )
    op.create_index("ix_link_person_id", "link", ["person_id"])
    op.create_table(
        "merged_person",
        sa.Column("person_id", sa.String(60), primary_key=True),
        sa.Column("into_person_id", sa.String(60), nullable=False),
        sa.Column("run_id", sa.String(40), nullable=False),
    )
    op.create_table(
        "plan",
        sa.Column("plan_id", sa.String(60), primary_key=True),
        sa.Column("run_id", sa.String(40), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("changes", sa.Integer, nullable=False),
        sa.Column("summary", sa.JSON, nullable=False),
    )
    _create_ledger()


def _create_ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("entry", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("run_id", sa.String(40), nullable=False),
        sa.Column("connection", sa.String(100), nullable=False),
        sa.Column("platform_id", sa.String(200), nullable=False),
        sa.Column("person_id", sa.String(60), nullable=False),
        sa.Column("email", sa.String(320)),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("code", sa.String(100), nullable=False),
        sa.Column("intended_at", MOMENT, nullable=False),
        sa.Column("settled_at", MOMENT),
    )
    op.create_index("ledger_change", "ledger", ["run_id", "connection", "platform_id", "kind", "name"], unique=True)
    op.create_index("ledger_state", "ledger", ["state"])
    op.create_index("ledger_group", "ledger", ["connection", "kind", "name", "platform_id"])
