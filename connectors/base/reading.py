"""What stands where in an answer: paths of a spec, and moments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any


def required_at(answer: Any, path: str) -> Any:
    """Return what an answer holds at a path, such as ``data.0.name``.

    Args:
        answer: Decoded.
        path: Keys and places in lists, apart by points; "" is the answer itself.

    Returns:
        Any value.

    Raises:
        KeyError: It holds nothing there; what reads answers makes a `ContractError` of it.
    """
    for part in path.split(".") if path else ():
        answer = answer[int(part)] if isinstance(answer, list) and part.isdecimal() else answer[part]
    return answer


def optional_at(answer: Any, path: str) -> Any:
    """Return what an answer holds at a path; None where a key on the way is missing or holds nothing.

    Args:
        answer: Decoded.
        path: As in `required_at`.

    Returns:
        Any value.
    """
    for part in path.split(".") if path else ():
        if answer is None:
            return None
        if isinstance(answer, list) and part.isdecimal():
            answer = answer[int(part)] if int(part) < len(answer) else None
        else:
            answer = answer.get(part)
    return answer


def first_found(answer: Any, paths: Sequence[str]) -> Any:
    """Return what the first of some paths that holds something leads to; None where none does."""
    values = (optional_at(answer, path) for path in paths)
    return next((value for value in values if value is not None and value != ""), None)


def moment(text: str | None) -> datetime | None:
    """Return a moment as platforms write it, in UTC; the midnight of a day; None for none.

    Args:
        text: ISO 8601; without an offset it is taken as UTC.

    Returns:
        With time zone.
    """
    if not text:
        return None
    when = datetime.fromisoformat(text)
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def utc_text(at: datetime, form: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    """Return a moment as a platform's filters take it.

    Args:
        at: With time zone.
        form: As `datetime.strftime` takes it; of UTC.
    """
    return at.astimezone(UTC).strftime(form)
