"""Mailchimp: members, orders, campaigns and what recipients did in; owned merge fields and tags out."""

from connectors.mailchimp.connector import connect

__all__ = ["connect"]
