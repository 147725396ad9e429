"""CPU of each page of the console, in a world of many people.

::

    python benchmarks/console.py                     # 100,000 people
    python benchmarks/console.py --people 10000
    python benchmarks/console.py --workspace DIR     # a workspace that is there

The console runs as a process of its own. Each page is asked for four times: once after its start, when what takes long
is calculated, and three times afterwards. People, members, persons and timelines are asked with other arguments each
time, so that no answer is a kept one. The operating system tells the process's CPU (user and system, all threads).

first_ms         CPU of the first request, the calculation included
page_ms          the middle of the three others
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
from pathlib import Path
from statistics import median
from urllib.parse import quote

from size import COMMAND, SECRETS, prepare

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
    "poster": "/personas/{persona}/poster/a4",
    "plans": "/plans",
    "campaigns": "/campaigns",
    "experiment": "/campaigns/experiments/spring",
    "surveys": "/surveys",
    "survey answers": "/surveys/answers/file?name=surveys/answers.csv",
    "data": "/data",
    "quality": "/data/quality",
}


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

    def get(self, path: str) -> tuple[int, float]:
        """Return status and CPU milliseconds of a page."""
        before = self._cpu()
        status, _ = self._ask("GET", path)
        return status, 1000 * (self._cpu() - before)

    def _ask(self, method: str, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.host)
        connection.request(method, path, headers={"Cookie": self.cookie, "Origin": f"http://{self.host}"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, answer.getheader("set-cookie", "") or ""

    def _cpu(self) -> float:
        words = Path(f"/proc/{self.process.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / TICKS

    def end(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait()


def measured(workspace: Path) -> dict[str, dict[str, float]]:
    """Ask for every page, and print and return its CPU."""
    text = (workspace / "segments.toml").read_text("utf-8"), (workspace / "personas.toml").read_text("utf-8")
    segment = re.findall(r'^name = "(\w+)"', text[0], re.MULTILINE)[0]
    write_answers(workspace)
    persona = re.findall(r"^\[personas\.(\w+)\]", text[1], re.MULTILINE)[0]
    console, figures = Console(workspace), {}
    try:
        for name, path in PAGES.items():
            asked = [path.format(n=n, segment=quote(segment), persona=quote(persona)) for n in (11, 12, 13, 14)]
            (status, first), *others = [console.get(each) for each in asked]
            page = median(cpu for _, cpu in others)
            figures[name] = {"status": status, "first_ms": round(first), "page_ms": round(page)}
            over = "  OVER" if page > LIMIT_MS else ""
            print(f"{name:<22}{status:>5}{first:>9.0f} ms first{page:>7.0f} ms{over}", flush=True)
    finally:
        console.end()
    return figures


def main() -> None:
    """Measure, and print a table and a document."""
    parser = argparse.ArgumentParser(description="CPU of each page of the console.")
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--workspace", type=Path)
    options = parser.parse_args()
    if options.workspace:
        figures = measured(options.workspace)
    else:
        with tempfile.TemporaryDirectory() as folder:
            prepare(Path(folder), options.people)
            figures = measured(Path(folder) / "workspace")
    print(json.dumps(figures))
    sys.exit(any(entry["page_ms"] > LIMIT_MS or entry["status"] != 200 for entry in figures.values()))  # noqa: PLR2004


if __name__ == "__main__":
    main()
