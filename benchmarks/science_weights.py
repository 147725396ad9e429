"""Weights of respondents on samples in which some were asked three times as often: do figures hold in the population?

::

    python benchmarks/science_weights.py --repeats 2
    python benchmarks/science_weights.py --into docs/science-grid.json

Files go the way of `discover FILE --weight weight --segments k`. The weighted share of each segment has the 95%
interval that its effective number of respondents gives (Kish 1965; Wilson 1927); it should hold the true share in 95 of
100 cases or more (Kish is cautious where weights hang on the answers). Adaptive typing tools (`survey design
--error-rate 0.1 --weight`) are asked people of the population. Beside both stand the same people without weights.
`benchmarks/science.py` has the figures in its last line; files and seeds of its grid are others. `--into` puts them
into a document that it has written.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from science_worlds import Columns, numbers, yes_no
from threadpoolctl import threadpool_limits

from segmenter.discover.propose import SearchOptions, propose
from segmenter.stats.proportions import Responses, wilson, wilson_of_rate
from segmenter.stats.weighted import effective_size, kish_counts
from segmenter.typing_tool.conformal import sets_of
from segmenter.typing_tool.interview import answer_codes, known_at, stops, walk
from segmenter.typing_tool.keep_word import calibrate
from segmenter.typing_tool.targets import given
from sync.modeling.inputs import from_file

OFTEN = 3  # times as often some are asked
PEOPLE, NEW = 800, 5_000
REPEATS = 5
ERROR_RATE, MOST = 0.1, 10
Sample = tuple[Columns, Any, Any]
"""Columns of a file, the segment of each, and the weight of each."""


@dataclass(frozen=True, slots=True)
class Oversampled:
    """A way to ask some more often.

    Attributes:
        shares: Of the segments in the population.
        make: Takes the number of respondents and what draws them.
    """

    name: str
    shares: tuple[float, ...]
    make: Callable[[int, Generator], Sample]


def drawn(rng: Generator, people: int, shares: tuple[float, ...], often: Any) -> Any:
    """Return what *people* are whose chance to be asked is as large as *often* says, at random."""
    chance = np.array(shares) * often
    return rng.choice(len(shares), people, p=chance / chance.sum())


FOUR, THREE = (0.4, 0.3, 0.2, 0.1), (0.5, 0.3, 0.2)
YOUNG = (0.6, 0.3, 0.2, 0.1)
"""Share of young people in each of the four segments."""


def _segment_of_yes_no(people: int, rng: Generator) -> Sample:
    often = np.array([1, 1, 1, OFTEN])
    segment = drawn(rng, people, FOUR, often)
    said = rng.random((people, 16)) < (np.kron(np.eye(4), np.ones(4)) * 0.8 + 0.1)[segment]
    return yes_no(said), segment, 1 / often[segment]


def _segment_of_numbers(people: int, rng: Generator) -> Sample:
    often = np.array([OFTEN, 1, 1])
    segment = drawn(rng, people, THREE, often)
    values = 5.0 * np.eye(5)[segment] + rng.normal(size=(people, 5))
    return numbers(values), segment, 1 / often[segment]


def _young_people(people: int, rng: Generator) -> Sample:
    """Who is young is asked more often, and is not among the answers."""
    both = tuple(
        part for share, young in zip(FOUR, YOUNG, strict=True) for part in (share * young, share * (1 - young))
    )
    often = np.tile([OFTEN, 1], 4)
    cell = drawn(rng, people, both, often)
    said = rng.random((people, 16)) < (np.kron(np.eye(4), np.ones(4)) * 0.8 + 0.1)[cell // 2]
    return yes_no(said), cell // 2, 1 / often[cell]


WORLDS = (
    Oversampled("yes and no, the smallest segment asked more", FOUR, _segment_of_yes_no),
    Oversampled("numbers, the largest segment asked more", THREE, _segment_of_numbers),
    Oversampled("yes and no, young people asked more", FOUR, _young_people),
)


@dataclass(frozen=True, slots=True)
class Held:
    """What one file gave: whether the interval of each segment's share holds the true one, with weights and without."""

    name: str
    weighted: tuple[bool, ...]
    alike: tuple[bool, ...]


def held_in(world: Oversampled, repeat: int) -> Held:
    """Find the segments of one sample, and compare their shares with those of the population."""
    rng = np.random.default_rng([zlib.crc32(world.name.encode()), repeat])
    columns, segment, weights = world.make(PEOPLE, rng)
    columns = {**columns, "weight": [f"{weight:.6g}" for weight in weights]}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.csv"
        rows = [columns, *zip(*columns.values(), strict=True)]
        path.write_text("\n".join(",".join(row) for row in rows) + "\n", "utf-8")
        return Held(world.name, *(_held(path, world, segment, weight) for weight in ("weight", None)))


def _held(path: Path, world: Oversampled, truth: Any, weight: str | None) -> tuple[bool, ...]:
    k = len(world.shares)
    base = from_file(path, wanted=(), respondent=None, beside=(), most=k, weight=weight).in_order()
    found = propose(base.items, SearchOptions(most=k, wished=k), np.random.default_rng(1))
    rows = np.array([int(person.removeprefix("row ")) for person in base.people])
    own = truth[rows - rows.min()][found.people]
    counts = base.items.rows(found.people).counts
    people = len(own) if counts is None else effective_size(counts)
    if len(found.segments) != k:
        return (False,) * k  # what is not found has no share
    intervals = [wilson_of_rate(segment.share, people) for segment in found.segments]
    most = [int(np.bincount(found.labels[own == place], minlength=k).argmax()) for place in range(k)]
    return tuple(
        intervals[place].low <= share <= intervals[place].high for place, share in zip(most, world.shares, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Kept:
    """Shares of new people of the population whose segment was in the set, by tools with weights and without."""

    weighted: float
    alike: float


def answers_of(rng: Generator, people: int, means: Any, young: float) -> tuple[Any, Any, Any]:
    """Return answers 1 to 5, segments, and who is young: old people answer less clearly."""
    kind = rng.random(people) < young
    labels = rng.choice(len(means), people, p=THREE)
    felt = means[labels] * np.where(kind, 1.6, 0.5)[:, None] + rng.normal(size=(people, means.shape[1]))
    return np.clip(np.round(3 + felt), 1, 5), labels, kind


def kept_by_tools(repeat: int) -> Kept:
    """Make a tool of a sample of which three of four are young, and ask a population of which half are."""
    rng = np.random.default_rng([zlib.crc32(b"tools of weighted samples"), repeat])
    means = rng.normal(0, 0.6, (len(THREE), 12))
    values, labels, young = answers_of(rng, PEOPLE, means, OFTEN / (OFTEN + 1))
    new, truth, _ = answers_of(rng, NEW, means, 0.5)
    shares = []
    for counts in (kish_counts(np.where(young, 1 / OFTEN, 1.0)), None):
        made = calibrate(
            values, given(labels), len(THREE), ERROR_RATE, np.random.default_rng(1), most=MOST, counts=counts
        )
        walked = walk(made.model, answer_codes(new[:, list(made.path)], made.levels))
        inside = sets_of(known_at(walked, stops(walked, made.enough)), made.least)
        shares.append(float(inside[np.arange(NEW), truth].mean()))
    return Kept(*shares)


@dataclass(frozen=True, slots=True)
class WeightedOutcomes:
    """What all files and tools gave."""

    files: tuple[Held, ...]
    tools: tuple[Kept, ...]

    def figures(self) -> dict[str, float]:
        """Return the share of intervals that hold the true share, and the mean coverage of the tools."""
        held = [inside for file in self.files for inside in file.weighted]
        return {
            "weighted_shares_covered": round(sum(held) / len(held), 3),
            "weighted_tool_coverage": round(float(np.mean([tool.weighted for tool in self.tools])), 3),
        }

    def intervals(self) -> dict[str, list[float]]:
        """Return of the intervals how many hold, of how many, and the ends of the share's own 95% interval."""
        held = [inside for file in self.files for inside in file.weighted]
        ends = wilson(Responses(len(held), sum(held)))
        return {"weighted_shares_covered": [sum(held), len(held), round(ends.low, 3), round(ends.high, 3)]}

    def table(self) -> list[list[str]]:
        """Return a head, and a row a way to ask: what held with weights, and without."""
        rows = [["sample", "what", "with weights", "without"]]
        for world in WORLDS:
            own = [file for file in self.files if file.name == world.name]
            held = ([file.weighted for file in own], [file.alike for file in own])
            shares = [np.mean([inside for part in parts for inside in part]) for parts in held]
            rows.append([world.name, "intervals that hold the true share", *(f"{share:.3f}" for share in shares)])
        told = [np.mean([tool.weighted for tool in self.tools]), np.mean([tool.alike for tool in self.tools])]
        what = "new people whose segment is in the set"
        return [*rows, ["scale, the clear half asked more", what, *(f"{share:.3f}" for share in told)]]


def weighted_outcomes(repeats: int) -> WeightedOutcomes:
    """Return what each way to ask gave, *repeats* times each."""
    with threadpool_limits(1):
        files = [held_in(world, repeat) for world in WORLDS for repeat in range(repeats)]
        return WeightedOutcomes(tuple(files), tuple(kept_by_tools(repeat) for repeat in range(repeats)))


def into(document: dict[str, Any], outcomes: WeightedOutcomes) -> dict[str, Any]:
    """Return a document of `benchmarks/science.py` with what is known of weights."""
    return {
        **document,
        "figures": {**document["figures"], **outcomes.figures()},
        "intervals": {**document["intervals"], **outcomes.intervals()},
        "weights": outcomes.table(),
    }


def main() -> None:
    """Print the table, then the figures as one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=REPEATS, help="files of each way to ask, and tools")
    parser.add_argument("--into", type=Path, help="a document of benchmarks/science.py that gets the figures")
    chosen = parser.parse_args()
    if chosen.repeats < 1:
        parser.error("at least one file")
    document = json.loads(chosen.into.read_text("utf-8")) if chosen.into else None
    outcomes = weighted_outcomes(chosen.repeats)
    for row in outcomes.table():
        print(" | ".join(row))
    if document is not None:
        chosen.into.write_text(json.dumps(into(document, outcomes), indent=1) + "\n", "utf-8")
    print(json.dumps(outcomes.figures()))


if __name__ == "__main__":
    main()
