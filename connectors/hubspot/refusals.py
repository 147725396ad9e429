"""HubSpot error translation: HTTP errors to the error classes of `connectors.errors`."""

from __future__ import annotations

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


def refusal_words(body: dict[str, Any]) -> str:
    """Return what a refusal says, with the details of each of its errors."""
    parts = [str(body.get("message", ""))]
    parts += [str(one.get("message", "")) for one in body.get("errors", ()) if isinstance(one, dict)]
    return " ".join(dict.fromkeys(part for part in parts if part))


def refusal_code(body: dict[str, Any]) -> str:
    """Return the word to count a refusal by: of its first error, else its sub-category, else its category."""
    errors = [one for one in body.get("errors", ()) if isinstance(one, dict)]
    found = [str(error.get("code") or error.get("subCategory") or "") for error in errors]
    return next((one for one in [*found, body.get("subCategory"), body.get("category")] if one), "REFUSED")


def _forbidden(body: dict[str, Any], said: str) -> PersonasyncError:
    scopes = tuple(body.get("context", {}).get("missingScopes", ()))
    for one in body.get("errors", ()):
        scopes = scopes or tuple(one.get("context", {}).get("requiredGranularScopes", ()))
    listed = ", ".join(scopes)
    fix = f"Add these scopes to the token: {listed}." if listed else "Compare the token's scopes with plugin.toml."
    return MissingScopeError(f"HubSpot: {said}", scopes=scopes, fix=fix)


def _too_many(body: dict[str, Any], response: requests.Response) -> RateLimitError:
    policy, message = str(body.get("policyName", "")), str(body.get("message", ""))
    if policy == "DAILY" or "daily" in message:
        fix = "Run the command again after midnight in the account's time zone; the data already pulled are kept."
        return RateLimitError("HubSpot's daily API limit is reached.", wait=None, daily=True, fix=fix)
    asked = response.headers.get("Retry-After", "")
    usual = ONE_SECOND if policy == "SECONDLY" or "secondly limit" in message.replace("_secondly", "") else TEN_SECONDS
    return RateLimitError(f"HubSpot: {message}", wait=float(asked) if asked.isdigit() else usual)
