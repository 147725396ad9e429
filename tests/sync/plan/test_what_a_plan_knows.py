"""A plan knows what was confirmed since the last pull, says when it knows nothing, and does not outlive its data."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from connectors.errors import FixSettingsError
from sync.apply import undo
from sync.apply.job import PlanSelection, apply
from sync.breach import GuardrailError
from sync.clock import now
from sync.plan.job import plan
from sync.session import Session, open_session
from tests.sync.conftest import Platforms, Run, say

__all__ = ["say"]


@pytest.mark.long
def test_a_plan_straight_after_an_apply_is_empty_and_after_an_undo_it_is_not(ready: Session) -> None:
    first = plan(ready)
    apply(ready, part=PlanSelection(canary=0.3))
    rest = plan(ready)
    applied = apply(ready)
    after = plan(ready)

    assert 0 < len(rest.plan.changes) < len(first.plan.changes)
    assert (after.plan.changes, after.breaches) == ([], [])

    empty = apply(ready)  # it writes nothing, and is not what `undo last` means
    intended = undo.intended(ready, "last")
    assert (empty.states, intended.run.run_id) == ({}, applied.run_id)
    undone = undo.undo(ready, intended)
    again = plan(ready)

    key = {
        (change.connection, change.platform_id, change.kind, change.name, change.after) for change in again.plan.changes
    }
    assert undone.restored == applied.count("applied")
    assert key == {
        (change.connection, change.platform_id, change.kind, change.name, change.after) for change in rest.plan.changes
    }
    assert undo.intended(ready, "last").count == 0  # the same words again, as after a kill: nothing is done twice


def test_a_plan_before_anything_was_read_says_so(platforms: Platforms, say: Run) -> None:
    status, out, error = say("plan")
    assert (status, out) == (2, "")
    assert "no contacts have been pulled" in " ".join(error.split())
    assert "`personasync pull`" in error

    say("pull")
    status, out, error = say("plan")
    assert (status, out) == (2, "")
    assert "nobody has been assigned to a segment" in " ".join(error.split())
    with (
        open_session(platforms.folder, now=now, environment=platforms.environment) as session,
        pytest.raises(FixSettingsError, match="written anything"),
    ):
        undo.intended(session, "last")


@pytest.mark.long
def test_a_plan_that_has_grown_old_is_not_applied(platforms: Platforms, ready: Session) -> None:
    made = plan(ready)
    ready.now = lambda: now() + timedelta(days=40)

    with pytest.raises(GuardrailError, match=r"made 960 hours ago, the limit is 48.*last pulled 960 hours") as refused:
        apply(ready)
    assert "`personasync pull`" in refused.value.fix

    assert platforms.writes() == []
    assert apply(ready, made.path, override=frozenset({"max_data_age_hours"})).count("applied")


@pytest.mark.long
def test_a_plan_of_today_is_young_enough(ready: Session) -> None:
    plan(ready)
    ready.now = lambda: now() + timedelta(hours=47)

    assert apply(ready).count("applied")


@pytest.mark.long
def test_json_of_an_empty_plan(applied: str, say: Run, session: Session) -> None:
    del applied
    session.warehouse.close()
    status, out, _ = say("plan", "--json")

    assert (status, json.loads(out)["changes"]) == (0, 0)
