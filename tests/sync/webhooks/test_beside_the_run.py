"""The service and the commands write to the same people, and neither puts the other's older word back."""

from __future__ import annotations

import pytest

from connectors.records import ASSIGNMENTS
from sync.apply.job import apply
from sync.assign.explain import Explanation, explain
from sync.assign.job import assign
from sync.assign.person_rows import open_person_rows
from sync.cli import render as words
from sync.clock import now
from sync.online.handoff import look_again
from sync.plan.job import plan
from sync.pull.job import pull
from sync.session import open_stores
from tests.sync.conftest import Platforms
from tests.sync.webhooks.conftest import serving, session_on

PERSONA, NEW, BARGAIN = "personasync_persona", "nora_new", "bo_bargain"


def explained(looped: Platforms, email: str) -> Explanation:
    """Explain as the command does."""
    with (
        open_stores(looped.folder, now=now) as stores,
        open_person_rows(stores, now=now, environment=looped.environment) as rows,
    ):
        return explain(stores, rows, email)


@pytest.mark.long
def test_a_plan_leaves_out_whom_the_service_decided_for_after_it(looped: Platforms) -> None:
    with serving(looped) as served:
        ada, bea = served.newcomer("ada@new.test"), served.newcomer("bea@new.test")
        with session_on(looped) as session:
            pull(session)
            assign(session, as_of=session.now())
            planned = plan(session)
            served.turn(ada)
            served.idle()
            applied = apply(session, planned.path)
            shown = [served.property(contact, PERSONA) for contact in (ada, bea)]
            notes = [line for line in words.applied(applied) if "the webhook service updated" in str(line)]
            pull(session)
            assign(session, as_of=session.now())
            again = plan(session).plan.changes

    assert shown == [BARGAIN, NEW]
    assert applied.overtaken > 0
    assert applied.waiting == 0
    assert len(notes) == 1
    assert again == []


@pytest.mark.long
def test_who_was_written_while_the_service_decided_is_looked_at_again(looped: Platforms) -> None:
    with serving(looped) as served, session_on(looped) as session:
        ada = served.newcomer("ada@new.test")
        pull(session)
        assign(session, as_of=session.now())
        changes = [change for change in plan(session).plan.changes if change.email == "ada@new.test"]
        began = session.now()
        served.turn(ada)
        served.idle()
        older = {
            change.name: change.after or ""
            for change in changes
            if change.connection == "crm" and change.kind == "field"
        }
        looped.crm.touch_contact(looped.crm.contacts[ada], older)
        overwritten = served.property(ada, PERSONA)
        look_again(session, changes, since=began, run_id="r1")
        served.idle()

        assert overwritten == NEW
        assert served.property(ada, PERSONA) == BARGAIN


@pytest.mark.long
def test_assign_leaves_alone_whom_the_service_knows_better(looped: Platforms) -> None:
    with serving(looped) as served, session_on(looped) as session:
        ada = served.newcomer("ada@new.test")
        pull(session)
        served.turn(ada)
        served.idle()
        assign(session, as_of=session.now())
        person = session.control.links.mapping()[f"crm:{ada}"]
        rows = session.warehouse.current(ASSIGNMENTS.name).to_pyarrow().to_pylist()

    assert [row["segment"] for row in rows if row["person_id"] == person] == ["bargain_hunters"]


@pytest.mark.long
def test_explain_knows_what_the_service_decided_before_anything_was_pulled(looped: Platforms) -> None:
    with serving(looped) as served:
        ada = served.newcomer("ada@new.test")
        served.turn(ada)
        served.idle()
        explanation = explained(looped, "ada@new.test")
        with session_on(looped) as session:
            pull(session)
        later = explained(looped, "ada@new.test")

    assert explanation.document["segment"] == later.document["segment"] == "bargain_hunters"
    assert any("after the next `personasync pull`" in line for line in explanation.sentences)
    assert explanation.document["tried"] == []
    assert any("Contacts:" in line for line in later.sentences)
