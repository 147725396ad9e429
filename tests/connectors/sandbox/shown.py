"""Every answer of the local platforms that a test asks for shows only keys that the ledger has."""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import urlsplit

import requests

from connectors.evidence import load_evidence
from connectors.sandbox.hubspot.paths import ENDPOINTS
from tests.connectors import key_notes

OK, REFUSED = 200, 300
Shape = tuple[str, re.Pattern[str], str]


@cache
def shapes(platform: str) -> list[Shape]:
    """Return method, pattern of the path, and operation, the particular ones before those with more placeholders."""
    operations: list[Shape] = []
    if platform == "hubspot":
        operations = [
            (endpoint.method, pattern(path), f"{endpoint.method} {endpoint.paths[0]}")
            for endpoint in ENDPOINTS
            for path in endpoint.paths
        ]
    else:
        names = {key.operation for key in load_evidence().keys if key.platform == platform and " /" in key.operation}
        operations = [(name.split()[0], pattern(name.split()[1]), name) for name in names]
    return sorted(operations, key=lambda shape: shape[2].count("{"))


def pattern(template: str) -> re.Pattern[str]:
    """Return what a path of *template* looks like."""
    return re.compile(re.sub(r"\{\w+(:path)?\}", lambda match: ".+" if match[1] else "[^/]+", template) + "/?$")


def known_only(platform: str, answer: requests.Response) -> requests.Response:
    """Return *answer*.

    Raises:
        AssertionError: It shows a key that nobody has evidence for.
    """
    asked = answer.request
    if not OK <= answer.status_code < REFUSED or not answer.headers.get("Content-Type", "").startswith("application/"):
        return answer
    try:
        shown = answer.json()
    except ValueError:
        return answer
    method, path = str(asked.method), urlsplit(str(asked.url)).path.removeprefix("/3.0")
    operation = key_notes.operation_of(method, str(asked.url))
    if operation == f"{method} {urlsplit(str(asked.url)).path}":
        operation = next((name for verb, shape, name in shapes(platform) if verb == method and shape.match(path)), "")
    without = key_notes.unknown_shown(operation, shown)
    assert not without, f"{operation or path} shows keys that connectors/evidence.toml lacks: {without}"
    return answer
