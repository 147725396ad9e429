"""Kills commands before any write, sync, connect or send, breaks the disk under them, and looks at what is left."""
