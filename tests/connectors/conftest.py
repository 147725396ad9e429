"""Both local platforms, and connectors that speak to them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

import pyarrow as pa
import pytest

from connectors import hubspot, mailchimp
from connectors.connector import Connection
from connectors.hubspot.connector import HubSpot
from connectors.mailchimp.connector import Mailchimp
from connectors.records import Page
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from connectors.secret import Secret
from sync.workspace.manifest import load_manifest
from tests.connectors import key_notes

OWNED = {
    "hubspot": ("personasync_persona", "personasync_confidence", "personasync_reason"),
    "mailchimp": ("PERSONA", "PS_HEAD"),
}


@pytest.fixture(autouse=True)
def key_ledger(monkeypatch: pytest.MonkeyPatch) -> Iterator[key_notes.Notes]:
    """Let every test of the connectors fail that reads a key, or sends a field, without evidence."""
    notes = key_notes.note_everything(monkeypatch)
    yield notes
    without = key_notes.unknown_reads(notes)
    assert not without, "\n".join(["Not in connectors/evidence.toml:", *without])


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(make_world()) as running:
        yield running


@pytest.fixture
def open_hubspot(sandbox: Sandbox) -> Iterator[Callable[..., HubSpot]]:
    """Open the connector, with settings or limits that differ from the usual ones."""
    opened: list[HubSpot] = []

    def connect(*, limits: dict[str, int] | None = None, subscriptions: bool = False, **settings: str) -> HubSpot:
        manifest = spec("hubspot", limits)
        given = {"access_token": sandbox.access["hubspot_token"], "base_url": sandbox.hubspot_url, **settings}
        secret = Secret(given.pop("access_token"))
        connection = Connection(
            "crm",
            given,
            manifest,
            secret,
            (),
            ("champions",),
            OWNED["hubspot"],
            kinds=kinds(manifest),
            subscriptions=subscriptions,
        )
        opened.append(hubspot.connect(connection))
        return opened[-1]

    yield connect
    for connector in opened:
        connector.close()


@pytest.fixture
def open_mailchimp(sandbox: Sandbox) -> Iterator[Callable[..., Mailchimp]]:
    """Open the connector, with settings or limits that differ from the usual ones."""
    opened: list[Mailchimp] = []

    def connect(*, limits: dict[str, int] | None = None, mapped: tuple[str, ...] = (), **settings: str) -> Mailchimp:
        access = sandbox.access
        given = {"api_key": access["mailchimp_key"], "audience": access["audience"], "base_url": sandbox.mailchimp_url}
        given |= settings
        secret = Secret(given.pop("api_key"))
        connection = Connection(
            "email", given, spec("mailchimp", limits), secret, mapped, ("champions",), OWNED["mailchimp"]
        )
        opened.append(mailchimp.connect(connection))
        return opened[-1]

    yield connect
    for connector in opened:
        connector.close()


MEMORY: dict[str, dict[str, str]] = {}


def read_on(connector: HubSpot | Mailchimp, stream: str, cursor: Any = None) -> list[Page]:
    """Read a stream as a workspace does: with a memory of the contacts that were read before."""
    memory = MEMORY.setdefault(connector._transport.base_url, {})  # each sandbox has ports of its own

    def known(states: Collection[str]) -> pa.Array:
        return pa.array([key for key, state in memory.items() if state in states], pa.string())

    pages = list(connector.read(stream, cursor or {}, known))
    for page in pages:
        if page.table == "contacts":
            memory |= {row["platform_id"]: row["state"] for row in page.rows.to_pylist()}
    return pages


def kinds(manifest: dict[str, Any]) -> dict[str, str]:
    return {field["name"]: field["type"] for field in manifest["fields"]}


def spec(name: str, limits: dict[str, int] | None = None) -> dict[str, Any]:
    manifest = load_manifest().connectors[name].as_mapping()
    return {**manifest, "limits": {**manifest["limits"], **(limits or {})}}


def rows(pages: Iterator[Page], table: str) -> list[dict[str, Any]]:
    """Return the rows of one table of a stream that was read to its end."""
    return [row for page in pages if page.table == table for row in page.rows.to_pylist()]
