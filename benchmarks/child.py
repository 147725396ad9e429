"""A command in a process of its own, with what it took."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ran:
    """What a process printed, and what it took.

    Attributes:
        out: Its standard output.
        seconds: By the clock.
        rss_mb: Its peak of memory in MB.
    """

    out: str
    seconds: float
    rss_mb: float


def run_child(command: Sequence[str], environment: Mapping[str, str], *, fine: Collection[int] = (0,)) -> Ran:
    """Run *command* with *environment* on top of our own; statuses that are not *fine* end the benchmark."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **environment}, text=True)
    assert process.stdout is not None
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in fine:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}: {out}")
    return Ran(out, time.monotonic() - started, usage.ru_maxrss / 1024)
