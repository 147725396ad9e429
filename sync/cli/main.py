"""Entry point of the command line: runs a command, turns errors into messages and exit statuses."""

from __future__ import annotations

import gc
import json
import logging
import sys
import threading
import traceback
from typing import Annotated, Any

import typer

from connectors.errors import PersonasyncError
from connectors.secret import hide
from sync.cli import (  # noqa: F401 - they register their commands with `app`
    audit,
    discover,
    doctor,
    experiments,
    init,
    lift,
    models,
    personas,
    pipeline,
    preview,
    quality,
    segments,
    serve,
    status,
    survey,
)
from sync.cli.options import app

INTERRUPTED = 130  # the shell's status for Ctrl-C


@app.callback()
def personasync(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback on errors.")] = False,
) -> None:
    """Segments and personas between your CRM and your email platform."""
    del debug  # read where errors are printed, which is outside of any command


def main() -> None:
    """Run a command; the exit status is the contract of docs/reference.md."""
    # what no command catches, of threads and libraries, ends on stderr too
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(WithoutSecrets("%(message)s"))
    threading.excepthook = _thread_failed
    # Ibis makes many small objects for one statement: to look through them after every 700 takes a fifth of a step
    gc.set_threshold(50_000, 20, 20)
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
        result = app(args=arguments, standalone_mode=False)
    except typer.Exit as ended:
        return ended.exit_code
    except typer.Abort:
        sys.stderr.write("Stopped.\n")
        return INTERRUPTED
    except typer.TyperException as error:
        return _misused(error)
    except PersonasyncError as error:
        return _failed(error, arguments, exit_status=error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("Stopped. Completed work is kept; run the same command again to continue.\n")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the outer edge: nobody should have to read a traceback
        return _failed(error, arguments, exit_status=1)
    return int(result or 0)


def _misused(error: typer.TyperException) -> int:
    """Print the usage error, as Typer does."""
    show = getattr(error, "show", None)
    if show is not None:
        show()
    return 2


def _failed(error: Exception, arguments: list[str], *, exit_status: int) -> int:
    # what a library or a platform says may repeat a secret: nothing goes out before `hide` has seen it
    if "--debug" in arguments:
        sys.stderr.write(hide("".join(traceback.format_exception(error))))
    known = isinstance(error, PersonasyncError)
    message = hide(str(error) if known else f"Unexpected error: {error!r}.")
    if not known and "--debug" not in arguments:
        message += " Run it again with `personasync --debug ...` and report the output."
    if "--json" in arguments:
        document: dict[str, Any] = {"error": {"kind": type(error).__name__, "message": message, "status": exit_status}}
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    sys.stderr.write(f"Error: {message}\n")
    return exit_status
