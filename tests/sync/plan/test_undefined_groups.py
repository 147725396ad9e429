"""Tags and lists that no definition names any more are emptied of those whom we added; the others are named."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from connectors.records import MEMBER, Change
from connectors.sandbox.fill import AUDIENCE
from sync.apply.job import apply
from sync.assign.job import assign
from sync.cli.render import planned as rendered
from sync.clock import now
from sync.experiments.job import end_experiment
from sync.ops.doctor import examine
from sync.ops.setup import create_missing, missing_steps
from sync.plan.job import Planned, plan
from sync.pull.job import pull
from sync.session import Session
from tests.sync.conftest import Platforms

MANY = frozenset({"max_changed", "max_removed", "max_unclassified"})
EXPERIMENT = """
[experiments.winter]
salt = "w"
begins = 2026-01-01T00:00:00Z
arms = { old = 0.5, plain = 0.5 }
generic = ["plain"]
"""


def holders(platforms: Platforms, group: str) -> dict[str, set[str]]:
    """Who is in a group, on each platform."""
    lists = [key for key, row in platforms.crm.lists.items() if row["name"].endswith(f" {group}")]
    tags = [key for key, row in platforms.email.segments(AUDIENCE).items() if row["name"] == f"ps:{group}"]
    return {
        "crm": {contact for key in lists for contact in platforms.crm.members.get(key, {})},
        "email": {member["contact_id"] for member in platforms.members() if set(tags) & set(member["tags"])},
    }


def added_by_others(session: Session, group: str) -> list[Change]:
    """Let somebody put a person into a group of ours on each platform: one who was not in it."""
    pull(session)
    held = session.warehouse.current("memberships").to_pyarrow().to_pylist()
    inside = {
        (membership["connection"], membership["platform_id"])
        for membership in held
        if membership["member"] and membership["group_name"] == group
    }
    rows = session.warehouse.current("contacts").order_by("email").to_pyarrow().to_pylist()
    free = [
        contact
        for contact in rows
        if (contact["connection"], contact["platform_id"]) not in inside and contact["state"] == "active"
    ]
    may = {contact["email"] for contact in free if contact["consent"] == "subscribed"}
    changes = []
    for name in ("crm", "email"):
        row = next(contact for contact in free if contact["connection"] == name and contact["email"] in may)
        changes.append(Change(name, row["platform_id"], "", row["email"], "group", group, None, MEMBER))
        assert [outcome.state for page in session.connector(name).push(changes[-1:]) for outcome in page] == ["applied"]
    return changes


def definitions(session: Session, changes: Mapping[str, tuple[str, str]]) -> None:
    for file, (old, new) in changes.items():
        path = session.workspace.directory / file
        path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    session.reload()


def told(planned: Planned) -> str:
    return " ".join(part for part in rendered(planned) if isinstance(part, str))


def daily(session: Session) -> Planned:
    pull(session, override=frozenset({"clock"}))  # the platforms' clocks stand where they are
    assign(session, as_of=session.now())
    return plan(session)


@pytest.mark.long
def test_a_renamed_segment_leaves_nobody_behind_whom_we_added(
    platforms: Platforms, session: Session, applied: str
) -> None:
    assert applied
    before = holders(platforms, "regulars")
    others = added_by_others(session, "regulars")
    definitions(session, {"segments.toml": ("regulars", "loyals"), "personas.toml": ("regulars", "loyals")})
    definitions(session, {"personas.toml": ('crm = "personasync_headline"', 'crm = "personasync_words"')})
    create_missing(session, missing_steps(session))

    planned = daily(session)
    leaving = [change for change in planned.plan.changes if change.name == "regulars"]

    assert {breach.guardrail for breach in planned.breaches} == {"max_removed"}
    assert {change.platform_id for change in leaving} == {key for held in before.values() for key in held}
    assert all(change.after is None for change in leaving)
    for other in others:
        assert f"{other.connection}: 1 membership was added by others, so it stays: {other.email} in regulars." in told(
            planned
        )
    assert "contacts leave 'regulars', which is no longer defined." in told(planned)

    apply(session, override=MANY)

    assert holders(platforms, "regulars") == {change.connection: {change.platform_id} for change in others}
    assert holders(platforms, "loyals") == before
    again = daily(session)
    assert (again.plan.changes, again.breaches) == ([], [])
    findings = [finding for _, finding in examine(session) if "'regulars'" in finding.message]
    assert ["0 contacts that personasync added and 1 that others added" in finding.message for finding in findings] == [
        True,
        True,
    ]
    assert {finding.state for finding in findings} == {"warn"}
    [left] = [
        finding.message
        for _, finding in examine(session, only="crm")
        if finding.check == "fields" and finding.state == "warn"
    ]
    assert left == "'personasync_headline' is no longer defined, and keeps the values that personasync wrote."


@pytest.mark.long
def test_an_experiment_that_ended_empties_its_groups_and_no_guardrail_counts_it(
    platforms: Platforms, session: Session, applied: str
) -> None:
    assert applied
    (session.workspace.directory / "experiments.toml").write_text(EXPERIMENT, "utf-8")
    session.reload()
    create_missing(session, missing_steps(session))
    begun = daily(session)
    apply(session)
    inside = holders(platforms, "winter_plain")

    end_experiment(session, "winter", session.now())
    session.now = lambda: now() + timedelta(hours=1)
    ended = daily(session)
    apply(session)

    assert begun.breaches == []
    assert begun.plan.counts.changed["email"] > 10
    assert min(len(held) for held in inside.values()) > 10
    assert ended.breaches == []
    assert len(ended.plan.changes) > 2 * 10
    assert holders(platforms, "winter_plain") == {"crm": set(), "email": set()}
    assert daily(session).plan.changes == []
