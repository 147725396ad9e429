"""Recorded answers of the real platforms, as a probe would have seen them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from connectors.hubspot.operations import EVERY
from connectors.hubspot.probe_checks import CHECKS as OF_HUBSPOT
from connectors.mailchimp.api import ENDPOINTS
from connectors.mailchimp.probe_checks import CHECKS as OF_MAILCHIMP
from connectors.probing import Check, CheckTerms, ProbeResult, SeenAnswer
from sync.workspace.manifest import load_manifest
from tests.connectors.key_notes import operation_of
from tests.connectors.test_recordings import recorded

FILES = {"hubspot": ("hubspot", "hubspot_lists_2026"), "mailchimp": ("mailchimp",)}
CHECKS = {"hubspot": OF_HUBSPOT, "mailchimp": OF_MAILCHIMP}
NAMES = {f"{operation.method} {operation.numbered}": operation.endpoint for operation in EVERY} | {
    f"{endpoint.method} {endpoint.template}": endpoint.name for endpoint in ENDPOINTS
}
NAMES["PUT /lists/{list_id}/members/{subscriber_hash}"] = "members/{member}"
LIST = re.compile(r"/crm/v3/lists/-?\d+$")
SEARCH = re.compile(r"/crm/v3/objects/[^/]+/search$")
DEFINED = {
    "hubspot": (re.compile(r"^/properties/v1/contacts/properties$"), "name"),
    "mailchimp": (re.compile(r"/merge-fields$"), "tag"),
}
OK = 200
OTHER = "not ours"  # answers of other endpoints: their headers say something all the same


@dataclass(frozen=True)
class Recordings:
    """The recorded answers of one platform in their order, and what they are held against."""

    answers: list[SeenAnswer]
    terms: CheckTerms

    def table(self, checks: Mapping[str, Check]) -> dict[str, ProbeResult]:
        """Return what the answers say, by number of the assumption."""
        return {number: check(self.answers, self.terms) for number, check in checks.items()}


def recordings(shared: Path, platform: str) -> Recordings:
    """Return the recordings of *platform*."""
    exchanges = [exchange for name in FILES[platform] for exchange in recorded(shared, name)]
    kinds = dict(_kinds(exchanges, *DEFINED[platform]))
    return Recordings(
        [_seen(exchange) for exchange in exchanges], CheckTerms(load_manifest().connectors[platform].limits, kinds)
    )


def _kinds(exchanges: list[dict[str, Any]], path: re.Pattern[str], key: str) -> Iterator[tuple[str, str]]:
    """Yield the types of fields by name, as the path of that time listed them."""
    for exchange in exchanges:
        if path.search(exchange["path"]) and exchange["status"] == OK:
            body = exchange["response_body"]
            yield from ((row[key], row["type"]) for row in (body["merge_fields"] if isinstance(body, dict) else body))


def _seen(exchange: Mapping[str, Any]) -> SeenAnswer:
    method, path, body = exchange["method"], str(exchange["path"]), exchange["response_body"]
    ours = path.replace("/objects/CONTACT", "/objects/contacts")
    endpoint = "lists/{list}" if LIST.match(path) else NAMES.get(operation_of(method, ours), OTHER)
    query = exchange["query"]
    return SeenAnswer(
        method,
        endpoint,
        exchange["status"],
        dict(_pairs(exchange.get("response_headers"))),
        (body if isinstance(body, str) else json.dumps(body)).encode(),
        url=f"https://recorded.example{ours}?{query if isinstance(query, str) else urlencode(query or {})}",
        sent=_decoded(exchange["request_body"]),
        lane="search" if SEARCH.match(path) else "",
    )


def _decoded(body: Any) -> Any:
    try:
        return json.loads(body) if isinstance(body, str) else body
    except ValueError:  # cut by the recorder
        return None


def _pairs(headers: Any) -> Iterator[tuple[str, str]]:
    for name, value in headers.items() if isinstance(headers, dict) else headers or ():
        yield str(name), str(value[0] if isinstance(value, list) else value)
