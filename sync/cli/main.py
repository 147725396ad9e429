"""The Typer app, and the one place where an error becomes a sentence and an exit status."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from connectors.errors import PersonasyncError
from connectors.secret import hide
from sync.cli.console import Console
from sync.clock import now
from sync.workbench import Workbench, open_workbench

REJECTS = 4  # done, but some records were rejected
INTERRUPTED = 130  # the shell's status for Ctrl-C

app = typer.Typer(
    name="personasync",
    help="Segments and personas between your CRM and your e-mail platform.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)

WorkspaceOption = Annotated[
    Path, typer.Option("--workspace", "-w", metavar="DIR", help="The workspace's folder.", file_okay=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else there.")]
OnlyOption = Annotated[str | None, typer.Option("--only", metavar="CONNECTION", help="One connection only.")]
HERE = Path()


@app.callback()
def personasync(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback when something fails.")] = False,
) -> None:
    """Segments and personas between your CRM and your e-mail platform."""
    del debug  # read where errors are printed, which is outside of any command


@contextmanager
def bench_of(workspace: Path, *, environment: Mapping[str, str] | None = None) -> Iterator[Workbench]:
    """Open the workspace with the real clock and environment; what it should not say is told on stderr."""
    with open_workbench(workspace, now=now, environment=os.environ if environment is None else environment) as bench:
        for remark in bench.workspace.remarks:
            sys.stderr.write(f"Look: {remark}\n")
        yield bench


def console_of(*, as_json: bool) -> Console:
    """Return the console of one command."""
    return Console(as_json=as_json)


def main() -> None:
    """Run a command; the exit status is the contract of docs/reference.md."""
    # what no command catches, of threads and libraries, ends on stderr too
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(WithoutSecrets("%(message)s"))
    threading.excepthook = _thread_failed
    sys.exit(run(sys.argv[1:]))


class WithoutSecrets(logging.Formatter):
    """Formats a line of a library's log, traceback and all, without any known secret."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return hide(super().format(record))


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    told = traceback.format_exception(failed.exc_type, failed.exc_value, failed.exc_traceback)
    sys.stderr.write(hide("".join(told)))


def run(arguments: list[str]) -> int:
    """Run the command that *arguments* name, and return its exit status."""
    try:
        status = app(args=arguments, standalone_mode=False)
    except typer.Exit as ended:
        return ended.exit_code
    except typer.Abort:
        sys.stderr.write("Stopped.\n")
        return INTERRUPTED
    except typer.TyperException as error:
        return _misused(error)
    except PersonasyncError as error:
        return _failed(error, arguments, status=error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("Stopped. What was done is kept; the same command goes on.\n")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the outer edge: nobody should have to read a traceback
        return _failed(error, arguments, status=1)
    return int(status or 0)


def _misused(error: typer.TyperException) -> int:
    """Print how the command is meant, the way Typer itself does."""
    show = getattr(error, "show", None)
    if show is not None:
        show()
    return 2


def _failed(error: Exception, arguments: list[str], *, status: int) -> int:
    # what a library or a platform says may repeat a secret: nothing goes out before `hide` has seen it
    if "--debug" in arguments:
        sys.stderr.write(hide("".join(traceback.format_exception(error))))
    known = isinstance(error, PersonasyncError)
    message = hide(str(error) if known else f"Something went wrong that personasync did not foresee: {error!r}.")
    if not known and "--debug" not in arguments:
        message += " Run it again with `personasync --debug ...` and report what it prints."
    if "--json" in arguments:
        document: dict[str, Any] = {"error": {"kind": type(error).__name__, "message": message, "status": status}}
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    sys.stderr.write(f"Error: {message}\n")
    return status


from sync.cli import (  # noqa: E402, F401 - they register their commands with `app`
    audits,
    experiments,
    finding,
    inspect,
    lift,
    models,
    personas,
    platforms,
    previews,
    quality,
    segments,
    serve,
    start,
    steps,
    survey,
)
