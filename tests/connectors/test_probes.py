"""Probes: what the local platforms do holds; whatever they do otherwise is noticed, and named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from connectors import hubspot, mailchimp
from connectors.connector import Connection
from connectors.errors import FixSettingsError
from connectors.evidence import load_evidence
from connectors.hubspot import probes as of_hubspot
from connectors.hubspot.connector import HubSpot
from connectors.mailchimp import probes as of_mailchimp
from connectors.mailchimp.connector import Mailchimp
from connectors.probing import Redaction, SeenAnswer
from connectors.records import FieldDefinition
from connectors.sandbox.fill import AUDIENCE, fill
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from connectors.secret import Secret
from sync.workspace.manifest import load_manifest
from tests.connectors.conftest import OWNED, kinds, spec
from tests.connectors.hubspot.test_reading import call

ADDRESS = "personasync-probe@probe.example"
SCOPES = frozenset(scope.name for scope in load_manifest().connectors["hubspot"].scopes) | {"crm.export"}
MODULES = {"hubspot": of_hubspot, "mailchimp": of_mailchimp}
ELSEWHERE = "https://files.example/result"
FIELDS = {
    "hubspot": [
        FieldDefinition("personasync_persona", "Persona", "enumeration", (("a", "A"), ("b", "B"))),
        FieldDefinition("personasync_confidence", "Confidence", "number"),
        FieldDefinition("personasync_reason", "Reason", "text"),
    ],
    "mailchimp": [FieldDefinition("PERSONA", "Persona", "text")],
}


@dataclass
class Stage:
    """Platforms in which everything can be tested, and a connector to each."""

    sandbox: Sandbox
    connectors: dict[str, HubSpot | Mailchimp]

    def probe(self, platform: str, *, address: str = ADDRESS, watch: Any = lambda _answer: None) -> dict[str, str]:
        """Return the state of each assumption by its number."""
        found = self.connectors[platform].probe(address=address, watch=watch)
        return {number: result.state for number, result in found}

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


Rewrite = Callable[[requests.Response, Any], Any]


def rewritten(patch: pytest.MonkeyPatch, connector: Any, wanted: str, change: Rewrite) -> None:
    """Let answers to requests like *wanted* come otherwise: *change* returns another body, or alters the answer."""
    session = connector._transport._session
    request = session.request

    def changed(method: str, url: str, **more: Any) -> requests.Response:
        response: requests.Response = request(method, url, **more)
        if re.search(wanted, f"{method} {response.url}"):
            body = change(response, json.loads(response.content or b"{}"))
            response._content = json.dumps(body).encode()
        return response

    patch.setattr(session, "request", changed)


def keep_all(patch: pytest.MonkeyPatch, connector: Any) -> None:
    """Let the platform refuse to delete anything."""
    session = connector._transport._session
    request = session.request

    def refusing(method: str, url: str, **more: Any) -> requests.Response:
        if method != "DELETE":
            response: requests.Response = request(method, url, **more)
            return response
        refusal = requests.Response()
        refusal.status_code, refusal._content = 400, b'{"status": "error", "message": "no"}'
        refusal.request = requests.Request(method, url).prepare()
        return refusal

    patch.setattr(session, "request", refusing)


def without(body: Any, *path: str) -> Any:
    """Return *body* without the key at the end of *path*; "[]" is every entry."""
    if path[0] == "[]":
        for entry in body:
            without(entry, *path[1:])
    elif len(path) == 1:
        body.pop(path[0], None)
    else:
        without(body[path[0]], *path[1:])
    return body


def refused(status: int) -> Rewrite:
    def change(response: requests.Response, _body: Any) -> Any:
        response.status_code = status
        return {"title": "Invalid", "status": status, "detail": "no"}

    return change


def undated(response: requests.Response, body: Any) -> Any:
    del response.headers["Date"]
    return body


def capitals(_response: requests.Response, body: Any) -> Any:
    for email in body["results"]:
        email["stats"]["counters"] = {key.upper(): value for key, value in email["stats"]["counters"].items()}
    return body


def of_new_type(_response: requests.Response, body: Any) -> Any:
    return {**body, "events": [{**event, "type": "TELEPATHY"} for event in body["events"]]}


def same_values(_response: requests.Response, body: Any) -> Any:
    rows = [{**row, "properties": dict.fromkeys(row["properties"], "other")} for row in body["results"]]
    return {**body, "results": rows}


def rising(_response: requests.Response, body: Any) -> Any:
    return {**body, "results": sorted(body["results"], key=lambda row: int(row["id"]))}


def elsewhere(_response: requests.Response, body: Any) -> Any:
    for job in body.get("batches", [body]):
        job["response_body_url"] = ELSEWHERE
    return body


# which answers come otherwise, and how, so that an assumption is broken
BROKEN: dict[str, tuple[str, Rewrite]] = {
    "A1": (r"POST .*contacts/search", rising),
    "A2": (r"POST .*lists.*/search", lambda _response, body: {**body, "lists": [], "total": 0}),
    "A3": (
        r"POST .*lists.*/search",
        lambda _r, body: {**body, "lists": [{"listId": x["listId"]} for x in body["lists"]]},
    ),
    "A4": (r"GET .*/memberships", lambda _response, body: {**body, "results": [{"recordId": "1"}]}),
    "A6": (r"POST .*contacts/batch/read", same_values),
    "A7": (r"GET .*/tasks/", lambda _response, body: {**body, "result": ELSEWHERE}),
    "A8": (r"GET .*/emails", capitals),
    "A9": (r"GET .*/owners", lambda _response, body: {**body, "errors": [], "wanted": ["crm.objects.owners.read"]}),
    "A10": (r"POST .*contacts/batch/read", lambda _response, body: {**body, "errors": []}),
    "A11": (r"GET .*", undated),
    "A13": (r"GET .*/segments\?", lambda _r, body: {"segments": [{"id": s["id"]} for s in body["segments"]]}),
    "A14": (r"GET .*/webhooks", lambda _response, body: without(body, "webhooks", "[]", "signing_enabled")),
    "A15": (r"GET .*members.nothing", refused(400)),
    "A16": (r"PATCH .*/members/", refused(404)),
    "A17": (r"POST .*/segments/\d+$", refused(400)),
    "A18": (r"GET .*/batches", elsewhere),
    "A20": (r"GET .*/email/public/v1/events", of_new_type),
    "A21": (
        r"POST .*contacts/search",
        lambda _r, body: {**body, "results": [{**row, "properties": {}} for row in body["results"]]},
    ),
}
PLATFORMS = {one.id: one.platform for one in load_evidence().assumptions}


@pytest.mark.parametrize("platform", MODULES)
def test_whatever_can_be_tested_has_a_probe_and_nothing_else(platform: str) -> None:
    assumed = {one.id: one.probe for one in load_evidence().assumptions if one.platform == platform}
    module: Any = MODULES[platform]

    assert set(module.PROBES) == {number for number, how in assumed.items() if how != "none"}
    assert set(module.WRITING) == {number for number, how in assumed.items() if how == "write"}
    assert set(module.PROBES) <= set(BROKEN)


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


@pytest.mark.parametrize("number", BROKEN)
def test_each_assumption_is_found_broken_where_it_is(
    stage: Stage, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = PLATFORMS[number]
    module: Any = MODULES[platform]
    monkeypatch.setattr(module, "PROBES", {number: module.PROBES[number]})
    before, connector = stage.tables(), stage.connectors[platform]
    rewritten(monkeypatch, connector, *BROKEN[number])

    found = stage.probe(platform)

    assert found == {number: "broken"}
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

    assert [text for text in ("ada@", '"Ada', "a6b5", "ssn", "NICKNAME", "today") if text in kept] == []
    assert "firstName" in kept
    assert kept != json.dumps(Redaction().answer(seen))  # another salt
