"""Contacts, orders and survey answers from CSV or Parquet files, for those who start without an API."""

from connectors.files.connector import Files, connect

__all__ = ["Files", "connect"]
