"""CPU seconds of `personasync discover FILE`, beside scikit-learn's plain fits for the same repetitions.

::

    python benchmarks/discover_speed.py                 # 1,000 x 20 answers of three kinds, 20,000 x 8 numbers
    python benchmarks/discover_speed.py --only scales

Files have four groups. Every `discover` is a process of its own, whose CPU seconds (user and system) the operating
system tells. What is drawn is known: A(k) of the data and of each copy (19 at least: more are not counted) is 20
bootstrap samples of 4 starts for each of 2 to 6 segments, and 10 starts on everybody; the reported stability is 100
samples of 10 starts, and 200 starts on everybody. ``plain`` is what `sklearn.cluster.KMeans`, one thread, takes for
as many starts: a twentieth of the samples is fitted, in this same run, and the time multiplied.

cpu              seconds of the command, its start included
plain            seconds of scikit-learn's fits, without any null model, BIC, marker or calibration
ratio            cpu / plain

The last line is one JSON document.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from segmenter.discover.null_models import COPIES
from segmenter.discover.propose import SearchOptions
from segmenter.stats.item_matrix import coded
from sync.modeling.inputs import from_file

COMMAND = Path(sys.executable).with_name("personasync")
WORKSPACE = '[workspace]\nname = "Speed"\n'
SHARE = 20
TIGHT, REPORTED_STARTS = 10, 200
GROUPS, LOYAL = 4, 0.6


def _group(people: int, rng: Generator) -> Any:
    return rng.integers(0, GROUPS, people)


def yes_no(rng: Generator) -> Any:
    """1,000 people, 20 questions with yes and no."""
    liked = np.repeat(np.eye(GROUPS), 5, axis=1)[_group(1_000, rng)]
    return np.where(rng.random(liked.shape) < 0.2 + 0.6 * liked, "yes", "no")


def scales(rng: Generator) -> Any:
    """1,000 people, 20 scales of 1 to 5."""
    liked = np.repeat(np.eye(GROUPS), 5, axis=1)[_group(1_000, rng)]
    return np.clip(np.round(2 + 2 * liked + rng.normal(size=liked.shape)), 1, 5).astype(int)


def categories(rng: Generator) -> Any:
    """1,000 people, 20 questions with four answers."""
    own = (_group(1_000, rng)[:, None] + np.arange(20)) % GROUPS
    answers = np.where(rng.random(own.shape) < LOYAL, own, rng.integers(0, GROUPS, own.shape))
    return np.array(list("abcd"))[answers]


def numbers(rng: Generator) -> Any:
    """20,000 people, 8 numbers."""
    values = 4.0 * np.eye(8)[_group(20_000, rng)] + rng.normal(size=(20_000, 8))
    return np.round(values, 4)


def amounts(rng: Generator) -> Any:
    """20,000 people, 8 skewed amounts whose groups overlap."""
    values = 2.5 * np.eye(8)[_group(20_000, rng)] + rng.normal(size=(20_000, 8))
    return np.round(np.exp(values / 1.5), 4)


FILES: dict[str, Callable[[Generator], Any]] = {
    made.__name__: made for made in (yes_no, scales, categories, numbers, amounts)
}


def written(folder: Path, name: str) -> Path:
    """Write the file of *name* and a workspace, and return the file."""
    values = FILES[name](np.random.default_rng(1))
    path = folder / f"{name}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([f"q{column}" for column in range(values.shape[1])])
        writer.writerows(values.tolist())
    (folder / "personasync.toml").write_text(WORKSPACE, "utf-8")
    for other in ("segments.toml", "personas.toml"):
        (folder / other).write_text("", "utf-8")
    return path


def discovered(folder: Path, path: Path) -> tuple[float, dict[str, Any]]:
    """Run the command on *path*; return its CPU seconds and its document."""
    command = [str(COMMAND), "discover", str(path), "--workspace", str(folder), "--json"]
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        document: dict[str, Any] = json.load(output)
    return usage.ru_utime + usage.ru_stime, document


def plain(path: Path, sets: int) -> float:
    """Return the CPU seconds of scikit-learn's fits for the data and *sets* of copies, by a twentieth of them."""
    asked = SearchOptions()
    items = from_file(path, wanted=(), respondent=None, beside=(), most=asked.most).items
    values, rng = np.nan_to_num(coded(items).values), np.random.default_rng(1)
    few = values[: asked.tested(items)]
    copy = rng.permuted(few, axis=0)
    seconds = 0.0
    with threadpool_limits(1):
        for k in asked.numbers:
            tests = (1 + sets) * asked.test.samples / SHARE
            seconds += tests * _seconds(copy, k, asked.test.starts, rng)
            seconds += (1 + sets) / SHARE * _seconds(copy, k, TIGHT, rng)
            seconds += asked.report.samples / SHARE * _seconds(values, k, asked.report.starts, rng)
            seconds += _seconds(values, k, REPORTED_STARTS // SHARE, rng)
    return seconds * SHARE


def _seconds(values: Any, k: int, starts: int, rng: Generator) -> float:
    """CPU of one fit of *starts* to a bootstrap sample, by weights."""
    weights = rng.multinomial(len(values), np.full(len(values), 1 / len(values))).astype(float)
    begun = time.process_time()
    KMeans(k, n_init=starts, random_state=int(rng.integers(1000))).fit(values, sample_weight=weights)
    return time.process_time() - begun


def main() -> None:
    """Print a line a file, then a document."""
    parser = argparse.ArgumentParser(description="CPU of discover against scikit-learn's plain fits.")
    parser.add_argument("--only", default=",".join(FILES), help="some of the files, with commas between")
    names = parser.parse_args().only.split(",")
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        with tempfile.TemporaryDirectory() as parent:
            path = written(Path(parent), name)
            cpu, document = discovered(Path(parent), path)
            sets = COPIES * sum(document[p] is not None for p in ("p", "p_against_correlations"))
            fits = plain(path, sets)
        found[name] = {"cpu": round(cpu, 1), "plain": round(fits, 1), "ratio": round(cpu / fits, 3), "copies": sets}
        found[name]["segments"] = len(document["segments"])
        told = f"{cpu:>8.1f} s CPU {fits:>8.1f} s plain {cpu / fits:>6.2f} of it"
        print(
            f"{name:<12}{told}   {document['light']}, {len(document['segments'])} segments, {sets} copies", flush=True
        )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
