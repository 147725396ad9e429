"""Erasure of people from everything that a workspace holds; totals stay, and so does a keyed hash."""
