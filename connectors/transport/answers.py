"""HTTP response checks common to all platforms: JSON, redirects, 429 and 5xx."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any

import requests

from connectors.errors import ContractError, PersonasyncError, PlatformDownError, RateLimitError

OK, REDIRECT, REFUSED, TOO_MANY, BROKEN = 200, 300, 400, 429, 500
GATEWAY = frozenset({502, 503, 504, 521, 523, 524})
EXCERPT = 200


def json_body(response: requests.Response) -> Any:
    """Return the decoded JSON body, {} for an empty one.

    Raises:
        PlatformDownError: The body is a page, or ends early.
    """
    if not response.content.strip():
        return {}
    try:
        return json.loads(response.content, parse_constant=_no_number)
    except (ValueError, RecursionError):
        what = "a web page" if b"<html" in response.content[:EXCERPT].lower() else "something other than JSON"
        raise PlatformDownError(
            f"{_asked(response)} returned {what} (HTTP {response.status_code}).", answered=True, fix=LATER
        ) from None


LATER = "Nothing is lost; run the command again in a few minutes."


def check_made(wanted: str, answered: object, what: str) -> None:
    """See to it that the answer to a creation is about what was asked for, and not an older one out of some cache.

    Raises:
        PlatformDownError: It is about something else; whether anything was made, the next run looks.
    """
    if answered != wanted:
        raise PlatformDownError(
            f"The response to creating {what} {wanted!r} is about {answered!r}.", answered=False, fix=LATER
        )


ABOUT_OTHERS = "The response is about other records; it may come from a cache."


def is_about_others(mentioned: Collection[str | None], asked: Iterable[str | None]) -> bool:
    """Tell whether an answer mentions somebody, but nobody of the call: then it says nothing about those of the call.

    One that mentions some of them is theirs, under whatever id or address it shows others: contacts merge and move.
    """
    return bool(mentioned) and set(mentioned).isdisjoint(asked)


def object_of(response: requests.Response) -> dict[str, Any]:
    """Return the body of a refusal, {} where it is no JSON object.

    Returns:
        The decoded JSON object.
    """
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def common_error(response: requests.Response) -> PersonasyncError | None:
    """Return the error of an answer that means the same on every platform, None for the platform to judge."""
    status = response.status_code
    asked = _asked(response)
    if REDIRECT <= status < REFUSED:
        return ContractError(f"{asked} was redirected; credentials are not sent to redirects.", fix="Check base_url.")
    if status == TOO_MANY:
        wait = response.headers.get("Retry-After", "")
        return RateLimitError(f"{asked}: too many requests.", wait=float(wait) if _is_number(wait) else None, fix=LATER)
    if status >= BROKEN:
        reason = "platform error" if status == BROKEN else "the platform is temporarily unavailable"
        return PlatformDownError(f"{asked}: {reason} (HTTP {status}).", answered=status not in GATEWAY, fix=LATER)
    return None


def _asked(response: requests.Response) -> str:
    request = response.request
    return f"{request.method} {(request.path_url or '').partition('?')[0]}"


def _no_number(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are no JSON (RFC 8259), and no figure of a contact


def _is_number(text: str) -> bool:
    try:
        return float(text) >= 0
    except ValueError:
        return False
