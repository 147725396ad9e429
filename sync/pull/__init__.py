"""Read what changed on the platforms, and follow who is who."""
