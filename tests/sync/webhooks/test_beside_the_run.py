"""The service and the commands write to the same people, and neither puts the other's older word back."""

from __future__ import annotations

from connectors.records import ASSIGNMENTS
from sync.apply.job import apply
from sync.assign.explain import explain
from sync.assign.job import assign
from sync.cli import render as words
from sync.online.handoff import look_again
from sync.plan.job import plan
from sync.pull.job import pull
from tests.sync.conftest import Platforms
from tests.sync.webhooks.conftest import benched, serving

PERSONA, NEW, BARGAIN = "personasync_persona", "nora_new", "bo_bargain"


def test_a_plan_leaves_out_whom_the_service_decided_for_after_it(looped: Platforms) -> None:
    with serving(looped) as served:
        ada, bea = served.newcomer("ada@new.test"), served.newcomer("bea@new.test")
        with benched(looped) as bench:
            pull(bench)
            assign(bench, as_of=bench.now())
            planned = plan(bench)
            served.turn(ada)
            served.idle()
            applied = apply(bench, planned.path)
            shown = [served.property(one, PERSONA) for one in (ada, bea)]
            told = [one for one in words.applied(applied) if "the webhook service updated" in str(one)]
            pull(bench)
            assign(bench, as_of=bench.now())
            again = plan(bench).plan.changes

    assert shown == [BARGAIN, NEW]
    assert applied.overtaken > 0
    assert applied.waiting == 0
    assert len(told) == 1
    assert again == []


def test_who_was_written_while_the_service_decided_is_looked_at_again(looped: Platforms) -> None:
    with serving(looped) as served, benched(looped) as bench:
        ada = served.newcomer("ada@new.test")
        pull(bench)
        assign(bench, as_of=bench.now())
        changes = [one for one in plan(bench).plan.changes if one.email == "ada@new.test"]
        began = bench.now()
        served.turn(ada)
        served.idle()
        older = {one.name: one.after or "" for one in changes if one.connection == "crm" and one.kind == "field"}
        looped.crm.touch_contact(looped.crm.contacts[ada], older)
        overwritten = served.property(ada, PERSONA)
        look_again(bench, changes, since=began, run_id="r1")
        served.idle()

        assert overwritten == NEW
        assert served.property(ada, PERSONA) == BARGAIN


def test_assign_leaves_alone_whom_the_service_knows_better(looped: Platforms) -> None:
    with serving(looped) as served, benched(looped) as bench:
        ada = served.newcomer("ada@new.test")
        pull(bench)
        served.turn(ada)
        served.idle()
        assign(bench, as_of=bench.now())
        person = bench.control.links.mapping()[f"crm:{ada}"]
        rows = bench.warehouse.current(ASSIGNMENTS.name).to_pyarrow().to_pylist()

    assert [row["segment"] for row in rows if row["person_id"] == person] == ["bargain_hunters"]


def test_explain_knows_what_the_service_decided_before_anything_was_pulled(looped: Platforms) -> None:
    with serving(looped) as served, benched(looped) as bench:
        ada = served.newcomer("ada@new.test")
        served.turn(ada)
        served.idle()
        told = explain(bench, "ada@new.test")
        pull(bench)
        later = explain(bench, "ada@new.test")

    assert told.document["segment"] == later.document["segment"] == "bargain_hunters"
    assert "after the next `personasync pull`" in told.sentences[-1]
    assert told.document["tried"] == []
    assert any("Contacts:" in line for line in later.sentences)
