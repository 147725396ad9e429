"""Personalization: template fields, personas, platform tags, escaping, and the checks on them."""
