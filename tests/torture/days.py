"""``python -m tests.torture.days --days 60 --seed N``: days of people and commands. The last line is one JSON document.

Each command is a process of its own with a clock of its own, and so are the platforms. People arrive, change, merge,
leave, unsubscribe and are erased on both; commands are left out, and killed before one of their writes. What the
platforms show and what the workspace knows is read past all code of ours (`reader.py`).

days                     that passed
people_lost              somebody on a platform whom the last pull must have seen, without a person or an assignment
written_without_consent  writes to people who had said no when the command that wrote began
stale_fields             fields that show something else than the assignment when a whole loop has just ended
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.torture import reader
from tests.torture.planted import running_ahead
from tests.torture.stage import KILLED, Control, Stage

HERE = Path(__file__).parent
MEMORY = Path("/dev/shm")  # noqa: S108 - where there is one, a workspace costs no disk
AS_ASKED = ("max_changed", "max_removed", "max_unclassified", "max_data_age_hours")
OVERRIDE = [word for name in AS_ASKED for word in ("--override", name)]
LOOP = (["pull"], ["assign", "--override", "trait_quality"], ["plan"], ["apply", *OVERRIDE])
DAY = (*LOOP[:2], ["pull"], *LOOP[2:])  # most of what the second one reads is known: positions ran ahead by that
WRITES = {"apply", "run"}
READS = {*WRITES, "pull"}
LEFT_OUT, STOPPED, TRIED_AGAIN, ALL_AT_ONCE, ALL_AGAIN = 0.1, 0.25, 0.5, 0.2, 0.1
WELL = {0, 4}
REFUSED = {3}  # a guardrail's word, which is no failure
NEED_OTHERS = {"plan", "apply"}  # they say so where what comes before them was left out or killed
WHOLE_EVERY = 3  # days


@dataclass
class Found:
    """What came of the days."""

    people_lost: list[str] = field(default_factory=list)
    written_without_consent: list[str] = field(default_factory=list)
    stale_fields: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    commands: int = 0
    kills: int = 0

    def document(self, days: int) -> dict[str, int]:
        """Return the figures."""
        counts = {name: value if isinstance(value, int) else len(value) for name, value in asdict(self).items()}
        return {"days": days, **counts}

    @property
    def clean(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.people_lost or self.written_without_consent or self.stale_fields or self.failed)


class People:
    """Everybody who works with both accounts, through the platforms' side door."""

    def __init__(self, stage: Stage, dice: random.Random) -> None:
        self.stage, self.dice = stage, dice
        self.there: list[str] = []
        self.number = 0
        self.deeds = (
            self.change,
            self.change,
            self.leave,
            self.opt_out,
            self.come_back,
            self.merge,
            self.move,
            self.go,
        )

    def arrive(self, count: int) -> None:
        """Let new people come, to one platform or both."""
        for _ in range(count):
            self.number += 1
            address = f"new{self.number}@people.test"
            where = self.dice.randrange(3)
            if where != 1:
                self.stage.deed("create contact", address, properties={"firstname": f"New {self.number}"})
            if where != 0:
                self.stage.deed("subscribe", address, merge_fields={"FNAME": f"New {self.number}"})
            self.there.append(address)

    def work(self, count: int) -> None:
        """Let so many people do something."""
        for _ in range(count):
            self.dice.choice(self.deeds)(self.dice.choice(self.there))

    def change(self, who: str) -> None:
        country = self.dice.choice(("DE", "GB", "US"))
        self.stage.deed("edit contact", who, properties={"country": country})
        self.stage.deed("edit member", who, merge_fields={"COUNTRY": country})

    def leave(self, who: str) -> None:
        self.stage.deed(self.dice.choice(("unsubscribe", "unsubscribe", "clean")), who)

    def opt_out(self, who: str) -> None:
        self.stage.deed("edit contact", who, properties={"hs_email_optout": "true"})

    def come_back(self, who: str) -> None:
        if self.stage.deed("subscribe", who):
            self.stage.deed("edit contact", who, properties={"hs_email_optout": ""})
        self.stage.deed("restore contact", who)

    def merge(self, who: str) -> None:
        other = self.dice.choice(self.there)
        if other != who:
            self.stage.deed("merge contacts", who, **{"with": other})

    def move(self, who: str) -> None:
        self.number += 1
        address = f"moved{self.number}@people.test"
        if self.stage.deed("change address", who, to=address):
            self.there.append(address)

    def go(self, who: str) -> None:
        kind = self.dice.choice(("archive contact", "erase contact", "archive member", "erase member"))
        self.stage.deed(kind, who)


class Days:
    """A workspace, two platforms, and what happens there day by day."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage, self.dice, self.found = stage, random.Random(seed), Found()  # noqa: S311 - people, not secrets
        self.people = People(stage, self.dice)
        self.calls: dict[str, int] = {}  # of each command when it was last let alone
        self.gone: set[reader.Key] = set()  # who said no, also where the record that told it is no more
        # Of these, who said so to somebody who read it. A record that is erased before anybody reads it tells nobody.
        self.heard = reader.Heard()
        self.pulled: Mapping[reader.Key, reader.Record] = {}
        self.assigned = False
        self.told: dict[str, int] = {}
        self.said: list[str] = []  # which commands there were since it was last told, and how each ended

    def live(self, days: int, hours: float) -> None:
        """Let so many days pass, each of so many hours."""
        self.people.there = [address for record in self.shown().values() for address in sorted(record.addresses)]
        for day in range(1, days + 1):
            self.stage.pass_time(timedelta(hours=hours))
            whole = day % WHOLE_EVERY == 0 or day == days
            self.day()
            if whole:
                self.whole_loop(f"day {day}")
            self.look(f"day {day}")

    def day(self) -> None:
        """Let people and commands work, in turn."""
        for command in self.commands():
            self.people.arrive(self.dice.randint(0, 2))
            self.people.work(self.dice.randint(1, 3))
            self.do(command)

    def commands(self) -> Iterator[list[str]]:
        """Yield the commands of a day, some of them left out."""
        if self.dice.random() < ALL_AT_ONCE:
            yield ["run", *OVERRIDE, "--override", "trait_quality"]
            return
        for command in DAY:
            if self.dice.random() >= LEFT_OUT:
                yield [*command, "--full"] if command == ["pull"] and self.dice.random() < ALL_AGAIN else command

    def do(self, command: Sequence[str], *, alone: bool = False) -> int:
        """Run a command; kill it now and then, and perhaps try again then."""
        stops = not alone and self.stage.control is not None and self.dice.random() < STOPPED
        at = self.dice.randint(1, self.calls.get(command[0], 150)) if stops else 0
        status = self.once(command, at)
        if status == KILLED and self.dice.random() < TRIED_AGAIN:
            status = self.once(command, 0)
        return status

    def once(self, command: Sequence[str], at: int) -> int:
        """Run a command once, and note what it did."""
        before, name = self.shown(), command[0]
        self.gone = reader.said_no(before, self.gone)
        self.heard.look(before)
        status = self.stage.command(list(command), at=at)
        if name in READS and status in WELL:
            self.heard.hear(before)
        self.found.commands += 1
        self.found.kills += status == KILLED
        self.said.append(f"{' '.join(word for word in command[:2] if 'override' not in word)}: {status}")
        if status not in {*WELL, *REFUSED, KILLED} and name not in NEED_OTHERS:
            self.found.failed.append(f"{' '.join(command)} ended with {status}: {self.stage.said[-300:]}")
        if status in WELL:
            if self.stage.control is not None:
                self.calls[name] = self.stage.control.calls
            if name in {"pull", "run"}:
                self.pulled, self.assigned = before, name == "run"
            self.assigned = self.assigned or name == "assign"
        if name in WRITES:
            wrote = reader.written_to(before, self.shown(), self.heard.keys)
            self.found.written_without_consent += [f"{name}: {line}" for line in wrote]
        return status

    def whole_loop(self, when: str) -> None:
        """Pull, assign, plan and apply while nobody works, and look what the platforms show."""
        for command in LOOP:
            status = self.do(command, alone=True)
            if status not in WELL and not (status in REFUSED and command[0] == "plan"):
                self.found.failed.append(f"{when}: {command[0]} ended with {status}: {self.stage.said[-300:]}")
        shown = self.shown()
        notes = reader.stale(shown, self.known(), self.gone)
        self.found.stale_fields += [f"{when}: {note}" for note in notes]

    def look(self, when: str) -> None:
        """Compare both platforms' people with ours."""
        notes = reader.lost(self.pulled, self.shown(), self.known(), assigned=self.assigned)
        self.found.people_lost += [f"{when}: {note}" for note in notes]
        self.tell(when)

    def tell(self, when: str) -> None:
        """Tell people what was found since it was last told."""
        for name in ("people_lost", "written_without_consent", "stale_fields", "failed"):
            lines = getattr(self.found, name)
            for line in lines[self.told.get(name, 0) :][:5]:
                print(f"  {name}: {line[:600]}", file=sys.stderr)
            self.told[name] = len(lines)
        print(f"{when}: {', '.join(self.said)}; {self.found.document(0)}", file=sys.stderr, flush=True)
        self.said.clear()

    def shown(self) -> dict[reader.Key, reader.Record]:
        """What the platforms show now."""
        return reader.records(self.stage.tables())

    def known(self) -> reader.Ours:
        """What the workspace knows; the engine is opened in a fork, so that this process stays fit to be forked."""

        told = self.stage.folder / "known.json"  # what a fork prints is cut after 60,000 characters

        def tell() -> int:
            ours = reader.ours(self.stage.workspace)
            links = [[*key, person] for key, person in ours.links.items()]
            told.write_text(json.dumps([links, dict(ours.assigned), dict(ours.copy)]), "utf-8")
            return 0

        status = self.stage.fork(tell)
        assert status == 0, f"the workspace could not be looked at: {status}, {self.stage.said[-1000:]}"
        links, assigned, copy = json.loads(told.read_text("utf-8"))
        linked = {(connection, key): person for connection, key, person in links}
        return reader.Ours(
            linked, {person: (assignment[0], assignment[1]) for person, assignment in assigned.items()}, copy
        )


def live(options: argparse.Namespace) -> int:
    """Let the days pass in this process and its forks, and say what was found."""
    began = time.monotonic()
    page = os.environ.get("PERSONASYNC_TORTURE")
    bug: AbstractContextManager[Any] = running_ahead() if options.plant else nullcontext()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder, bug:
        stage = Stage(Path(folder), Control(Path(page)) if page else None, people=options.people)
        stage.build({"new": [["setup", "--yes"], *LOOP]})
        with stage.at("new"):
            days = Days(stage, options.seed)
            days.live(options.days, options.hours)
    result = days.found
    print(json.dumps({**result.document(options.days), "seconds": round(time.monotonic() - began, 1)}))
    return int(not result.clean)


def main() -> int:
    """Load what kills commands, where there is a compiler for it, and live."""
    parser = argparse.ArgumentParser(prog="tests.torture.days")
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hours", type=float, default=24.0, help="of a day; in short ones few assignments change")
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--no-kills", action="store_true", help="kill no command: needs no compiler")
    parser.add_argument("--plant", action="store_true", help="have the bug that lost people")
    options = parser.parse_args()
    if options.no_kills or "PERSONASYNC_TORTURE" in os.environ:
        return live(options)
    with tempfile.TemporaryDirectory() as folder:
        library, page = Path(folder) / "killer.so", Path(folder) / "control"
        page.write_bytes(bytes(4096))
        if shutil.which("gcc") is None:
            print("There is no gcc: commands are not killed.", file=sys.stderr)
            return live(options)
        subprocess.run(
            ["gcc", "-O2", "-U_FORTIFY_SOURCE", "-shared", "-fPIC", "-o", library, HERE / "killer.c", "-ldl"],
            check=True,
        )
        environment = {**os.environ, "LD_PRELOAD": str(library), "PERSONASYNC_TORTURE": str(page)}
        return subprocess.run([sys.executable, "-m", "tests.torture.days", *sys.argv[1:]], env=environment).returncode  # noqa: PLW1510


if __name__ == "__main__":
    sys.exit(main())
