"""Refusals that the webhook service saw."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create their table."""
    op.create_table(
        "opt_out",
        sa.Column("contact_key", sa.String(400), primary_key=True),
        sa.Column("consent", sa.String(20), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
    )
