"""Segments ranked by value, and which of them to focus on."""
