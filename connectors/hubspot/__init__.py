"""HubSpot: contacts, deals, marketing e-mails and their events in; owned properties and lists out."""

from connectors.hubspot.connector import connect

__all__ = ["connect"]
