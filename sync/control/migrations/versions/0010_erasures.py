"""Erased people, by keyed hashes; erasures in progress; files that commands wrote; links that were replaced."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Create their tables."""
    op.create_table(
        "erased",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("erasure", sa.String(40), nullable=False, index=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shown", sa.String(20), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "erasure_job",
        sa.Column("job", sa.String(40), primary_key=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("work", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
    )
    op.create_table(
        "written_file",
        sa.Column("path", sa.String(1000), primary_key=True),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "link_past",
        sa.Column("contact_key", sa.String(400), primary_key=True),
        sa.Column("until_number", sa.Integer(), primary_key=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.String(60), nullable=False, index=True),
    )
