"""The command line: `personasync COMMAND`. One module per group of commands, one that ends in a status."""

from sync.cli.main import main
from sync.cli.options import app

__all__ = ["app", "main"]
