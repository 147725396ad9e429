"""Contacts, orders, events and survey answers from CSV, Excel or Parquet, for those who start without an API."""

from connectors.files.connector import Files, connect

__all__ = ["Files", "connect"]
