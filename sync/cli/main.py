"""Entry point of the command line: runs a command, turns errors into messages and exit statuses."""

from __future__ import annotations

import errno
import gc
import io
import logging
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from types import FrameType
from typing import Annotated, cast

import typer

from connectors.errors import FixSettingsError, PersonasyncError, missing_extra, reason_of
from connectors.secret import hide
from connectors.visible import visible
from sync.cli.console import put, put_json
from sync.cli.lazy_group import Interrupted, LazyGroup
from sync.cli.options import app
from sync.cli.where import GIVEN

INTERRUPTED = 130  # the shell's status for Ctrl-C


def _version(wanted: bool) -> None:  # noqa: FBT001 - Typer's interface of a callback
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - only here

        sys.stdout.write(f"personasync {version('personasync')}\n")
        raise typer.Exit


@app.callback(cls=LazyGroup)
def personasync(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback on errors.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Don't name the next command at the end.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Segments and personas between your CRM and your email platform."""
    del debug, quiet, version  # read where errors are printed, and where a command ends


def all_commands() -> LazyGroup:
    """Return the whole command line with every command imported, for those who describe it."""
    group = cast("LazyGroup", typer.main.get_command(app))
    group.load_all()
    return group


def main() -> None:
    """Run a command; the exit status is the contract of docs/reference.md."""
    # what no command catches, of threads and libraries, ends on stderr too
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(WithoutSecrets("%(message)s"))
    threading.excepthook = _thread_failed
    # Ibis makes many small objects for one statement: to look through them after every 700 takes a fifth of a step
    gc.set_threshold(50_000, 20, 20)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell's background job ignores it
        signal.signal(signal.SIGINT, _stop)
    os.umask(0o077)  # whatever is written from here on is for this user alone, from its first byte on
    status = run(sys.argv[1:])
    if STOPPED.is_set():
        # all stores are closed; Python would wait for threads, and those for platforms that may not answer for minutes
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


STOPPED = threading.Event()  # Ctrl-C was pressed: an engine or a driver may have made another error of it
STOPPED_TEXT = "Stopped. Completed work is kept; run the same command again to continue."


def _stop(signum: int, frame: FrameType | None) -> None:
    STOPPED.set()
    signal.default_int_handler(signum, frame)


class WithoutSecrets(logging.Formatter):
    """Formats a line of a library's log, traceback and all, without any known secret."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return visible(hide(super().format(record)))


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    lines = traceback.format_exception(failed.exc_type, failed.exc_value, failed.exc_traceback)
    sys.stderr.write(visible(hide("".join(lines))))


def run(arguments: list[str]) -> int:
    """Run the command that *arguments* name, and return its exit status."""
    try:
        return _run(arguments)
    finally:
        GIVEN.option = ""  # of this command only: whoever goes on in this process has no workspace yet


def _run(arguments: list[str]) -> int:
    try:
        result = app(args=arguments, standalone_mode=False)
    except typer.Exit as ended:
        return ended.exit_code
    except typer.Abort:
        put("Stopped.", sys.stderr)
        return INTERRUPTED
    except typer.TyperException as error:
        return _misused(error)
    except PersonasyncError as error:
        return _failed(error, arguments, exit_status=error.exit_code)
    except (KeyboardInterrupt, Interrupted):
        return _stopped(arguments)
    except Exception as error:  # noqa: BLE001 - the outer edge: nobody should have to read a traceback
        if STOPPED.is_set():
            return _stopped(arguments)
        known = missing_extra(error) or (of_file(error) if isinstance(error, OSError) else of_store(error))
        return _failed(known or error, arguments, exit_status=known.exit_code if known else 1)
    return int(result or 0)


FIXES = {
    errno.EACCES: "Give yourself permission there, or choose another place.",
    errno.EPERM: "Give yourself permission there, or choose another place.",
    errno.EROFS: "Choose a place that can be written to.",
    errno.ENOSPC: "Make room on the disk, then run the command again.",
    errno.EDQUOT: "Make room on the disk, then run the command again.",
    errno.EFBIG: "Raise the limit of the file size, then run the command again.",
    errno.ENOENT: "Check the path.",
    errno.ENOTDIR: "Check the path: a part of it is a file where a folder is expected.",
    errno.EISDIR: "Name a file, not a folder.",
    errno.EEXIST: "There is a file where a folder is needed: move it away.",
}


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def of_store(error: Exception) -> PersonasyncError | None:
    """Return what a person is told of an error of the warehouse or the control store; None of any other error."""
    from sync.control.damage import control_trouble  # noqa: PLC0415 - only where something went wrong
    from sync.warehouse.damage import warehouse_trouble  # noqa: PLC0415

    return warehouse_trouble(error) or control_trouble(error)


def of_file(error: OSError) -> FixSettingsError | None:
    """Return what a person is told of a file or folder that the system refused; None where no file is named."""
    if error.filename is None and error.errno not in FULL:
        return None
    if error.filename is None:  # a full disk is noticed while writing, when nobody says in which file
        return FixSettingsError(
            f"The disk takes no more: {reason_of(error)}. Nothing is lost: what was saved before is whole.",
            fix=FIXES[error.errno or errno.ENOSPC],
        )
    path = Path(os.fsdecode(error.filename)).absolute()
    return FixSettingsError(f"{path}: {reason_of(error)}.", fix=FIXES.get(error.errno or 0, "Check this path."))


def _stopped(arguments: list[str]) -> int:
    return _tell("Interrupted", STOPPED_TEXT, STOPPED_TEXT, arguments, exit_status=INTERRUPTED)


def _misused(error: typer.TyperException) -> int:
    """Print the usage error, as Typer does."""
    show = getattr(error, "show", None)
    if show is not None:
        with io.StringIO() as said:  # it repeats what was typed
            show(file=said)
            sys.stderr.write(visible(said.getvalue()))
    return 2


def _failed(error: Exception, arguments: list[str], *, exit_status: int) -> int:
    # what a library or a platform says may repeat a secret: nothing goes out before `hide` has seen it
    if "--debug" in arguments:
        sys.stderr.write(visible(hide("".join(traceback.format_exception(error)))))
    known = isinstance(error, PersonasyncError)
    message = hide(str(error) if known else f"Unexpected error: {error!r}.")
    if not known and "--debug" not in arguments:
        message += " Run it again with `personasync --debug ...` and report the output."
    return _tell(type(error).__name__, message, f"Error: {message}", arguments, exit_status=exit_status)


def _tell(kind: str, message: str, text: str, arguments: list[str], *, exit_status: int) -> int:
    if "--json" in arguments:
        put_json({"error": {"kind": kind, "message": message, "status": exit_status}})
    put(text, sys.stderr)
    return exit_status
