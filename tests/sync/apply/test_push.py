"""What becomes of a change: looked for where nobody answered, skipped where refused, sent in parts where asked."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.connector import Still
from connectors.errors import FixSettingsError
from connectors.records import Change, Outcome
from connectors.sandbox.door import InjectedFault
from connectors.sandbox.fill import AUDIENCE
from sync.apply import push
from sync.apply.job import PlanSelection, apply
from sync.apply.push import Sent, recover, send_changes
from sync.assign.job import assign
from sync.clock import duration
from sync.ops.history import past, past_run, rejects, workspace_status
from sync.plan.file import read_plan
from sync.plan.job import plan
from sync.pull.job import pull
from sync.results.new_experiment import parse_share
from sync.session import Session, Stores, no_progress, recorded
from tests.sync.conftest import Platforms


def test_what_an_interrupted_run_sent_is_looked_for(platforms: Platforms, ready: Session) -> None:
    """One change took effect and its outcome was never noted, one never left: the ledger then says which."""
    rows = list(platforms.crm.contact_records.table.values())[:2]
    platforms.crm.touch_contact(rows[0], {"personasync_reason": "sent"})
    changes = [Change("crm", row["id"], "p", None, "field", "personasync_reason", None, "sent") for row in rows]
    dead = ready.control.runs.begin("apply long-ago")
    ready.control.ledger.intend(dead, changes)

    count = recover(ready, ready.connector("crm"))

    outcomes = ready.control.ledger.outcomes(dead)
    assert count == 2
    assert [(outcome.state, outcome.code) for outcome in outcomes] == [("applied", "seen"), ("rejected", "interrupted")]
    assert recover(ready, ready.connector("crm")) == 0


def test_an_effect_without_an_answer_is_seen_and_not_sent_twice(platforms: Platforms, ready: Session) -> None:
    """The job took effect, its answer was lost: starting it can't be repeated, so the members are looked at."""
    email: Any = ready.connector("email")
    email._limits["batches_from"] = 1
    platforms.sandbox.journal.faults[:] = [InjectedFault(kind="lost", match="/3.0/batches", method="POST")]
    plan(ready)
    done = apply(ready)

    started = [write for write in platforms.writes() if write == "POST /3.0/batches"]
    assert done.failed == {"email": done.failed["email"]}  # it stops at the silence ...
    again = apply(ready)
    assert again.recovered > 0  # ... and the next apply finds that all of it is there
    assert len(started) == len([write for write in platforms.writes() if write == "POST /3.0/batches"]) == 1
    pull(ready)
    assert len(plan(ready).plan.changes) == 0


def test_success_without_an_effect_is_found(platforms: Platforms, ready: Session) -> None:
    """A platform that answers 200 and does nothing: the sample that is read back shows it."""
    email: Any = ready.connector("email")
    real = email._writer.one_by_one
    email._writer.one_by_one = lambda members, _still: [
        [Outcome(c, "applied") for _, changes in members for c in changes]
    ]
    plan(ready)
    done = apply(ready)
    email._writer.one_by_one = real

    assert done.states["email", "rejected"] > 0
    assert any("reported success" in reason for _, reason in done.reasons)


@pytest.mark.long
def test_a_refusal_is_skipped_until_the_contact_is_another(platforms: Platforms, ready: Session) -> None:
    planned = plan(ready)
    change = next(change for change in planned.plan.changes if change.connection == "crm" and change.kind == "field")
    run = ready.control.runs.begin(f"apply {planned.plan_id}")
    ready.control.ledger.intend(run, [change])
    ready.control.ledger.settle(run, [Outcome(change, "rejected", "HubSpot refused it.", "INVALID")])
    ready.control.runs.finish(run, "rejects", {"writes": 0})

    second = plan(ready)
    assert change not in second.plan.changes
    assert ("crm", "HubSpot refused it.") in second.plan.counts.refused
    assert second.summary["refused"] == {"crm: HubSpot refused it.": 1}
    row = platforms.crm.contact_records.table[change.platform_id]
    platforms.crm.touch_contact(row, {"personasync_confidence": "0.1"})  # one of ours: no news
    pull(ready)
    assert change not in plan(ready).plan.changes
    platforms.crm.touch_contact(row, {"country": "DE"})
    pull(ready)
    assert any((c.platform_id, c.name) == (change.platform_id, change.name) for c in plan(ready).plan.changes)


@pytest.mark.long
def test_setup_and_time_lift_a_refusal(ready: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = plan(ready)
    change = planned.plan.changes[0]
    run = ready.control.runs.begin(f"apply {planned.plan_id}")
    ready.control.ledger.settle(run, [Outcome(change, "rejected", "No such option.", "INVALID_OPTION")])
    ready.control.runs.finish(run, "rejects", {"writes": 0})
    assert change not in plan(ready).plan.changes
    present = ready.now()
    ready.now = lambda: present + timedelta(days=8)
    assert change in plan(ready).plan.changes


@pytest.mark.long
def test_a_sample_goes_first_and_the_rest_waits(platforms: Platforms, ready: Session) -> None:
    planned = plan(ready)
    persons = {change.person_id for change in planned.plan.changes}

    sample = apply(ready, planned.path, part=PlanSelection(limit=3))
    sent = {outcome.change.person_id for outcome in ready.control.ledger.outcomes(sample.run_id)}
    email = apply(ready, planned.path, part=PlanSelection(only=frozenset({"email"})))
    rest = apply(ready, planned.path)

    assert len(sent) == 3
    assert sample.waiting == len(planned.plan.changes) - sum(sample.states.values())
    assert {name for name, _ in email.states} == {"email"}
    assert {name for name, _ in rest.states} == {"crm"}
    assert (rest.waiting, len(persons) > 3) == (0, True)
    pull(ready)
    assert len(plan(ready).plan.changes) == 0


def test_a_canary_is_a_share_and_always_the_same_people(ready: Session) -> None:
    planned = plan(ready)
    saved = read_plan(planned.path)
    first, again = PlanSelection(canary=0.1).of(saved), PlanSelection(canary=0.1).of(saved)

    persons = {change.person_id for change in saved.changes}
    assert first == again
    assert len({change.person_id for change in first}) == -(-len(persons) // 10)


@pytest.mark.parametrize(("text", "value"), [("1%", 0.01), ("0.5", 0.5), ("100 %", 1.0)])
def test_shares_are_read_in_both_spellings(text: str, value: float) -> None:
    assert parse_share(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "none", "0", "101%", "-1"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(FixSettingsError, match="not a percentage"):
        parse_share(text)


@pytest.mark.long
def test_an_unfinished_plan_is_stale_once_the_world_moved(ready: Session) -> None:
    planned = plan(ready)
    apply(ready, planned.path, part=PlanSelection(limit=1))
    assign(ready, as_of=ready.now())

    with pytest.raises(FixSettingsError, match="out of date"):
        apply(ready, planned.path)


@pytest.mark.long
def test_rejects_are_files_with_the_platforms_words(platforms: Platforms, ready: Session, tmp_path: Path) -> None:
    member = platforms.members()[0]
    plan(ready)
    platforms.email.remove_member(AUDIENCE, member)
    done = apply(ready)
    as_csv, as_json = tmp_path / "rejects.csv", tmp_path / "rejects.json"
    counted = rejects(ready, done.run_id, as_csv)
    rejects(ready, done.run_id, as_json)
    with as_csv.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    assert counted == len(rows) == len(json.loads(as_json.read_text("utf-8")))
    assert {row["platform_id"] for row in rows} == ({member["contact_id"]} if rows else set())
    with pytest.raises(FixSettingsError, match="must end in"):
        rejects(ready, done.run_id, tmp_path / "rejects.txt")
    with pytest.raises(FixSettingsError, match="not found"):
        rejects(ready, "nonsense", as_csv)
    with pytest.raises(FixSettingsError, match="can't be written"):
        rejects(ready, done.run_id, tmp_path / "nowhere" / "rejects.csv")


def test_status_compares_what_was_predicted_with_what_was_sent(ready: Session) -> None:
    plan(ready)
    apply(ready)
    status = workspace_status(Stores(ready.workspace, ready.control))
    sent = {(name, end): (predicted, real) for name, end, predicted, real in status.compared}

    assert sent["crm", "POST contacts/batch/update"][0] == sent["crm", "POST contacts/batch/update"][1] > 0
    assert any("; the estimate was " in sentence for sentence in status.sentences)
    assert status.document["plan"]["state"] == "done"
    assert status.document["last_write"]["tally"]["applied"] > 0


def test_a_part_of_a_plan_is_compared_with_what_that_part_should_take(ready: Session) -> None:
    whole = plan(ready).plan.changes
    apply(ready, part=PlanSelection(limit=5))
    sample = workspace_status(Stores(ready.workspace, ready.control))
    apply(ready, part=PlanSelection(only=frozenset({"email"})))
    rest = workspace_status(Stores(ready.workspace, ready.control))

    assert len({change.person_id for change in whole}) > 5
    for result in (sample, rest):
        assert result.compared
        assert all(predicted == real for _, _, predicted, real in result.compared), result.compared
    assert {name for name, *_ in rest.compared} == {"email"}


def test_a_run_whose_process_died_is_not_working_any_more(session: Session) -> None:
    dead = session.control.runs.begin("pull")
    session.control.runs.fail_killed(lambda _process: False)
    record = session.control.runs.get(dead)

    assert record is not None
    assert (record.state, record.counts["error"]) == ("failed", "The run was killed before it finished.")


@pytest.mark.long
def test_history_tells_a_plan_that_waits_from_one_that_was_sent(ready: Session) -> None:
    planned = plan(ready)
    ready.control.runs.finish(ready.control.runs.begin("serve"), "done", {})
    waiting = past(ready, limit=5, service=False)
    alone = past_run(ready, waiting[0].run.run_id)
    apply(ready, planned.path)
    sent = past(ready, limit=5, service=True)

    assert (waiting[0].run.command, waiting[0].state) == ("plan", "queued")
    assert alone == waiting[0]
    assert [(past.run.command.split()[0], past.state) for past in sent[:3]] == [
        ("apply", "done"),
        ("serve", "done"),
        ("plan", "done"),
    ]


@pytest.mark.parametrize(("seconds", "told"), [(0.2, "less than a second"), (75, "75 seconds"), (150, "2.5 minutes")])
def test_a_time_is_told_in_the_unit_that_fits_it(seconds: float, told: str) -> None:
    assert duration(seconds) == told


def test_what_leaves_is_in_the_ledger_first_and_little_of_what_follows(
    ready: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill in a long plan leaves as much to be looked for as in a short one."""
    monkeypatch.setattr(push, "NOTED_TOGETHER", 3)
    connector: Any = ready.connector("email")
    changes = [Change("email", str(number), f"p-{number}", None, "field", "PERSONA", None, "a") for number in range(9)]
    noted: list[list[Change]] = []

    def stopped(_: object, still: Still) -> None:
        for asked in (changes[:1], changes[1:3], changes[4:5]):
            assert still(asked) == asked
            noted.extend(ready.control.ledger.unsettled().values())
        raise KeyboardInterrupt

    monkeypatch.setattr(connector, "push", stopped)
    with pytest.raises(KeyboardInterrupt), recorded(ready, "apply 1") as run:
        send_changes(ready, connector, changes, Sent(), run, no_progress)

    assert noted == [changes[:3], changes[:3], [*changes[:3], changes[4], changes[3], changes[5]]]
