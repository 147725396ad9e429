"""Changes that we skip are called skipped, and contacts that failed too often dead letters."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Rename the states."""
    op.execute("UPDATE ledger SET state = 'skipped' WHERE state = 'parked'")
    op.execute("UPDATE inbox_contact SET state = 'dead_letter' WHERE state = 'parked'")
