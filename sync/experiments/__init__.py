"""Experiments: create, and randomly assign people to variants."""
