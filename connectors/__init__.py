"""The outside world in one vocabulary: platforms in, records out, changes back."""
