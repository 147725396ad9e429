"""Klaviyo connector (beta): pulls profiles, lists, orders and results of campaigns; writes properties and lists."""

from connectors.klaviyo.connector import connect

__all__ = ["connect"]
