"""Evidence of what the webhook service decided."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Create its table."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "service_decision",
        sa.Column("entry", number, primary_key=True, autoincrement=True),
        sa.Column("person_id", sa.String(60), nullable=False),
        sa.Column("definitions", sa.String(32), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("assignment", sa.JSON(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("service_decision_person", "service_decision", ["person_id"])
