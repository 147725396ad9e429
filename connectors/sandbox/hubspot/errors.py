"""Refusals in HubSpot's shape: `status`, `category`, `message`, `correlationId`, and what is particular."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]
SCOPES_PAGE = "https://developers.hubspot.com/scopes"


class Refusal(Exception):  # noqa: N818 - the platform refuses; for this process it is an ordinary answer
    """An answer of status 400 or above.

    Attributes:
        status: HTTP status.
        body: All of the answer but the correlation id.
    """

    def __init__(self, status: int, message: str, category: str = "VALIDATION_ERROR", **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body: Json = {"status": "error", "message": message, "category": category, **more}


def invalid_request(message: str, **more: Any) -> Refusal:
    """Return the refusal of a request that makes no sense."""
    return Refusal(400, message, "VALIDATION_ERROR", **more)


def no_such_resource(message: str = "resource not found") -> Refusal:
    """Return the refusal for something that is not there."""
    return Refusal(404, message, "OBJECT_NOT_FOUND")


def conflict(record_id: str) -> Refusal:
    """Return the refusal of a second contact with one address; the id ends the message (hubspot-api-python #51)."""
    return Refusal(409, f"Contact already exists. Existing ID: {record_id}", "CONFLICT")


def missing_scopes(choices: Sequence[Sequence[str]]) -> Refusal:
    """Return the refusal of a token that may not do this: of each of *choices*, it would need one."""
    message = (
        "This app hasn't been granted all required scopes to make this call. Read more about required scopes here:"
    )
    said = "One or more of the following scopes are required."
    errors = [{"message": said, "context": {"requiredGranularScopes": list(choice)}} for choice in choices]
    links = {"scopes": SCOPES_PAGE}
    return Refusal(403, f"{message} {SCOPES_PAGE}.", "MISSING_SCOPES", errors=errors, links=links)


def invalid_values(problems: Sequence[tuple[str, str, str]]) -> Refusal:
    """Return the refusal of property values.

    Args:
        problems: (property name, code, message) of each value that was refused.
    """
    errors = [
        {"message": message, "code": code, "in": "properties", "context": {"propertyName": [name]}}
        for name, code, message in problems
    ]
    return Refusal(400, "Property values were not valid", "VALIDATION_ERROR", errors=errors)


def batch_error(category: str, message: str, context: Mapping[str, Sequence[str]]) -> Json:
    """Return one entry of `errors` in a 207 body."""
    return {
        "status": "error",
        "category": category,
        "message": message,
        "context": {key: list(values) for key, values in context.items()},
        "errors": [],
        "links": {},
    }


def correlation_id() -> str:
    """Return a new id by which HubSpot's support would find a request."""
    return str(uuid.uuid4())
