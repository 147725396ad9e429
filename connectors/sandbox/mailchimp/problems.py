"""Mailchimp's error bodies: `application/problem+json` with type, title, status, detail, instance."""

from __future__ import annotations

from typing import Any

TYPE = "https://mailchimp.com/developer/marketing/docs/errors/"
SCHEMA_DETAIL = "The resource submitted could not be validated. For field-specific details, see the 'errors' array."
Json = Any  # a parsed JSON value
JSON_NAMES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}


class ProblemError(Exception):
    """One refusal; the app turns it into the answer."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        errors: list[dict[str, str]] | None = None,
        headers: dict[str, str] | None = None,
        typed: bool = True,
    ) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail, self.errors = status, title, detail, errors
        self.headers = headers or {}
        self.typed = typed

    def body(self, instance: str) -> dict[str, Any]:
        """Return the problem document; *instance* is the request's id."""
        document: dict[str, Any] = {"type": TYPE} if self.typed else {}
        document |= {"title": self.title, "status": self.status, "detail": self.detail, "instance": instance}
        if self.errors is not None:
            document["errors"] = self.errors
        return document


def not_found(detail: str = "The requested resource could not be found.") -> ProblemError:
    """Return the 404 of every unknown thing."""
    return ProblemError(404, "Resource Not Found", detail)


def not_allowed(detail: str, allow: str) -> ProblemError:
    """Return the 405 that names what is allowed."""
    return ProblemError(405, "Method Not Allowed", detail, headers={"Allow": allow})


def invalid_resource(detail: str) -> ProblemError:
    """Return a 400 without details by field."""
    return ProblemError(400, "Invalid Resource", detail)


def bad_request(detail: str) -> ProblemError:
    """Return the 400 of a request that cannot be done now."""
    return ProblemError(400, "Bad Request", detail)


def invalid_fields(*errors: tuple[str, str]) -> ProblemError:
    """Return the 400 of a body that breaks the schema: pairs of field and message."""
    details = [{"field": field, "message": message} for field, message in errors]
    return ProblemError(400, "Invalid Resource", SCHEMA_DETAIL, errors=details)


def invalid_merge_fields(errors: list[tuple[str, str]]) -> ProblemError:
    """Return the 400 of merge fields that are missing or of the wrong type."""
    details = [{"field": tag, "message": message} for tag, message in errors]
    return ProblemError(400, "Invalid Resource", "Your merge fields were invalid.", errors=details)


def member_exists(address: str) -> ProblemError:
    """Return the 400 of a second member with one address. The real one lacks `type` (recorded)."""
    detail = f"{address} is already a list member. Use PUT to insert or update list members."
    return ProblemError(400, "Member Exists", detail, typed=False)


def compliance_state(address: str, because: str = "is in a compliance state and cannot be subscribed") -> ProblemError:
    """Return the 400 that answers every try to subscribe somebody who left, bounced or was erased."""
    return ProblemError(400, "Member In Compliance State", f"{address} {because}")


def expect(value: Json, kind: type, field: str) -> None:
    """Refuse *value* unless it is of the JSON type *kind*."""
    fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
    if not fits or (isinstance(value, bool) and kind is not bool):
        got = "null" if value is None else JSON_NAMES.get(type(value), "value")
        raise invalid_fields((field, f"Schema describes {JSON_NAMES[kind]}, {got} found instead"))


def expect_types(body: dict[str, Any], kinds: dict[str, type]) -> None:
    """Refuse *body* when one of the keys of *kinds* is there with another JSON type."""
    for key, kind in kinds.items():
        if key in body:
            expect(body[key], kind, key)


# What the header X-Trigger-Error answers, by its value.
TRIGGERED = {
    "APIKeyMissing": ProblemError(401, "API Key Missing", "Your request did not include an API key."),
    "APIKeyInvalid": ProblemError(
        401,
        "API Key Invalid",
        "Your API key may be invalid, or you've attempted to access the wrong datacenter.",
    ),
    "Forbidden": ProblemError(403, "Forbidden", "You are not permitted to access this resource."),
    "ResourceNotFound": not_found(),
    "MethodNotAllowed": ProblemError(405, "Method Not Allowed", "The method is not allowed on this resource."),
    "InvalidResource": invalid_fields(("", "Required fields were not provided: ")),
    "JSONParseError": ProblemError(
        400,
        "JSON Parse Error",
        "We encountered an unspecified JSON parsing error. This usually means you have a syntax error in your JSON.",
    ),
    "ComplianceRelated": ProblemError(403, "Compliance Related", "This method has been disabled."),
    "TooManyRequests": ProblemError(429, "Too Many Requests", "Simultaneous connection limit reached"),
    "InternalServerError": ProblemError(500, "Internal Server Error", "An unexpected internal error has occurred."),
}
