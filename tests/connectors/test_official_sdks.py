"""Both official SDKs, unchanged: every method that the product calls works against the local platforms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from threading import Thread

import pyarrow as pa
import pytest

from connectors.connector import Connector, Webhook
from connectors.hubspot import operations
from connectors.hubspot.connector import HubSpot
from connectors.hubspot.operations import Operation
from connectors.mailchimp import tags
from connectors.mailchimp.api import ENDPOINTS
from connectors.mailchimp.connector import Mailchimp
from connectors.records import Change, FieldDefinition, Outcome
from connectors.sandbox import marketer
from connectors.sandbox.fill import AUDIENCE, fill
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.server import Sandbox
from tests.connectors.key_notes import Notes, unknown_keys
from tests.connectors.mailchimp.test_mailchimp_tags import crowd

FIRST = {
    "crm": FieldDefinition("personasync_persona", "Persona", "enumeration", (("a", "A"),)),
    "email": FieldDefinition("PERSONA", "Persona", "text"),
}
THEN = {**FIRST, "crm": FieldDefinition("personasync_persona", "Persona", "enumeration", (("a", "A"), ("b", "B")))}


def read_all(connector: Connector) -> list[str]:
    """Read every stream from its start, and again from where it ended; return the ids of contacts."""
    ids = []
    for stream in (*connector.streams, *connector.result_streams):
        pages = list(connector.read(stream, {}))
        list(connector.read(stream, {"since": "0"} if connector.name == "crm" else pages[-1].cursor or {}))
        if stream == "contacts":
            ids = [row["platform_id"] for page in pages for row in page.rows.to_pylist() if row["email"]]
    return ids


def set_up(connector: Connector, fields: dict[str, FieldDefinition]) -> None:
    for step in connector.missing([fields[connector.name]], ["champions"]):
        connector.create(step)


def done(outcomes: Iterator[list[Outcome]]) -> set[str]:
    return {outcome.state for batch in outcomes for outcome in batch}


def changes(connector: Connector, rows: Sequence[tuple[str, str]], after: str | None) -> list[Change]:
    name, member = FIRST[connector.name].name, "member" if after else None
    fields = [Change(connector.name, key, "p", email, "field", name, None, after) for key, email in rows]
    return fields + [Change(connector.name, key, "p", email, "group", "champions", None, member) for key, email in rows]


def walk(connector: Connector) -> set[str]:
    """Use everything that *connector* can do, and return the endpoints that it asked."""
    connector.check()
    set_up(connector, FIRST)
    set_up(connector, THEN)
    ids = read_all(connector)
    pages = connector.read("contacts", {})
    emails = {row["platform_id"]: row["email"] for page in pages for row in page.rows.to_pylist()}
    rows = [(key, emails[key]) for key in ids[:5]]
    assert done(connector.push(changes(connector, rows, "a"))) == {"applied"}
    assert done(connector.push(changes(connector, rows, None))) == {"applied"}
    assert connector.read_back(changes(connector, rows, "a"))[rows[0][0], "group", "champions"] is None
    list(connector.read("memberships", {}))
    if "subscriptions" in connector.streams:
        list(connector.read("subscriptions", {}, lambda _states: pa.array(ids, pa.string())))
    return set(connector.traffic.requests)


def test_every_operation_of_hubspot_is_walked(
    sandbox: Sandbox, open_hubspot: Callable[..., HubSpot], key_ledger: Notes
) -> None:
    fill(sandbox.world, 60)
    known = {f"{var.method} {var.endpoint}" for var in vars(operations).values() if isinstance(var, Operation)}

    limits = {"export_from": 0, "export_look_seconds": 0}
    assert (
        walk(open_hubspot(api_version="v3", full_pull="export", limits=limits, subscriptions=True))
        - {"GET export file"}
        == known
    )
    assert version("hubspot-api-client") == "12.0.0"
    assert unknown_keys(key_ledger) == []


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Mailchimp looks whether somebody is there before it takes an address."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, *about: object) -> None:
        del about


@contextmanager
def listener() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hooks"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_every_endpoint_of_mailchimp_is_walked(
    sandbox: Sandbox, open_mailchimp: Callable[..., Mailchimp], monkeypatch: pytest.MonkeyPatch, key_ledger: Notes
) -> None:
    fill(sandbox.world, 60)
    access = sandbox.access
    where = access["mailchimp_url"], access["mailchimp_key"], AUDIENCE
    marketer.send_campaign(*where, title="T", subject="S", variants={"a": "<p>x</p>", "b": "<p>y</p>"})
    marketer.send_to_everybody(*where, title="T2", subject="S", html="<p>x</p>")
    sandbox.world.clock.advance(timedelta(days=4))
    mailchimp = open_mailchimp()
    with listener() as url:
        mailchimp.register(Webhook(url, ("subscribe",), ("user",)))
    assert [webhook.url for webhook in mailchimp.webhooks()] == [url]
    calls = walk(mailchimp) | walk(open_mailchimp(limits={"batches_from": 1}))
    state = MailchimpState.of(sandbox.world)
    for member in list(state.members(AUDIENCE).values())[:5]:  # they have more tags than an answer shows
        crowd(state, member)
    for singly in (len(state.members(AUDIENCE)), 0):  # each of them is asked for its tags; each tag for its members
        monkeypatch.setattr(tags, "SINGLY", singly)
        calls |= walk(open_mailchimp())
    title = state.add_interest_category(AUDIENCE, "Privacy")
    state.add_interest(AUDIENCE, str(title["id"]), "Profiling")
    calls |= walk(open_mailchimp(mapped=("group:Privacy/Profiling",)))

    assert calls - {"GET batch results"} == {f"{endpoint.method} {endpoint.name}" for endpoint in ENDPOINTS}
    assert version("mailchimp-marketing") == "3.0.80"
    assert unknown_keys(key_ledger) == []
