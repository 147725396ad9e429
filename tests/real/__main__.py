"""``python -m tests.real``: see `make real-test`. The last line is one JSON document.

people              on both servers together, each once
wrong_fields        fields of ours that show something else than the rules say, by a reading of our own
wrong_labels        tags and labels of ours that do
second_run_writes   changes that a second plan wants, with nothing changed
undo_left           fields, tags and labels of ours that are left after the undo
clicks_ours         people who clicked a newsletter, as personasync counts them
clicks_ghost        the same as Ghost counts them
kills               times that `apply` was killed
lost                changes that were said to be done and are not shown
duplicated          changes applied twice, members in a label twice, people made twice
loops               that were run to their end
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from connectors.testing.proxy import FaultyProxy
from tests.real import shown
from tests.real.bottlecrm import BottleServer, bottlecrm
from tests.real.commands import KILLED, Commands
from tests.real.ghost import GhostServer, ghost
from tests.real.install import BOTTLECRM, GHOST
from tests.real.mailgun import Mailgun
from tests.real.people import RealPerson, people_of, settle
from tests.real.processes import in_memory, until
from tests.real.reader import read

SHARED = Path(__file__).parents[3] / "shared"
SHOP = "https://shop.example/offer"
OF_WRITES = 0.75  # of the kills; the others come after some requests of any kind, most of them before a write
MOST_REQUESTS = 15
CHANGES_EACH, FEWEST = 0.5, 4  # changes of the plan that a kill may take, of its share, and writes at least
ROOT = Path(__file__).parent
OF_WHOLE, PART = 0.1, 30  # of the kills those that meet the whole plan; people more in each part of it
KILLS_TOLD = 5
OPENED = 420.0  # seconds in which Ghost must have fetched who opened: it asks every five minutes


class Loop:
    """Two servers, a workspace, and people."""

    def __init__(
        self, crm: BottleServer, site: GhostServer, mailgun: Mailgun, folder: Path, people: Sequence[RealPerson]
    ) -> None:
        self.crm, self.site, self.mailgun, self.folder = crm, site, mailgun, folder
        self.today = today()
        self.people = people
        self.found: dict[str, Any] = {"people": len(people), "ghost": GHOST, "bottlecrm": BOTTLECRM}
        for name in ("wrong_fields", "wrong_labels", "second_run_writes", "undo_left", "clicks_ours", "clicks_ghost"):
            self.found[name] = 0
        for name in ("kills", "lost", "duplicated", "loops"):
            self.found[name] = 0
        self.dice = random.Random(len(people))  # noqa: S311 - where a command is killed
        self.workspace = folder / "workspace"
        self.doors = [FaultyProxy(crm.url), FaultyProxy(site.api)]  # they count requests, and make no faults here
        self.commands = Commands(self.workspace, {"BOTTLE_TOKEN": crm.token, "GHOST_KEY": site.key})

    @property
    def state(self) -> Path:
        """The control store."""
        return self.workspace / ".personasync" / "control.db"

    def tell(self, text: str) -> None:
        """Say how far it is."""
        print(f"{time.monotonic() - BEGAN:6.0f} s  {text}", file=sys.stderr, flush=True)

    def begin(self) -> None:
        """Put people on the servers, and write a workspace."""
        settle(self.people, self.crm, self.site)
        self.workspace.mkdir()
        text = (ROOT / "workspace.toml").read_text("utf-8")
        addresses = {"CRM": self.doors[0].url, "SITE": self.doors[1].url}
        for name, address in addresses.items():
            text = text.replace(f"@{name}@", address)
        for part in text.split("#### ")[1:]:
            name, _, content = part.partition("\n")
            (self.workspace / name.strip()).write_text(content, "utf-8")
        self.tell(f"{len(self.people)} people are on the servers")

    def once(self, number: int, kills: int, *, opens: bool) -> None:
        """Run the whole loop once."""
        run = self.commands.run
        run("pull")
        run("assign")
        run("setup", "--yes")
        run("plan", "--json")
        planned = json.loads(self.commands.said)["changes"]
        self.tell(f"loop {number}: {planned} changes planned")
        self._apply(kills, most=max(int(CHANGES_EACH * planned / max(kills, 1)), FEWEST))
        self._look("after apply")
        run("pull")
        run("assign")
        run("plan", "--json")
        self.found["second_run_writes"] += json.loads(self.commands.said)["changes"]
        self._newsletters(number, opens=opens)
        run("results")
        run("report")
        self.found["clicks_ours"] += self._clicks_ours()
        run("undo", "last", "--yes", allowed=(0,))
        left = shown.compare(self.people, self.crm, self.site, None)
        self.found["undo_left"] += len(left.fields) + len(left.labels)
        self.tell(f"loop {number}: undone, {self.found['undo_left']} left")
        for line in [*left.fields, *left.labels][:5]:
            self.tell(line)

    def _apply(self, kills: int, *, most: int) -> None:
        """Apply the plan; kill it after up to *most* writes, and where it ends before all kills, undo and plan anew.

        Before a whole plan is applied, everybody is asked for consent. So most kills meet one more part of it, whose
        people alone are asked, and the last ones meet all that is left.
        """
        wanted, since, part = self.found["kills"] + kills, shown.newest_entry(self.state), 0
        while True:
            left = wanted - self.found["kills"]
            part = part + PART if left > OF_WHOLE * kills else len(self.people)
            words = ("--limit", str(part)) if part < len(self.people) else ()
            point = self._point(min(most, 2 * PART) if words else most) if left > 0 else None
            status = self.commands.run("apply", *words, kill_when=point, allowed=(0, 2))
            if status == KILLED:
                self.found["kills"] += 1
                if self.found["kills"] % KILLS_TOLD == 0:
                    self.tell(f"killed {self.found['kills']} times")
                continue
            if status == 0 and words:  # it ended just before it was killed: the next part
                continue
            if status != 0:  # the same, and this one finds nothing to do
                assert "already applied" in self.commands.said, self.commands.said
            self.found["duplicated"] += shown.applied_twice(self.state, since)
            if left <= 0:
                return
            self._look(f"applied after {self.found['kills']} kills")
            for again in (("undo", "last", "--yes"), ("pull",), ("assign",), ("plan",)):
                self.commands.run(*again)
            since, part = shown.newest_entry(self.state), 0

    def _point(self, most: int) -> Callable[[], bool]:
        """Return what holds from a point on that is drawn by chance: so many requests, or so many writes, were sent."""

        def sent() -> int:
            return sum(len(door.writes if of_writes else door.seen) for door in self.doors)

        of_writes = self.dice.random() < OF_WRITES
        for door in self.doors:
            door.seen.clear()
        count = self.dice.randint(1, most if of_writes else MOST_REQUESTS)
        return lambda: sent() >= count

    def _look(self, when: str) -> None:
        wrong = shown.compare(self.people, self.crm, self.site, self.today)
        self.found["wrong_fields"] += len(wrong.fields)
        self.found["wrong_labels"] += len(wrong.labels)
        self.found["lost"] += len(wrong.fields) + len(wrong.labels)
        self.found["duplicated"] += len(wrong.twice) + shown.in_label_twice(self.folder / "ghost" / "ghost.db")
        self.tell(f"{when}: {len(wrong.fields)} wrong fields, {len(wrong.labels)} wrong labels")
        for line in [*wrong.fields, *wrong.labels, *wrong.twice][:5]:
            self.tell(line)

    def _newsletters(self, number: int, *, opens: bool) -> None:
        """Send a newsletter to each persona's label, and let people read it."""
        clicked: dict[str, set[str]] = {}
        for segment, persona in shown.PERSONAS.items():
            before = len(self.mailgun.mails)
            post = self.site.send(f"Loop {number}: {shown.HEADLINES[persona]}", f"ps-{segment}", f"{SHOP}/{segment}")
            mails = self.mailgun.mails[before:]
            meant = {p.ghost.lower() for p in self.people if p.ghost and not p.no and p.segment(self.today) == segment}
            assert {mail.recipient.lower() for mail in mails} == meant, (segment, len(mails), len(meant))
            clicked[post] = read(mails, self.mailgun, SHOP, seed=number)
        counted = dict.fromkeys(clicked, 0)

        def all_counted() -> bool:
            counted.update({post: self.site.mailed(post)["count"]["clicks"] for post in clicked})
            return counted == {post: len(people) for post, people in clicked.items()}

        until(all_counted, f"Ghost counts {counted}", patience=60.0)
        self.found["clicks_ghost"] += sum(counted.values())
        if opens:
            until(lambda: all(self.site.mailed(post)["email"]["opened_count"] for post in clicked), "no opens", OPENED)
        self.tell(f"loop {number}: {len(clicked)} newsletters, {sum(counted.values())} people clicked")

    def _clicks_ours(self) -> int:
        """People who clicked newsletters of this loop, as personasync counts them, without those of loops before."""
        from sync.clock import now  # noqa: PLC0415 - the processes of commands import it
        from sync.results.campaigns import newest_campaigns  # noqa: PLC0415
        from sync.session import open_session  # noqa: PLC0415

        with open_session(self.workspace, now=now, environment=dict(self.commands.environment)) as session:
            campaigns = newest_campaigns(session)[: len(shown.PERSONAS)]
            return sum(row.clicked for campaign in campaigns for row in campaign.rows)


def today() -> date:
    """Return the day, UTC: rules look at whole days, so no run may begin just before midnight."""
    return datetime.now(UTC).date()


def main() -> int:
    """Start both servers, run the loops, and say what was found."""
    parser = argparse.ArgumentParser(prog="tests.real")
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--kills", type=int, default=4, help="of all loops together")
    parser.add_argument("--loops", type=int, default=1)
    parser.add_argument(
        "--opens", action="store_true", help="in the last loop, wait until Ghost has fetched who opened: five minutes"
    )
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # whoever ends us ends the servers too
    with tempfile.TemporaryDirectory(dir=in_memory()) as scratch, ExitStack() as stack:
        folder, people = Path(scratch), people_of(SHARED, asked.people, today())  # before minutes of installing
        mailgun = stack.enter_context(Mailgun())
        crm = stack.enter_context(bottlecrm(folder / "bottlecrm"))
        site = stack.enter_context(ghost(folder / "ghost", mailgun.url))
        loop = Loop(crm, site, mailgun, folder, people)
        for door in loop.doors:
            stack.enter_context(door)
        loop.tell("both servers are up")
        try:
            loop.begin()
            for number in range(1, asked.loops + 1):
                share = asked.kills // asked.loops + (number <= asked.kills % asked.loops)
                loop.once(number, share, opens=asked.opens and number == asked.loops)
                loop.found["loops"] = number
        finally:  # whoever ends it early sees how far it came
            found = {**loop.found, "seconds": round(time.monotonic() - BEGAN, 1)}
            print(json.dumps(found), flush=True)
    wrong = ("wrong_fields", "wrong_labels", "second_run_writes", "undo_left", "lost", "duplicated")
    return int(any(found[name] for name in wrong) or found["clicks_ours"] != found["clicks_ghost"])


BEGAN = time.monotonic()
if __name__ == "__main__":
    sys.exit(main())
