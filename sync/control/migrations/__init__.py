"""Numbered steps that bring a control store up to date (Alembic)."""
