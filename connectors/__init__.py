"""Connectors: read records from platforms and files, push changes to platforms."""
