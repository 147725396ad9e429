"""Alerts: what is wrong, told once and once at recovery by Apprise and signed webhooks; metrics as a text file."""
