"""Rate limit ledger: used requests, in memory or in a file shared by all processes of an account.

An account's limits do not care which of our processes asks. So each request is an entry in a small file, locked
while it is read and written; a process that died leaves entries that end by themselves.
"""

from __future__ import annotations

import hashlib
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from connectors.connector import Connection
from connectors.secret import Secret

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has none; there each process keeps its own book
    fcntl = None  # type: ignore[assignment]

UNDER_WAY = 0.0  # `until` of an entry whose request has no answer yet
_ENTRY = struct.Struct("<ddqq")


@dataclass(slots=True)
class CountedRequest:
    """One request that counts.

    Attributes:
        until: Monotonic second at which it stops counting; `UNDER_WAY` while it has no answer.
        began: Monotonic second at which it left.
        process: Id of the process that sent it.
        number: Its own number within that process.
    """

    until: float
    began: float
    process: int
    number: int


class Book(Protocol):
    """The requests that count at present."""

    @contextmanager
    def opened(self) -> Iterator[list[CountedRequest]]:
        """Hold the book for oneself; what the list holds at the end is kept."""

    def reserved(self) -> bool:
        """Tell whether a service runs for which a share is kept free."""

    def reserve(self) -> None:
        """Keep a share free for this process, as long as it lives."""


class MemoryBook:
    """For one process."""

    def __init__(self) -> None:
        self._entries: list[CountedRequest] = []
        self._lock = threading.Lock()

    @contextmanager
    def opened(self) -> Iterator[list[CountedRequest]]:
        """Hold the book; see the Protocol."""
        with self._lock:
            yield self._entries

    def reserved(self) -> bool:
        """Nobody else is there."""
        return False

    def reserve(self) -> None:
        """There is nobody to keep a share free from."""


class FileBook:
    """For all processes of this machine that use one account.

    Args:
        path: The file; its folder must exist and be ours alone.
        alive: Tells whether a process id is in use.
    """

    def __init__(self, path: Path, *, alive: Callable[[int], bool] | None = None) -> None:
        self.path, self._alive = path, alive or is_alive
        self._lock = threading.Lock()  # a file lock is the process's: its threads need one of their own
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def opened(self) -> Iterator[list[CountedRequest]]:
        """Hold the book; see the Protocol."""
        with self._lock:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                entries = self._read()
                yield entries
                self._write(entries)
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def _read(self) -> list[CountedRequest]:
        content = os.pread(self._file, os.fstat(self._file).st_size, 0)
        whole = len(content) - len(content) % _ENTRY.size
        entries = [CountedRequest(*values) for values in _ENTRY.iter_unpack(content[:whole])]
        now = time.monotonic()
        # the clock begins anew when the machine does: entries of the time before are none
        return [self._settled(entry, now) for entry in entries if entry.began <= now]

    def _settled(self, entry: CountedRequest, now: float) -> CountedRequest:
        """A request whose sender died may have arrived up to now."""
        if entry.until == UNDER_WAY and entry.process != os.getpid() and not self._alive(entry.process):
            return CountedRequest(now + LONGEST_WINDOW, entry.began, entry.process, entry.number)
        return entry

    def _write(self, entries: list[CountedRequest]) -> None:
        content = b"".join(
            _ENTRY.pack(counted_request.until, counted_request.began, counted_request.process, counted_request.number)
            for counted_request in entries
        )
        os.pwrite(self._file, content, 0)
        os.ftruncate(self._file, len(content))

    def reserved(self) -> bool:
        """Tell whether a service of this account runs (and is not this process)."""
        try:
            holder = int(self._reservation.read_text() or 0)
        except (OSError, ValueError):
            return False
        return holder != os.getpid() and self._alive(holder)

    def reserve(self) -> None:
        """Note this process as the service."""
        self._reservation.write_text(str(os.getpid()))

    @property
    def _reservation(self) -> Path:
        return self.path.with_suffix(".service")


LONGEST_WINDOW = 10.0  # seconds


def is_alive(process: int) -> bool:
    """Tell whether a process of that id runs."""
    if process <= 0:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def account_book(connection: Connection, base_url: str, secret: Secret, lane: str) -> Book:
    """Return the book of one lane of the account that *secret* opens at *base_url*."""
    account = hashlib.sha256(f"{base_url}\n{secret.reveal()}".encode()).hexdigest()[:24]
    book = book_at(connection.budgets, f"{account}-{lane}")
    if connection.service:
        book.reserve()
    return book


def book_at(folder: Path | None, name: str) -> Book:
    """Return the book *name* in *folder*; one in memory where no folder is ours alone, or there is no file lock."""
    if folder is None or fcntl is None:
        return MemoryBook()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if folder.stat().st_uid != os.getuid():  # somebody else made it: nothing in it can be trusted
            return MemoryBook()
        return FileBook(folder / f"{name}.book")
    except OSError:
        return MemoryBook()
