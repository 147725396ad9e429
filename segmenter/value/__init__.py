"""Customer lifetime value, and segment value."""
