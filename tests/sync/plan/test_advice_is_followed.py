"""Whatever stops a push, the advice that is printed leads on: followed to the letter, in whatever order things come.

All that can happen comes in one order, settled step by step, and in the opposite one, much of it at once: so of any two
each comes first once. To settle is to plan and apply, or to `run`, and to do what is printed until that ends well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.records import MEMBER, Change, Outcome
from connectors.sandbox.fill import AUDIENCE, fill
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from sync.clock import now
from sync.control.store import Control
from sync.session import open_session, open_stores
from tests.sync.conftest import Moment, Platforms, Run, apply_it, connected, edit, get_ready, moment_after, say
from tests.sync.webhooks.conftest import configure, serving

__all__ = ["say"]

PEOPLE = 30
MOST = 6  # pieces of advice; more would be going round in circles
REFUSED, REJECTS = 3, 4  # exit codes: a guardrail, and records that were rejected
COMMAND = re.compile(r"`personasync ([^`]+)`")
SHARE = re.compile(r"([\d,.]*\d)%")
NOT_MEANT = re.compile(r"^(history|status|quality|lift|explain)\b")
UNATTENDED = {"setup": ["--yes"]}
OTHERWISE = re.compile(r", or `[^`]+`")
GUARDRAILS = {name: name for name in ("max_changed", "max_removed", "max_unclassified", "trait_quality")} | {
    "max_data_age_hours": "last pulled"
}


@dataclass
class Person:
    """Somebody who does what is printed, and nothing else.

    Attributes:
        done: What was advised and done.
        met: Guardrails and reasons that stopped or skipped something.
    """

    platforms: Platforms
    say: Run
    done: list[str] = field(default_factory=list)
    met: set[str] = field(default_factory=set)

    def follow(self, *goal: str) -> list[str]:
        """Run *goal*; as long as it does not end well, do what it says, and try again. Return what was done."""
        done: list[str] = []
        for _ in range(MOST):
            status, out, error = self.say(*goal)
            output = " ".join((out + error).split())
            assert all(float(share.replace(",", "")) <= 100 for share in SHARE.findall(output)), output
            self.met |= {name for name, words in GUARDRAILS.items() if words in output and status == REFUSED}
            # before it stands what may be done at any time, behind it what comes next in a workspace of the demo
            stopped = output.rpartition("Blocked by guardrail")[2].partition(" Next: ")[0]
            advice = [step for step in COMMAND.findall(OTHERWISE.sub("", stopped)) if not NOT_MEANT.match(step)]
            if status == 0 or (status == REJECTS and not advice):
                self.done += done
                return done
            assert advice, output
            for command in dict.fromkeys(advice):
                words = command.split()
                if words[0] != goal[0]:
                    done += self.follow(*words, *UNATTENDED.get(words[0], []))
                elif words != list(goal):
                    self.say(*words)
                done.append(command)
            if any(step.startswith("apply") for step in done):  # what was planned is sent
                self.done += done
                return done
            if status == REJECTS:  # the plan was applied; what was missing for the rest is there now, for the next one
                self.done += done
                self.settle()
                return done
        pytest.fail(f"{goal} never ends well: {done}")

    def settle(self, *before: str, by: str = "plan") -> None:
        """Get a plan through, step by step or *by* `run`."""
        for command in before:
            self.follow(command)
        if by == "run":
            self.follow(by)
            self.met |= self.reasons()
            return
        done = self.follow("plan")
        self.met |= self.reasons()
        if not any(step.startswith("apply") for step in done):
            self.follow("apply")

    def reasons(self) -> set[str]:
        """Why something of the newest plan was skipped."""
        with self.control() as control:
            plan = control.plans.latest()
            assert plan is not None
            summary = plan.summary
        kinds = ("skipped_segments", "memberships_of_others", "refused", "values_of_others")
        return {kind for kind in kinds if any(summary[kind].values())} | {
            reason.partition(": ")[2].partition(":")[0] for reason in summary["skipped"]
        }

    def control(self) -> Opened:
        """Open the control store alone."""
        return Opened(self.platforms.folder)

    def rewrite(self, file: str, pattern: str, text: str) -> None:
        path: Path = self.platforms.folder / file
        path.write_text(re.sub(pattern, text, path.read_text("utf-8")), "utf-8")


@dataclass
class Opened:
    """The control store, in a ``with``."""

    folder: Path

    def __enter__(self) -> Control:
        self.stores = open_stores(self.folder, now=now)
        return self.stores.__enter__().control

    def __exit__(self, *error: object) -> None:
        self.stores.__exit__(None, None, None)


# -- what happens -----------------------------------------------------------------------------------------------
def other_words(person: Person) -> None:
    """Every persona gets another headline."""
    person.rewrite("personas.toml", r'headline = "', 'headline = "New: ')


def a_new_field(person: Person) -> None:
    person.rewrite(
        "personas.toml", r"\Z", '\n[fields.more]\nfallback = "x"\ncrm = "personasync_more"\nemail = "PS_MORE"\n'
    )


def a_renamed_segment(person: Person) -> None:
    for file in ("segments.toml", "personas.toml"):
        person.rewrite(file, "gift_buyers", "givers")


def a_trait_that_is_known(person: Person) -> None:
    """A trait that decides, known of everybody."""
    edit(person.platforms, "[guardrails]", '[traits.job]\nconnection = "crm"\nproperty = "jobtitle"\n\n[guardrails]')
    person.rewrite("segments.toml", 'rule = "orders_365d', "rule = \"job = 'any' or orders_365d")
    for row in list(person.platforms.crm.contacts.values()):
        person.platforms.crm.touch_contact(row, {"jobtitle": "keeper"})


def a_trait_that_went(person: Person) -> None:
    """It is known of nobody any more."""
    for row in list(person.platforms.crm.contacts.values()):
        person.platforms.crm.touch_contact(row, {"jobtitle": ""})


def nobody_fits(person: Person) -> None:
    """Segments lose their people: changed, taken out of tags and unclassified at once."""
    person.rewrite("segments.toml", r"orders_total >= 1 and", "orders_total >= 9999 and")
    person.rewrite("segments.toml", r"orders_365d >= 3", "orders_365d >= 9999")
    person.rewrite("personasync.toml", r"max_unclassified = [\d.]+", "max_unclassified = 0.1")


def too_few(person: Person) -> None:
    edit(person.platforms, "min_audience = 1 ", "min_audience = 60 ")


def enough_again(person: Person) -> None:
    edit(person.platforms, "min_audience = 60 ", "min_audience = 1 ")


def people_leave_and_others_edit(person: Person) -> None:
    """Opt-outs and a deletion before the next pull, and somebody whom others put into a group of ours."""
    platforms = person.platforms
    members = [subscriber for subscriber in platforms.members() if subscriber["status"] == "subscribed"]
    for member in members[:2]:
        member["status"], member["last_changed"] = "unsubscribed", platforms.email.now()
        platforms.email.directory(AUDIENCE).save(member)
    with open_session(platforms.folder, now=now, environment=platforms.environment) as session:
        free = next(subscriber for subscriber in members[2:] if not subscriber["tags"] or len(subscriber["tags"]) == 1)
        tag = next(iter(session.workspace.groups))
        change = Change("email", free["contact_id"], "", free["email_address"], "group", tag, None, MEMBER)
        list(session.connector("email").push([change]))


def a_refusal(person: Person) -> None:
    """The platform refused the newest words of somebody."""
    person.rewrite("personas.toml", r'offer = "', 'offer = "So: ')
    with person.control() as control:
        before = control.ledger.last_writer("apply ") or ""
        sent = (outcome.change for outcome in control.ledger.outcomes(before, state="applied"))
        shown = next((update for update in sent if update.name == "personasync_offer" and update.after), None)
        if shown is not None:
            run = control.runs.begin("apply of it")
            change = replace(shown, before=shown.after, after=f"So: {shown.after}")
            control.ledger.settle(run, [Outcome(change, "rejected", "Refused by its rules.", "INVALID")])
            control.runs.finish(run, "rejects", {"writes": 0})


def an_interrupted_apply(person: Person) -> None:
    """The last apply was killed before it knew what became of its changes."""
    with person.control() as control:
        run = control.ledger.last_writer("apply ")
        assert run is not None
        settled = control.ledger.outcomes(run, state="applied", limit=3)
        control.ledger.settle(run, [replace(outcome, state="unknown") for outcome in settled])


def old_data(person: Person) -> None:
    """Nothing was read of HubSpot for a week."""
    with person.control() as control:
        control.cursors.ended("crm", "contacts", now() - timedelta(days=7), "r")


def a_clock_that_was_ahead(person: Person) -> None:
    """Mailchimp was read under a clock of the next month."""
    with person.control() as control:
        control.cursors.ended("email", "contacts", now() + timedelta(days=30), "r")


def a_plan_that_was_edited(person: Person) -> None:
    for path in (person.platforms.folder / ".personasync" / "plans").glob("*.jsonl"):
        path.write_text(path.read_text("utf-8") + "[]\n", "utf-8")


def a_field_that_people_write_too(person: Person) -> None:
    """HubSpot's own persona field is switched on, without options for our personas."""
    edit(person.platforms, 'connector = "hubspot"', 'connector = "hubspot"\nhs_persona = "write"')


def the_service_decides(person: Person) -> None:
    """The webhook service gives somebody new a persona, whom no command has read yet."""
    if "[serve]" not in (person.platforms.folder / "personasync.toml").read_text("utf-8"):
        configure(person.platforms)
    person.follow("assign")
    with serving(person.platforms) as served:
        contact = served.newcomer("ada@new.test")
        assert served.hubspot([served.created(contact)]).ok
        served.idle()
        assert served.service.control.inbox.backlog().dead_letters == 0


def an_experiment(person: Person) -> None:
    file = person.platforms.folder / "experiments.toml"
    text = '[experiments.winter]\nsalt = "w"\nbegins = 2026-01-01T00:00:00Z\n'
    file.write_text(text + 'arms = { old = 0.5, plain = 0.5 }\ngeneric = ["plain"]\n', "utf-8")


def an_experiment_no_more(person: Person) -> None:
    (person.platforms.folder / "experiments.toml").unlink(missing_ok=True)


Happening = Callable[[Person], None]
BOTH = ("pull", "assign")
STEPS: tuple[tuple[tuple[Happening, ...], tuple[str, ...]], ...] = (
    ((the_service_decides, a_new_field), BOTH),
    ((people_leave_and_others_edit, an_experiment, a_trait_that_is_known), BOTH),
    ((too_few, a_plan_that_was_edited, an_interrupted_apply), ()),
    ((other_words, enough_again), ()),
    ((a_refusal, a_field_that_people_write_too), ()),
    ((old_data, a_clock_that_was_ahead, a_trait_that_went), ()),
    ((an_experiment_no_more, a_renamed_segment, nobody_fits), ("assign",)),
)
TURNED = [
    happening
    for happenings, _ in reversed(STEPS)
    for happening in reversed(happenings)
    if happening is not enough_again
]
MET = set(GUARDRAILS) | {
    "skipped_segments",
    "memberships_of_others",
    "refused",
    "consent",
    "Refused by its rules.",
}


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Moment:
    """A few people, everything applied."""
    world = make_world()
    fill(world, PEOPLE)
    ready = moment_after(get_ready, tmp_path_factory.mktemp("ready"), world=world)
    return moment_after(apply_it, tmp_path_factory.mktemp("applied"), world=ready.world(), before=ready)


@pytest.fixture
def platforms(tmp_path: Path, settled: Moment) -> Iterator[Platforms]:
    with Sandbox(settled.world()) as sandbox:
        yield connected(sandbox, tmp_path / "workspace", settled)


@pytest.fixture
def person(platforms: Platforms, say: Run) -> Person:
    return Person(platforms, say)


@pytest.mark.long
def test_each_thing_is_got_through_before_the_next_happens(person: Person) -> None:
    for happenings, before in STEPS:
        for happening in happenings:
            happening(person)
        person.settle(*before)

    status, out, error = person.say("plan")
    assert (status, "Nothing to change" in out) == (0, True), out + error
    assert person.met >= MET
    assert {"setup", "pull"} <= set(person.done)


@pytest.mark.long
def test_much_at_once_and_the_other_way_round(person: Person) -> None:
    half = len(TURNED) // 2
    for some, by in ((TURNED[:half], "plan"), (TURNED[half:], "run")):
        for happening in some:
            happening(person)
        person.settle(*BOTH if by == "plan" else (), by=by)

    assert "setup" in person.done
    assert any("--override" in command for command in person.done)
