"""Mailchimp connector: pulls members, orders, campaigns and engagement; pushes owned merge fields and tags."""

from connectors.mailchimp.connector import connect

__all__ = ["connect"]
