"""Are the segments of `discover` there? A grid of simulations with known truth, beside independent implementations.

::

    python benchmarks/science.py --quick            # 500 people, each world once: some minutes
    python benchmarks/science.py --quick --people 300 --world spreads
    python benchmarks/science.py --keep grid.jsonl  # 300, 1,000 and 5,000 people, several times: an hour of CPU
    python benchmarks/science.py --keep grid.jsonl --resume --write docs/science-grid.json
    python benchmarks/science.py --repeats 10 --workers 8

`--keep` appends what was said of each data set to a file: who stops it goes on with `--resume`, and `--so-far` counts
what is there and asks no more. Data sets come in an order in which every world and size has its share of each part, so
that half a run is a grid too. `--write` makes the document that `docs/generate_science.py` shows, with the 95% interval
of each share (Wilson 1927).

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
  verdict is on the edge;
- tool_coverage, tool_median_questions, tool_hit_rate: of adaptive typing tools (`survey design --error-rate 0.1`) on
  new people: share whose possible segments hold the true one, questions asked, share whose likeliest one is right;
- weighted_shares_covered, weighted_tool_coverage: of samples in which some were asked three times as often, the share
  of the 95% intervals of weighted shares that hold the true one, and the coverage of tools in the population
  (`benchmarks/science_weights.py`).
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
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from science_kept import Kept, Outcome
from science_methods import METHODS, agreements_of, attainable
from science_typing import tool_figures, tool_table, tools
from science_weights import REPEATS as WEIGHTED
from science_weights import into, weighted_outcomes
from science_worlds import WORLDS, Columns, World
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from connectors.errors import FixSettingsError
from segmenter.discover.propose import Proposal, SearchOptions, propose
from segmenter.stats.proportions import Responses, wilson
from sync.cli.discover import SEED
from sync.clock import now
from sync.modeling.inputs import Base, from_file
from sync.surveys.answers import SurveyColumns, answers_from_file
from sync.surveys.wished_segments import wished_segments

REPEATS = {300: 4, 1_000: 4, 5_000: 2}  # by the people in a file
MAIN = 2  # times as many of the one world with a mainstream
QUICK_SIZE, TOOLS = 500, 5
VARIED = 3  # seeds are varied for every third data set
SEEDS = (SEED, 1, 2)  # the first is the default of the command
RIGHT = 0.8  # of the attainable agreement
WISHED = 4  # segments that `survey design` is asked for
EDGE = "On the edge"
LEAST = 50  # people in a file: with fewer some groups have nobody
FOUND = ("groups", "mainstream")


@dataclass(frozen=True, slots=True)
class Task:
    """One data set: the place of its world, people, and the number of the repetition."""

    world: int
    people: int
    repeat: int
    seeds: tuple[int, ...]

    @property
    def key(self) -> str:
        """Under which its outcome is kept."""
        return f"{WORLDS[self.world].name}; {self.people}; {self.repeat}; {len(self.seeds)}"


def is_right(outcome: Outcome) -> bool:
    """Whether the segments are nearly those that can be found at all."""
    return outcome.kind in FOUND and outcome.agreement >= RIGHT * outcome.attainable


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
        others=agreements_of(columns, truth) if grouped else {},
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


def tasks_of(*, quick: bool, people: Sequence[int] = (), named: str = "", repeats: int = 0) -> list[Task]:
    """Return the grid: worlds by sizes by repetitions, each world and size spread evenly over the order.

    Args:
        quick: One repetition, of one size.
        people: Sizes in place of the usual ones.
        named: Only worlds with this in their name.
        repeats: Repetitions of each world and size in place of the usual ones.
    """
    placed = []
    for size in people or ((QUICK_SIZE,) if quick else REPEATS):
        for place, world in enumerate(WORLDS):
            many = repeats or (1 if quick else REPEATS.get(size, 1) * (MAIN if world.kind == "mainstream" else 1))
            for repeat in range(many if named in world.name else 0):
                seeds = SEEDS if (place + repeat) % VARIED == 0 else SEEDS[:1]
                placed.append((repeat / many, Task(place, size, repeat, seeds)))
    return [task for _, task in sorted(placed, key=lambda each: each[0])]


def counts(outcomes: Sequence[Outcome]) -> dict[str, tuple[int, int]]:
    """Return of each share how many files it is of, and how many of these it counts: (counted, files)."""
    noise = [outcome for outcome in outcomes if outcome.kind == "noise"]
    single = [outcome for outcome in outcomes if outcome.kind not in FOUND]
    again = [outcome for outcome in outcomes if len(outcome.verdicts) > 1]
    main = [outcome for outcome in outcomes if outcome.kind == "mainstream"]
    return {
        "noise_refused": min(_counted(o.light == "red" for o in noise), _counted(not o.designed for o in noise)),
        "green_right": _counted(is_right(o) for o in outcomes if o.light == "green"),
        "mainstream_accepted": _counted(o.light != "red" and is_right(o) for o in main),
        "natural_false": _counted(o.natural for o in single),
        "seeds_agree": _counted(o.seeds_agree for o in again),
    }


def figures(outcomes: Sequence[Outcome]) -> dict[str, float | None]:
    """Return the figures of the last line; None where nothing was asked that they are of."""
    grouped = [outcome for outcome in outcomes if outcome.others]
    best = max((_median(o.others[name] for o in grouped) for name in METHODS), default=0.0) if grouped else 0.0
    shares = {name: round(some / files, 3) if files else None for name, (some, files) in counts(outcomes).items()}
    return {"discover_vs_best": round(_median(o.agreement for o in grouped) / best, 3) if best else None, **shares}


def intervals(outcomes: Sequence[Outcome]) -> dict[str, list[float]]:
    """Return of each share that is of any files: counted, files, and the ends of its 95% interval."""
    found = {}
    for name, (some, files) in counts(outcomes).items():
        if files:
            ends = wilson(Responses(files, some))
            found[name] = [some, files, round(ends.low, 3), round(ends.high, 3)]
    return found


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


def _counted(values: Iterable[bool]) -> tuple[int, int]:
    known = list(values)
    return sum(known), len(known)


def table(outcomes: Sequence[Outcome]) -> list[list[str]]:
    """Return the grid: its head, and a row a world and size, medians over the repetitions."""
    rows = [["world", "people", "lights", "discover", *METHODS, "attainable", "CPU s"]]
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
            rows.append([world.name, f"{people:,}", lights, *found, seconds])
    return rows


def _count(outcomes: Sequence[Outcome], light: str) -> int:
    return sum(outcome.light == light for outcome in outcomes)


def told(tasks: Sequence[Task], kept: Kept, workers: int) -> Iterator[str]:
    """Ask what is not kept yet, keep it, and yield a line of each: how far, what was said, and the minutes left."""
    left = [task for task in tasks if task.key not in kept.outcomes]
    begun = time.monotonic()
    for done, (task, outcome) in enumerate(answers(left, workers), 1):
        kept.add(task.key, outcome)
        minutes = (time.monotonic() - begun) / 60 / done * (len(left) - done)
        place = f"{len(tasks) - len(left) + done}/{len(tasks)}"
        yield f"{place} {outcome.world}, {outcome.people:,}: {outcome.verdicts}; {minutes:.0f} min left"


def answers(tasks: Sequence[Task], workers: int) -> Iterator[tuple[Task, Outcome]]:
    """Yield each task with its outcome, as soon as it is there."""
    if workers == 1:  # who kills a pool leaves its processes
        yield from ((task, asked(task)) for task in tasks)
        return
    with ProcessPoolExecutor(workers) as pool:
        coming = {pool.submit(asked, task): task for task in tasks}
        yield from ((coming[future], future.result()) for future in as_completed(coming))


def parsed() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="500 people, each world once")
    parser.add_argument("--people", type=int, action="append", help="people in a file; repeat for several sizes")
    parser.add_argument("--repeats", type=int, default=0, help="files of each world and size")
    parser.add_argument("--world", default="", help="only worlds with this in their name")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) // 2), help="processes")
    parser.add_argument("--keep", type=Path, help="a file to which what was said is appended, a line a data set")
    parser.add_argument("--resume", action="store_true", help="go on with the file of --keep")
    parser.add_argument("--so-far", action="store_true", help="count what is in the file of --keep, ask no more")
    parser.add_argument("--write", type=Path, help="write grid and figures as one JSON document")
    chosen = parser.parse_args()
    if (chosen.resume or chosen.so_far) and not chosen.keep:
        parser.error("--resume and --so-far need the file: --keep FILE")
    if any(size < LEAST for size in chosen.people or ()) or chosen.repeats < 0 or chosen.workers < 1:
        parser.error(f"at least {LEAST} people a file and one process, and no less than no repetition")
    return chosen


def main() -> None:
    """Print the grid, then the figures as one JSON document."""
    chosen = parsed()
    tasks = tasks_of(quick=chosen.quick, people=chosen.people or (), named=chosen.world, repeats=chosen.repeats)
    if not tasks:
        raise SystemExit(f"no world has {chosen.world!r} in its name")
    kept = Kept.opened(chosen.keep, resume=chosen.resume or chosen.so_far)
    for line in () if chosen.so_far else told(tasks, kept, chosen.workers):
        print(line, flush=True)
    outcomes = [kept.outcomes[task.key] for task in tasks if task.key in kept.outcomes]
    asked_tools = [] if chosen.world else tools(1 if chosen.quick else TOOLS)
    tool_rows = tool_table(asked_tools) if asked_tools else []
    weights = None if chosen.world else weighted_outcomes(1 if chosen.quick else WEIGHTED)
    for row in (*table(outcomes), *tool_rows, *(weights.table() if weights else [])):
        print(" | ".join(row))
    found = {**figures(outcomes), **(tool_figures(asked_tools) if asked_tools else {})}
    ends = intervals(outcomes)
    for name, (some, files, low, high) in ends.items():
        print(f"{name}: {some} of {files} files, 95% interval {low} to {high}")
    if chosen.write:
        document = {
            "command": f"python benchmarks/science.py{' --quick' if chosen.quick else ''}",
            "date": f"{now():%Y-%m-%d}",
            "files": len(outcomes),
            "planned": len(tasks),
            "figures": found,
            "intervals": ends,
            "grid": table(outcomes),
            "tools": tool_rows,
        }
        written = into(document, weights) if weights else document
        chosen.write.write_text(json.dumps(written, indent=1) + "\n", "utf-8")
    print(json.dumps({**found, **(weights.figures() if weights else {})}))


if __name__ == "__main__":
    main()
