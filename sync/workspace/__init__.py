"""The workspace: its files as checked values; secrets, manifest, models, typing tools and proposals on disk."""
