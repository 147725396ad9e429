"""The erasure job: noted first, then done step by step; after a kill the next `forget` or `pull` completes it.

Order: hashes (from then on nothing of these people comes in), links of the anonymous rows, the warehouse in one
transaction, the control store in one, files, and at last both stores without the bytes of what was deleted.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from connectors.errors import FixSettingsError, TryLaterError
from connectors.records import email_key, normalise_email
from segmenter.privacy.purposes import OBJECTION
from sync.consent.erased_people import hasher
from sync.consent.purposes import person_standings
from sync.control.erasures import Erased, ErasureJob
from sync.control.leases import has_gone, new_holder
from sync.erasure.anonymous import keys_that_rows_name, rewriting
from sync.erasure.files import CleanedFiles, clean_files
from sync.erasure.traces import Trace, Traces, record_pairs, traces, traces_of_plain
from sync.session import RecordedRun, Session, recorded
from sync.traits.aggregates import AGAIN, AGGREGATES, LINKED, MARK, OVERTAKEN
from sync.warehouse.erase import compacted, rewrite

FOLDER = "erasures"  # of the state: receipts
COMMAND = "forget"
KEPT = (AGGREGATES, LINKED, MARK, OVERTAKEN, AGAIN)
LOCK, LOCK_SECONDS = "identity", 60.0  # as in a pull: links are read, decided and written under it
PERSON_SECONDS, LOOK_AGAIN = 60.0, 0.05
WHAT_STAYS = (
    "A hash of each address and id, made with the key of this workspace: only with it can the person be recognised.",
    "For who objected to profiling, a second such hash: the objection stands if the person comes back.",
    "Anonymous rows of mails, answers, orders and variants, under new ids: totals of reports and lift stay.",
    "Models, segments and personas, which describe groups.",
    "What the platforms hold: personasync tells them nothing. `personasync forget EMAIL --on-platforms` prints it.",
)


@dataclass(slots=True)
class Forgotten:
    """What erasures did.

    Attributes:
        people: How many people were erased.
        records: Records of others whose content went, since their platform erased them.
        unknown: Places in the list of addresses (from 1) of whom nothing was found.
        counts: Rows by table.
        cleaned: Files of ours from which rows were deleted.
        deleted: Files of ours that were deleted.
        left: Files of others that name somebody, in sentences.
        copies: Backups, and states that a restore moved aside, which may hold them still.
        receipts: Files that say what was done.
    """

    people: int = 0
    records: int = 0
    unknown: list[int] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    cleaned: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MeantPeople:
    """Whom a list of addresses means.

    Attributes:
        persons: Person ids; an address of each was named.
        alone: Contact keys of people who are no contact: orders or answers name them only.
        unknown: Places (from 1) of addresses that nobody has.
        erased_before: Places of addresses of people who were erased.
    """

    persons: frozenset[str]
    alone: frozenset[str]
    unknown: tuple[int, ...]
    erased_before: tuple[int, ...]


def meant_people(session: Session, emails: Sequence[str]) -> MeantPeople:
    """Find the people behind addresses; any address of a person will do.

    Args:
        session: The open workspace.
        emails: In any case.

    Returns:
        Whom they mean; an address of nobody is in `unknown` by its place, from 1.
    """
    keys = [email_key(address) if (address := normalise_email(email)) else "" for email in emails]
    persons = session.control.links.of_keys(keys)
    remembered = _remembered(session, keys)
    alone = keys_that_rows_name(session, [key for key in keys if key and key not in persons])
    known = {*persons, *remembered, *alone}
    unknown = [place for place, key in enumerate(keys, 1) if key not in known]
    before = [place for place, key in enumerate(keys, 1) if key not in persons and key in remembered]
    return MeantPeople(frozenset(persons.values()), alone, tuple(unknown), tuple(before))


def _remembered(session: Session, keys: Collection[str]) -> set[str]:
    """Those of some contact keys that were erased."""
    if not session.control.erasures.count():
        return set()
    hashes = hasher(session.workspace.state_dir, make=False)
    known = {record.digest for record in session.control.erasures.of([hashes.digest(key) for key in keys])}
    return {key for key in keys if hashes.digest(key) in known}


def forget(
    session: Session, persons: Collection[str], *, alone: Collection[str] = (), reason: str = "request"
) -> Forgotten:
    """Erase people everywhere, after what an earlier erasure left undone.

    Args:
        session: The open workspace, which alone has the warehouse.
        persons: Person ids.
        alone: See `MeantPeople`.
        reason: Why, for the receipt.

    Returns:
        What was done.

    Raises:
        TryLaterError: The webhook service is at one of them all the time, or another process took a store.
    """
    with recorded(session, COMMAND) as run:
        begin(session, persons, alone=alone, reason=reason)
        done = complete(session, run)
        run.counts.update(people=done.people, records=done.records)
    return done


def begin(
    session: Session,
    persons: Collection[str],
    *,
    reason: str,
    records: Collection[str] = (),
    alone: Collection[str] = (),
    erased_at: datetime | None = None,
) -> None:
    """Note an erasure, and remember the hashes of these people: from now on nothing of them comes in.

    Args:
        session: The open workspace.
        persons: Person ids.
        reason: Why.
        records: Contact keys of erased records of other people.
        alone: See `MeantPeople`.
        erased_at: Subscriptions until then (UTC) are no new consent; None: now.
    """
    if not persons and not records and not alone:
        return
    meant = traces(session, persons, reason=reason, records=records, alone=alone)
    control, at = session.control, erased_at or session.now()
    hashes = hasher(session.workspace.state_dir, make=not control.erasures.all()) if meant.people else None
    numbers = {
        trace.persons[0]: uuid4().hex for trace in meant.people
    }  # not the stand-in: nothing leads from one to it
    remembered: list[Erased] = []
    for trace in meant.people:
        if hashes is None:
            break
        number = numbers[trace.persons[0]]
        remembered += [Erased(hashes.digest(key), number, at, trace.shown.get(key, "")[:20]) for key in trace.keys]
        if _objects(session, trace):
            remembered += [Erased(hashes.objection(key), number, at) for key in trace.keys]
    job = f"{session.now():%Y%m%dT%H%M%S}-{uuid4().hex[:8]}"
    control.erasures.begin(job, meant.plain(), remembered)


def _objects(session: Session, trace: Trace) -> bool:
    """Whether a person objected (GDPR art. 21): it is remembered, since a new subscription takes no objection back."""
    if session.control.objections.of(trace.keys):
        return True
    rules = session.workspace.purposes
    if not rules.objections:
        return False
    standing = person_standings(session.warehouse, session.control, rules, trace.persons[0])["profiling"]
    return standing.answer == OBJECTION


def complete(session: Session, run: RecordedRun) -> Forgotten:
    """Complete every erasure that was begun.

    Args:
        session: The open workspace, which alone has the warehouse; its tables must be asked for anew afterwards.
        run: The run that does it.

    Returns:
        What all of them did together; nothing where none was begun.
    """
    done, control = Forgotten(), session.control
    jobs = control.erasures.open_jobs()
    for job in jobs:
        if job.work:
            _erase(session, job, run, done)
    if jobs:
        session.links_read = None
        session.warehouse = compacted(session.warehouse, session.workspace.state_dir)
        control.erasures.compact()
    for job in jobs:
        done.receipts.append(str(_write_receipt(session, job)))
        control.erasures.end(job.job)
    return done


def _erase(session: Session, job: ErasureJob, run: RecordedRun, done: Forgotten) -> None:
    """Erase everybody of one job from stores and files."""
    meant, control, workspace = traces_of_plain(job.work), session.control, session.workspace
    with _at_rest(session, meant.persons):
        what = rewriting(session, meant)
        control.erasures.add_stand_ins(what.links, run.run_id)
        rewrite(session.warehouse, what.rewrites(), drop=KEPT)
        counts = what.counts()
        with control.leases.lock(LOCK, new_holder(), seconds=LOCK_SECONDS):
            rows = control.erasures.erase_rows(keys=meant.keys, persons=meant.persons, names=meant.names())
        control.people.erase([f"{name}:{key}" for name, key in record_pairs(meant.records)], ())
        control.ledger.without_addresses(meant.records, ())
        control.decisions.forget_records(meant.records, set(control.links.of_keys(meant.records).values()))
    erasures = control.erasures
    files = clean_files(workspace.directory, workspace.state_dir, erasures.files(), meant, store=erasures.store_file())
    _sum_up(done, meant, {**counts, **{name: count for name, count in rows.items() if count}}, files)
    people = {"people": len(meant.people), "records": len(meant.records)}
    control.erasures.add_counts(job.job, {**people, **counts, **{name: count for name, count in rows.items() if count}})
    _write_receipt(session, job, files)
    control.erasures.strip(job.job)


def _sum_up(done: Forgotten, meant: Traces, counts: dict[str, int], files: CleanedFiles) -> None:
    done.people += len(meant.people)
    done.records += len(meant.records)
    for name, count in counts.items():
        done.counts[name] = done.counts.get(name, 0) + count
    done.cleaned += files.cleaned
    done.deleted += files.deleted
    done.left += files.left
    done.copies += files.copies


@contextmanager
def _at_rest(session: Session, persons: Collection[str]) -> Iterator[None]:
    """Hold everybody's lease while the block runs: the webhook service is at none of them.

    Raises:
        TryLaterError: It was all the time.
    """
    leases, holder = session.control.leases, new_holder()
    names, deadline = {f"person {person}" for person in persons}, time.monotonic() + 2 * PERSON_SECONDS
    held: set[str] = set()
    try:
        while held != names:
            held |= leases.take(names - held, holder, seconds=PERSON_SECONDS)
            if held == names:
                break
            for gone in filter(has_gone, leases.holders()):
                leases.abandon(gone)
            if time.monotonic() > deadline:
                raise TryLaterError("The webhook service is processing these people.", fix="Try again in a minute.")
            time.sleep(LOOK_AGAIN)
        yield
    finally:
        leases.give_back(held, holder)


def receipt_of(session: Session, job: str) -> Path:
    """Return the file that says what an erasure did."""
    return session.workspace.state_dir / FOLDER / f"{job}.json"


def _write_receipt(session: Session, job: ErasureJob, files: CleanedFiles | None = None) -> Path:
    """Write what was done so far; the time at which it was complete comes last."""
    path = receipt_of(session, job.job)
    known: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        known = json.loads(path.read_text("utf-8"))
    counts = next((each.counts for each in session.control.erasures.open_jobs() if each.job == job.job), {})
    document = {
        "erasure": job.job,
        "begun_at": job.begun_at.isoformat(),
        "reason": job.work.get("reason") or known.get("reason"),
        "counts": dict(counts) or known.get("counts", {}),
        "files": asdict(files) if files is not None else known.get("files", {}),
        "what_stays": list(WHAT_STAYS),
        "completed_at": session.now().isoformat() if files is None else None,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(document, file, indent=2, ensure_ascii=False)
        file.write("\n")
    part.replace(path)
    return path


def on_platforms(session: Session, persons: Collection[str]) -> list[str]:
    """Return what to do on each platform so that it forgets people as well, in sentences; nothing is sent.

    Args:
        session: The open workspace.
        persons: Person ids.

    Returns:
        Sentences, one for each record of the people, by connection; connections that are not set up now have none.
    """
    keys = session.control.links.of_persons(persons)
    sentences = []
    for name, platform_id in sorted(record_pairs(keys)):
        if name in session.workspace.connections:
            how = session.workspace.spec(name, session.manifest).erase or FROM_ITS_SOURCE
            sentences.append(how.format(name=name, id=platform_id))
    return sentences


FROM_ITS_SOURCE = "{name}: delete the rows of {id} from the source: personasync reads it and never changes it."


def refuse_unknown(emails: Sequence[str], meant: MeantPeople) -> None:
    """Refuse where none of the addresses is known.

    Args:
        emails: As they were given.
        meant: What `meant_people` found for them.

    Raises:
        FixSettingsError: With the fix.
    """
    if meant.persons or meant.alone or meant.erased_before:
        return
    if len(emails) == 1:
        raise FixSettingsError(
            f"No contact has the email address {emails[0]!r}; nothing was erased.",
            fix="Check the address for a typo, or run `personasync pull`.",
        )
    raise FixSettingsError(
        f"None of the {len(emails):,} addresses belongs to a contact; nothing was erased.",
        fix="Check the file, or run `personasync pull`.",
    )
