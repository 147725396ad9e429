"""Connectors of the pond that are wrong, each in the ways that one group of laws is about."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pyarrow as pa
import requests

from connectors.base import JsonClient, SourceContact, SourcePage, WantedContact, Written
from connectors.connector import Connection, Known, Still, Traffic, as_given, nobody
from connectors.errors import ContractError, PersonasyncError, SignatureError
from connectors.events import Delivery, PlatformEvent
from connectors.fetched import Fetched
from connectors.records import CONTACTS, Change, Cursor, FieldDefinition, Finding, Outcome, Page, SetupStep
from connectors.spec import parse_spec
from tests.outside.pond import Pond


class Forgetful(Pond):
    """Reads one page, goes on from a moment to come, and never learns that anybody left or said no."""

    def page(self, since: datetime | None, place: str | None) -> SourcePage:
        page = super().page(since, place)
        return SourcePage([replace(contact, consent="subscribed") for contact in page.contacts])

    def read(self, stream: str, cursor: Cursor, known: Known = nobody) -> Iterator[Page]:
        ahead = {"since": (datetime.now(UTC) + timedelta(days=1)).isoformat(), "whole": datetime.now(UTC).isoformat()}
        for page in super().read(stream, cursor, nobody):
            yield replace(page, cursor=ahead) if page.table == "contacts" else page

    def fetch_contacts(self, ids: Sequence[str], addresses: Sequence[str]) -> Sequence[SourceContact]:
        return [replace(contact, consent="subscribed") for contact in super().fetch_contacts(ids, ())]

    def fetch(self, ids: Sequence[str], addresses: Sequence[str]) -> Fetched:
        fetched = super().fetch(ids, addresses)
        return replace(fetched, contacts=fetched.contacts.filter(pa.compute.equal(fetched.contacts["state"], "active")))


class Raw(Pond):
    """Hands on what the platform sends, spelt as it comes, and the clock as it reads it."""

    times = 0

    def _rows(self, contacts: Sequence[SourceContact]) -> pa.Table:
        Raw.times += 1
        rows = [contact.row("pond") for contact in contacts]
        for row, contact in zip(rows, contacts, strict=True):
            told = {name: value.encode("ascii", "ignore").decode() for name, value in contact.properties.items()}
            row |= {"email": contact.email, "properties": json.dumps({**told, "times": Raw.times})}
        return pa.Table.from_pylist([*rows, *({**row, "consent": "none"} for row in rows)], schema=CONTACTS.columns)

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.reads = ("feathers",)

    def now(self) -> datetime:
        return super().now().replace(tzinfo=None) if "consents" in self.traffic.requests else datetime.now()  # noqa: DTZ005

    def read(self, stream: str, cursor: Cursor, known: Known = nobody) -> Iterator[Page]:
        for page in self._pages(None):
            yield Page("contacts", self._rows(page.contacts), None)

    def fetch_contacts(self, ids: Sequence[str], addresses: Sequence[str]) -> Sequence[SourceContact]:
        return self.page(None, None).contacts


class Alarmist(Pond):
    """Tells everybody as gone, and reads everybody each time."""

    def _since(self, cursor: Cursor) -> datetime | None:
        return None

    def read(self, stream: str, cursor: Cursor, known: Known = nobody) -> Iterator[Page]:
        for page in super().read(stream, cursor, known):
            if page.table == "contacts" and page.rows.num_rows:
                rows = [{**row, "state": "deleted"} for row in page.rows.to_pylist()]
                yield replace(page, rows=pa.Table.from_pylist(rows, schema=CONTACTS.columns))
            else:
                yield page


class Boastful(Pond):
    """Says that everything is done, and does nothing of it."""

    def write(self, batch: Sequence[WantedContact]) -> Written:
        return {w.id: SourceContact(w.id, w.email, "subscribed", w.fields, w.enter) for w in batch}

    def create(self, step: SetupStep) -> None:
        """Make nothing."""

    def fields(self) -> Mapping[str, FieldDefinition]:
        return {}

    def read_back_sample(self, changes: Sequence[Change]) -> dict[tuple[str, str, str], str | None]:
        return {}


class Careless(Pond):
    """Writes whatever it is told, more than it is told, and nothing in batches."""

    def missing(self, fields: Sequence[FieldDefinition], groups: Sequence[str]) -> list[SetupStep]:
        steps = super().missing(fields, groups)
        for step in steps:
            self.create(step)
        return []

    def create(self, step: SetupStep) -> None:
        if step.name in {*self.fields(), *(name.removeprefix("ps ") for name in self.group_names())}:
            raise ZeroDivisionError
        super().create(step)

    def push(self, changes: Sequence[Change], still: Still = as_given) -> Iterator[list[Outcome]]:
        self.client.get("labels")
        body = {"name": f"{len(changes)}", "label": "x", "type": "text"}
        self.client.send("POST", "fields", body)
        wanted = [
            {
                "id": change.platform_id,
                "values": {change.name: change.after, "swims": "ours"} if change.kind == "field" else {"swims": "ours"},
                "add": [change.name] if change.kind == "group" else [],
                "drop": ["theirs"],
            }
            for change in changes
        ]
        self.client.send("POST", "ducks/batch", {"ducks": wanted, "news": True})
        yield [Outcome(change, "applied") for change in changes]

    def seconds_for(self, requests: Mapping[str, int]) -> float:
        return -float(sum(requests.values()))

    def read_back(self, changes: Sequence[Change]) -> dict[tuple[str, str, str], str | None]:
        return {(change.platform_id, change.kind, change.name): change.after for change in changes}


class BareClient(JsonClient):
    """Asks once, tells everything, and takes any answer for one."""

    def send(
        self,
        method: str,
        path: str,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        *,
        repeatable: bool = True,
        **names: str,
    ) -> Any:
        secret = self.secret.reveal()  # type: ignore[attr-defined] # set by Bare
        url = f"{self.transport.base_url}/{path}?token={secret}"
        answer = requests.request(method, url, json=json, params=params, headers={"X-Pond-Token": secret}, timeout=9)
        self.traffic.requests[url] = 1
        if answer.status_code != 200:
            message = f"{url}: HTTP {answer.status_code}"
            raise ContractError(message)
        empty: dict[str, Any] = {"ducks": [], "next": None, "total": 0, "fields": [], "labels": []}
        try:
            return {**empty, **answer.json()}
        except ValueError:
            return empty


class Bare(Pond):
    """Talks to the platform without our transport, and hides nothing."""

    def __init__(self, connection: Connection) -> None:
        self.name, self.connection, self.limits = connection.name, connection, connection.manifest["limits"]
        self._can, self._prefix, self.reads = connection.manifest["capabilities"], "ps ", ()
        self.client = BareClient(connection, auth=connection.secret)
        self.client.secret = connection.secret  # type: ignore[attr-defined]
        self.client.transport._hosts = ("*",)
        self.client.traffic = Traffic()

    def __repr__(self) -> str:
        return f"Bare({self.connection.secret.reveal()})"

    def check(self) -> list[Finding]:
        self.client.send("POST", "labels", {"name": "checked"})
        return [Finding("credentials", "ok", "Fine."), Finding("credentials", "fail", "Or not.")]

    def now(self) -> datetime:
        return datetime.now(UTC)


class Eager(Pond):
    """Asks before it is asked, and writes where it reads, and more than it should."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.client.send("POST", "labels", {"name": "eager"})

    def page(self, since: datetime | None, place: str | None) -> SourcePage:
        self.client.send("POST", "labels", {"name": "read"})
        return super().page(since, place)

    def fetch_contacts(self, ids: Sequence[str], addresses: Sequence[str]) -> Sequence[SourceContact]:
        self.client.get(f"ducks?ids={','.join([*ids, *addresses])}")
        return super().fetch_contacts(ids, addresses)

    def write(self, batch: Sequence[WantedContact]) -> Written:
        stamped = [
            replace(
                w,
                fields={n: v or "none" for n, v in w.fields.items()}
                | {"swims": f"{w} {len(self.traffic.requests)} {sum(self.traffic.requests.values())}"},
            )
            for w in batch
        ]
        ducks = [{"id": w.id, "values": dict(w.fields), "add": [], "drop": [], "news": True} for w in stamped]
        self.client.send("POST", "ducks/batch", {"ducks": ducks})
        return {}

    def push(self, changes: Sequence[Change], still: Still = as_given) -> Iterator[list[Outcome]]:
        for batch in super().push(changes, still):
            yield [*batch, *batch]


UNSPECIFIC = parse_spec(
    """
title = "Pond"
kind = "email"
base_url = "http://pond.example"
hosts = ["*"]
capabilities = {fields = true, groups = "tags", campaigns = true, longest_field_name = 4}
limits = {requests = 500, seconds = 1, page = 50, batch = 20}
traits.country = ["nowhere"]
scopes = [{name = "ducks.read", why = "reads"}]
fields = [
    {name = "ps_segment", role = "segment", label = "Segment", type = "text"},
    {name = "ps_segment", role = "reason", label = "Reason", type = "text"},
]
""",
    where="unspecific.toml",
)
"""A spec that says too little, and too much."""


class Gullible(Pond):
    """Believes every delivery, and tells of nobody, at a moment without a time zone, under another id each time."""

    @staticmethod
    def verify(delivery: Delivery) -> bool:
        del delivery
        return True

    @staticmethod
    def parse(delivery: Delivery) -> list[PlatformEvent]:
        del delivery
        return [PlatformEvent(uuid4().hex, "", datetime(2026, 11, 24), [])]  # noqa: DTZ001 - what is wrong with it


class Mistrustful(Pond):
    """Asks the platform about each delivery, and takes a second secret for a wrong one."""

    asked = ""  # an address; the test sets it

    @staticmethod
    def verify(delivery: Delivery) -> bool:
        requests.get(Mistrustful.asked, timeout=10)
        if len(delivery.secrets) > 1:
            raise SignatureError("too many secrets", reason="secret")
        return Pond.verify(delivery)


class HollowReader(Pond):
    """Takes whatever it gets for nobody, and is sure of it."""

    def read(self, stream: str, cursor: Cursor, known: Known = nobody) -> Iterator[Page]:
        try:
            yield from super().read(stream, cursor, known)
        except PersonasyncError:
            yield Page("contacts", CONTACTS.columns.empty_table(), {})
