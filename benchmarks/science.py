"""Are the segments of `discover` there? A grid of simulations with known truth, beside independent implementations.

::

    python benchmarks/science.py --quick        # 500 people, each world once: some minutes
    python benchmarks/science.py --quick --people 300 --world spreads
    python benchmarks/science.py --workers 8    # 300, 1,000 and 5,000 people, ten times each: hours

Every data set is written as a file and goes the way of the commands: read, checked and ordered as `discover FILE`
does, then proposed; `survey design -k 4` is asked for the same files. The last line is one JSON document:

- discover_vs_best: median agreement with the truth (adjusted Rand index; 0 where nothing is proposed), divided by that
  of the single method that is best over all worlds with groups;
- noise_refused: share of files without any structure that are refused, by the less strict of the two commands;
- green_right: of the green proposals, the share whose agreement is at least `RIGHT` of what a classifier reaches that
  is told the truth;
- mainstream_accepted: share of the files with a mainstream whose segments are proposed, and right;
- natural_false: share of the files with structure but one group, or none, whose segments are called natural;
- seeds_agree: share of the files for which other seeds say the same: light and number of segments, or all say that the
  verdict is on the edge.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import tempfile
import time
import zlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from science_methods import METHODS, agreements_of, attainable
from science_worlds import WORLDS, Columns, World
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from connectors.errors import FixSettingsError
from segmenter.discover.propose import Proposal, SearchOptions, propose
from sync.cli.discover import SEED
from sync.modeling.inputs import Base, from_file
from sync.surveys.answers import SurveyColumns, answers_from_file
from sync.surveys.wished_segments import wished_segments

SIZES, QUICK_SIZES = (300, 1_000, 5_000), (500,)
REPEATS = 10
SEEDS = (SEED, 1, 2)  # the first is the default of the command
RIGHT = 0.8  # of the attainable agreement
WISHED = 4  # segments that `survey design` is asked for
EDGE = "On the edge"
FOUND = ("groups", "mainstream")


@dataclass(frozen=True, slots=True)
class Task:
    """One data set: the place of its world, people, and the number of the repetition."""

    world: int
    people: int
    repeat: int
    seeds: tuple[int, ...]
    others: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was said of one data set.

    Attributes:
        agreement: Of `discover` with the truth; 0: refused.
        verdicts: Of each seed: light, number of segments, and whether it is said to be on the edge.
        others: Agreement of each other method.
        attainable: Agreement of a classifier that is told the truth.
        designed: Whether `survey design` made a tool.
        seconds: CPU of `discover`, for the first seed.
    """

    world: str
    kind: str
    people: int
    agreement: float
    natural: bool
    method: str
    verdicts: tuple[tuple[str, int, bool], ...]
    others: dict[str, float]
    attainable: float
    designed: bool
    seconds: float

    @property
    def light(self) -> str:
        """The light by the default seed."""
        return self.verdicts[0][0]

    @property
    def right(self) -> bool:
        """Whether the segments are nearly those that can be found at all."""
        return self.kind in FOUND and self.agreement >= RIGHT * self.attainable

    @property
    def seeds_agree(self) -> bool:
        """Whether all seeds say the same, or all that it is on the edge."""
        same = len({verdict[:2] for verdict in self.verdicts}) == 1
        return same or all(edge for _, _, edge in self.verdicts)


def write_file(path: Path, columns: Columns) -> None:
    """Write columns as a person would hand them in."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def asked(task: Task) -> Outcome:
    """Make the data set of *task*, and ask both commands and the other methods."""
    with threadpool_limits(1):  # a process a data set: threads would wait for each other
        return _asked(task)


def _asked(task: Task) -> Outcome:
    world: World = WORLDS[task.world]
    rng = np.random.default_rng([zlib.crc32(world.name.encode()), task.people, task.repeat])
    columns, truth = world.make(task.people, rng)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.csv"
        write_file(path, columns)
        base = from_file(path, wanted=(), respondent=None, beside=(), most=SearchOptions().most).in_order()
        begun = time.process_time()
        proposals = [propose(base.items, SearchOptions(), np.random.default_rng(task.seeds[0]))]
        seconds = time.process_time() - begun
        proposals += [propose(base.items, SearchOptions(), np.random.default_rng(seed)) for seed in task.seeds[1:]]
        designed = world.kind == "noise" and _designs(path)
    first = proposals[0]
    grouped = world.kind in FOUND
    return Outcome(
        world=world.name,
        kind=world.kind,
        people=task.people,
        agreement=_agreement(base, first, truth) if grouped and first.segments else 0.0,
        natural=bool(first.segments) and first.natural is True,
        method=first.method,
        verdicts=tuple(_verdict(proposal) for proposal in proposals),
        others=agreements_of(columns, truth) if grouped and task.others else {},
        attainable=attainable(columns, truth) if grouped else 0.0,
        designed=designed,
        seconds=seconds,
    )


def _verdict(proposal: Proposal) -> tuple[str, int, bool]:
    return proposal.light, len(proposal.segments), any(note.startswith(EDGE) for note in proposal.notes)


def _agreement(base: Base, proposal: Proposal, truth: Any) -> float:
    rows = np.array([int(base.people[place].removeprefix("row ")) for place in proposal.people])
    first = min(int(person.removeprefix("row ")) for person in base.people)  # of the file, whose heading is a row too
    return float(adjusted_rand_score(truth[rows - first], proposal.labels))


def _designs(path: Path) -> bool:
    """Whether `survey design -k` makes a tool of the answers without --anyway; what it can't read it refuses."""
    try:
        read = answers_from_file(path, SurveyColumns())
        wished_segments(read.sheet, WISHED, centre=False, anyway=False, seed=1)
    except FixSettingsError:
        return False
    return True


def tasks_of(*, quick: bool, people: Sequence[int] = (), named: str = "") -> list[Task]:
    """Return the grid: worlds by sizes by repetitions; in the quick one seeds are varied for every third world.

    Args:
        quick: One repetition, of one size.
        people: Sizes in place of the usual ones.
        named: Only worlds with this in their name.
    """
    sizes, repeats = (QUICK_SIZES, 1) if quick else (SIZES, REPEATS)
    return [
        Task(place, size, repeat, SEEDS if not quick or place % 3 == 0 else SEEDS[:1], others=True)
        for size in people or sizes
        for place, world in enumerate(WORLDS)
        if named in world.name
        for repeat in range(repeats)
    ]


def figures(outcomes: Sequence[Outcome]) -> dict[str, float | None]:
    """Return the figures of the last line; None where nothing was asked that they are of."""
    grouped = [outcome for outcome in outcomes if outcome.others]
    best = max((_median(o.others[name] for o in grouped) for name in METHODS), default=0.0) if grouped else 0.0
    noise = [outcome for outcome in outcomes if outcome.kind == "noise"]
    refused = [_share(o.light == "red" for o in noise), _share(not o.designed for o in noise)]
    single = [outcome for outcome in outcomes if outcome.kind not in FOUND]
    again = [outcome for outcome in outcomes if len(outcome.verdicts) > 1]
    main = [outcome for outcome in outcomes if outcome.kind == "mainstream"]
    return {
        "discover_vs_best": round(_median(o.agreement for o in grouped) / best, 3) if best else None,
        "noise_refused": min((share for share in refused if share is not None), default=None),
        "green_right": _share(o.right for o in outcomes if o.light == "green"),
        "mainstream_accepted": _share(o.light != "red" and o.right for o in main),
        "natural_false": _share(o.natural for o in single),
        "seeds_agree": _share(o.seeds_agree for o in again),
    }


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


def _share(values: Iterable[bool]) -> float | None:
    known = list(values)
    return round(sum(known) / len(known), 3) if known else None


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the grid as text: a line a world and size, medians over the repetitions."""
    lines = [" | ".join(["world", "people", "lights", "discover", *METHODS, "attainable", "CPU s"])]
    for world in WORLDS:
        for people in sorted({outcome.people for outcome in outcomes}):
            own = [o for o in outcomes if (o.world, o.people) == (world.name, people)]
            if not own:
                continue
            lights = " ".join(f"{light} {n}" for light in ("green", "amber", "red") if (n := _count(own, light)))
            found = [f"{_median(o.agreement for o in own):.2f}"] if world.kind in FOUND else ["-"]
            found += [f"{_median(o.others[m] for o in own):.2f}" if own[0].others else "-" for m in METHODS]
            found.append(f"{_median(o.attainable for o in own):.2f}" if world.kind in FOUND else "-")
            seconds = f"{_median(o.seconds for o in own):.1f}"
            lines.append(" | ".join([world.name, f"{people:,}", lights, *found, seconds]))
    return lines


def _count(outcomes: Sequence[Outcome], light: str) -> int:
    return sum(outcome.light == light for outcome in outcomes)


def main() -> None:
    """Print the grid, then the figures as one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="500 people, each world once")
    parser.add_argument("--people", type=int, action="append", help="people in a file; repeat for several sizes")
    parser.add_argument("--world", default="", help="only worlds with this in their name")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) // 2), help="processes")
    chosen = parser.parse_args()
    tasks = tasks_of(quick=chosen.quick, people=chosen.people or (), named=chosen.world)
    with ProcessPoolExecutor(chosen.workers) as pool:
        outcomes = []
        for done, outcome in enumerate(pool.map(asked, tasks), 1):
            outcomes.append(outcome)
            print(f"{done}/{len(tasks)} {outcome.world}, {outcome.people:,}: {outcome.verdicts}", flush=True)
    for line in table(outcomes):
        print(line)
    print(json.dumps(figures(outcomes)))


if __name__ == "__main__":
    main()
