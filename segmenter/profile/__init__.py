"""Profiles of groups: distinctive traits, a typical member, credibility."""
