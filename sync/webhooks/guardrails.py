"""Guardrails of the webhook service: contacts that would breach a daily limit are held back.

A plan sees everybody at once, the service a few at a time; so it looks back over a day of its own work. Contacts that
showed nothing of ours yet do not count, as in a plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from connectors.records import Change
from sync.breach import blocking_assumptions
from sync.control.published import Published
from sync.control.store import Control
from sync.online.handoff import PUBLISHED
from sync.plan.counting import replaces
from sync.webhooks.service import Service

DAY = timedelta(days=1)
FEW = 20  # contacts a day that no share can forbid: of a hundred people one is a percent
COMMAND = "serve"  # of the runs that the service records


def held_back(service: Service, changes: Sequence[Change], now: datetime) -> dict[str, str]:
    """Return the persons whose changes would break a guardrail, with the reason in words."""
    reasons = _blocked(service.control, changes)
    settings = service.workspace.guardrails
    limits = {"changed": settings.max_changed, "removed": settings.max_removed}
    moving = moves(changes, service.manifest.explaining)
    if not any(moving.values()):
        return reasons
    contacts = service.control.cursors.get(*PUBLISHED)
    done = _today(service.control, now)
    for (kind, connection), persons in moving.items():
        most = max(round(limits[kind] * int(contacts.get(f"contacts {connection}", 0))), FEW)
        count = done[f"{kind} {connection}"] + len(persons)
        if count > most:
            reason = (
                f"guardrail max_{kind}: {count} contacts of {connection} would be {kind} within a day, "
                f"the limit is {most}; check `personasync plan`, then run `personasync inbox --retry`"
            )
            reasons |= dict.fromkeys(persons, reason)
    return reasons


def _blocked(control: Control, changes: Sequence[Change]) -> dict[str, str]:
    """Return everybody with a change on an account where an assumption that writing rests on is broken."""
    reasons: dict[str, str] = {}
    for name in {change.connection for change in changes}:
        for assumption in blocking_assumptions("apply", control.probed.broken(name)):
            reason = (
                f"assumption {assumption.id} is broken on {name}: {assumption.says} Run `personasync doctor --probe`, "
                "then `personasync inbox --retry`"
            )
            reasons |= {change.person_id: reason for change in changes if change.connection == name}
    return reasons


def moves(changes: Sequence[Change], explaining: Collection[str]) -> dict[tuple[str, str], set[str]]:
    """Return who would lose what they show: persons by ("changed" or "removed") and connection.

    Args:
        changes: What would be written.
        explaining: The fields that only tell why and how sure.
    """
    persons: dict[tuple[str, str], set[str]] = {}
    for change in changes:
        if replaces(change, explaining):
            persons.setdefault(("changed", change.connection), set()).add(change.person_id)
        elif change.kind == "group" and change.after is None:
            persons.setdefault(("removed", change.connection), set()).add(change.person_id)
    return persons


def counted_moves(changes: Sequence[Change], explaining: Collection[str]) -> dict[str, int]:
    """Return what a run notes so that later ones can count it; see `moves`."""
    return {f"{kind} {connection}": len(persons) for (kind, connection), persons in moves(changes, explaining).items()}


def _today(control: Control, now: datetime) -> Counter[str]:
    total: Counter[str] = Counter()
    for run in control.runs.since(COMMAND, now - DAY):
        total.update({name: int(count) for name, count in run.counts.get("moved", {}).items()})
    return total


def not_in_force(service: Service) -> str | None:
    """Return why nobody may be classified now: `assign` has not decided by these definitions."""
    published = service.control.cursors.get(*PUBLISHED)
    if not published:
        return "`personasync assign` has not run since [serve] was set up"
    if published.get("digest") != service.workspace.digest:
        return "segments or personas changed since the last `personasync assign`"
    return None


def too_old_persons(service: Service, published: Mapping[str, Published], now: datetime) -> set[str]:
    """Return the persons whose published traits are older than data may be that decide."""
    oldest = now - timedelta(hours=service.workspace.guardrails.max_data_age_hours)
    at = service.control.cursors.get(*PUBLISHED).get("as_of")
    fresh = at is not None and datetime.fromisoformat(at) >= oldest  # rows that did not change were not written anew
    return set() if fresh else {person for person, published in published.items() if published.base}
