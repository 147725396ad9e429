"""Tags on Mailchimp, from day to day: nobody gets one again, who leaves a segment loses it, and an undo brings it back.

Members of a segment carry no contact id there, so who has a tag is known from the members themselves.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from connectors.records import MEMBERSHIPS
from connectors.sandbox.fill import AUDIENCE
from connectors.sandbox.mailchimp.directory import subscriber_hash
from sync.plan.job import plan
from sync.pull.job import pull
from sync.session import Session
from tests.sync.conftest import Platforms, Run, edit, say

__all__ = ["say"]

MANY = ("--override", "max_changed", "--override", "max_removed")
REFUSED = 3  # the plan is saved, and an apply needs to be told to do it nevertheless


def tags(platforms: Platforms) -> dict[str, set[str]]:
    """Our tags of each member that has any, as the platform has them."""
    names = {key: row["name"] for key, row in platforms.email.segments(AUDIENCE).items()}
    shown = {member["contact_id"]: {names[key] for key in member["tags"]} for member in platforms.members()}
    return {key: labels for key, held in shown.items() if (labels := {name for name in held if name.startswith("ps:")})}


def planned(say: Run) -> int:
    status, document, error = say("plan", "--json")
    assert (status, error) == (0, "")
    return int(json.loads(document)["changes"])


@pytest.mark.long
def test_the_second_day_wants_no_tag_again_and_who_leaves_a_segment_loses_its_tag(
    platforms: Platforms, say: Run
) -> None:
    as_of = ("assign", "--as-of", datetime.now(UTC).isoformat())
    for command in (["setup", "--yes"], ["pull"], as_of, ["plan"], ["apply"], ["pull"], as_of):
        assert say(*command)[0] == 0, command
    first, again = tags(platforms), planned(say)
    edit(platforms, "orders_365d >= 3", "orders_365d >= 1000", "segments.toml")
    for command, status in ((as_of, 0), (["plan"], REFUSED), (["apply", *MANY], 0), (["pull"], 0)):
        assert say(*command)[0] == status, command
    second, settled = tags(platforms), planned(say)
    assert say("undo", "last", "--yes")[0] == 0

    left = {key for key, held in first.items() if "ps:regulars" in held}
    assert (again, settled) == (0, 0)
    assert len(left) > 5
    assert not any("ps:regulars" in held for held in second.values())
    assert all(len(held) == 1 for held in second.values())
    assert tags(platforms) == first


@pytest.mark.long
def test_a_workspace_that_knew_members_by_their_hashes_is_right_after_the_next_pull(
    platforms: Platforms, session: Session, applied: str
) -> None:
    """What 0.1.0 noted on a real account: everybody's tags under the hash of the address, and nothing new to read."""
    platforms.sandbox.world.clock.advance(timedelta(minutes=5))  # of what just changed, no position is kept
    pull(session)
    cursor = session.control.cursors.get("email", "memberships")
    groups = [key.removeprefix("held ") for key in cursor if key.startswith("held ")]
    rows = [
        {"connection": "email", "group_name": name.removeprefix("ps:"), "platform_id": key, "member": True}
        for member in platforms.members()
        for key in [subscriber_hash(member["email_address"])]
        for name in tags(platforms).get(member["contact_id"], ())
    ]
    hashes = pa.Table.from_pylist(rows, schema=MEMBERSHIPS.columns)
    session.warehouse.replace_snapshot(hashes, connection="email", groups=groups, recorded_at=session.now())
    old = {key.replace("held ", "tag "): value for key, value in cursor.items()}
    session.control.cursors.move("email", "memberships", old, applied)
    broken = len(plan(session).plan.changes)
    pull(session)

    current = session.warehouse.current(MEMBERSHIPS.name)
    known = current.filter(current.connection == "email", current.member).to_pyarrow().to_pylist()
    assert broken == len(rows) > 20
    assert len(plan(session).plan.changes) == 0
    assert {(row["platform_id"], f"ps:{row['group_name']}") for row in known} == {
        (key, name) for key, held in tags(platforms).items() for name in held
    }
