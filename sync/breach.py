"""What a guardrail raises: a breach, the error that refuses, and the check of stale data that several jobs share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.errors import PersonasyncError

AHEAD = timedelta(hours=1)  # clocks differ by less
GUARDRAILS = (
    *("max_changed", "max_removed", "max_unclassified", "max_data_age_hours"),
    "trait_quality",
)
"""What may be set aside: limits of [guardrails], and checks that have no limit of their own."""


class GuardrailError(PersonasyncError):
    """A guardrail refused; the message says which and by how much."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Breach:
    """One guardrail that says no: which, by how much, and how to go on."""

    guardrail: str
    message: str


def stale_connections(max_age: timedelta, pulled_at: Mapping[str, datetime | None], now: datetime) -> list[Breach]:
    """Return the connections that were read longer than *max_age* before *now*, or never; see `verdict`.

    Args:
        max_age: The guardrail's limit.
        pulled_at: When each connection was last read (UTC); None: never.
        now: UTC.

    Returns:
        One breach per connection, with the sentence that says how old its data are.
    """
    breaches = []
    for connection, moment in pulled_at.items():
        if moment is None:
            breaches.append(
                Breach("max_data_age_hours", f"{connection} has never been pulled; run `personasync pull`.")
            )
        elif moment - now > AHEAD:
            breaches.append(
                Breach(
                    "max_data_age_hours",
                    f"{connection} was last pulled at {moment:%Y-%m-%d %H:%M} UTC, a future date: a clock "
                    "was ahead; run `personasync pull`, which sets it right.",
                )
            )
        elif now - moment > max_age:
            hours = (now - moment) / timedelta(hours=1)
            allowed = max_age / timedelta(hours=1)
            breaches.append(
                Breach(
                    "max_data_age_hours",
                    f"{connection} was last pulled {hours:.0f} hours ago, the limit is {allowed:.0f}; "
                    "run `personasync pull`.",
                )
            )
    return breaches
