"""Clients that others wrote read the local platforms, unchanged, and must find what the world holds."""
