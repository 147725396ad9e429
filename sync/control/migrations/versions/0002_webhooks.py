"""The webhook service: its inbox, its leases, what `assign` publishes for it, and what it hands back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "inbox_event",
        sa.Column("event_key", sa.String(400), primary_key=True),
        sa.Column("contact", sa.String(400), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("occurred_at", MOMENT, nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("settled_at", MOMENT),
        sa.Column("settled_by", sa.String(100)),
        sa.Column("answer", sa.JSON),
    )
    op.create_index("inbox_event_contact", "inbox_event", ["contact", "state"])
    op.create_index("inbox_event_settled", "inbox_event", ["settled_at"])
    op.create_table(
        "inbox_contact",
        sa.Column("contact", sa.String(400), primary_key=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("first_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("arrivals", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("owner", sa.String(100), nullable=False),
        sa.Column("lease_until", MOMENT),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("inbox_contact_due", "inbox_contact", ["state", "due_at"])
    op.create_table(
        "lease",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("holder", sa.String(100), nullable=False),
        sa.Column("until", MOMENT, nullable=False),
    )
    _create_people()
    op.create_index("ledger_contact", "ledger", ["connection", "platform_id"])


def _create_people() -> None:
    op.create_table(
        "published_person",
        sa.Column("person_id", sa.String(60), primary_key=True),
        sa.Column("base", sa.JSON, nullable=False),
        sa.Column("assignment", sa.JSON),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("as_of", MOMENT, nullable=False),
    )
    op.create_table(
        "seen_contact",
        sa.Column("contact_key", sa.String(400), primary_key=True),
        sa.Column("shown", sa.JSON, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("entry", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("person_id", sa.String(60), nullable=False),
        sa.Column("assignment", sa.JSON, nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("taken_at", MOMENT),
    )
    op.create_index("outbox_recorded", "outbox", ["recorded_at"])
