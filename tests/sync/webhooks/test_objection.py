"""An objection that a webhook brings counts at once, for the service and for every command, as an unsubscribe does."""

from __future__ import annotations

import pytest

from sync.assign.explain import explain
from sync.assign.job import assign
from sync.assign.person_rows import SessionRows
from sync.plan.job import plan
from sync.pull.job import pull
from tests.sync.conftest import Platforms
from tests.sync.webhooks.conftest import configure, serving, session_on

PERSONA, OBJECTS = "personasync_persona", "objects_to_profiling"
SOURCE = f'\n[consent.objection]\nsources = [{{ connection = "crm", property = "{OBJECTS}" }}]\n'


def objectable(platforms: Platforms) -> None:
    """HubSpot's account has the property, and the workspace reads it and has assigned everybody since."""
    text = platforms.crm.properties["contacts/jobtitle"]
    platforms.crm.properties[f"contacts/{OBJECTS}"] = {**text, "name": OBJECTS}
    configure(platforms, SOURCE)
    with session_on(platforms) as session:
        pull(session)
        assign(session, as_of=session.now())


@pytest.mark.long
def test_an_objection_shows_the_fallback_at_once_and_ends_with_its_property(looped: Platforms) -> None:
    objectable(looped)
    with serving(looped) as served:
        ada = served.newcomer("ada@new.test")
        served.turn(ada)
        served.idle()
        before = served.property(ada, PERSONA)
        served.turn(ada, OBJECTS, "yes", number=3)
        served.idle()
        objected = served.property(ada, PERSONA)
        served.turn(ada, number=4)
        served.idle()
        still = served.property(ada, PERSONA)
        noted = served.service.control.objections.by_person()
        with session_on(looped) as session:
            person = session.control.links.of_keys(["mailto:ada@new.test"])["mailto:ada@new.test"]
            unprofiled = session.withheld().profiling
        served.turn(ada, OBJECTS, "", number=5)
        served.idle()
        released = served.property(ada, PERSONA)

    assert before not in {"", "unclassified"}
    assert (objected, still) == ("unclassified", "unclassified")
    assert noted[person].source == f"crm, property {OBJECTS}"
    assert unprofiled == {person}
    assert released == before


@pytest.mark.long
def test_a_plan_after_the_objection_writes_the_fallback_before_anything_is_pulled(looped: Platforms) -> None:
    with session_on(looped) as session:
        assigned = session.control.people.digests()
        person, email = next(
            (p, key.removeprefix("mailto:"))
            for key, p in sorted(session.control.links.mapping().items())
            if key.startswith("mailto:") and p in assigned
        )
        session.control.objections.note(session.control.links.of_persons([person]), source="command", by="dpo")
        changes = [change for change in plan(session).plan.changes if change.person_id == person]
        others = [change for change in plan(session).plan.changes if change.person_id != person]
        explained = explain(session, SessionRows(session), email)

    personas = {change.connection: change.after for change in changes if change.name in {PERSONA, "PERSONA"}}
    assert set(personas.values()) <= {"unclassified"}
    assert personas
    assert all(change.after is None for change in changes if change.kind == "group")
    assert others == []
    assert explained.document["traits"] == {}
