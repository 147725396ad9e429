"""The segmenter against pandas and scikit-learn, and a day's refresh against measuring everybody, in the same run.

::

    python benchmarks/segment.py                           # a million people, twenty million events; about ten minutes
    python benchmarks/segment.py --people 50000            # smaller; twenty events a person
    python benchmarks/segment.py --only traits,refresh     # some of it

People and events are generated from a seed, as Parquet files. Every contender is a process of its own, whose peak of
resident memory the operating system tells; seconds are counted in it from opened imports to written results. Ours has
two threads, as the warehouse has. Ratios above 1 say how much faster ours is. The last line is one JSON document:

traits_vs_pandas         seconds of vectorised pandas for one of ours, for the traits named in `segment_traits`, from
                         Parquet to Parquet; every value of every person is compared
traits_rss_vs_pandas     our peak of memory for one byte of theirs
traits_mismatches        values that differ (numbers: by more than a billionth)
traits_vs_pandas_groups  seconds of pandas with a function a person, for one of ours; the function runs on a sample, and
                         its time is multiplied by the share of people that were sampled
score_vs_sklearn         seconds of a pipeline (imputer, scaler, logit) that scores everybody, for one of ours
label_mismatches         people to whom the pipeline gives another label
one_vs_sklearn           time of the pipeline for one person, on a frame of one row, for one of ours
refresh_vs_full          seconds of measuring after 1% of people had new events and a day passed, for one of measuring
                         everybody; `Measuring.refresh`, with what is kept written to disk, on a warehouse with versions
refresh_mismatches       persons whose aggregates differ between the two in any digit
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import people
import segment_refresh
import segment_scoring
import segment_traits
from child import run_child

EVENTS_EACH = 20
PARTS = ("traits", "score", "refresh")
WORK: dict[str, Callable[..., dict[str, Any]]] = {
    "traits": segment_traits.ours,
    "pandas": segment_traits.pandas_vectorised,
    "pandas_groups": segment_traits.pandas_groups,
    "score": segment_scoring.ours,
    "sklearn": segment_scoring.pipeline,
    "prepare": segment_refresh.prepare,
    "full": segment_refresh.full,
    "day": segment_refresh.day,
    "refresh": segment_refresh.refresh,
    "same traits": segment_traits.mismatches,
    "same labels": segment_scoring.compared,
    "same aggregates": segment_refresh.mismatches,
}
"""What runs in a process of its own: given a folder and a number of people, it returns figures.

Comparisons too: the peak of a process that this one starts is not below what this one holds.
"""


def contend(name: str, folder: Path, count: int) -> dict[str, Any]:
    """Run one contender; return its figures, with its peak of memory in MB as ``rss_mb``."""
    command = [sys.executable, __file__, "--contender", name, "--folder", str(folder), "--people", str(count)]
    ran = run_child(command, {})
    figures: dict[str, Any] = {**json.loads(ran.out.splitlines()[-1]), "rss_mb": round(ran.rss_mb)}
    seconds = f"{figures['seconds']:8.2f} s" if "seconds" in figures else " " * 10
    print(f"{name:14} {seconds} {figures['rss_mb']:7} MB", flush=True)
    return figures


def traits(folder: Path, count: int) -> dict[str, Any]:
    """Measure traits, and compare all values."""
    ours, theirs, groups = (contend(name, folder, count) for name in ("traits", "pandas", "pandas_groups"))
    return {
        "traits_seconds": ours["seconds"],
        "traits_rss_mb": ours["rss_mb"],
        "pandas_seconds": theirs["seconds"],
        "pandas_rss_mb": theirs["rss_mb"],
        "pandas_groups_seconds_scaled": groups["seconds"],
        "traits_vs_pandas": round(theirs["seconds"] / ours["seconds"], 2),
        "traits_rss_vs_pandas": round(ours["rss_mb"] / theirs["rss_mb"], 3),
        "traits_vs_pandas_groups": round(groups["seconds"] / ours["seconds"], 1),
        **contend("same traits", folder, count)["found"],
        "traits_compared": len(segment_traits.NAMES),
    }


def score(folder: Path, count: int) -> dict[str, Any]:
    """Score everybody and one, and compare all labels."""
    ours, theirs = (contend(name, folder, count) for name in ("score", "sklearn"))
    same = contend("same labels", folder, count)
    return {
        "score_seconds": ours["seconds"],
        "score_rss_mb": ours["rss_mb"],
        "sklearn_seconds": theirs["seconds"],
        "sklearn_rss_mb": theirs["rss_mb"],
        "score_vs_sklearn": round(theirs["seconds"] / ours["seconds"], 2),
        **same["found"],
        "one_microseconds": round(ours["one_seconds"] * 1e6, 2),
        "one_sklearn_microseconds": round(theirs["one_seconds"] * 1e6, 1),
        "one_vs_sklearn": round(theirs["one_seconds"] / ours["one_seconds"], 1),
    }


def refresh(folder: Path, count: int) -> dict[str, Any]:
    """Measure everybody, let a day pass, follow it, and measure everybody again."""
    for name in ("prepare", "full", "day"):
        contend(name, folder, count)
    followed, whole = contend("refresh", folder, count), contend("full", folder, count)
    return {
        "refresh_seconds": followed["seconds"],
        "refresh_rss_mb": followed["rss_mb"],
        "refresh_persons": followed["persons"],
        "full_seconds": whole["seconds"],
        "full_rss_mb": whole["rss_mb"],
        "refresh_vs_full": round(followed["seconds"] / whole["seconds"], 4),
        **contend("same aggregates", folder, count)["found"],
    }


def main() -> None:
    """Measure, and print one document at the end."""
    parser = argparse.ArgumentParser(description="The segmenter against pandas and scikit-learn.")
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}, with commas between")
    parser.add_argument("--contender", choices=list(WORK), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        print(json.dumps(WORK[options.contender](options.folder, options.people)))
        return
    wanted = options.only.split(",")
    if unknown := set(wanted) - set(PARTS):
        parser.error(f"--only knows {', '.join(PARTS)}, not {', '.join(sorted(unknown))}")
    figures: dict[str, Any] = {"people": options.people, "events": options.people * EVENTS_EACH}
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent)
        if {"traits", "refresh"} & set(wanted):
            people.write(folder, people=options.people, events=figures["events"])
        for name, part in (("traits", traits), ("score", score), ("refresh", refresh)):
            if name in wanted:
                figures |= part(folder, options.people)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
