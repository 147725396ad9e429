"""Notes which keys of decoded answers a connector reads, which ones were shown, and which fields it sent.

Answers are decoded at one door of the transport; there they are wrapped. `connectors/evidence.toml` says of each key
how we know it; whoever reads another one fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from connectors.evidence import load_evidence
from connectors.hubspot import refusals as hubspot_refusals
from connectors.hubspot.operations import EVERY
from connectors.hubspot.probe_records import CONTACT_CREATE
from connectors.mailchimp import batches
from connectors.mailchimp import refusals as mailchimp_refusals
from connectors.mailchimp.api import ENDPOINTS
from connectors.transport import answers, transport
from connectors.transport.transport import Call, Transport

Key = tuple[str, str]
"""Operation and dotted key."""
REFUSALS = "refusals"
LOCAL = "http://127.0.0.1"
RESULTS = "batch results"
LINKS = "_links"  # on every answer of Mailchimp; the description's table leaves them out, and nobody reads them
PROPERTIES, ANY = re.compile("personasync_|hs_persona$|tier$|mapped"), re.compile("")
OWN = {"results[].properties": PROPERTIES, "inputs[].properties": ANY, "merge_fields": ANY, "interests": ANY}
"""Where keys are the account's own, and which of them are."""


@dataclass
class Notes:
    """What happened in one test."""

    read: set[Key] = field(default_factory=set)
    shown: set[Key] = field(default_factory=set)
    sent: set[Key] = field(default_factory=set)

    def note(self, operation: str, key: str) -> None:
        """Note that a key was read."""
        self.read.add((operation, key))


class NotedDict(dict[str, Any]):
    """An object of an answer."""

    def __init__(self, value: dict[str, Any], notes: Notes, operation: str, where: str) -> None:
        wrapped = {key: wrap(inner, notes, operation, dotted(where, key)) for key, inner in value.items()}
        super().__init__(wrapped)
        self._notes, self._operation, self._where = notes, operation, where

    def __getitem__(self, key: str) -> Any:
        self._note(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._note(key)
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self._note(str(key))
        return super().__contains__(key)

    def items(self) -> Any:
        self._all()
        return super().items()

    def values(self) -> Any:
        self._all()
        return super().values()

    def __iter__(self) -> Iterator[str]:
        self._all()
        return super().__iter__()

    def _note(self, key: str) -> None:
        self._notes.note(self._operation, dotted(self._where, key))

    def _all(self) -> None:
        for key in dict.keys(self):
            self._note(key)


def dotted(where: str, key: str) -> str:
    """Return the dotted key; where keys are the account's own, "*" stands for those."""
    for place, own in OWN.items():
        if where.endswith(place) and own.match(key):
            return f"{where}.*"
    return f"{where}.{key}".removeprefix(".")


def wrap(value: Any, notes: Notes, operation: str, where: str = "") -> Any:
    """Return *value* so that it notes what is read of it."""
    if isinstance(value, dict):
        return NotedDict(value, notes, operation, where)
    if isinstance(value, list):
        return [wrap(entry, notes, operation, f"{where}[]") for entry in value]
    return value


def keys_of(value: Any, where: str = "") -> Iterator[str]:
    """Yield the dotted keys of an answer."""
    if isinstance(value, list):
        for entry in value:
            yield from keys_of(entry, f"{where}[]")
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key != LINKS:
                name = dotted(where, key)
                yield name
                yield from keys_of(inner, name)


def templates() -> list[tuple[str, re.Pattern[str], str]]:
    """Return method, pattern of the path, and operation, of everything that connectors ask."""
    operations = [
        (operation.method, pattern(operation.path(version)), f"{operation.method} {operation.numbered}")
        for operation in (*EVERY, CONTACT_CREATE)
        for version in ("v3", "2026-03", "2026-09")
    ]
    member = "/lists/{list_id}/members/{subscriber_hash}"
    operations.append(("PUT", pattern(member, "(/3.0)?"), f"PUT {member}"))  # of probes
    return operations + [
        (endpoint.method, pattern(endpoint.template, "(/3.0)?"), f"{endpoint.method} {endpoint.template}")
        for endpoint in ENDPOINTS
    ]


def pattern(template: str, before: str = "") -> re.Pattern[str]:
    """Return what a path of *template* looks like."""
    return re.compile(before + re.sub(r"\{\w+\}", "[^/]+", template) + "/?$")


TEMPLATES = templates()


def operation_of(method: str, url: str) -> str:
    """Return the operation of a request, as the ledger names it."""
    path = urlsplit(url).path
    for known, shape, name in TEMPLATES:
        if known == method and shape.match(path):
            return name
    return f"{method} {path}"


def note_everything(patch: pytest.MonkeyPatch) -> Notes:
    """Wrap the doors at which answers are decoded and requests leave, until *patch* is undone."""
    notes = Notes()
    decode, once, decoded = answers.json_body, Transport._once, batches.decoded

    def json_body(response: requests.Response) -> Any:
        asked = response.request
        operation = operation_of(asked.method or "", asked.url or "")
        value = decode(response)
        if LOCAL not in (asked.url or ""):
            return value  # an answer that a test made up, or replays
        notes.shown |= {(operation, key) for key in keys_of(value)}
        return wrap(value, notes, operation)

    def sending(self: Transport, call: Call) -> requests.Response:
        if not call.public and LOCAL in call.url:
            operation = operation_of(call.method, call.url)
            notes.sent |= {(operation, key) for key in sent_keys(call)}
        return once(self, call)

    def refusal(read: Callable[[requests.Response], dict[str, Any]], name: str) -> Callable[[requests.Response], Any]:
        def noted(response: requests.Response) -> Any:
            body = read(response)
            return wrap(body, notes, f"{name} {REFUSALS}") if LOCAL in (response.request.url or "") else body

        return noted

    patch.setattr(transport, "json_body", json_body)
    patch.setattr(Transport, "_once", sending)
    patch.setattr(batches, "decoded", lambda text, operation: wrap(decoded(text, operation), notes, operation))
    for module, name in ((hubspot_refusals, "hubspot"), (mailchimp_refusals, "mailchimp")):
        patch.setattr(module, "object_of", refusal(module.object_of, name))
    return notes


def sent_keys(call: Call) -> Iterator[str]:
    """Yield the fields of a request: of its query with a question mark, of its body dotted."""
    parameters = call.params or ()
    if isinstance(parameters, str):
        parameters = parse_qsl(parameters)
    names = parameters if isinstance(parameters, dict) else [pair[0] for pair in parameters]
    yield from (f"?{name}" for name in names)
    body = json.loads(call.data) if isinstance(call.data, (str, bytes)) else call.json or call.data
    yield from keys_of(body)


def unknown_reads(notes: Notes) -> list[str]:
    """Return what was read or sent without evidence, as lines for a message."""
    evidence = load_evidence()
    known, sent = evidence.of("reads"), evidence.of("sends")
    lines = [f"read {operation}: {key}" for operation, key in notes.read if (operation, key) not in known]
    return sorted(
        [*lines, *(f"sent {operation}: {key}" for operation, key in notes.sent if (operation, key) not in sent)]
    )


def unknown_shown(operation: str, value: Any) -> list[str]:
    """Return the keys of an answer of a local platform that have no evidence."""
    known = load_evidence().of("reads", "shows")
    return sorted(key for key in set(keys_of(value)) if (operation, key) not in known)


def unknown_keys(notes: Notes) -> list[str]:
    """Return what was read, sent or shown without evidence."""
    known = load_evidence().of("reads", "shows")
    shown = [f"shown {operation}: {key}" for operation, key in notes.shown if (operation, key) not in known]
    return unknown_reads(notes) + sorted(shown)
