"""Retention: `run` deletes rows that are older than `[retention]` says, and frees their bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from connectors.errors import FixSettingsError
from connectors.records import ASSIGNMENTS, CONTACTS, DELIVERIES, ENGAGEMENTS, ORDER_LINES, ORDERS, SURVEY_ANSWERS
from sync.consent.erased_people import KEY
from sync.erasure.job import KEPT
from sync.session import Session, recorded
from sync.warehouse.erase import Rewrite, compacted, old_sequences, old_versions, rewrite, sequences_without
from sync.workspace.definition_files import MAIN

FILES = {"plans": "*.jsonl", "reports": "*.html"}
MEASURED = (ENGAGEMENTS.name, DELIVERIES.name, ORDERS.name)
"""What experiments are judged by."""


def retention_days(session: Session) -> dict[str, int]:
    """Return the days after which rows are deleted, by the name of the setting; those that are kept are left out."""
    return {name: days for name, days in session.workspace.retention.model_dump().items() if days}


def refuse_short_retention(session: Session) -> None:
    """Refuse a retention that would delete what a running experiment is judged by.

    Raises:
        FixSettingsError: Names the setting, the experiment, and the least days.
    """
    for sentence, fix in short_retentions(session):
        raise FixSettingsError(sentence, fix=fix)


def short_retentions(session: Session) -> Iterator[tuple[str, str]]:
    """Yield a sentence and a fix for each retention that is shorter than an experiment runs.

    Yields:
        Two texts each. Only experiments count that have begun and not ended, of what they are judged by (`MEASURED`).
    """
    now = session.now()
    for name, days in retention_days(session).items():
        for experiment in session.workspace.experiments.values() if name in MEASURED else ():
            if experiment.begins > now or (experiment.ends is not None and experiment.ends <= now):
                continue
            planned = (experiment.ends or now) - experiment.begins
            least = max(planned, now - experiment.begins).days + 1
            if days < least:
                judged = f"{MAIN}: [retention] {name} = {days} deletes what experiment {experiment.name!r} is judged by"
                began = f"it began on {experiment.begins:%Y-%m-%d} and is running."
                end = f"`personasync experiment end {experiment.name}`"
                yield f"{judged}: {began}", f"Set it to {least} or more, or end the experiment: {end}."


def apply_retention(session: Session) -> dict[str, int]:
    """Delete what is older than it may be.

    Args:
        session: The open workspace, which alone has the warehouse; its tables must be asked for anew afterwards.

    Returns:
        Deleted rows by table, and files; empty where everything is kept.

    Raises:
        FixSettingsError: A retention is shorter than a running experiment.
    """
    days = retention_days(session)
    if not days:
        return {}
    refuse_short_retention(session)
    before = {name: session.now() - timedelta(days=count) for name, count in days.items()}
    with recorded(session, "retention") as run:
        deleted = _delete_rows(session, before)
        if any(deleted.values()):
            session.links_read = None
            session.warehouse = compacted(session.warehouse, session.workspace.state_dir)
        if "old_versions" in before:
            deleted["service_decisions"] = _drop_evidence(session, before["old_versions"])
        if "ledger" in before:
            deleted["ledger"] = session.control.ledger.forget(before["ledger"])
        if "erased" in before:
            deleted["hashes of erased people"] = _forget_hashes(session, before["erased"])
        deleted["files"] = _delete_files(session, before["files"]) if "files" in before else 0
        if any(deleted.values()):
            session.control.erasures.compact()
        kept = {name: count for name, count in deleted.items() if count}
        run.counts.update(deleted=kept)
    return kept


def _delete_rows(session: Session, before: Mapping[str, datetime]) -> dict[str, int]:
    warehouse, gone = session.warehouse, dict[str, set[int]]()
    for name in (ENGAGEMENTS.name, DELIVERIES.name, ORDERS.name, SURVEY_ANSWERS.name):
        if name in before:
            gone[name] = old_sequences(warehouse, name, "at", before[name])
    if "old_versions" in before:
        for name in (CONTACTS.name, ASSIGNMENTS.name):
            gone[name] = old_versions(warehouse, name, before["old_versions"])
    if gone.get(ORDERS.name):
        gone[ORDER_LINES.name] = sequences_without(warehouse, ORDER_LINES.name, ORDERS.name, gone[ORDERS.name])
    if any(gone.values()):
        rewrite(warehouse, {name: Rewrite(sequences) for name, sequences in gone.items()}, drop=KEPT)
    return {name: len(sequences) for name, sequences in gone.items()}


def _forget_hashes(session: Session, before: datetime) -> int:
    """Forget old hashes of erased people; with the last one, the key that they were made with."""
    count = session.control.erasures.forget(before)
    if not session.control.erasures.all() and not session.control.erasures.open_jobs():
        (session.workspace.state_dir / KEY).unlink(missing_ok=True)
    return count


def _drop_evidence(session: Session, before: datetime) -> int:
    """Delete what the webhook service decided by where the assignment that it made is not kept any more."""
    versions = session.warehouse.everything(ASSIGNMENTS.name).select("person_id", "recorded_at").to_pyarrow()
    kept = set(zip(versions["person_id"].to_pylist(), versions["recorded_at"].to_pylist(), strict=True))
    into = session.control.links.merged()
    return session.control.decisions.drop(
        [
            entry
            for entry, person, at in session.control.decisions.moments()
            if at < before and (into.get(person, person), at) not in kept and (person, at) not in kept
        ]
    )


def _delete_files(session: Session, before: datetime) -> int:
    count = 0
    for folder, pattern in FILES.items():
        for path in sorted((session.workspace.state_dir / folder).glob(pattern)):
            if path.stat().st_mtime < before.timestamp():
                path.unlink()
                count += 1
    return count
