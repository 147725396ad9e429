"""The command line: `personasync COMMAND`. One module per group of commands; this one starts them and ends in a status."""

from sync.cli.main import app, main

__all__ = ["app", "main"]
