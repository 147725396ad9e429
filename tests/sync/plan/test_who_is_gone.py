"""People who are gone are counted nowhere, and a segment of few people stops nobody else's push."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.sandbox.fill import AUDIENCE
from connectors.sandbox.hubspot.contacts import archive_contact
from connectors.sandbox.hubspot.merging import join
from tests.sync.conftest import Platforms, Run, edit, say

__all__ = ["say"]

TINY = """[[segments]]
name = "tiny"
title = "Tiny"
rule = "job = 'keeper'"

"""
JOB = """[traits.job]
connection = "crm"
property = "jobtitle"

[guardrails]"""
KEPT = '\n[personas.keepers]\nname = "Keepers"\nsegments = ["tiny"]\n'


def told(say: Run, *command: str, status: int | None = 0) -> dict[str, Any]:
    code, out, error = say(*command, "--json")
    if status is not None:
        assert code == status, (command, out, error)
    document: dict[str, Any] = json.loads(out)
    return document


def keepers(platforms: Platforms, count: int) -> list[dict[str, Any]]:
    """So many people get a segment of their own, with a persona; the workspace's limits are those of `init`."""
    edit(platforms, "[guardrails]", JOB)
    path = platforms.folder / "segments.toml"
    first, rest = path.read_text("utf-8").split("[[segments]]", 1)
    path.write_text(f"{first}{TINY}[[segments]]{rest}", "utf-8")
    path = platforms.folder / "personas.toml"
    path.write_text(path.read_text("utf-8") + KEPT, "utf-8")
    members = {member["email_address"] for member in platforms.members() if member["status"] == "subscribed"}
    both = [row for row in platforms.crm.contacts.values() if row["properties"].get("email") in members]
    for row in both[:count]:
        platforms.crm.touch_contact(row, {"jobtitle": "keeper"})
    return both[:count]


def leave(platforms: Platforms, row: dict[str, Any]) -> None:
    """Be archived in HubSpot and in Mailchimp."""
    address = row["properties"]["email"]
    archive_contact(platforms.crm, row["id"])
    for member in platforms.members():
        if member["email_address"] == address:
            member["status"] = "archived"
            member["last_changed"] = platforms.email.now()
            platforms.email.directory(AUDIENCE).save(member)


def take_out_tiny(platforms: Platforms) -> None:
    edit(platforms, TINY, "", "segments.toml")
    edit(platforms, KEPT, "", "personas.toml")


@pytest.mark.long
def test_a_segment_that_only_gone_people_were_in_stops_nothing_once_it_is_removed(
    platforms: Platforms, say: Run
) -> None:
    rows = keepers(platforms, 3)
    edit(platforms, "min_audience = 1 ", "min_audience = 20 ")
    for command in (("setup", "--yes"), ("pull",), ("assign",)):
        told(say, *command)
    for row in rows:
        leave(platforms, row)
    take_out_tiny(platforms)
    told(say, "pull")
    told(say, "assign")

    status, out, error = say("plan", "--json")

    assert "tiny" not in out + error
    assert (status, json.loads(out)["breaches"]) == (0, [])


@pytest.mark.long
def test_who_is_gone_or_was_merged_away_is_in_no_count(platforms: Platforms, say: Run) -> None:
    rows = keepers(platforms, 30)
    for command in (("setup", "--yes"), ("pull",), ("assign",)):
        told(say, *command)
    before = told(say, "segments")["segments"]
    for row in rows[:5]:
        leave(platforms, row)
    join(platforms.crm, rows[5], rows[6])
    told(say, "pull")
    assigned = told(say, "assign")

    planned = told(say, "plan", status=None)
    after = told(say, "segments")["segments"]
    report = told(say, "report")["summary"][0]

    assert assigned["segments"]["tiny"] == 24
    assert planned["personas"]["keepers"] == 24
    assert sum(planned["personas"].values()) == assigned["persons"]
    assert {segment["segment"]: segment["people"] for segment in before}["tiny"] == 30
    assert {segment["segment"]: segment["people"] for segment in after}["tiny"] == 24
    assert report.startswith(f"{assigned['persons']:,} ")


@pytest.mark.long
def test_a_small_segment_is_skipped_by_name_and_the_rest_goes_on(platforms: Platforms, say: Run) -> None:
    rows = keepers(platforms, 3)
    edit(platforms, "min_audience = 1 ", "min_audience = 4 ")
    for command in (("setup", "--yes"), ("pull",), ("assign",)):
        told(say, *command)

    planned = told(say, "plan")
    _, shown, _ = say("plan")
    told(say, "apply")

    assert planned["breaches"] == []
    assert planned["skipped_segments"] == {"tiny": 3}
    assert "Segment 'tiny' is skipped: it has 3 people, [personalize] min_audience is 4" in " ".join(shown.split())
    mine = {row["id"] for row in rows}
    shows = {key: row["properties"].get("personasync_persona") for key, row in platforms.crm.contacts.items()}
    assert "unclassified" in {shows[key] for key in mine} <= {"unclassified", None}  # None: one who opted out
    assert len({value for key, value in shows.items() if key not in mine}) > 2


@pytest.mark.long
def test_a_segment_that_becomes_too_small_does_not_block_the_plan_every_day(platforms: Platforms, say: Run) -> None:
    rows = keepers(platforms, 10)
    edit(platforms, "min_audience = 1 ", "min_audience = 9 ")
    for command in (("setup", "--yes"), ("pull",), ("assign",), ("plan",), ("apply",)):
        told(say, *command)
    for row in rows[:2]:
        platforms.crm.touch_contact(row, {"jobtitle": "other"})
    for command in (("pull",), ("assign",)):
        told(say, *command)

    planned = told(say, "plan")
    _, shown, _ = say("plan")

    assert planned["breaches"] == []
    assert planned["memberships_taken_back"]["email"] > 2
    assert planned["skipped_segments"] == {"tiny": 8}
    assert "max_changed and max_removed do not count this" in " ".join(shown.split())


@pytest.mark.long
@pytest.mark.parametrize("people", [1, 19])
def test_the_defaults_of_init_let_an_account_with_a_small_segment_be_pushed(
    platforms: Platforms, say: Run, people: int
) -> None:
    keepers(platforms, people)
    edit(platforms, "min_audience = 1 ", "min_audience = 20 ")
    for command in (("setup", "--yes"), ("pull",), ("assign",)):
        told(say, *command)

    planned = told(say, "plan")

    assert planned["skipped_segments"]["tiny"] == people
    assert told(say, "apply")["failed"] == {}


@pytest.mark.long
def test_assign_tells_who_moved_from_who_is_new(platforms: Platforms, say: Run) -> None:
    told(say, "pull")
    first = told(say, "assign")
    again = told(say, "assign")
    rows = keepers(platforms, 5)
    told(say, "pull", "--full")
    moved = told(say, "assign")
    _, shown, _ = say("assign")

    assert (first["new"], first["changed"]) == (first["persons"], 0)
    assert (again["new"], again["changed"]) == (0, 0)
    assert (moved["new"], moved["changed"]) == (0, len(rows))
    assert moved["rewritten"] >= len(rows)
    assert "0 moved to another segment, 0 new." in " ".join(shown.split())


@pytest.mark.long
@pytest.mark.usefixtures("applied")
def test_a_new_field_and_another_reason_stop_nothing_and_are_told_apart(platforms: Platforms, say: Run) -> None:
    path = platforms.folder / "personas.toml"
    path.write_text(path.read_text("utf-8") + '\n[fields.more]\nfallback = "More"\ncrm = "personasync_more"\n', "utf-8")
    path = platforms.folder / "segments.toml"
    path.write_text(path.read_text("utf-8").replace("orders_total >= 1", "(orders_total >= 1)"), "utf-8")
    for row in list(platforms.crm.contacts.values()):
        if row["properties"].get("personasync_reason"):
            platforms.crm.touch_contact(row, {"personasync_reason": "an older wording"})
    for command in (("setup", "--yes"), ("pull",), ("assign",)):
        told(say, *command)

    planned = told(say, "plan")

    changed = planned["changed_contacts"]["crm"]
    assert planned["by_field"]["crm: personasync_more"] == changed > 50
    assert planned["by_field"]["crm: personasync_reason"] > 50
    assert planned["replaced_contacts"]["crm"] == 0
