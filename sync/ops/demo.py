"""The demo: the whole loop twice on local platforms, and an experiment with measured lift.

Both runs look at the same moment, so the second one must find nothing to do: what came after that moment (the
campaign's own clicks and orders) is measured in the results, and counts as history from the next look on. Then an
experiment: half of the people get the words of a persona drawn at random; the difference is what personas are worth.
The demo's days lie in the past and end now, so that its workspace is as true afterwards as on its last day. On one
date a seed gives the same figures: the days begin at midnight (UTC), and ids of people, from which their variants
follow, are counted.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

from connectors.errors import FixSettingsError, PlatformDownError
from connectors.sandbox import marketer
from connectors.sandbox.access import FREE_PORTS, local_connections, local_environment, local_mailing, local_writes
from segmenter.lift.effects import Comparison, Effect
from segmenter.lift.randomization import Experiment
from segmenter.lift.text import sentences
from sync.clock import now
from sync.control.person_ids import counted_person_ids
from sync.experiments import job as experiments
from sync.ops.run import Loop, run_loop
from sync.preview.job import preview
from sync.preview.page import Preview
from sync.pull.job import pull
from sync.report.job import write_report
from sync.results.job import results
from sync.results.lift import Lift, lift_of_campaign, lift_of_experiment
from sync.session import Progress, Session, open_session
from sync.workspace.scaffold import Answers, NewConnection, write_workspace

MAILS = 3
CAMPAIGN_DAYS = 4  # recipients answer within 72 hours; the local platforms' clock is moved past them
DAYS = CAMPAIGN_DAYS * (1 + MAILS)
READY_SECONDS = 120
CAMPAIGN = "Demo: generic vs personalized"
MARKER = "demo.toml"  # a folder that holds it was made by the demo, and may be made anew

GENERIC = "<h1>News from the shop</h1><p>Have a look at what we have this week.</p>"
PERSONAL = '<h1>*|PS_HEAD|*</h1><p>*|PS_OFFER|*</p><p><a href="https://shop.example/offer">Have a look</a></p>'
INDIVIDUAL = f"{PERSONAL}<p>And for you: what is new in *|PS_FAV|*.</p>"
FAVOURITE = (
    "\n# An individual value: the category each reader bought most. Readers with one order or "
    'none get the fallback.\n[fields.favourite]\nlabel = "Favourite category"\nfallback = "the '
    'whole shop"\ntrait = "favourite_category"\ncrm = "personasync_favourite"\nemail = "PS_FAV"\n'
)
DESCRIBED = """
# What people tell of themselves; a name that does not say its family gets one.
[traits.age_band]
connection = "crm"
property = "age_band"

[traits.gender]
connection = "crm"
property = "gender"

[traits.birthday_month]
connection = "crm"
property = "birthday_month"

[traits.area]
connection = "crm"
property = "area_type"
family = "geographic"

[traits.interest_group]
connection = "crm"
property = "interest_group"

[traits.buying_motive]
connection = "crm"
property = "buying_motive"
family = "psychographic"
"""
CREEPY = '[personalize]\ncreepy = "fallback"                  # values that may feel intrusive are not shown'


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo ends with. `rows`: each persona, its people, and their share of all."""

    document: Mapping[str, Any]
    rows: Sequence[tuple[str, int, str]]
    sentences: Sequence[str]
    report: Path
    preview: Path


def demo(
    directory: Path,
    *,
    people: int,
    seed: int,
    orders: Path | None,
    tell: Callable[[str], None],
    progress: Progress,
) -> DemoResult:
    """Start both local platforms, make a workspace in *directory*, run everything twice, stop the platforms.

    Args:
        directory: Of the demo's workspace; made if it is missing.
        people: How many the local platforms have.
        seed: The same number gives the same figures on the same date.
        orders: Real orders to use (CSV, Parquet or CDNOW); None: simulated ones.
        tell: Gets a line per step.
        progress: Told what is being read or written.

    Returns:
        Figures of both runs, and paths of the report and the preview.

    Raises:
        FixSettingsError: *directory* holds something that the demo did not make.
    """
    started, begins = time.monotonic(), first_day(now())
    tell("Starting the local platforms ...")
    with local_platforms(people=people, seed=seed, orders=orders, begins=begins) as access:
        make_workspace(directory, access, samples="shop" if orders else "demo")
        _personalize(directory, described=orders is None)
        environment = local_environment(access)
        clock = DemoClock(begins - now())
        with open_session(directory, now=clock, environment=environment) as session:
            session.new_person_id = counted_person_ids(seed)
            first, second, written = _twice(session, access, clock, tell, progress, as_of=begins)
            seen = _preview(session)
            day = begins + timedelta(days=CAMPAIGN_DAYS)
            worth, report = _worth(session, access, clock, tell, progress, begins=day)
            campaign = lift_of_campaign(session, CAMPAIGN)
    seconds = round(time.monotonic() - started, 1)
    return _shown(first, second, written, (campaign, worth), report, seen, seconds=seconds)


def first_day(present: datetime) -> datetime:
    """Return the midnight (UTC) at which the demo's days begin, so that none of them lies after *present* (UTC)."""
    return datetime.combine(present.date() - timedelta(days=DAYS), datetime.min.time(), UTC)


class DemoClock:
    """Our clock, which goes on when that of the local platforms does; *ahead* is how far it is ahead of real time."""

    def __init__(self, ahead: timedelta = timedelta(0)) -> None:
        self.ahead = ahead

    def __call__(self) -> datetime:
        """Return the moment, UTC."""
        return now() + self.ahead

    def let_pass(self, access: Mapping[str, str], days: float) -> None:
        """Let *days* pass, on the platforms too."""
        marketer.advance_clock(local_mailing(access)[0], days=days)
        self.ahead += timedelta(days=days)

    def catch_up(self, access: Mapping[str, str]) -> None:
        """Let the rest of the time pass until now."""
        self.let_pass(access, -self.ahead / timedelta(days=1))


def _twice(
    session: Session,
    access: Mapping[str, str],
    clock: DemoClock,
    tell: Callable[[str], None],
    progress: Progress,
    *,
    as_of: datetime,
) -> tuple[Loop, Loop, int]:
    tell("First run:")
    first = run_loop(
        session,
        as_of=as_of,
        progress=progress,
        tell=_indented(tell),
        before_results=lambda: _campaign(access, clock, tell),
        set_up=True,
    )
    before = local_writes(access)
    tell("Second run, as of the same time:")
    second = run_loop(session, as_of=as_of, progress=progress, tell=_indented(tell))
    after = local_writes(access)
    return first, second, after - before


def _preview(session: Session) -> tuple[Preview, Path]:
    """The mail of each persona side by side, as it went out."""
    folder = session.workspace.directory
    (folder / "mail.html").write_text(INDIVIDUAL, "utf-8")
    sample = preview(session, folder / "mail.html")
    (folder / "preview.html").write_text(sample.page(), "utf-8")
    return sample, folder / "preview.html"


def _personalize(directory: Path, *, described: bool) -> None:
    """Let the fields hold a value of each reader's own as well; if *described*, read what people tell of themselves."""
    personas, main = directory / "personas.toml", directory / "personasync.toml"
    personas.write_text(personas.read_text("utf-8") + FAVOURITE, "utf-8")
    settings = main.read_text("utf-8").replace("[personalize]", CREEPY, 1)
    main.write_text(settings + (DESCRIBED if described else ""), "utf-8")


def send_demo_campaign(access: Mapping[str, str], personal: str = PERSONAL) -> None:
    """What a marketing person does in Mailchimp: half get the same words as everybody, half the persona's own."""
    marketer.send_campaign(
        *local_mailing(access),
        title=CAMPAIGN,
        subject="This week in the shop",
        variants={"generic": GENERIC, "personal": personal},
    )


def _campaign(access: Mapping[str, str], clock: DemoClock, tell: Callable[[str], None]) -> None:
    tell("  the platform sends a campaign; four days pass")
    send_demo_campaign(access, INDIVIDUAL)
    clock.let_pass(access, CAMPAIGN_DAYS)


def _worth(
    session: Session,
    access: Mapping[str, str],
    clock: DemoClock,
    tell: Callable[[str], None],
    progress: Progress,
    *,
    begins: datetime,
) -> tuple[Lift, Path]:
    """What personas are worth: their own words against those of a persona drawn at random. And the report of it all."""
    tell("An experiment: half of the contacts get the copy of a random persona.")
    arms, personas = {"random": 0.5, "own": 0.5}, tuple(session.workspace.personas)
    wanted = Experiment("worth", "demo", arms, begins, personas=personas, placebo=("random",))
    experiments.create_experiment(session, wanted)
    run_loop(session, as_of=begins, progress=progress, tell=_indented(tell), set_up=True)
    tell(f"  {MAILS} emails are sent: the same template, with personalized fields")
    where = local_mailing(access)
    for number in range(1, MAILS + 1):
        for arm in arms:
            tag = f"ps:{wanted.groups[arm]}"
            title = f"Demo: letter {number} to {arm}"
            marketer.send_to_tag(*where, title=title, subject="This week in the shop", html=INDIVIDUAL, tag=tag)
        clock.let_pass(access, CAMPAIGN_DAYS)
    clock.catch_up(access)
    tell("  today: pull, results and report")
    pull(session, progress=progress)
    results(session, progress=progress)
    experiments.end_experiment(session, wanted.name, session.now())
    return lift_of_experiment(session, wanted.name), write_report(session, progress).path


def _indented(tell: Callable[[str], None]) -> Callable[[str], None]:
    return lambda text: tell(f"  {text}")


@contextmanager
def local_platforms(
    *, people: int, seed: int, orders: Path | None = None, begins: datetime | None = None
) -> Iterator[dict[str, str]]:
    """Run both local platforms in a process of their own, and end it with the block.

    Args:
        people: How many they have.
        seed: Where chance starts.
        orders: Real orders to use; None: simulated ones.
        begins: Their present as they start, UTC; None: now.

    Yields:
        As `connectors.sandbox.server.Sandbox.access`.
    """
    command = [sys.executable, "-m", "connectors.sandbox", "--people", str(people), "--seed", str(seed)]
    command += FREE_PORTS
    command += ["--orders", str(orders)] if orders else []
    command += ["--begins", begins.isoformat()] if begins else []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise PlatformDownError("The local platforms did not start; see their output above.", answered=True)
        yield json.loads(line)
    finally:
        process.terminate()
        process.wait(timeout=READY_SECONDS)
        if process.stdout:
            process.stdout.close()


def make_workspace(directory: Path, access: Mapping[str, str], *, samples: str = "demo") -> None:
    """Write the demo's workspace: two connections, and segments and personas for its people.

    Args:
        directory: Empty, or made by an earlier demo.
        access: What `local_platforms` yields.
        samples: ``demo`` for invented people, ``shop`` for an order history.
    """
    if directory.exists() and any(directory.iterdir()):
        if not (directory / MARKER).exists():
            raise FixSettingsError(f"{directory} is not empty.", fix="Choose another folder: `personasync demo DIR`.")
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MARKER).write_text("# Made by `personasync demo`, which recreates this folder each time.\n", "utf-8")
    folder = resources.files("sync.ops") / "samples" / samples
    for name in ("segments.toml", "personas.toml"):
        (directory / name).write_text((folder / name).read_text("utf-8"), "utf-8")
    write_workspace(directory, Answers("Demo shop", [NewConnection(*parts) for parts in local_connections(access)]))


def _shown(
    first: Loop,
    second: Loop,
    second_writes: int,
    lifts: tuple[Lift, Lift],
    report: Path,
    seen: tuple[Preview, Path],
    *,
    seconds: float,
) -> DemoResult:
    campaign, clicks = (
        next(comparison for comparison in lift.comparisons if comparison.question.metric == lift.primary)
        for lift in lifts
    )
    document = {
        "contacts": _contacts(first),
        "persons": first.assigned.persons,
        "assigned": first.assigned.assigned,
        "unclassified": first.assigned.unclassified,
        "personas": _personas(first),
        "changes": len(first.planned.plan.changes),
        "requests": sum(first.requests.values()),
        "lift": sentences(campaign),
        "lift_against_random_personas": {
            "points": 100 * clicks.everyone.difference,
            "interval": [100 * clicks.everyone.interval.low, 100 * clicks.everyone.interval.high],
            "sentences": sentences(clicks),
        },
        "second_run_changes": len(second.planned.plan.changes),
        "second_run_writes": second_writes,
        "second_run_requests": sum(second.requests.values()),
        "seconds": seconds,
        "step_seconds": first.seconds,
        "step_requests": first.requests,
        "report": str(report),
        "preview": str(seen[1]),
        "preview_fallbacks": {mail.title: dict(mail.fallbacks) for mail in seen[0].shown},
    }
    return DemoResult(document, *_findings(first, clicks, campaign, second_writes), report, seen[1])


def _findings(
    first: Loop, clicks: Comparison, campaign: Comparison, second_writes: int
) -> tuple[list[tuple[str, int, str]], list[str]]:
    """How large the personas are, and what came out, in sentences."""
    persons, requests = first.assigned.persons, sum(first.requests.values())
    sizes = [*_personas(first).items(), ("unclassified", first.assigned.unclassified)]
    rows = [(name, count, f"{count / max(persons, 1):.0%}") for name, count in sizes]
    did = (
        f"{persons:,} people have {_contacts(first):,} contacts on two platforms. {len(first.planned.plan.changes):,} "
        f"tags and fields were written in {requests:,} requests; the same run again wrote {second_writes:,}."
    )
    worth = (
        "Is it worth it? Half of the people got the copy of their own persona, half that of a random one. "
        f"{in_plain_words(clicks.everyone)}"
    )
    return rows, [did, worth, f"The first campaign, against the same text for all: {in_plain_words(campaign.everyone)}"]


def in_plain_words(effect: Effect) -> str:
    """Return what a comparison of clicks found, of a hundred people."""
    points, low, high = (100 * share for share in (effect.difference, effect.interval.low, effect.interval.high))
    interval = f"(95% CI {low:.1f} to {high:.1f})"
    if effect.verdict == "more":
        return f"Yes: of 100 people, {points:.1f} more clicked {interval}."
    if effect.verdict == "less":
        return f"No: of 100 people, {-points:.1f} fewer clicked {interval}."
    return f"Not clear: of 100 people, {points:+.1f} clicked {interval}; more people would tell."


def _contacts(first: Loop) -> int:
    return sum(first.planned.plan.counts.contacts.values())


def _personas(first: Loop) -> dict[str, int]:
    return {name: count for name, count in first.assigned.personas.items() if name != "unclassified"}
