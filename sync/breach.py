"""What a guardrail raises: a breach, the error that refuses, and the check of stale data that several jobs share."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from connectors.errors import PersonasyncError
from connectors.evidence import Assumption, load_evidence

AHEAD = timedelta(hours=1)  # clocks differ by less
GUARDRAILS = (
    *("max_changed", "max_removed", "max_unclassified", "max_data_age_hours"),
    *("trait_quality", "clock"),
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


Blocked = Literal["pull", "apply"]


def blocking_assumptions(step: Blocked, broken: Collection[str]) -> list[Assumption]:
    """Return those of the *broken* assumptions without which a step must not run.

    What pull must not rest on, apply must not either: before it writes, it reads by the same requests.

    Args:
        step: What is to run.
        broken: Numbers of assumptions.

    Returns:
        In the order of the ledger.
    """
    steps = {step, "pull"}
    return [
        assumption
        for assumption in load_evidence().assumptions
        if assumption.id in broken and not steps.isdisjoint(assumption.blocks)
    ]


def refuse_broken_assumptions(step: Blocked, broken: Mapping[str, Sequence[str]], override: Collection[str]) -> None:
    """See to it that a step does not run on an account where an assumption that it rests on is broken.

    Args:
        step: What is to run.
        broken: Numbers of assumptions that the last probe found broken, by connection.
        override: Numbers that a person set aside for this run.

    Raises:
        GuardrailError: It must not run; the message has each assumption's sentence.
    """
    standing = [
        (name, assumption)
        for name, numbers in broken.items()
        for assumption in blocking_assumptions(step, set(numbers) - {*override})
    ]
    if standing:
        sentences = " ".join(
            f"{name}: assumption {assumption.id} is broken: {assumption.says} {assumption.broken}"
            for name, assumption in standing
        )
        named = " ".join(dict.fromkeys(f"--override {assumption.id}" for _, assumption in standing))
        fix = f"When this is settled, run `personasync doctor --probe`. For one run only: `personasync {step} {named}`."
        raise GuardrailError(sentences, fix=fix)


def may_be_overridden() -> tuple[str, ...]:
    """Return everything that `--override` may name: guardrails, and assumptions that block.

    Returns:
        Guardrails first.
    """
    return (*GUARDRAILS, *(assumption.id for assumption in load_evidence().assumptions if assumption.blocks))
