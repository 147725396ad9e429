"""``python -m tests.torture.privacy``: people are erased while commands run and are killed. The last line is JSON.

Platforms and a workspace live two loops, with a campaign in variants, an export, a plan and reports. Then people are
erased in groups: beside each, other commands run, and most erasures are killed at a write that chance chooses, and
given again. Then everything is pulled and applied once more; the platforms still have these people.

people          who were erased
traces          how often an address of theirs, a usual hash of one, a person id or a long id of a record stands in a
                byte of the workspace, or in a copy of both stores that is compacted and not compressed
totals_changed  figures of campaigns, and of the lift of a campaign and an experiment, that are others than before
returned        people who are in the workspace again after the platforms were read in full
kills           erasures that were killed
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb

from connectors.sandbox.fill import AUDIENCE
from sync.clock import now
from sync.ops.demo import send_demo_campaign
from sync.results.campaigns import newest_campaigns
from sync.session import open_session
from tests.torture.stage import COMMANDS, KILLED, OPTIONS, Control, Stage, refuse_open_stores

HERE = Path(__file__).parent
MEMORY = Path("/dev/shm")  # noqa: S108 - where there is one, a workspace costs no disk
EASY = [
    word
    for name in ("max_changed", "max_removed", "max_unclassified", "max_data_age_hours")
    for word in ("--override", name)
]
LOOP = [["pull"], ["assign", "--override", "trait_quality"], ["plan"], ["apply", *EASY]]
BESIDE = (["pull"], ["report"], ["status"], ["plan"], ["assign", "--override", "trait_quality"], ["history"])
GROUP, LONG, KILLED_SHARE, TRIES = 20, 16, 0.7, 60
EXPERIMENT = """
[experiments.worth]
arms = { control = 0.5, personal = 0.5 }
begins = 2020-01-01T00:00:00+00:00
metric = "clicked"
salt = "privacy"
"""
Figures = dict[str, Any]
MOST = 200  # traces that are told: a pipe holds 64 KiB until it is read


def identities(workspace: Path, count: int, dice: random.Random) -> tuple[list[str], frozenset[bytes]]:
    """Return addresses of some people, one each, and every text by which anybody could find them, in lower case."""
    with contextlib.closing(sqlite3.connect(workspace / ".personasync" / "control.db")) as control:
        links = control.execute(
            "SELECT contact_key, person_id FROM link WHERE contact_key NOT LIKE 'erased:%'"
        ).fetchall()
    keys: dict[str, list[str]] = {}
    for key, person in links:
        keys.setdefault(person, []).append(key)
    named = sorted(person for person, mine in keys.items() if any(key.startswith("mailto:") for key in mine))
    chosen = dice.sample(named, count)
    addresses, texts = [], set[str]()
    for person in chosen:
        mine = sorted(key.removeprefix("mailto:") for key in keys[person] if key.startswith("mailto:"))
        addresses.append(dice.choice(mine))  # any address of a person will do
        texts |= {person, *mine}
        texts |= {hashlib.new(how, each.encode()).hexdigest() for each in mine for how in ("md5", "sha256")}
        texts |= {key.partition(":")[2] for key in keys[person] if len(key.partition(":")[2]) >= LONG}
    return addresses, frozenset(text.lower().encode() for text in texts)


def traces(workspace: Path, texts: Collection[bytes], folder: Path) -> list[str]:
    """Return where a text stands: in each file of the workspace, and in a compacted copy of its stores."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    state = workspace / ".personasync"
    with contextlib.closing(sqlite3.connect(state / "control.db")) as control:
        control.execute(f"VACUUM INTO '{folder / 'control.db'}'")
    with duckdb.connect() as copy:
        copy.execute("PRAGMA force_compression = 'uncompressed'")
        copy.execute(f"ATTACH '{state / 'warehouse.duckdb'}' AS ours (READ_ONLY)")
        copy.execute(f"ATTACH '{folder / 'warehouse.duckdb'}' AS copied")
        copy.execute("COPY FROM DATABASE ours TO copied")
        copy.execute("CHECKPOINT copied")
    found = []
    for root in (workspace, folder):
        for path in sorted(root.rglob("*")):
            content = path.read_bytes().lower() if path.is_file() else b""
            found += [f"{path.relative_to(root.parent)}: {text.decode()}" for text in sorted(texts) if text in content]
            found += [f"name of a file: {text.decode()}" for text in texts if text in path.name.lower().encode()]
    return found


def totals(stage: Stage) -> Figures:
    """Return the figures of every campaign, and the lift of the newest one and of the experiment."""

    def tell() -> int:
        with open_session(stage.workspace, now=lambda: now() + stage.ahead, environment=os.environ) as session:
            print(json.dumps([asdict(each) for each in newest_campaigns(session)], default=str))
        return 0

    assert stage.fork(tell) == 0, stage.said
    figures: Figures = {"campaigns": json.loads(stage.said.splitlines()[-1])}
    for name, arguments in (("campaign", []), ("experiment", ["--experiment", "worth"])):
        assert stage.command(["lift", *arguments]) == 0, stage.said
        figures[name] = json.loads(stage.said[stage.said.index("{") :])
    return figures


def differences(before: Any, after: Any, where: str = "") -> Iterator[str]:
    """Yield the places at which two figures differ; sums are rounded by the order in which engines add."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            yield from differences(before.get(key), after.get(key), f"{where}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, pair in enumerate(zip(before, after, strict=True)):
            yield from differences(*pair, f"{where}[{place}]")
    elif isinstance(before, float) and isinstance(after, float):
        if abs(before - after) > 1e-9 * max(1.0, abs(before)):
            yield f"{where}: {before} -> {after}"
    elif before != after:
        yield f"{where}: {before} -> {after}"


def apart(stage: Stage, look: Callable[[], list[str]]) -> list[str]:
    """Look in a fork: an engine that is opened here leaves threads, and this process must stay fit to be forked."""

    def tell() -> int:
        print("\n" + json.dumps(look()))
        return 0

    assert stage.fork(tell) == 0, stage.said
    lines: list[str] = json.loads(stage.said.splitlines()[-1])
    return lines


def came_back(workspace: Path, texts: Collection[bytes]) -> list[str]:
    """Return what the workspace knows of erased people: links, and contacts in any version."""
    with contextlib.closing(sqlite3.connect(workspace / ".personasync" / "control.db")) as control:
        known = [key for (key,) in control.execute("SELECT contact_key FROM link")]
    with duckdb.connect(str(workspace / ".personasync" / "warehouse.duckdb"), read_only=True) as warehouse:
        for email, platform_id in warehouse.execute("SELECT email, platform_id FROM contacts").fetchall():
            known += [text for text in (email, platform_id) if text]
    return sorted({key for key in known if key.removeprefix("mailto:").rpartition(":")[2].lower().encode() in texts})


class Erasing:
    """People who are erased, group by group, while other commands run."""

    def __init__(self, stage: Stage, dice: random.Random) -> None:
        self.stage, self.dice, self.kills, self.calls = stage, dice, 0, 300

    def erase(self, addresses: Sequence[str]) -> None:
        """Erase people; whatever stops it, the same command is given again."""
        for start in range(0, len(addresses), GROUP):
            listed = self.stage.folder / "to_erase.csv"
            listed.write_text("email\n" + "".join(f"{each}\n" for each in addresses[start : start + GROUP]), "utf-8")
            other = self.beside(self.dice.choice(BESIDE))
            command = ["forget", "--file", str(listed), "--yes"]
            status = KILLED
            for _ in range(TRIES):
                kill = self.stage.control is not None and self.dice.random() < KILLED_SHARE
                status = self.stage.command(command, at=self.dice.randint(1, self.calls) if kill else 0)
                self.kills += status == KILLED
                if status == 0:
                    break
                time.sleep(0.05)  # somebody else has the warehouse
            assert status == 0, (status, self.stage.said)
            if self.stage.control is not None:
                self.calls = max(self.calls, self.stage.control.calls)
            os.waitpid(other, 0)
            listed.unlink()

    def beside(self, arguments: list[str]) -> int:
        """Start a command that nobody waits for; what becomes of it is its own matter."""
        refuse_open_stores(self.stage.folder)
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                for stream in (1, 2):
                    os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
                OPTIONS.clock_of = lambda _workspace: lambda: now() + self.stage.ahead
                COMMANDS.run([*arguments, "--workspace", str(self.stage.workspace), "--json"])
            os._exit(0)
        return pid


def live(options: argparse.Namespace) -> int:
    """Let two loops pass, erase, read everything again, and count."""
    page = os.environ.get("PERSONASYNC_TORTURE")
    began, dice = time.monotonic(), random.Random(options.seed)  # noqa: S311 - people, not secrets
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        control, count = Control(Path(page)) if page else None, options.people + options.others
        stage = Stage(Path(folder), control, people=count, patience=options.patience)
        stage.build({"new": [["setup", "--yes"], *LOOP]})
        with stage.at("new"):
            try:
                found = live_and_erase(stage, options, dice)
            except AssertionError:
                if options.keep is not None:
                    shutil.copytree(stage.workspace, options.keep)
                raise
    print(json.dumps({**found, "seconds": round(time.monotonic() - began, 1)}))
    return int(any(found[name] for name in ("traces", "totals_changed", "returned")))


def live_and_erase(stage: Stage, options: argparse.Namespace, dice: random.Random) -> dict[str, int]:
    """Do all of it on a stage whose platforms run."""
    workspace = stage.workspace
    two_loops(stage)
    before = totals(stage)
    addresses, texts = identities(workspace, options.people, dice)
    there = apart(stage, lambda: traces(workspace, texts, stage.folder / "copy")[:MOST])
    assert len(there) > options.people, "nobody is there who could be erased"
    erasing = Erasing(stage, dice)
    erasing.erase(addresses)
    changed = list(differences(before, totals(stage)))
    for command in (["pull"], ["pull", "--full"], *LOOP[1:], ["results"], ["report"]):
        assert (status := stage.command(command)) in {0, 3, 4}, (command, status, stage.said)
    if options.plant:
        (workspace / ".personasync" / "notes.log").write_bytes(
            dice.choice(sorted(texts)) + b" asked us to forget them\n"
        )
    changed += [] if changed else list(differences(before, totals(stage)))
    left = apart(stage, lambda: traces(workspace, texts, stage.folder / "copy")[:MOST])
    back = apart(stage, lambda: came_back(workspace, texts))
    for name, lines in (("trace", left), ("total", changed), ("returned", back)):
        for line in lines[:5]:
            print(f"  {name}: {line}", file=sys.stderr)
    counts = {"traces": len(left), "totals_changed": len(changed), "returned": len(back)}
    return {"people": len(addresses), **counts, "kills": erasing.kills}


def two_loops(stage: Stage) -> None:
    """A campaign, its results, a second loop, an experiment, an export and a preview."""
    access = {"mailchimp_url": f"http://127.0.0.1:{stage.ports[1]}/3.0", "audience": AUDIENCE}
    access["mailchimp_key"] = os.environ["MAILCHIMP_API_KEY"]
    send_demo_campaign(access)
    stage.pass_time(timedelta(days=4))
    with (stage.workspace / "experiments.toml").open("a", encoding="utf-8") as file:
        file.write(EXPERIMENT)
    for command in (["setup", "--yes"], *LOOP, ["results"]):
        assert (status := stage.command(command)) == 0, (command, status, stage.said)
    send_demo_campaign(access)
    stage.pass_time(timedelta(days=4))
    for command in (["results"], ["pull"], LOOP[1], ["plan"], ["report"]):
        assert (status := stage.command(command)) in {0, 3}, (command, status, stage.said)
    for name in ("people.csv", "people.parquet", "people.xlsx"):
        assert stage.command(["export", "people", "--out", str(stage.workspace / name)]) == 0, stage.said


def main() -> int:
    """Load what kills commands, where there is a compiler for it, and live."""
    parser = argparse.ArgumentParser(prog="tests.torture.privacy")
    parser.add_argument("--people", type=int, default=100, help="who are erased")
    parser.add_argument("--others", type=int, default=60, help="who stay")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patience", type=float, default=1800.0, help="seconds after which a command is stuck")
    parser.add_argument("--no-kills", action="store_true", help="kill no command: needs no compiler")
    parser.add_argument("--plant", action="store_true", help="leave a trace, which must be found")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where to copy the workspace if it breaks off")
    options = parser.parse_args()
    if options.no_kills or "PERSONASYNC_TORTURE" in os.environ:
        return live(options)
    with tempfile.TemporaryDirectory() as folder:
        library, page = Path(folder) / "killer.so", Path(folder) / "control"
        page.write_bytes(bytes(4096))
        if shutil.which("gcc") is None:
            print("There is no gcc: erasures are not killed.", file=sys.stderr)
            return live(options)
        build = [
            "gcc",
            "-O2",
            "-U_FORTIFY_SOURCE",
            "-shared",
            "-fPIC",
            "-o",
            str(library),
            str(HERE / "killer.c"),
            "-ldl",
        ]
        subprocess.run(build, check=True)
        environment = {**os.environ, "LD_PRELOAD": str(library), "PERSONASYNC_TORTURE": str(page)}
        command = [sys.executable, "-m", "tests.torture.privacy", *sys.argv[1:]]
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
