"""The root of the command line: it knows all commands by name, and imports the module of the one that is called."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command_from_info, get_command_name, get_group_from_info

from sync.cli.advice import advise
from sync.cli.commands import ENTRIES, HELP_GROUPS
from sync.cli.layout import cells, wrap
from sync.cli.options import app
from sync.cli.where import GIVEN, workspace_option

WIDEST = 100  # longer lines are hard to read
TERM = 30  # what stands before an explanation, where it is not longer
LEAST_TEXT = 30  # less room for explanations: they go below what they explain

if TYPE_CHECKING:
    from typer._click.formatting import HelpFormatter
else:
    HelpFormatter = typer.Context.formatter_class


class Interrupted(Exception):  # noqa: N818 - it says what happened
    """Ctrl-C ended a command. Typer would turn KeyboardInterrupt into a silent exit."""


class Formatter(HelpFormatter):
    """Help at the width of the terminal; a narrow one gets explanations below what they explain."""

    def __init__(self, width: int | None = None, max_width: int | None = None) -> None:
        super().__init__(width=width or min(shutil.get_terminal_size().columns, max_width or WIDEST))

    def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = TERM, col_spacing: int = 2) -> None:
        """Write terms and their explanations."""
        margin = self.current_indent
        column = min(max((cells(term) for term, _ in rows), default=0), col_max) + col_spacing
        below = self.width - margin - column < LEAST_TEXT
        start = margin + (4 if below else column)
        for term, explanation in rows:
            lines = wrap(" ".join(explanation.split()), self.width - start) if explanation else []
            beside = lines.pop(0) if lines and not below and cells(term) <= column - col_spacing else ""
            first = f"{term:<{column}}{beside}".rstrip()
            self.write("".join(f"{line}\n" for line in [" " * margin + first, *(" " * start + line for line in lines)]))


class HelpContext(typer.Context):
    """A command's context, whose help is made by `Formatter`."""

    formatter_class = Formatter


class LazyGroup(TyperGroup):
    """All commands of `sync.cli.commands`; only the one that is called is imported."""

    context_class = HelpContext

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands, in the order of the work."""
        del ctx
        return list(ENTRIES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, imported now; None where there is none of that name."""
        del ctx
        # Typer has put what was imported before into `commands`, as it is without us
        prepared = getattr(self.commands.get(cmd_name), "context_class", None) is HelpContext
        if cmd_name in ENTRIES and not prepared:
            importlib.import_module(f"sync.cli.{ENTRIES[cmd_name].module}")
            self.commands[cmd_name] = _registered(cmd_name)
        return self.commands.get(cmd_name)

    def load_all(self) -> None:
        """Import all commands: `commands` has every one of them then, in the order of the work."""
        for name in ENTRIES:
            self.get_command(None, name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that *args* begin with; for a typo the error names commands of similar names."""
        if args and args[0] not in ENTRIES:
            self.load_all()
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write all commands, by groups."""
        del ctx
        for title, entries in HELP_GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(entry.name, entry.help) for entry in entries])

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Return the names of commands, and of options, that begin with *incomplete*; nothing is imported."""
        item = importlib.import_module("typer._click.shell_completion").CompletionItem
        named = [item(entry.name, help=entry.help) for entry in ENTRIES.values() if entry.name.startswith(incomplete)]
        return [*named, *super(TyperGroup, self).shell_complete(ctx, incomplete)]

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Interrupted from error


def _registered(name: str) -> Any:
    for command in app.registered_commands:
        if command.callback and name == (command.name or get_command_name(command.callback.__name__)):
            return _prepared(get_command_from_info(command, **SHOWN), name)
    for group in app.registered_groups:
        if group.typer_instance and name in {group.name, group.typer_instance.info.name}:
            return _prepared(get_group_from_info(group, suggest_commands=True, **SHOWN), name)
    message = f"sync.cli.{ENTRIES[name].module} has no command {name!r}"
    raise LookupError(message)


SHOWN: Any = {"pretty_exceptions_short": False, "rich_markup_mode": None}


def _prepared(command: Any, path: str) -> Any:
    """A command with our help, which says the next one when it is done."""
    command.context_class = HelpContext
    below = getattr(command, "commands", {})
    for name, subcommand in below.items():
        _prepared(subcommand, f"{path} {name}")
    if not below:
        command.invoke = _advising(command.invoke, path)
    return command


def _advising(invoke: Callable[[typer.Context], Any], path: str) -> Callable[[typer.Context], Any]:
    def invoked(ctx: typer.Context) -> Any:
        GIVEN.option = workspace_option(ctx.params)
        status = invoke(ctx)
        if not ctx.find_root().params.get("quiet"):
            advise(path, ctx.params, int(status or 0))
        return status

    return invoked
