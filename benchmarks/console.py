"""CPU of each page of the console, in a world of many people.

::

    python benchmarks/console.py                     # 100,000 people
    python benchmarks/console.py --people 10000
    python benchmarks/console.py --workspace DIR     # a workspace that is there; its personas are drafted

The console runs as a process of its own, which answers pages, and beside it its calculator, which reads the warehouse.
The operating system tells the CPU of both (user and system, all threads). Before each page the data become new: the
time of the warehouse's file changes. Each page is then asked four times: once after that, and three times afterwards.
People, members, persons and timelines are asked with other arguments each time, so that no answer is a kept one.

first            CPU of the process that answers, for the first request after new data, all of it sent
+ calculated     CPU of the calculator from that request until all of the page was sent
page             the middle of the three others, of the process that answers
+ calculated     the middle of the three others, of the calculator
reading          CPU of the calculator after new data before anybody asks: what every page of people needs

No page may cost the answering process more than 300 ms. A page about one person, one segment or one persona, or of a
list, may not cost both together more, at any request; those that calculate over everybody are marked "all". A persona
is one of them until `personas draft` has kept a version of it: both are measured.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

from size import COMMAND, SECRETS, measure, prepare

LIMIT_MS = 300
TICKS = os.sysconf("SC_CLK_TCK")
PAGES = {
    "home": "/",
    "people": "/people?page={n}",
    "people, one address": "/people?find=u{n}7",
    "person": "/people/person?email=u{n}@people.test",
    "timeline": "/people/person/timeline?email=u{n}@people.test",
    "segments": "/segments",
    "segment": "/segments/{segment}?page={n}",
    "segments by value": "/segments/by-value",
    "personas": "/personas",
    "persona": "/personas/{persona}",
    "persona drafted": "/personas/{persona}",
    "poster": "/personas/{persona}/poster/a4",
    "plans": "/plans",
    "campaigns": "/campaigns",
    "experiment": "/campaigns/experiments/spring",
    "surveys": "/surveys",
    "survey answers": "/surveys/answers/file?name=surveys/answers.csv",
    "data": "/data",
    "quality": "/data/quality",
}
OF_EVERYBODY = {"segments by value", "persona", "poster", "campaigns", "experiment", "quality"}
"""What is a calculation over everybody: it runs beside the console, and the page shows its head at once."""
STILL_SECONDS = 3.0
"""So long without CPU, and the calculator waits: it looks for new data every two seconds."""


def write_answers(workspace: Path, respondents: int = 5000, questions: int = 20) -> None:
    """Write a file of answers from 1 to 6 to a workspace, as the console keeps what is handed in."""
    chance = random.Random(1)  # noqa: S311 - no secret
    rows = ((f"r{number}", *chance.choices("123456", k=questions)) for number in range(respondents))
    (workspace / "surveys").mkdir(exist_ok=True)
    with (workspace / "surveys" / "answers.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("respondent", *(f"q{place}" for place in range(questions))), *rows])


class Console:
    """A console that runs, and a browser's session in it."""

    def __init__(self, workspace: Path) -> None:
        self.process = subprocess.Popen(
            [str(COMMAND), "console", "--workspace", str(workspace), "--port", "0", "--json"],
            env={**os.environ, **SECRETS},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.link = json.loads(self.process.stdout.readline())["link"]
        self.host = self.link.split("/")[2]
        self.cookie = ""
        self.cookie = self._ask("POST", "/open/" + self.link.rpartition("/")[2])[1].split(";")[0]

    def get(self, path: str) -> tuple[int, float, float]:
        """Return status and CPU milliseconds of a page: of the process that answers, and of the calculator."""
        own, beside = self._cpu(self.process.pid), self.calculated()
        status, _ = self._ask("GET", path)
        return status, 1000 * (self._cpu(self.process.pid) - own), 1000 * (self.calculated() - beside)

    def _ask(self, method: str, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.host)
        connection.request(method, path, headers={"Cookie": self.cookie, "Origin": f"http://{self.host}"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, answer.getheader("set-cookie", "") or ""

    def calculated(self) -> float:
        """Return the CPU seconds of all processes beside the one that answers."""
        return sum(self._cpu(pid) for pid in self._beside())

    def _beside(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for path in children for pid in path.read_text("utf-8").split()]

    def wait_until_still(self) -> float:
        """Wait until no thread of the calculator works, or waits for a processor; return its CPU seconds meanwhile."""
        began, still = self.calculated(), time.monotonic()
        while time.monotonic() - still < STILL_SECONDS:
            time.sleep(STILL_SECONDS / 30)
            threads = [path for pid in self._beside() for path in Path(f"/proc/{pid}/task").glob("*/stat")]
            states = {path.read_text("utf-8").rpartition(")")[2].split()[0] for path in threads}
            still = time.monotonic() if "R" in states or "D" in states else still
        return self.calculated() - began

    @staticmethod
    def _cpu(pid: int) -> float:
        words = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / TICKS

    def end(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait()


def measured(workspace: Path, only: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """Ask for every page, or for some of them, and print and return its CPU."""
    text = (workspace / "segments.toml").read_text("utf-8"), (workspace / "personas.toml").read_text("utf-8")
    segment = re.findall(r'^name = "(\w+)"', text[0], re.MULTILINE)[0]
    write_answers(workspace)
    persona = re.findall(r"^\[personas\.(\w+)\]", text[1], re.MULTILINE)[0]
    console, figures = Console(workspace), {}
    warehouse, reading = workspace / ".personasync" / "warehouse.duckdb", []
    print(f"{'':<20}{'first':>15}{'calculated':>12}{'page':>9}{'calculated':>12}   ms of CPU")
    try:
        console.wait_until_still()
        for name, path in PAGES.items():
            if only and name not in only:
                continue
            if name == "persona drafted":
                measure("draft", [str(COMMAND), "personas", "draft", "--all", "--workspace", str(workspace)])
            os.utime(warehouse)
            reading.append(1000 * console.wait_until_still())
            asked = [path.format(n=n, segment=quote(segment), persona=quote(persona)) for n in (11, 12, 13, 14)]
            (status, *first), *others = [console.get(each) for each in asked]
            page = [median(each[place] for each in others) for place in (1, 2)]
            entry = {
                "status": status,
                "first_ms": round(first[0]),
                "first_calculated_ms": round(first[1]),
                "page_ms": round(page[0]),
                "page_calculated_ms": round(page[1]),
            }
            figures[name] = {**entry, "over": over(name, entry)}
            cells = f"{first[0]:>9.0f}{first[1]:>12.0f}{page[0]:>9.0f}{page[1]:>12.0f}"
            told = ("   all" if name in OF_EVERYBODY else "") + ("   OVER" if over(name, entry) else "")
            print(f"{name:<20}{status:>6}{cells}{told}", flush=True)
    finally:
        console.end()
    print(f"{'reading':<20}{median(reading):>27.0f}   after new data, before anybody asks", flush=True)
    figures["reading"] = {"status": HTTPStatus.OK, "calculated_ms": round(median(reading)), "over": False}
    return figures


def over(name: str, entry: Mapping[str, Any]) -> bool:
    """Tell whether a page costs more than it may."""
    beside = 0 if name in OF_EVERYBODY else 1
    return any(entry[f"{when}_ms"] + beside * entry[f"{when}_calculated_ms"] > LIMIT_MS for when in ("first", "page"))


def main() -> None:
    """Measure, and print a table and a document."""
    parser = argparse.ArgumentParser(description="CPU of each page of the console.")
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--only", type=lambda text: text.split(","), default=(), help="some pages, with commas between")
    options = parser.parse_args()
    if options.workspace:
        figures = measured(options.workspace, options.only)
    else:
        with tempfile.TemporaryDirectory() as folder:
            prepare(Path(folder), options.people)
            figures = measured(Path(folder) / "workspace", options.only)
    print(json.dumps(figures))
    sys.exit(any(entry["over"] or entry["status"] != HTTPStatus.OK for entry in figures.values()))


if __name__ == "__main__":
    main()
