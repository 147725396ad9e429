"""Compare worlds: ``python -m tests.consent_worlds --worlds 10000`` prints one line of JSON; exit 1 on a difference.

Most of what a world costs is that queries are written and planned, whatever the tables hold. So worlds live side by
side in one workspace, 50 by default: what is forbidden changes in all of them at once, and no output may change. That
asks more than each world alone, since what one world's people did must not show in another's rows either. Where a
workspace differs, its worlds are compared one by one, and those that differ alone are named.

worlds       how many were compared
workspaces   in how many pairs of workspaces
differences  outputs that were not equal, byte for byte
"""

from __future__ import annotations

import argparse
import gc
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests import compiled
from tests.consent_worlds.outputs import LEAKS, outputs
from tests.consent_worlds.world import Person, make_world, side_by_side, with_forbidden_changed

MEMORY = Path("/dev/shm")  # noqa: S108 - where there is one, a workspace costs no disk


def differences(seed: int, leak: str = "", *, count: int = 1, until: str = "") -> list[str]:
    """Return the outputs that differ between worlds and the same ones with only forbidden data changed.

    Args:
        seed: Of the first world.
        leak: A planted leak of `LEAKS`; "": none.
        count: How many worlds live side by side in one workspace.
        until: The output after which nothing more is run; "": all.
    """
    worlds = [make_world(each) for each in range(seed, seed + count)]
    others = [with_forbidden_changed(world, each) for each, world in enumerate(worlds, seed + 1_000_000)]
    folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    try:
        with LEAKS[leak]() if leak else nullcontext():
            first = _outputs(folder / "a", side_by_side(worlds), until)
            second = _outputs(folder / "b", side_by_side(others), until)
    finally:
        shutil.rmtree(folder)
    names = [name for name in sorted(first.keys() | second.keys()) if first.get(name) != second.get(name)]
    if names and count > 1:
        sys.stderr.write(f"worlds {seed} to {seed + count - 1} differ together: {', '.join(names)}\n")
        alone = [line for each in range(seed, seed + count) for line in differences(each, leak)]
        return alone or [f"worlds {seed} to {seed + count - 1} together: {name}" for name in names]
    return [f"world {seed}: {name}" for name in names]


def _outputs(folder: Path, world: list[Person], until: str) -> dict[str, str]:
    try:
        return outputs(folder, world, until=until)
    except Exception as error:  # noqa: BLE001 - whatever stops a world is a difference
        return {f"plan or later: {folder.name} stopped": repr(error)}


def main() -> int:
    """Run the worlds that the arguments name."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--worlds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--together", type=int, default=50, help="worlds in one workspace")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1e6, help="begin no workspace after so many minutes")
    parser.add_argument("--leak", choices=["", *LEAKS], default="")
    given = parser.parse_args()
    quicken()
    last = given.first + given.worlds
    parts = [(seed, min(given.together, last - seed)) for seed in range(given.first, last, given.together)]
    compared: list[tuple[int, list[str]]] = []
    for part in _compared(parts, given.leak, given.workers, time.monotonic() + 60 * given.minutes):
        compared.append(part)
        if sys.stderr.isatty() or len(compared) % 10 == 0:
            sys.stderr.write(f"{sum(count for count, _ in compared)} worlds compared\n")
    differing = sorted(line for _, lines in compared for line in lines)
    for line in differing[:20]:
        sys.stderr.write(f"{line}\n")
    worlds = sum(count for count, _ in compared)
    counts = {"worlds": worlds, "workspaces": len(compared), "differences": len(differing)}
    sys.stdout.write(json.dumps(counts) + "\n")
    return 1 if differing else 0


def quicken() -> None:
    """Compile each expression once in this process, and look seldom for garbage, as the tests do."""
    gc.set_threshold(50_000, 20, 20)
    compiled.keep_compiled(pytest.MonkeyPatch(), compiled.Statements())


def _compared(parts: list[tuple[int, int]], leak: str, workers: int, until: float) -> Iterator[tuple[int, list[str]]]:
    """How many worlds were compared in each workspace, and what differed."""
    if workers == 1:
        for seed, count in parts:
            if time.monotonic() < until:
                yield count, differences(seed, leak, count=count)
        return
    with ProcessPoolExecutor(workers, initializer=quicken) as pool:
        running = [(count, pool.submit(_until, until, seed, leak, count)) for seed, count in parts]
        for count, answer in running:
            if (lines := answer.result()) is not None:
                yield count, lines


def _until(until: float, seed: int, leak: str, count: int) -> list[str] | None:
    return differences(seed, leak, count=count) if time.monotonic() < until else None


if __name__ == "__main__":
    sys.exit(main())
