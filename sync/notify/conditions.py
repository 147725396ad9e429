"""What is wrong with a workspace, from the control store alone: failed and refused runs, old data, rejects, jumps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sync.results.freshness import CONTACTS, freshness

if TYPE_CHECKING:
    from sync.control.rows import Run
    from sync.session import Looked

LOOKED_AT = 200
"""Newest runs that are looked at."""
HOUR = timedelta(hours=1)
WATCHED = ("pull", "assign", "plan", "apply", "results", "report", "run")
BAD = {"failed": "failed", "refused": "was blocked by a guardrail"}
LEAST_DELIVERED = 100
"""Below so many deliveries a rate of complaints says nothing: one complaint would be 1%."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is wrong.

    Attributes:
        key: Stays the same as long as the same thing is wrong.
        title: In a few words; *detail* in a sentence, without data of people.
    """

    key: str
    title: str
    detail: str


def conditions_document(wrong: Sequence[Condition]) -> dict[str, Any]:
    """Return what is wrong as a JSON document: state "ok" or "alert"."""
    listed = [{"key": each.key, "title": each.title, "detail": each.detail} for each in wrong]
    return {"state": "alert" if wrong else "ok", "wrong": listed}


def conditions(looked: Looked, now: datetime) -> list[Condition]:
    """Return what is wrong at *now* (UTC), each once.

    Args:
        looked: The workspace's files and control store; the warehouse stays closed.
        now: UTC.
    """
    runs = [run for run in looked.control.runs.newest(LOOKED_AT) if run.state != "running"]
    reports = [run.counts.get("key_figures") or {} for run in runs if run.command == "report" and run.state == "done"]
    name = looked.workspace.name
    every = [
        *_runs(name, runs),
        *_sources(looked, now),
        *_rejects(looked, runs),
        *_jumps(looked, reports),
        *_complaints(looked, reports),
    ]
    return list({condition.key: condition for condition in every}.values())


def _kind(run: Run) -> str:
    return run.command.split(" ")[0]


def _runs(name: str, runs: list[Run]) -> Iterator[Condition]:
    """The newest run of each command, where it failed or was refused."""
    newest = {_kind(run): run for run in reversed(runs) if _kind(run) in WATCHED}
    for command, run in newest.items():
        if run.state in BAD:
            when = f"{run.started_at:%Y-%m-%d %H:%M} UTC"
            detail = f"{name}: `{command}` of {when} {BAD[run.state]}. See `personasync history`."
            yield Condition(f"run {command}", f"{command} {BAD[run.state]}", detail)


def _sources(looked: Looked, now: datetime) -> Iterator[Condition]:
    most = timedelta(hours=looked.workspace.guardrails.max_data_age_hours)
    for line in freshness(looked.workspace.connections, looked.control.cursors):
        if line.stream != CONTACTS or line.at is None:
            continue
        if now - line.at > most:
            age = f"{(now - line.at) / HOUR:,.0f} hours old, more than {most / HOUR:,.0f}"
            detail = f"The newest complete pull of {line.connection} is {age}."
            yield Condition(f"data {line.connection}", f"Data of {line.connection} are old", detail)
        if line.rows == 0:
            detail = f"The newest pull of {line.connection} had no active contact."
            yield Condition(f"empty {line.connection}", f"{line.connection} is empty", detail)


def _rejects(looked: Looked, runs: list[Run]) -> Iterator[Condition]:
    """The newest apply that sent something, where too much of it was rejected or is not confirmed."""
    for run in runs:
        tally: Mapping[str, Any] = run.counts.get("tally") or {}
        if _kind(run) != "apply" or not tally.get("sent"):
            continue
        lost, sent = int(tally.get("rejected", 0)) + int(tally.get("unknown", 0)), int(tally["sent"])
        if lost / sent > looked.workspace.notify.max_rejected:
            detail = f"{lost:,} of {sent:,} changes were rejected or are not confirmed. See `personasync history`."
            yield Condition("rejects", "Changes are rejected", detail)
        return


def _jumps(looked: Looked, reports: list[Any]) -> Iterator[Condition]:
    if len(reports) < 2:  # noqa: PLR2004 - a change has two sides
        return
    now, before = (report.get("shares") or {} for report in reports[:2])
    for slug, share in now.items():
        old = before.get(slug)
        if old is not None and any(before.values()) and abs(share - old) >= looked.workspace.notify.persona_jump:
            name = (reports[0].get("names") or {}).get(slug, slug)
            detail = f"{name} went from {old:.0%} to {share:.0%} of all people between the last two reports."
            yield Condition(f"jump {slug}", f"The size of {name} jumped", detail)


def _complaints(looked: Looked, reports: list[Any]) -> Iterator[Condition]:
    most = looked.workspace.notify.max_complaints
    for name, (complained, delivered) in ((reports[0].get("complaints") or {}) if reports else {}).items():
        if delivered >= LEAST_DELIVERED and complained / delivered > most:
            rates = f"{complained / delivered:.2%}, more than {most:.2%}"
            detail = f"{complained:,} spam complaints from {delivered:,} {name} in the newest campaign ({rates})."
            yield Condition(f"complaints {name}", f"Spam complaints of {name}", detail)
