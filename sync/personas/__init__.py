"""Persona drafts, profiles and versions."""
