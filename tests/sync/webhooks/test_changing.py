"""A few persons' changes are what a plan of everybody finds for them."""

from __future__ import annotations

import random

from connectors.records import CONTACTS, MEMBERSHIPS, platform_key
from sync.assign import assign
from sync.plan import make_plan
from sync.planning import gather, targets
from sync.pull import pull
from sync.webhooks.changing import changes_of
from sync.workbench import Workbench


def test_the_service_and_a_plan_find_the_same_changes(bench: Workbench) -> None:
    pull(bench)
    assign(bench, as_of=bench.now())
    state, allowed = gather(bench, None, None), targets(bench)
    planned = make_plan(state, allowed, as_of=None)
    links = bench.control.links.mapping()
    values: dict[str, dict[tuple[str, str], str]] = {}
    for row in state.values.to_pyarrow().to_pylist():
        values.setdefault(row["person_id"], {})[row["connection"], row["name"]] = row["value"]
    groups: dict[str, set[str]] = {}
    for row in state.groups.to_pyarrow().to_pylist():
        groups.setdefault(row["person_id"], set()).add(row["group_name"])
    contacts: dict[str, list[dict[str, object]]] = {}
    for row in bench.warehouse.current(CONTACTS.name).to_pyarrow().to_pylist():
        contacts.setdefault(links[platform_key(row["connection"], row["platform_id"])], []).append(row)
    shown = {
        (row["connection"], row["platform_id"], row["group_name"])
        for row in bench.warehouse.current(MEMBERSHIPS.name).to_pyarrow().to_pylist()
        if row["member"]
    }

    found = [
        change
        for person, rows in contacts.items()
        if person in values
        for change in changes_of(
            person,
            random.Random(person).sample(rows, len(rows)),  # noqa: S311 - whatever their order
            targets={one.connection: one for one in allowed},
            values=values[person],
            groups=groups.get(person, ()),
            shown_groups=shown,
            ours=(),
        )
    ]

    assert len(found) > 100
    assert sorted(map(repr, found)) == sorted(map(repr, planned.changes))
