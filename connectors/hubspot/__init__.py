"""HubSpot connector: pulls contacts, deals, marketing emails and events; pushes owned properties and lists."""

from connectors.hubspot.connector import connect

__all__ = ["connect"]
