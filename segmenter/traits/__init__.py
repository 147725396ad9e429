"""Traits: definitions, the built-in ones, and how they are computed from orders, e-mails and contacts."""
