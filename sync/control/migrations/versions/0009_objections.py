"""Objections (GDPR art. 21): who said that their data may not be used for profiling, tracking and advertising."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Create their table."""
    op.create_table(
        "objection",
        sa.Column("contact_key", sa.String(400), primary_key=True),
        sa.Column("source", sa.String(200), primary_key=True),
        sa.Column("said_by", sa.String(100), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
    )
