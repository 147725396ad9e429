"""Ten thousand steps of people working on both platforms while we sync. What must hold whatever they do:

no consent changes by our hand, no field, tag or list that is not ours changes, the ledger is what the platforms show,
and a second run plans nothing. `PERSONASYNC_SIMULATION` names another number of steps.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from connectors.records import Change
from connectors.sandbox.fill import AUDIENCE, fill
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from sync.apply import apply
from sync.assign import assign
from sync.clock import now
from sync.demo import make_workspace
from sync.planning import plan
from sync.pull import pull
from sync.setup import create, missing
from sync.undo import intended, undo
from sync.workbench import Workbench, open_workbench
from tests.sync.busy_people import BusyPeople

STEPS = int(os.environ.get("PERSONASYNC_SIMULATION", "10000"))
STEPS_AT_ONCE = 1_000
PARTS = 2  # for as many processes
PEOPLE = 8
SYNC_EVERY = 200  # times that we might: people do much between two runs
GUARDRAILS = frozenset(
    {"max_changed", "max_removed", "max_unclassified", "min_segment", "max_data_age", "unread_apply"}
)
OURS = ("personasync_",)
OUR_TAGS = ("PERSONA", "PS_")
NUMBER = st.integers(min_value=0, max_value=9_999)


class Platforms(RuleBasedStateMachine):
    """Both platforms, a workspace, and people who work there."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = 0
        self.folder = Path(tempfile.mkdtemp())
        world = make_world()
        world.settings.enforce_limits = False
        fill(world, PEOPLE)
        self.sandbox = Sandbox(world)
        self.sandbox.__enter__()
        self.people = BusyPeople(world)
        self.bench = self._open()

    def _open(self) -> Workbench:
        workspace, access = self.folder / "workspace", self.sandbox.access
        make_workspace(workspace, access)
        file = workspace / "personasync.toml"
        file.write_text(file.read_text("utf-8").replace("min_segment = 20", "min_segment = 1"), "utf-8")
        secrets = {"HUBSPOT_TOKEN": access["hubspot_token"], "MAILCHIMP_API_KEY": access["mailchimp_key"]}
        environment = {**secrets, "PERSONASYNC_BUDGETS": str(self.folder / "budgets")}
        self.opened = open_workbench(workspace, now=now, environment=environment)
        bench = self.opened.__enter__()
        crm: Any = bench.connector("crm")
        crm._transport._budgets["search"].requests = 100_000  # the local platform does not count here
        crm._burst.requests = 100_000
        return bench

    def teardown(self) -> None:
        self.opened.__exit__(None, None, None)
        self.sandbox.__exit__(None, None, None)
        shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        create(self.bench, missing(self.bench))
        self.sync([])

    @rule(number=NUMBER)
    def somebody_does_something(self, number: int) -> None:
        self.people.do(number)

    @rule(numbers=st.lists(NUMBER, max_size=6), back=st.integers(0, 3))
    def we_sync(self, numbers: list[int], back: int) -> None:
        """Now and then: a run while people go on, and another that finds the platforms quiet."""
        self.turns += 1
        if self.turns % SYNC_EVERY:
            self.people.do(sum(numbers) + back)
            return
        self.sync(numbers)
        if back == 0:
            self.take_back()
        self.sync([])  # reads once more: who was erased while others changed is known at the second reading
        assert plan(self.bench).plan.changes == []

    def sync(self, meanwhile: list[int]) -> None:
        """Pull, assign and plan; *meanwhile* people go on; apply, and pull again."""
        self.settle()
        pull(self.bench)
        # so many leads may come to so few people that the guardrail about missing orders rightly speaks
        assign(self.bench, as_of=self.bench.now(), override=frozenset({"trait_quality"}))
        planned = plan(self.bench)
        for number in meanwhile:
            self.people.do(number)
        before = self.theirs()
        applied = apply(self.bench, planned.path, override=GUARDRAILS)
        assert self.theirs() == before
        assert applied.failed == {}
        for outcome in self.bench.control.ledger.outcomes(applied.run_id, state="applied"):
            assert self.shown(outcome.change) == (outcome.change.after or None), outcome
        self.settle()
        pull(self.bench)

    def take_back(self) -> None:
        """Undo the newest apply."""
        before = self.theirs()
        undone = undo(self.bench, intended(self.bench, "last"))
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
                lists = {one["name"]: one["listId"] for one in self.people.crm.lists.values()}
                members = self.people.crm.members.get(lists[f"personasync: {change.name}"], {})
                return "member" if change.platform_id in members else None
            row = self.people.crm.contact_records.table[change.platform_id]
            return row["properties"].get(change.name) or None
        member = self.people.members_by_id()[change.platform_id]
        if change.kind == "group":
            tags = {str(one["id"]): one["name"] for one in self.people.email.segments(AUDIENCE).values()}
            return "member" if f"ps:{change.name}" in {tags[key] for key in map(str, member["tags"])} else None
        return str(member["merge_fields"].get(change.name) or "") or None


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_people_do_the_promises_hold(part: int) -> None:
    run_state_machine_as_test(
        Platforms,
        settings=settings(
            max_examples=max(STEPS // STEPS_AT_ONCE // PARTS, 1),
            stateful_step_count=STEPS_AT_ONCE,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
