"""What a plan decides: wanted minus shown, owned names only, nothing for those who may not be written to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from connectors.records import ASSIGNMENTS, CONTACTS, MEMBER, MEMBERSHIPS, Change
from sync.plan.diff import Plan, make_plan
from sync.plan.state import State, Target
from tests.examples import examples

LINKS = pa.schema([("contact_key", pa.string()), ("person_id", pa.string())])
VALUES = pa.schema(
    [("person_id", pa.string()), ("connection", pa.string()), ("name", pa.string()), ("value", pa.string())]
)
GROUPS = pa.schema([("person_id", pa.string()), ("group_name", pa.string())])
OURS = pa.schema([("connection", pa.string()), ("group_name", pa.string()), ("platform_id", pa.string())])

CRM = Target("crm", ("persona", "headline"), ("champions",), frozenset({"subscribed", "unknown"}), needs_email=False)
EMAIL = Target("email", ("PERSONA",), ("champions",), frozenset({"subscribed"}), needs_email=True)

Make = Callable[..., Plan]


@pytest.fixture(scope="module")
def engine() -> Iterator[ibis.BaseBackend]:
    engine = ibis.duckdb.connect()
    yield engine
    engine.disconnect()


@pytest.fixture
def make(engine: ibis.BaseBackend) -> Make:
    def table(rows: list[dict[str, Any]], schema: pa.Schema) -> ibis.Table:
        return ibis.memtable(pa.Table.from_pylist(rows, schema=schema))

    def plan(*targets: Target, skipped_segments: frozenset[str] = frozenset(), **rows: list[dict[str, Any]]) -> Plan:
        tables = {
            "contacts": CONTACTS.columns,
            "memberships": MEMBERSHIPS.columns,
            "links": LINKS,
            "assigned": ASSIGNMENTS.columns,
            "assignments": ASSIGNMENTS.columns,
            "values": VALUES,
            "own": VALUES,
            "groups": GROUPS,
            "ours": OURS,
        }

        def told(name: str, schema: Any) -> Any:
            return table(rows.get("assignments" if name == "assigned" else name, []), schema)

        # on one engine: memtables alone would be executed on the default backend
        state = State(
            **{
                name: engine.create_table(ibis.util.gen_name(name), told(name, schema).to_pyarrow(), temp=True)
                for name, schema in tables.items()
            },
            skipped_segments=skipped_segments,
        )
        return make_plan(state, targets or (CRM,), as_of=None)

    return plan


def contact(number: int, connection: str = "crm", **columns: Any) -> dict[str, Any]:
    shown = columns.pop("shown", {})
    return {
        "connection": connection,
        "platform_id": str(number),
        "email": f"ada{number}@people.test",
        "state": "active",
        "consent": "subscribed",
        "properties": json.dumps(shown),
        **columns,
    }


def link(number: int, connection: str = "crm") -> dict[str, str]:
    return {"contact_key": f"{connection}:{number}", "person_id": f"p{number}"}


def wanted(number: int, name: str = "persona", value: str = "regular", connection: str = "crm") -> dict[str, str]:
    return {"person_id": f"p{number}", "connection": connection, "name": name, "value": value}


def person(number: int, persona: str | None = "regular") -> dict[str, Any]:
    return {"person_id": f"p{number}", "persona": persona, "segment": persona}


def test_a_value_that_differs_is_changed_and_one_that_does_not_is_left(make: Make) -> None:
    plan = make(
        contacts=[contact(1, shown={"persona": "bargain"}), contact(2, shown={"persona": "regular"})],
        links=[link(1), link(2)],
        assignments=[person(1), person(2)],
        values=[wanted(1), wanted(2)],
    )

    assert plan.changes == [Change("crm", "1", "p1", "ada1@people.test", "field", "persona", "bargain", "regular")]


def test_a_field_that_is_not_ours_is_never_planned(make: Make) -> None:
    plan = make(
        contacts=[contact(1, shown={"lifecyclestage": "lead"})],
        links=[link(1)],
        assignments=[person(1)],
        values=[wanted(1, "lifecyclestage", "customer")],
    )

    assert plan.changes == []


def test_an_empty_wanted_value_clears_what_is_shown(make: Make) -> None:
    plan = make(
        contacts=[contact(1, shown={"headline": "Old"}), contact(2)],
        links=[link(1), link(2)],
        assignments=[person(1), person(2)],
        values=[wanted(1, "headline", ""), wanted(2, "headline", "")],
    )

    assert [(c.platform_id, c.before, c.after) for c in plan.changes] == [("1", "Old", None)]


@pytest.mark.parametrize("consent", ["unsubscribed", "cleaned", "pending"])
def test_who_did_not_consent_on_one_platform_is_left_alone_on_every_platform(make: Make, consent: str) -> None:
    plan = make(
        CRM,
        EMAIL,
        contacts=[contact(1, consent="unknown"), contact(1, "email", consent=consent)],
        links=[link(1), link(1, "email")],
        assignments=[person(1)],
        values=[wanted(1), wanted(1, "PERSONA", connection="email")],
    )

    assert plan.changes == []
    assert [(skip.connection, skip.reason) for skip in plan.skipped] == [
        ("crm", f"consent: {consent}"),
        ("email", f"consent: {consent}"),
    ]


def test_a_contact_without_an_address_is_skipped_where_the_platform_needs_one(make: Make) -> None:
    plan = make(
        CRM,
        EMAIL,
        contacts=[contact(1, email=None), contact(2, "email", email=None)],
        links=[link(1), link(2, "email")],
        assignments=[person(1), person(2)],
        values=[wanted(1), wanted(2, "PERSONA", connection="email")],
    )

    assert [change.connection for change in plan.changes] == ["crm"]
    assert [skip.reason for skip in plan.skipped] == ["no email address"]


@pytest.mark.parametrize("state", ["archived", "deleted", "merged"])
def test_contacts_that_are_no_more_get_nothing(make: Make, state: str) -> None:
    plan = make(contacts=[contact(1, state=state)], links=[link(1)], assignments=[person(1)], values=[wanted(1)])

    assert plan.changes == []


def test_only_memberships_that_the_ledger_shows_we_made_are_taken_back(make: Make) -> None:
    plan = make(
        contacts=[contact(1), contact(2), contact(3)],
        links=[link(1), link(2), link(3)],
        assignments=[person(1), person(2), person(3)],
        groups=[{"person_id": "p3", "group_name": "champions"}],
        memberships=[
            {"connection": "crm", "group_name": "champions", "platform_id": "1", "member": True},
            {"connection": "crm", "group_name": "champions", "platform_id": "2", "member": True},
        ],
        ours=[{"connection": "crm", "group_name": "champions", "platform_id": "1"}],
    )

    assert [(c.platform_id, c.before, c.after) for c in plan.changes] == [("1", MEMBER, None), ("3", None, MEMBER)]
    assert plan.counts.foreign["crm"] == 1


def test_two_contacts_of_one_person_both_show_the_persona(make: Make) -> None:
    plan = make(
        contacts=[contact(1), contact(2)],
        links=[link(1), {"contact_key": "crm:2", "person_id": "p1"}],
        assignments=[person(1)],
        values=[wanted(1)],
    )

    assert [(c.platform_id, c.person_id) for c in plan.changes] == [("1", "p1"), ("2", "p1")]


def test_who_shows_other_words_is_told_from_who_gets_first_ones_or_another_explanation(make: Make) -> None:
    shown = [{}, {"persona": "bargain"}, {"persona": "regular", "reason": "2 orders"}, {"reason": "2 orders"}]
    numbers = range(1, 5)
    reason = [{**wanted(number), "name": "reason", "value": "3 orders"} for number in numbers]
    target = replace(CRM, fields=("persona", "reason"), explaining=frozenset({"reason"}))

    plan = make(
        target,
        contacts=[contact(number, shown=shown[number - 1]) for number in numbers],
        links=[link(number) for number in numbers],
        assignments=[person(number) for number in numbers],
        values=[*(wanted(number) for number in numbers), *reason],
    )

    counts = plan.counts
    assert (counts.changed["crm"], counts.replaced["crm"], counts.explained["crm"]) == (4, 1, 1)


def test_people_of_a_skipped_segment_count_for_no_guardrail_and_whoever_left_it_does(make: Make) -> None:
    """ "tiny" had three people and has one, too few to be pushed: the fallback is wanted for that one."""
    numbers = range(1, 4)
    tag = {"connection": "crm", "group_name": "tiny"}
    plan = make(
        replace(CRM, groups=("tiny",)),
        contacts=[contact(number, shown={"persona": "keeper"}) for number in numbers],
        links=[link(number) for number in numbers],
        assignments=[{**person(1), "segment": "tiny"}, person(2), person(3)],
        memberships=[{**tag, "platform_id": str(number), "member": True} for number in numbers],
        ours=[{**tag, "platform_id": str(number)} for number in numbers],
        values=[wanted(number) for number in numbers],
        skipped_segments=frozenset({"tiny"}),
    )

    counts = plan.counts
    assert (counts.changed["crm"], counts.removed["crm"]) == (3, 3)
    assert (counts.replaced["crm"], counts.leaving["crm"]) == (2, 2)


def test_what_an_experiment_changes_at_its_start_replaces_nothing(make: Make) -> None:
    plan = make(
        contacts=[contact(1, shown={"persona": "regular"}), contact(2, shown={"persona": "bargain"})],
        links=[link(1), link(2)],
        assignments=[person(1), person(2)],
        values=[{**wanted(1), "value": "other"}, {**wanted(2), "value": "other"}],
        own=[wanted(1), wanted(2)],
    )

    assert (plan.counts.changed["crm"], plan.counts.replaced["crm"]) == (2, 1)


VALUES_SHOWN = st.one_of(
    st.none(), st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=8)
)


@pytest.mark.long
@examples(25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=st.lists(st.tuples(VALUES_SHOWN, VALUES_SHOWN), min_size=1, max_size=6))
def test_once_everything_planned_is_shown_nothing_is_planned(
    make: Make, people: list[tuple[str | None, str | None]]
) -> None:
    rows: dict[str, Any] = {
        "links": [link(n) for n, _ in enumerate(people)],
        "assignments": [person(n) for n, _ in enumerate(people)],
        "values": [wanted(n, value=want or "") for n, (want, _) in enumerate(people)],
    }
    first = make(contacts=[contact(n, shown={"persona": old}) for n, (_, old) in enumerate(people)], **rows)
    shown = {n: old for n, (_, old) in enumerate(people)}
    for change in first.changes:
        assert change.before == (shown[int(change.platform_id)] or None)
        shown[int(change.platform_id)] = change.after

    second = make(contacts=[contact(n, shown={"persona": value}) for n, value in shown.items()], **rows)

    assert second.changes == []
