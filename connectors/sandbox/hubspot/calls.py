"""One request and one answer as the handlers see them: parsed, checked for their outer form, free of HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.sandbox.hubspot.errors import invalid_request
from connectors.sandbox.hubspot.state import HubSpotState

Json = dict[str, Any]

KINDS = {
    "contacts": "contacts",
    "contact": "contacts",
    "0-1": "contacts",
    "deals": "deals",
    "deal": "deals",
    "0-3": "deals",
}


@dataclass(frozen=True, slots=True)
class HubSpotCall:
    """A request.

    Attributes:
        path: Values of the path's parameters.
        query: Values of each query parameter, as often as it was given.
        body: The raw body.
        base_url: Scheme and host by which the caller knows us, for links.
        route: The request's own path, for links.
    """

    state: HubSpotState
    path: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    body: bytes
    base_url: str
    route: str

    @property
    def kind(self) -> str:
        """The object type in the path, ``contacts`` where the path names none."""
        return KINDS[self.path.get("objectType", "contacts").lower()]

    def one(self, name: str, default: str = "") -> str:
        """Return the last value of a query parameter."""
        values = self.query.get(name)
        return values[-1] if values else default

    def many(self, name: str) -> list[str]:
        """Return a list parameter, repeated (as the SDK sends it) or with commas (as documented)."""
        return [part.strip() for value in self.query.get(name, ()) for part in value.split(",") if part.strip()]

    def flag(self, name: str) -> bool:
        """Return a boolean parameter, false when it is missing."""
        return self.one(name).lower() == "true"

    def limit(self, default: int, highest: int) -> int:
        """Return the page size asked for.

        Raises:
            Refusal: 400 when it is no number from 1 to *highest*.
        """
        text = self.one("limit")
        if not text:
            return min(default, highest)
        if not text.isdigit() or not 1 <= int(text) <= highest:
            message = f"Invalid limit {text!r}: must be between 1 and {highest}"
            raise invalid_request(message)
        return int(text)

    def json(self) -> Any:
        """Return the parsed body.

        Raises:
            Refusal: 400 when it is no JSON.
        """
        try:
            return json.loads(self.body)
        except ValueError as error:
            message = "Invalid input JSON"
            raise invalid_request(message) from error

    def json_object(self) -> Json:
        """Return the body, which must be a JSON object."""
        value = self.json()
        if not isinstance(value, dict):
            message = "Invalid input JSON: an object is expected"
            raise invalid_request(message)
        return value


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler returns; an answer without a body has none at all."""

    status: int = 200
    body: Json | None = None


Handler = Callable[[HubSpotCall], Answer]


def ok(body: Json) -> Answer:
    """Return a 200 with *body*."""
    return Answer(200, body)


NOTHING = Answer(204)
