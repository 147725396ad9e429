"""Compare worlds: ``python -m tests.consent_worlds --worlds 10000`` prints one line of JSON; exit 1 on a difference."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from pathlib import Path

from tests.consent_worlds.outputs import LEAKS, outputs
from tests.consent_worlds.world import Person, make_world, with_forbidden_changed


def differences(seed: int, leak: str = "") -> list[str]:
    """Return the outputs that differ between a world and the same one with only forbidden data changed.

    Args:
        seed: Of the world.
        leak: A planted leak of `LEAKS`; "": none.
    """
    world = make_world(seed)
    other = with_forbidden_changed(world, seed + 1_000_000)
    with tempfile.TemporaryDirectory() as folder, LEAKS[leak]() if leak else nullcontext():
        first, second = (_outputs(Path(folder) / name, people) for name, people in (("a", world), ("b", other)))
    names = sorted(first.keys() | second.keys())
    return [f"world {seed}: {name}" for name in names if first.get(name) != second.get(name)]


def _outputs(folder: Path, world: list[Person]) -> dict[str, str]:
    try:
        return outputs(folder, world)
    except Exception as error:  # noqa: BLE001 - whatever stops a world is a difference
        return {f"plan or later: {folder.name} stopped": repr(error)}


def main() -> int:
    """Run the worlds that the arguments name."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--worlds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--leak", choices=["", *LEAKS], default="")
    given = parser.parse_args()
    seeds = range(given.first, given.first + given.worlds)
    differing = sorted(_compared(list(seeds), given.leak, given.workers))
    for line in differing[:20]:
        sys.stderr.write(f"{line}\n")
    sys.stdout.write(json.dumps({"worlds": given.worlds, "differences": len(differing)}) + "\n")
    return 1 if differing else 0


def _compared(seeds: list[int], leak: str, workers: int) -> Iterator[str]:
    if workers == 1:
        for seed in seeds:
            yield from differences(seed, leak)
        return
    with ProcessPoolExecutor(workers) as pool:
        for names in pool.map(differences, seeds, [leak] * len(seeds)):
            yield from names


if __name__ == "__main__":
    sys.exit(main())
