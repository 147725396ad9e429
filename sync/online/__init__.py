"""Handoff between the batch run and the webhook service."""
