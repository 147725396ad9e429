"""Links are numbered by the writing that made them, so that only those are read that changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Number those that there are from 0."""
    op.add_column("link", sa.Column("number", sa.Integer, nullable=False, server_default="0"))
    op.create_index("ix_link_number", "link", ["number"])
    op.create_table(
        "link_writing",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("dropped", sa.Integer, nullable=False),
    )
