"""Mails as contacts will see them, before they are sent."""
