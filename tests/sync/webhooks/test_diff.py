"""A few persons' changes are what a plan of everybody finds for them."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from connectors.records import CONTACTS, MEMBERSHIPS, Change, Outcome, platform_key
from sync.assign.job import assign
from sync.fields.platform_persona import platform_personas
from sync.plan.diff import make_plan
from sync.plan.inputs import gather_state, targets
from sync.plan.state import State, Target
from sync.pull.job import pull
from sync.session import Session
from sync.webhooks.diff import changes_of
from tests.sync.conftest import Platforms
from tests.sync.hubspot_personas import switch_on


def changes_by_person(
    session: Session, state: State, allowed: Sequence[Target], written: Sequence[Change]
) -> list[Change]:
    """What the service finds, one person after the other, whose contacts come in any order."""
    links = session.control.links.mapping()
    values: dict[str, dict[tuple[str, str], str]] = {}
    for row in state.values.to_pyarrow().to_pylist():
        values.setdefault(row["person_id"], {})[row["connection"], row["name"]] = row["value"]
    groups: dict[str, set[str]] = {}
    for row in state.groups.to_pyarrow().to_pylist():
        groups.setdefault(row["person_id"], set()).add(row["group_name"])
    contacts: dict[str, list[dict[str, object]]] = {}
    for row in session.warehouse.current(CONTACTS.name).to_pyarrow().to_pylist():
        contacts.setdefault(links[platform_key(row["connection"], row["platform_id"])], []).append(row)
    shown = {
        (row["connection"], row["platform_id"], row["group_name"])
        for row in session.warehouse.current(MEMBERSHIPS.name).to_pyarrow().to_pylist()
        if row["member"]
    }
    return [
        change
        for person, rows in contacts.items()
        if person in values
        for change in changes_of(
            person,
            random.Random(person).sample(rows, len(rows)),  # noqa: S311 - whatever their order
            targets={target.connection: target for target in allowed},
            values=values[person],
            groups=groups.get(person, ()),
            shown_groups=shown,
            ours=(),
            written={(edit.connection, edit.platform_id, edit.name): edit.after for edit in written},
        )
    ]


@pytest.mark.long
@pytest.mark.parametrize("mode", ["write", "overwrite"])
def test_the_service_and_a_plan_find_the_same_changes(platforms: Platforms, session: Session, mode: str) -> None:
    switch_on(platforms, session, mode)
    theirs = dict(zip(list(platforms.crm.contacts)[:40], ["persona_1", "persona_2"] * 20, strict=True))
    for key, value in theirs.items():
        platforms.crm.touch_contact(platforms.crm.contacts[key], {"hs_persona": value})
    run = session.control.runs.begin("apply of a test")
    mine = [Change("crm", key, "", None, "field", "hs_persona", None, "persona_1") for key in list(theirs)[:20]]
    session.control.ledger.settle(run, [Outcome(change, "applied") for change in mine])
    pull(session)  # afterwards: what was confirmed since the last reading would count as shown
    assign(session, as_of=session.now())
    personas = platform_personas(session).values
    state, allowed = gather_state(session, None, None, personas), targets(session, personas)
    planned = make_plan(state, allowed, as_of=None)

    changes = changes_by_person(session, state, allowed, mine)

    assert len(changes) > 100
    assert sorted(map(repr, changes)) == sorted(map(repr, planned.changes))
    own = [change for change in changes if change.name == "hs_persona"]
    kept = set(theirs) - {key for key, value in list(theirs.items())[:20] if value == "persona_1"}
    assert {change.platform_id for change in own if change.before == "persona_1"} - kept
    assert bool({change.platform_id for change in own} & kept) == (mode == "overwrite")
    assert planned.counts.kept["crm", "hs_persona"] > 0
    assert not [change for change in own if change.platform_id in kept and change.after is None]
