"""Probes: what the local platforms do holds; whatever they do otherwise is noticed, and named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors import hubspot, mailchimp
from connectors.connector import Connection
from connectors.errors import FixSettingsError
from connectors.evidence import load_evidence
from connectors.hubspot import probes as of_hubspot
from connectors.hubspot.connector import HubSpot
from connectors.mailchimp import probes as of_mailchimp
from connectors.mailchimp.connector import Mailchimp
from connectors.probing import ProbeResult, Redaction, SeenAnswer
from connectors.records import Change, FieldDefinition
from connectors.sandbox import marketer
from connectors.sandbox.fill import AUDIENCE, fill
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from connectors.secret import Secret
from sync.workspace.manifest import load_manifest
from tests.connectors.broken_answers import BROKEN, Rewrite, keep_all, refused, rewritten
from tests.connectors.conftest import kinds, spec
from tests.connectors.hubspot.test_reading import call

ADDRESS = "personasync-probe@probe.example"
SCOPES = frozenset(scope.name for scope in load_manifest().connectors["hubspot"].scopes) | {"crm.export", "oauth"}
MODULES = {"hubspot": of_hubspot, "mailchimp": of_mailchimp}
FIELDS = {
    "hubspot": [
        FieldDefinition("personasync_persona", "Persona", "enumeration", (("a", "A"), ("b", "B"))),
        FieldDefinition("personasync_confidence", "Confidence", "number"),
        FieldDefinition("personasync_reason", "Reason", "text"),
        FieldDefinition("personasync_since", "Since", "date"),
    ],
    "mailchimp": [
        FieldDefinition("PERSONA", "Persona", "text"),
        FieldDefinition("PS_CONF", "Confidence", "number"),
        FieldDefinition("PS_SINCE", "Since", "date"),
    ],
}
OWNED = {platform: tuple(field.name for field in fields) for platform, fields in FIELDS.items()}
BOOLEAN = {
    "name": "has_boat",
    "label": "Boat",
    "type": "bool",
    "fieldType": "booleancheckbox",
    "groupName": "personasync",
}
YES_NO = [{"label": label, "value": label.lower(), "hidden": False} for label in ("True", "False")]


@dataclass
class Stage:
    """Platforms in which everything can be tested, and a connector to each."""

    sandbox: Sandbox
    connectors: dict[str, HubSpot | Mailchimp]

    def results(self, platform: str, *, address: str = ADDRESS) -> dict[str, ProbeResult]:
        """Return what a probe finds of each assumption, by its number."""
        return dict(self.connectors[platform].probe(address=address, watch=lambda _answer: None))

    def probe(self, platform: str, *, address: str = ADDRESS) -> dict[str, str]:
        """Return the state of each assumption by its number."""
        return {number: result.state for number, result in self.results(platform, address=address).items()}

    def writes(self) -> list[str]:
        """Return the requests that could have changed something."""
        return [f"{entry.method} {entry.path}" for entry in self.sandbox.journal.entries if entry.write]

    def tables(self) -> dict[str, int]:
        """Return how many rows the platforms hold of what a probe makes."""
        crm, email = HubSpotState.of(self.sandbox.world), MailchimpState.of(self.sandbox.world)
        alive = [row for row in crm.contacts.values() if not row.get("archived")]
        present = [row for row in email.members(AUDIENCE).values() if row["status"] != "archived"]
        return {
            "contacts": len(alive),
            "lists": sum(not row.get("deletedAt") for row in crm.lists.values()),
            "members": len(present),
        }


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    world = make_world()
    fill(world, 30)
    world.settings.enforce_limits = False
    world.settings.burst_requests = 10_000  # the connector keeps to what headers say
    with Sandbox(world) as sandbox, pytest.MonkeyPatch.context() as patch:
        for module in (hubspot.connector, mailchimp.connector):
            patch.setattr(module, "nap", lambda seconds: world.clock.advance(timedelta(seconds=seconds)))
        stage = Stage(sandbox, connected(sandbox))
        prepare(stage)
        yield stage
        for connector in stage.connectors.values():
            connector.close()


def connected(sandbox: Sandbox, version: str = "2026-09") -> dict[str, HubSpot | Mailchimp]:
    crm, email = spec("hubspot", {"export_look_seconds": 0, "search_per_second": 1_000}), spec("mailchimp")
    settings = {"base_url": sandbox.hubspot_url, "api_version": version, "full_pull": "export"}
    token, key = Secret(sandbox.access["hubspot_token"]), Secret(sandbox.access["mailchimp_key"])
    audience = {"base_url": sandbox.mailchimp_url, "audience": AUDIENCE}
    groups, owned = ("champions",), OWNED
    return {
        "hubspot": hubspot.connect(
            Connection("crm", settings, crm, token, (), groups, owned["hubspot"], kinds=kinds(crm))
        ),
        "mailchimp": mailchimp.connect(
            Connection("email", audience, email, key, (), groups, owned["mailchimp"], kinds=kinds(email))
        ),
    }


def prepare(stage: Stage) -> None:
    """Let there be one of everything that probes look at: lists, e-mails, events, a merge, a batch, a webhook."""
    sandbox, world = stage.sandbox, stage.sandbox.world
    for platform, connector in stage.connectors.items():
        for step in connector.missing(FIELDS[platform], ["champions"]):
            connector.create(step)
    crm, email = HubSpotState.of(world), MailchimpState.of(world)
    first, second, third = list(crm.contacts)[:3]
    call(sandbox, "PUT", "/crm/v3/lists/1/memberships/add", [first, second])
    call(sandbox, "POST", "/crm/v3/properties/contacts", {**BOOLEAN, "options": YES_NO})
    member = next(iter(email.members(AUDIENCE).values()))
    tagged = Change("email", member["contact_id"], "p", member["email_address"], "group", "champions", None, "member")
    assert [outcome.state for batch in stage.connectors["mailchimp"].push([tagged]) for outcome in batch] == ["applied"]
    access = sandbox.access
    marketer.send_campaign(
        access["mailchimp_url"],
        access["mailchimp_key"],
        AUDIENCE,
        title="T",
        subject="S",
        variants={"a": "<p>x</p>", "b": "<p>y</p>"},
    )
    call(sandbox, "POST", "/crm/v3/objects/contacts/merge", {"primaryObjectId": first, "objectIdToMerge": third})
    sent = call(sandbox, "POST", "/marketing/v3/emails", {"name": "November", "subject": "Hello"}).json()
    call(sandbox, "POST", f"/marketing/v3/emails/{sent['id']}/publish")
    crm.record_event(sent["id"], "555", "OPEN", "ada@people.test", datetime(2026, 1, 5, tzinfo=UTC))
    email.webhooks(AUDIENCE)["w1"] = {
        "id": "w1",
        "url": "https://hooks.example/secret-part",
        "events": {},
        "sources": {},
        "signing_enabled": True,
        "signing_secret": "whsec",
    }
    world.settings.scopes = SCOPES


PLATFORMS = {one.id: one.platform for one in load_evidence().assumptions}


@pytest.mark.parametrize("platform", MODULES)
def test_whatever_can_be_tested_has_a_probe_and_nothing_else(platform: str) -> None:
    assumed = {one.id: one.probe for one in load_evidence().assumptions if one.platform == platform}
    module: Any = MODULES[platform]

    assert set(module.PROBES) == {number for number, how in assumed.items() if how != "none"}
    assert set(module.WRITING) == {number for number, how in assumed.items() if how == "write"}
    assert set(module.PROBES) <= {number for number, *_ in BROKEN}


@pytest.mark.parametrize("platform", MODULES)
def test_the_local_platforms_hold_and_nothing_is_left_of_a_probe(stage: Stage, platform: str) -> None:
    before, count = stage.tables(), len(stage.writes())
    read = stage.probe(platform, address="")
    none_written = stage.writes()[count:]
    written = stage.probe(platform)

    module: Any = MODULES[platform]
    assert {number for number, state in read.items() if state == "untestable"} >= module.WRITING
    assert none_written == []
    assert set(written.values()) == {"held"}, written
    assert stage.tables() == before
    assert stage.probe(platform) == written  # and once more, in an account that a probe has been to


def test_probes_ask_in_the_version_in_use(stage: Stage) -> None:
    numbered = Stage(stage.sandbox, connected(stage.sandbox, "v3"))

    states = numbered.probe("hubspot")

    assert {number for number, state in states.items() if state != "held"} == {"A2"}  # v3 needs no such filters
    for connector in numbered.connectors.values():
        connector.close()


@pytest.mark.parametrize(
    ("number", "wanted", "change", "said"), BROKEN, ids=[f"{row[0]}-{place}" for place, row in enumerate(BROKEN)]
)
def test_each_assumption_is_found_broken_where_it_is(
    stage: Stage, number: str, wanted: str, change: Rewrite, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = PLATFORMS[number]
    module: Any = MODULES[platform]
    monkeypatch.setattr(module, "PROBES", {number: module.PROBES[number]})
    before, connector = stage.tables(), stage.connectors[platform]
    rewritten(monkeypatch, connector, wanted, change)

    (result,) = stage.results(platform).values()

    assert (result.state, said in result.saw) == ("broken", True), result
    assert stage.tables() == before


def test_what_cannot_be_removed_is_named_and_taken_over_by_the_next_probe(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stage.tables()
    with monkeypatch.context() as patch:
        rewritten(patch, stage.connectors["mailchimp"], r"PUT .*/members/", refused(403))
        assert stage.probe("mailchimp")["A16"] == "untestable"  # nothing was made, and nothing is said
    for platform, name in (("hubspot", "the list personasync-probe and the contact"), ("mailchimp", "the member")):
        with monkeypatch.context() as patch:
            keep_all(patch, stage.connectors[platform])
            with pytest.raises(FixSettingsError, match=name):
                stage.probe(platform)
        assert set(stage.probe(platform).values()) == {"held"}
    assert stage.tables() == before


def test_nothing_that_an_answer_says_is_kept() -> None:
    body = {
        "Ada": 1,
        "ada@people.test": {"properties": {"ssn_of_Ada": "12", "email": "ada@people.test"}},
        "a6b5da1054": True,
        "merge_fields": {"NICKNAME": "Ada", "age": 7},
        "results": [{"firstName": "Ada"}, "Ada", ["Ada"], None],
    }
    headers = {"Date": "today", "X-Trace": "Ada", "ada@people.test": "x"}
    seen = SeenAnswer("GET", "contacts", 200, headers, json.dumps(body).encode())

    kept = json.dumps(Redaction().answer(seen))

    assert [text for text in ("ada@", '"Ada', "a6b5da1054", "ssn", "NICKNAME", "today") if text in kept] == []
    assert "firstName" in kept
    assert kept != json.dumps(Redaction().answer(seen))  # another salt
