"""BottleCRM connector: pulls contacts and deals; writes custom fields and tags of contacts."""

from connectors.bottlecrm.connector import connect

__all__ = ["connect"]
