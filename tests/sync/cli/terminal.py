"""A command of ours in a process of its own, on a terminal that the test reads and types at."""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


class Terminal:
    """The other end of a command's terminal."""

    def __init__(self, process: int, terminal: int) -> None:
        self.process, self._terminal, self.told = process, terminal, ""

    def read_until(self, text: str) -> str:
        """Wait until the command has printed *text*; return all that it has printed."""
        while text not in self.told:
            part = self._read()
            assert part, f"the command ended without {text!r}: {self.told}"
        return self.told

    def type(self, text: str) -> None:
        """Type at the command."""
        os.write(self._terminal, text.encode())

    def end(self) -> int:
        """Read to the end; return the exit status."""
        while self._read():
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])

    def _read(self) -> bytes:
        try:
            part = os.read(self._terminal, 4096)
        except OSError:  # the terminal is gone with its program
            return b""
        self.told += part.decode("utf-8", "replace").replace("\r\n", "\n")
        return part


@contextmanager
def at_a_terminal(*arguments: str, environment: Mapping[str, str]) -> Iterator[Terminal]:
    """Run `personasync ARGUMENTS` on a terminal of 80 columns while the block runs."""
    program = str(Path(sys.executable).with_name("personasync"))
    process, terminal = pty.fork()
    if process == 0:
        known = {**os.environ, **environment, "COLUMNS": "80", "TERM": "xterm"}
        os.execve(program, [program, *arguments], known)  # noqa: S606 - our own command
    try:
        yield Terminal(process, terminal)
    finally:
        os.close(terminal)
