"""The first hour on a real account: a new user does nothing but what the product prints, until nothing is left."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from connectors.sandbox import marketer
from connectors.sandbox.fill import AUDIENCE, fill
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from sync.workspace.manifest import load_manifest
from tests.sync.conftest import Platforms, Run, connected, say

__all__ = ["say"]

PEOPLE, TAGGED, AT_ONCE = 60, 5_000, 500
MOST = 15  # pieces of advice; more would be going round in circles
SCOPES = frozenset(scope.name for scope in load_manifest().connectors["hubspot"].scopes)
OF_THE_PLAN = frozenset({"content"})  # a small plan has no marketing email: nobody can grant it
FORGOTTEN = frozenset({"crm.schemas.contacts.write"})
PROPERTY, LIST = "personasync_persona", "personasync: newcomers"


@pytest.fixture
def platforms(tmp_path: Path) -> Iterator[Platforms]:
    world = make_world()
    fill(world, PEOPLE)
    with Sandbox(world) as sandbox:
        platforms = connected(sandbox, tmp_path / "workspace")
        settle(platforms)
        world.settings.scopes = SCOPES - OF_THE_PLAN - FORGOTTEN
        world.clock.advance(timedelta(minutes=20))
        yield platforms


def settle(platforms: Platforms) -> None:
    """Make the account one that others have used for years: our names are taken, and a field is required."""
    definition = {"name": PROPERTY, "label": "Persona", "type": "string", "fieldType": "text"}
    hubspot(platforms, "POST", "/crm/v3/properties/contacts", {**definition, "groupName": "contactinformation"})
    made = hubspot(
        platforms, "POST", "/crm/v3/lists", {"name": LIST, "objectTypeId": "0-1", "processingType": "MANUAL"}
    )
    list_id = made["list"]["listId"]
    platforms.crm.lists[list_id] = {**platforms.crm.lists[list_id], "processingType": "DYNAMIC"}
    platforms.email.add_merge_field(AUDIENCE, "CITY", name="City", required=True)
    url, key = platforms.sandbox.mailchimp_url, platforms.environment["MAILCHIMP_API_KEY"]
    for start in range(0, TAGGED, AT_ONCE):
        some = [f"member{number}@people.test" for number in range(start, start + AT_ONCE)]
        more = {"status": "subscribed", "tags": ["ps:regulars"], "merge_fields": {"CITY": "Ghent"}}
        rows = [{"email_address": email, **more} for email in some]
        marketer.change_members(url, key, AUDIENCE, rows)


def hubspot(platforms: Platforms, method: str, path: str, body: object = None) -> dict[str, dict[str, str]]:
    """Do something in HubSpot as its owner, whatever the token of personasync may do."""
    settings = platforms.sandbox.world.settings
    granted, settings.scopes = settings.scopes, None
    headers = {"Authorization": f"Bearer {platforms.environment['HUBSPOT_TOKEN']}"}
    answer = requests.request(method, f"{platforms.sandbox.hubspot_url}{path}", json=body, headers=headers, timeout=10)
    settings.scopes = granted
    assert answer.ok, answer.text
    return dict(answer.json()) if answer.content else {}


def add_scopes(platforms: Platforms, names: str) -> None:
    settings = platforms.sandbox.world.settings
    assert settings.scopes is not None
    settings.scopes |= frozenset(names.split(", ")) - OF_THE_PLAN


def set_clock(platforms: Platforms, _: str) -> None:
    platforms.sandbox.world.clock.offset = timedelta(0)


def archive_property(platforms: Platforms, _: str) -> None:
    hubspot(platforms, "DELETE", f"/crm/v3/properties/contacts/{PROPERTY}")


def rename_list(platforms: Platforms, name: str) -> None:
    list_id = next(row["listId"] for row in platforms.crm.lists.values() if row["name"] == name)
    hubspot(platforms, "PUT", f"/crm/v3/lists/{list_id}/update-list-name?listName=Our%20newcomers")


Action = Callable[[Platforms, str], None]
# what is printed -> what a person does; the first group of the pattern is what it is done to
ADVICE: dict[str, Action] = {
    r"Add these scopes to the token: ([\w., ]*\w)\.": add_scopes,
    r"(Synchronize this machine's clock)": set_clock,
    r"HubSpot property '(\w+)' has type \w+, expected \w+\. Archive it in HubSpot": archive_property,
    r"The HubSpot list '([^']+)' is an active list \(filled by filters\)\. Rename it": rename_list,
}
COMMAND = re.compile(r"`personasync ((?:setup|pull|assign|plan|apply)\b[^`]*)`")
UNATTENDED = {"setup": ["--yes"]}


def follow(platforms: Platforms, say: Run, goal: str, ended: Callable[[str], bool] = lambda _told: True) -> list[str]:
    """Run *goal*, do what it says, first on the platforms, then commands, until it ends well; return what was done."""
    done: list[str] = []
    command = goal
    for _ in range(MOST):
        words = command.split()
        status, out, error = say(*words, *UNATTENDED.get(words[0], []))
        told = " ".join((out + error).split())
        if command == goal and status == 0 and ended(told):
            return done
        news = [
            (action, what)
            for text, action in ADVICE.items()
            for what in dict.fromkeys(re.findall(text, told))
            if f"{action.__name__} {what}" not in done
        ]
        for action, what in news:
            action(platforms, what)
            done.append(f"{action.__name__} {what}")
        commands = COMMAND.findall(told)
        assert news or commands or command != goal, f"after {done}, nothing to do in: {told}"
        if not (status and news):  # what failed is tried again, once something was done about it
            command = (commands or [goal])[0]
            done += [command] if command != goal else []
    pytest.fail(f"{goal} does not end well: {done}")


def green(told: str) -> bool:
    """Tell whether doctor marks nothing but what the plan can't give."""
    return not re.search(r"\b(warn|FAIL) (?!crm scopes emails? )", told)


@pytest.mark.long
def test_what_is_printed_leads_to_a_green_doctor_and_an_empty_second_plan(platforms: Platforms, say: Run) -> None:
    first = say("doctor")[1]
    done = follow(platforms, say, "doctor", green)
    for command in ("pull", "assign", "plan", "apply", "results", "pull"):
        done += follow(platforms, say, command)
    status, second, _ = say("plan")

    assert all(told in first for told in ("accepts the access token", "has type string", "off by 20 minutes"))
    assert [one for one in done if not one.startswith("add_scopes content")] == [
        "set_clock Synchronize this machine's clock",
        f"archive_property {PROPERTY}",
        f"rename_list {LIST}",
        "setup",
        "add_scopes crm.schemas.contacts.write",
    ]
    assert (status, second.splitlines()[0]) == (0, "Nothing to change: the platforms are up to date.")
    assert "5,000 memberships were added by others, so they stay" in second
    shown = [row["merge_fields"] for row in platforms.members() if row["merge_fields"].get("PERSONA")]
    assert sum(bool(fields.get("CITY")) for fields in shown) == TAGGED
    assert sum(not fields.get("CITY") for fields in shown) > PEOPLE / 2  # who lacks the required field gets ours too
