"""CPU seconds of commands that people wait for, and their ratio to `python -c "import typer"` on the same machine.

The ratio is what to compare: it hardly depends on the machine, nor on what else it does. Each figure is the least of
some runs. The workspace is made by `personasync demo DIR --people 1000`, or is the one that you name.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = str(Path(sys.executable).with_name("personasync"))
UNIT = [sys.executable, "-c", "import typer"]


def seconds(command: list[str], environment: dict[str, str] | None = None) -> float:
    """Run a command; return the CPU seconds, user and system, that it and its children took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def somebody(workspace: str) -> str:
    """Return the address of a contact that the last plan changed."""
    plan = max((Path(workspace) / ".personasync" / "plans").glob("*.jsonl"))
    changes = (json.loads(line) for line in plan.read_text("utf-8").splitlines()[1:])
    return next(str(change[3]) for change in changes if change[3])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", nargs="?", help="A demo workspace; without it one is made, which takes a minute.")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = str(Path(folder) / "demo")
        if options.workspace is None:
            seconds([PROGRAM, "demo", made, "--people", "1000"])
        show(options.workspace or made, options.runs)


def show(workspace: str, runs: int) -> None:
    """Measure each command in turn, so that all of them see the same machine."""
    tab = {"_PERSONASYNC_COMPLETE": "complete_bash", "COMP_WORDS": f"personasync history -w {workspace} "}
    commands: dict[str, tuple[list[str], dict[str, str]]] = {
        'python -c "import typer"': (UNIT, {}),
        "--help": ([PROGRAM, "--help"], {}),
        "--version": ([PROGRAM, "--version"], {}),
        "Tab after `history`": ([PROGRAM], {**tab, "COMP_CWORD": "4"}),
        "status": ([PROGRAM, "status", "-w", workspace], {}),
        "history": ([PROGRAM, "history", "-w", workspace], {}),
        "explain": ([PROGRAM, "explain", somebody(workspace), "-w", workspace], {}),
        "classify": ([PROGRAM, "classify", somebody(workspace), "-w", workspace], {}),
    }
    least = dict.fromkeys(commands, float("inf"))
    for _ in range(runs):
        for name, command in commands.items():
            least[name] = min(least[name], seconds(*command))
    unit = least['python -c "import typer"']
    print(f"{'command':<28}{'CPU s':>8}{'ratio':>8}")
    for name, took in least.items():
        print(f"{name:<28}{took:>8.3f}{took / unit:>8.1f}")


if __name__ == "__main__":
    main()
