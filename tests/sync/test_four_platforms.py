"""Two CRMs and two email platforms, none of one kind: ours, and two connectors of other packages."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.sandbox.fill import AUDIENCE, fill
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from sync.ops.demo import make_workspace
from tests.outside.pond_platform import TOKEN, PondPlatform
from tests.sync.outside import commands, installed, serving
from tests.sync.test_outside_connector import answers
from tests.sync.test_outside_events import free_port, is_reached, is_up, wait_until

pytestmark = [pytest.mark.outside, pytest.mark.long]
PEOPLE, SHARED = 40, 12
CONNECTIONS = """
[connections.field]
connector = "meadow"
token = "env:POND_TOKEN"
base_url = "{meadow}"

[connections.lake]
connector = "pond"
token = "env:POND_TOKEN"
base_url = "{pond}"
"""
SERVE = """
[serve]
port = {port}
public_url = "{url}"
pond_secret = "file:secrets/pond"
mailchimp_secret = "file:secrets/mailchimp"
hubspot_secret = "env:HUBSPOT_APP_SECRET"
"""
MAIL = "<p>*|PS_HEAD|*</p>"


@dataclass
class Four:
    """A workspace with four platforms, and the platforms."""

    site: Path
    folder: Path
    sandbox: Sandbox
    meadow: PondPlatform
    pond: PondPlatform

    @property
    def environment(self) -> dict[str, str]:
        access = self.sandbox.access
        tokens = {"HUBSPOT_TOKEN": access["hubspot_token"], "MAILCHIMP_API_KEY": access["mailchimp_key"]}
        return {
            **tokens,
            "POND_TOKEN": TOKEN,
            "HUBSPOT_APP_SECRET": access["hubspot_secret"],
            "PERSONASYNC_BUDGETS": str(self.folder.parent / "budgets"),
        }

    def run(self, *lines: list[str]) -> list[tuple[int, str]]:
        """Run commands, and return status and text of each."""
        done = commands(self.site, json.dumps(lines), at=self.folder, **self.environment)
        results = answers(done.stdout)
        assert len(results) == len(lines), done.stderr
        return [(status, said + (done.stderr if status else "")) for status, said in results]

    def shown(self, address: str) -> list[str]:
        """The segment that each platform shows of somebody."""
        crm, email = HubSpotState.of(self.sandbox.world), MailchimpState.of(self.sandbox.world)
        contact, member = crm.contact(crm.by_email.get(address, "")), email.directory(AUDIENCE).find(address)
        ducks = [duck for pond in (self.meadow, self.pond) for duck in pond.ducks.values() if duck["mail"] == address]
        return [
            str((contact or {}).get("properties", {}).get("personasync_segment") or ""),
            *(str(duck["values"].get("ps_segment") or "") for duck in ducks),
            str((member or {}).get("merge_fields", {}).get("PERSONA") or ""),
        ]


def with_meadow(site: Path) -> None:
    """Install a second connector: a CRM without tags, which shows the segment and no reason."""
    shutil.copytree(site / "pond", site / "grass")
    installed_as = site / "meadow"
    (site / "grass").rename(installed_as)
    spec = (installed_as / "pond.toml").read_text("utf-8")
    spec = (
        spec.replace('"Pond"', '"Meadow"')
        .replace('kind = "email"', 'kind = "crm"')
        .replace("pond.example", "meadow.example")
    )
    spec = spec.replace('groups = "tags"', 'groups = "none"').replace("events = true\n", "")
    head, _, last = spec.rpartition("[[fields]]")
    assert 'role = "reason"' in last
    (installed_as / "meadow.toml").write_text(head, "utf-8")
    (installed_as / "pond.toml").unlink()
    info = site / "personasync_meadow-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: personasync-meadow\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text("[personasync.connectors]\nmeadow = meadow:connect\n", "utf-8")


@pytest.fixture
def four(tmp_path: Path) -> Iterator[Four]:
    world = make_world()
    fill(world, PEOPLE)
    site, folder = installed(tmp_path / "site", "pond"), tmp_path / "shop"
    with_meadow(site)
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(world))
        meadow, pond = stack.enter_context(PondPlatform()), stack.enter_context(PondPlatform())
        make_workspace(folder, sandbox.access)
        settings = folder / "personasync.toml"
        text = settings.read_text("utf-8").replace("min_audience = 20", "min_audience = 1")
        text += CONNECTIONS.format(meadow=meadow.url, pond=pond.url)
        settings.write_text(text, "utf-8")
        (folder / "mail.html").write_text(MAIL, "utf-8")
        for platform in (meadow, pond):
            for address in shared(sandbox):
                platform.add(address, swims="often", homeland="SE")
        yield Four(site, folder, sandbox, meadow, pond)


def shared(sandbox: Sandbox) -> list[str]:
    """People who are on HubSpot and on Mailchimp."""
    crm, email = HubSpotState.of(sandbox.world), MailchimpState.of(sandbox.world)
    members = {
        member["email_address"].lower()
        for member in email.members(AUDIENCE).values()
        if member["status"] == "subscribed"
    }
    return sorted(address for address in crm.by_email if address in members)[:SHARED]


def test_every_command_works_with_two_crms_and_two_email_platforms(four: Four) -> None:
    first = four.run(
        *(["pull", "--json"], ["assign"], ["setup", "--yes"], ["plan", "--json"], ["apply", "--json"]),
        *(["pull"], ["plan", "--json"], ["doctor"], ["report"], ["preview", "mail.html", "--json"]),
    )
    somebody = next(a for a in shared(four.sandbox) if all(four.shown(a)))
    explained, history = four.run(["explain", somebody, "--json"], ["history", "--json"])
    plan, applied, again = (json.loads(first[place][1]) for place in (3, 4, 6))

    assert [status for status, _ in first] == [0] * len(first), [said for status, said in first if status]
    assert {line.split(":")[0] for line in plan["by_field"]} == {"crm", "email", "field", "lake"}
    assert {state.split()[1] for state in applied["outcomes"]} == {"applied"}
    assert {state.split()[0] for state in applied["outcomes"]} == {"crm", "email", "field", "lake"}
    assert again["changes"] == 0
    told = " ".join(first[7][1].split())
    assert "Other platforms also show: persona, confidence, reason, date" in told  # of the meadow
    assert (explained[0], history[0]) == (0, 0)
    assert len(set(four.shown(somebody)[:3])) == 1  # one segment on the three that show it

    settings, segments = four.folder / "personasync.toml", four.folder / "segments.toml"
    tight = re.sub(r"(?m)^(max_changed|max_removed) = .*$", r"\1 = 0.0", settings.read_text("utf-8"))
    settings.write_text(tight, "utf-8")
    segments.write_text(segments.read_text("utf-8").replace("tenure_days >= 60", "tenure_days >= 60000"), "utf-8")
    moved, planned, blocked = four.run(["assign"], ["plan"], ["apply"])
    undone, pulled = four.run(["undo", "last", "--yes"], ["pull"])
    assert (moved[0], blocked[0]) == (0, 3), (planned, blocked)
    assert "max_changed" in planned[1] + blocked[1]
    assert (undone[0], pulled[0]) == (0, 0), undone[1]
    assert set(four.shown(somebody)[:3]) == {""}


def test_the_webhook_of_one_platform_changes_all_four(four: Four) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = four.folder / "personasync.toml"
    settings.write_text(settings.read_text("utf-8") + SERVE.format(port=port, url=url), "utf-8")
    with serving(four.site, at=four.folder, **four.environment):
        wait_until(lambda: is_reached(url))  # Mailchimp looks whether somebody is there
        results = four.run(["setup", "--yes"], ["run"], ["doctor", "--json"])
    assert [status for status, _ in results[:2]] == [0, 0], results
    checks = {(row["connection"], row["check"]): row["state"] for row in json.loads(results[2][1])["findings"]}
    somebody = next(address for address in shared(four.sandbox) if all(four.shown(address)))
    crm, before = HubSpotState.of(four.sandbox.world), four.shown(somebody)
    crm.touch_contact(crm.contacts[crm.by_email[somebody]], {"personasync_segment": ""})
    with serving(four.site, at=four.folder, **four.environment):
        wait_until(lambda: is_up(url))
        [duck] = [key for key, duck in four.pond.ducks.items() if duck["mail"] == somebody]
        four.pond.change(duck, values={**four.pond.ducks[duck]["values"], "swims": "seldom", "ps_segment": ""})
        wait_until(lambda: four.shown(somebody) == before)

    assert {checks[name, "webhooks"] for name in ("crm", "email", "lake")} == {"ok"}
    assert {checks[name, "signatures"] for name in ("crm", "email", "lake")} == {"ok"}
    assert ("field", "webhooks") not in checks  # it sends no events
