"""Whether `killer.c` sees every call that it should: under strace, which sees all, a command must count the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.torture.stage import Control, Stage

CHANGING = (
    "write", "pwrite64", "writev", "pwritev", "pwritev2", "fsync", "fdatasync", "sync_file_range", "msync", "ftruncate",
    "truncate", "fallocate", "rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat",
    "link", "linkat", "symlink", "symlinkat", "connect", "sendto", "sendmsg", "sendmmsg", "sendfile", "copy_file_range",
    "splice", "io_uring_enter",
)  # fmt: skip
OPENING = ("open", "openat", "openat2", "creat")
BEGIN, END = "-- torture begins --", "-- torture ends --"
COMMAND = f"""
import os, sys
from pathlib import Path
from sync.cli.main import run
from tests.torture.stage import Control
control = Control(Path(os.environ["PERSONASYNC_TORTURE"]))
os.write(2, b"{BEGIN}")
control.arm(os.getpid(), 0, 0)
status = run(sys.argv[1:])
control.disarm()
os.write(2, b"{END}")
os._exit(status)
"""
CALL = re.compile(r"\d+ +(\w+)\((.*)")


def unseen(stage: Stage, control: Control, snapshot: str, command: tuple[str, ...]) -> tuple[int, str]:
    """Return how many calls of a command passed by `killer.c`, and what strace saw, in words."""
    trace = stage.folder / "strace.txt"
    watched = ",".join(f"?{name}" for name in (*CHANGING, *OPENING))
    arguments = [*command, "--workspace", str(stage.workspace), "--json"]
    strace = ["strace", "-f", "-e", f"trace={watched}", "-o", str(trace), sys.executable, "-c", COMMAND, *arguments]
    environment = {**os.environ, "PERSONASYNC_BUDGETS": str(stage.folder / "budgets.strace")}
    with stage.at(snapshot):
        subprocess.run(strace, check=True, env=environment, capture_output=True)
    calls = counted(trace)
    return abs(calls.total() - control.calls), f"{calls.total()} seen by strace, {control.calls} counted; {dict(calls)}"


def counted(trace: Path) -> Counter[str]:
    """Return how often each call that changes something came between the two marks."""
    lines = trace.read_text("utf-8", errors="replace").splitlines()
    first = next(place for place, line in enumerate(lines) if BEGIN in line)
    last = next(place for place, line in enumerate(lines) if END in line)
    calls = [match.groups() for line in lines[first + 1 : last] if (match := CALL.match(line))]
    return Counter(name for name, rest in calls if name in CHANGING or "O_CREAT" in rest or "O_TRUNC" in rest)
