"""Email previews before sending."""
