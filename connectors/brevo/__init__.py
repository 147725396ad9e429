"""Brevo connector (beta): pulls contacts, lists and results of campaigns; writes attributes and lists."""

from connectors.brevo.connector import connect

__all__ = ["connect"]
