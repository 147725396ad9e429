"""Ghost connector: pulls members and newsletter results; writes custom fields and labels."""

from connectors.ghost.connector import connect

__all__ = ["connect"]
