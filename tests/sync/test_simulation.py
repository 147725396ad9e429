"""Deeds of people working on both platforms while we sync, five hundred here. What must hold whatever they do:

no consent changes by our hand, no field, tag or list that is not ours changes, the ledger is what the platforms show,
and a second run plans nothing. `make simulation` names another number of deeds, CI ten thousand.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from connectors.errors import FixSettingsError
from connectors.records import Change
from connectors.sandbox.fill import AUDIENCE, fill
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from sync.apply.job import apply
from sync.apply.undo import intended, undo
from sync.assign.job import assign
from sync.clock import now
from sync.ops.demo import make_workspace
from sync.ops.setup import create_missing, missing_steps
from sync.plan.job import plan
from sync.pull.job import pull
from sync.session import Session, open_session
from tests.sync.busy_people import BusyPeople

STEPS = int(os.environ.get("PERSONASYNC_SIMULATION", "500"))
LONG = STEPS > 100_000
DAYS = 7 if LONG else 4 if STEPS >= 10_000 else 2  # of an account's life
PARTS = 2 if STEPS > 1000 else 1  # for as many processes
ACCOUNTS = st.sampled_from((8, 40, 200))
# So many deeds between two runs: a lone one shows what many would cover up. Integers that are drawn are mostly small.
DEEDS = st.sampled_from((1, 5, 25, 120, 600, 3_000, *((15_000, 15_000) if LONG else (6_000,))))
LIFE = DAYS * (4_000 if LONG else 1_400)  # deeds, usually
GUARDRAILS = frozenset({"max_changed", "max_removed", "max_unclassified", "max_data_age_hours"})
OURS = ("personasync_",)
OUR_TAGS = ("PERSONA", "PS_")


class Platforms(RuleBasedStateMachine):
    """Both platforms, a workspace, and people who work there. What they do follows from a seed and the day."""

    done = 0  # deeds of all accounts

    @initialize(seed=st.integers(0, 2**32 - 1), people=ACCOUNTS)
    def begin(self, seed: int, people: int) -> None:
        assume(seed)  # the first example of all is always the smallest: a day of one deed, again and again
        self.seed, self.day = seed, 0
        self.folder = Path(tempfile.mkdtemp())
        world = make_world()
        world.settings.enforce_limits = False
        fill(world, people)
        self.sandbox = Sandbox(world)
        self.sandbox.__enter__()
        self.people = BusyPeople(world)
        self.session = self._open()
        create_missing(self.session, missing_steps(self.session))
        self.sync(0)

    def _open(self) -> Session:
        workspace, access = self.folder / "workspace", self.sandbox.access
        make_workspace(workspace, access)
        file = workspace / "personasync.toml"
        file.write_text(file.read_text("utf-8").replace("min_audience = 20", "min_audience = 1"), "utf-8")
        secrets = {"HUBSPOT_TOKEN": access["hubspot_token"], "MAILCHIMP_API_KEY": access["mailchimp_key"]}
        environment = {**secrets, "PERSONASYNC_BUDGETS": str(self.folder / "budgets")}
        self.opened = open_session(workspace, now=now, environment=environment)
        session = self.opened.__enter__()
        crm: Any = session.connector("crm")
        crm._transport._budgets["search"].requests = 100_000  # the local platform does not count here
        crm._burst.requests = 100_000
        return session

    def teardown(self) -> None:
        if hasattr(self, "opened"):
            self.opened.__exit__(None, None, None)
            self.sandbox.__exit__(None, None, None)
            shutil.rmtree(self.folder)

    @rule(deeds=DEEDS, meanwhile=st.integers(0, 6), taken_back=st.booleans(), again=st.booleans())
    def a_day(self, deeds: int, meanwhile: int, taken_back: bool, again: bool) -> None:  # noqa: FBT001 - drawn
        """Work on both platforms, then a run while *meanwhile* more is done, and perhaps one that finds them quiet."""
        self.day += 1
        self.dice = random.Random(f"{self.seed}/{self.day}")  # noqa: S311 - people, not secrets
        self.work(deeds)
        self.sync(meanwhile)
        if taken_back:
            self.take_back()
        if again:
            self.settle()
            pull(
                self.session, override=frozenset({"clock"})
            )  # who was erased while others changed is known at the second reading
            self.sync(0)
            self.settle()
            pull(self.session, override=frozenset({"clock"}))
            assert plan(self.session).plan.changes == []

    def work(self, deeds: int) -> None:
        """So many deeds, each by anybody."""
        for _ in range(deeds):
            self.people.do(self.dice.randrange(2**20))
        Platforms.done += deeds

    def sync(self, meanwhile: int) -> None:
        """Pull, assign and plan; *meanwhile* people go on; apply."""
        self.settle()
        pull(self.session, override=frozenset({"clock"}))
        as_of = self.session.now()
        try:
            # so many leads may come to so few people that the guardrail about missing orders rightly speaks
            assign(self.session, as_of=as_of, override=frozenset({"trait_quality"}))
        except FixSettingsError as error:
            assert "There are no contacts to assign" in str(error)  # noqa: PT017 - it may go well
            table, moment = self.people.crm.contact_records.table, f"{as_of:%Y-%m-%dT%H:%M:%S}"
            # the platforms' clock is ahead, so that whoever came last was created in our future
            assert [key for key in self.people.crm.contact_records.order if table[str(key)]["createdAt"] < moment] == []
            return
        planned = plan(self.session)
        if meanwhile:
            self.work(meanwhile)
        before = self.theirs()
        applied = apply(self.session, planned.path, override=GUARDRAILS)
        assert self.theirs() == before
        assert applied.failed == {}
        applied_now = self.session.control.ledger.outcomes(applied.run_id, state="applied")
        self.applied_is_shown([outcome.change for outcome in applied_now])

    def applied_is_shown(self, changes: Sequence[Change]) -> None:
        """What was applied is there; of contacts that were merged meanwhile, what was written to one of them."""
        written: dict[tuple[str, ...], list[str | None]] = {}
        for change in changes:
            written.setdefault(self.place(change), []).append(change.after or None)
        for change in changes:
            assert self.shown(change) in written[self.place(change)], change

    def place(self, change: Change) -> tuple[str, ...]:
        """Where *change* was made: a contact that was merged answers for the other one."""
        return change.connection, self.now_called(change), change.kind, change.name

    def now_called(self, change: Change) -> str:
        """The id under which the contact of *change* is there."""
        row = self.people.crm.contact(change.platform_id) if change.connection == "crm" else None
        return change.platform_id if row is None else str(row["id"])

    def take_back(self) -> None:
        """Undo the newest apply."""
        before = self.theirs()
        undone = undo(self.session, intended(self.session, "last"))
        assert self.theirs() == before
        assert undone.failed == {}

    def settle(self) -> None:
        """Let the platforms' moments move on: Mailchimp's have whole seconds."""
        self.sandbox.world.clock.advance(timedelta(seconds=3))

    def theirs(self) -> dict[str, Any]:
        """Everything that is not ours, consents first."""
        contacts, members = self.people.crm.contact_records.table, self.people.members_now()
        return {
            "status": {member["contact_id"]: member["status"] for member in members},
            "consent": {key: dict(row) for key, row in self.people.crm.consent.items()},
            "contacts": {
                key: {n: v for n, v in row["properties"].items() if not n.startswith((*OURS, "lastmodifieddate"))}
                for key, row in contacts.items()
            },
            "members": {
                member["contact_id"]: {n: v for n, v in member["merge_fields"].items() if not n.startswith(OUR_TAGS)}
                for member in members
            },
        }

    def shown(self, change: Change) -> str | None:
        """What a platform shows where *change* was made."""
        if change.connection == "crm":
            if change.kind == "group":
                lists = {
                    contact_list["name"]: contact_list["listId"] for contact_list in self.people.crm.lists.values()
                }
                members = self.people.crm.members.get(lists[f"personasync: {change.name}"], {})
                return "member" if self.now_called(change) in members else None
            row = self.people.crm.contact_records.table[self.now_called(change)]
            return row["properties"].get(change.name) or None
        member = self.people.members_by_id()[change.platform_id]
        if change.kind == "group":
            tags = {str(segment["id"]): segment["name"] for segment in self.people.email.segments(AUDIENCE).values()}
            return "member" if f"ps:{change.name}" in {tags[key] for key in map(str, member["tags"])} else None
        return str(member["merge_fields"].get(change.name) or "") or None


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_people_do_the_promises_hold(part: int) -> None:
    wanted = Platforms.done + -(-STEPS // PARTS)
    while Platforms.done < wanted:
        run_state_machine_as_test(
            Platforms,
            settings=settings(
                max_examples=max((wanted - Platforms.done) // LIFE, 1),
                stateful_step_count=DAYS + 1,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                phases=(Phase.reuse, Phase.generate),  # a smaller failure would take hours; the seed tells all
            ),
        )
