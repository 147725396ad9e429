"""HubSpot error translation: HTTP errors to the error classes of `connectors.errors`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import requests

from connectors.errors import (
    CredentialError,
    MissingScopeError,
    NotFoundError,
    PersonasyncError,
    PlatformDownError,
    RateLimitError,
    RejectedError,
)
from connectors.transport.answers import object_of

ALTERNATIVES = ("requiredGranularScopes", "requiredScopes")
OF_THE_PLAN = frozenset({"content"})  # scopes that an account without marketing email has none of
LOCKED, HOLD_ON = 423, 477
TEN_SECONDS, ONE_SECOND, LOCK_SECONDS = 10.0, 1.0, 2.0
MEND_TOKEN = (
    "Create an access token (in HubSpot: Development > Keys > Service keys) and store it where `access_token` points."  # noqa: S105 - a sentence
)

NO_PROPERTY = "PROPERTY_DOESNT_EXIST"
SET_UP = "Run `personasync setup`, which creates it."


def translate(response: requests.Response) -> PersonasyncError | None:
    """Return the error of a refusal; None leaves it to the transport."""
    status, body = response.status_code, object_of(response)
    said = refusal_words(body) or f"HTTP {status}"
    if status == 401:  # noqa: PLR2004
        return CredentialError("HubSpot rejected the access token.", fix=MEND_TOKEN)
    if status == 403:  # noqa: PLR2004
        return _forbidden(body, said)
    if status == 429:  # noqa: PLR2004
        return _too_many(body, response)
    if status == LOCKED:
        return RateLimitError("HubSpot has temporarily locked the record.", wait=LOCK_SECONDS)
    if status == HOLD_ON:
        wait = response.headers.get("Retry-After", "")
        return RateLimitError("HubSpot is migrating this account.", wait=float(wait) if wait.isdigit() else None)
    if status == 404:  # noqa: PLR2004
        return NotFoundError(f"HubSpot found nothing at {response.request.method} {response.request.path_url}: {said}")
    if 400 <= status < 500:  # noqa: PLR2004
        if not body:
            return PlatformDownError(f"HubSpot returned HTTP {status} without a reason.", answered=True)
        code = refusal_code(body)
        fix = SET_UP if code == NO_PROPERTY else ""
        return RejectedError(f"HubSpot refused: {said}", status=status, code=code, body=body, fix=fix)
    return None


def listed_errors(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the errors that a refusal, or a part of a batch, lists; a plain text is the message of one."""
    listed = body.get("errors")
    entries = listed if isinstance(listed, list) else [listed] if listed else []
    return [entry if isinstance(entry, dict) else {"message": str(entry)} for entry in entries if entry]


def context(body: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return the texts that the context of a refusal, or of one of its errors, lists under *name*."""
    known = body.get("context")
    listed = known.get(name) if isinstance(known, dict) else None
    return tuple(str(entry) for entry in (listed if isinstance(listed, list) else [listed] if listed else []))


def refusal_words(body: Mapping[str, Any]) -> str:
    """Return what a refusal says, with the details of each of its errors."""
    parts = [body.get("message"), *(error.get("message") for error in listed_errors(body))]
    return " ".join(dict.fromkeys(str(part) for part in parts if part))


def refusal_code(body: Mapping[str, Any]) -> str:
    """Return the word to count a refusal by: of its first error, else its sub-category, else its category."""
    codes = [error.get("code") or error.get("subCategory") for error in listed_errors(body)]
    words = (code for code in [*codes, body.get("subCategory"), body.get("category")] if code)
    return str(next(words, "REFUSED"))


def scopes_to_add(error: MissingScopeError, declared: Sequence[str]) -> MissingScopeError:
    """Return *error* with the scopes that plugin.toml *declared* for the operation.

    HubSpot names all scopes that would do, 31 of them seen, or none: then the declared ones among them are meant, or
    all that are declared. Only where it names missing ones, and none of those declared is one, its own are kept.
    """
    named = [scope for scope in declared if scope in error.scopes]
    wanted = tuple(named or (error.scopes if error.all_needed and error.scopes else declared))
    if not wanted:
        return error
    message = f"HubSpot: the token lacks the scope{'s' if len(wanted) > 1 else ''} {', '.join(wanted)}."
    fix = f"Add these scopes to the token: {', '.join(wanted)}."
    if OF_THE_PLAN.issuperset(wanted):
        fix = f"{fix} If the account's plan has no marketing email, nothing needs to be done."
    return MissingScopeError(message, scopes=wanted, fix=fix)


def _forbidden(body: Mapping[str, Any], said: str) -> MissingScopeError:
    missing = context(body, "missingScopes")
    others = (scope for name in ALTERNATIVES for error in listed_errors(body) for scope in context(error, name))
    scopes = missing or tuple(dict.fromkeys(others))
    fix = "Compare the token's scopes with plugin.toml."
    return MissingScopeError(f"HubSpot: {said}", scopes=scopes, all_needed=bool(missing), fix=fix)


def _too_many(body: dict[str, Any], response: requests.Response) -> RateLimitError:
    policy, message = str(body.get("policyName", "")), str(body.get("message", ""))
    if policy == "DAILY" or "daily" in message:
        fix = "Run the command again after midnight in the account's time zone; the data already pulled are kept."
        return RateLimitError("HubSpot's daily API limit is reached.", wait=None, daily=True, fix=fix)
    asked = response.headers.get("Retry-After", "")
    usual = ONE_SECOND if policy == "SECONDLY" or "secondly limit" in message.replace("_secondly", "") else TEN_SECONDS
    return RateLimitError(f"HubSpot: {message}", wait=float(asked) if asked.isdigit() else usual)
