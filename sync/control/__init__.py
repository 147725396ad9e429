"""The control store: runs, cursors, ledger, identities, webhook inbox (SQLite or PostgreSQL)."""
