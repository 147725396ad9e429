"""Mailchimp error translation: HTTP errors to the error classes of `connectors.errors`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from connectors.errors import (
    CredentialError,
    FixSettingsError,
    MissingScopeError,
    NotFoundError,
    PersonasyncError,
    RateLimitError,
    RejectedError,
)
from connectors.transport.answers import object_of

NOT_NOW = (423, 477)  # locked, on the move: nothing of ours is wrong, so nothing is refused for good
MEND_KEY = (
    "Create an API key (in Mailchimp: Account & billing > Extras > API keys) and store it where `api_key` points."
)
MEND_FIELDS = "A merge field became required: make it optional in Mailchimp, or keep skip_merge_validation on."


def translate(response: requests.Response) -> PersonasyncError | None:
    """Return the error of a refusal; None leaves it to the transport."""
    status, body = response.status_code, object_of(response)
    said, asked = problem_words(body), response.headers.get("Retry-After", "")
    wait = float(asked) if asked.isdigit() else 1.0
    if status == 401:  # noqa: PLR2004
        return CredentialError("Mailchimp rejected the API key.", fix=MEND_KEY)
    if status == 429 or (status == 403 and not response.content.strip()):  # noqa: PLR2004
        # without a body both mean the same: too much at once (PLATFORMS: limits)
        return RateLimitError("Mailchimp reports too many simultaneous connections.", wait=wait)
    if status in NOT_NOW:
        return RateLimitError(f"Mailchimp is temporarily unavailable: {said}", wait=wait)
    if status == 403:  # noqa: PLR2004
        return MissingScopeError(
            f"Mailchimp: {said}", scopes=(), fix="The API key's user needs the Manager role or higher."
        )
    if status == 404:  # noqa: PLR2004
        path = (response.request.path_url or "").partition("?")[0]
        return NotFoundError(f"Mailchimp found nothing at {path}: {said}")
    if status == 426:  # noqa: PLR2004
        return FixSettingsError("Mailchimp requires https.", fix="Use https:// in base_url.")
    if 400 <= status < 500:  # noqa: PLR2004
        fix = MEND_FIELDS if "merge fields were invalid" in said else ""
        code = str(body.get("title") or "REFUSED")
        return RejectedError(f"Mailchimp refused: {said}", status=status, code=code, body=body, fix=fix)
    return None


def problem_words(body: Mapping[str, Any]) -> str:
    """Return what a problem document says, with the fields that it names."""
    listed = body.get("errors")
    errors = listed if isinstance(listed, list) else ()
    named = [
        f"{error.get('field')}: {error.get('message')}" if isinstance(error, dict) else str(error) for error in errors
    ]
    said = str(body.get("detail") or body.get("title") or "no reason given")
    return f"{said} ({'; '.join(named)})" if named else said
