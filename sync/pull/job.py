"""The pull job: read changes since the last pull, and resolve identities.

Data first, cursor last: a page is in the warehouse before the cursor that skips it is saved, so a run that is
killed repeats work and never loses any. Writing a page twice changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial

import pyarrow as pa

from connectors.connector import Connector, HasRejects
from connectors.errors import ContractError, PersonasyncError
from connectors.records import CONTACTS, MEMBERSHIPS, Cursor, Page
from sync.breach import refuse_broken_assumptions
from sync.consent import opt_outs
from sync.consent.erased_people import ErasedPeople
from sync.consent.objections import note_shown, shown_as_rows
from sync.consent.purposes import not_understood
from sync.erasure.erased_there import follow_erasures
from sync.erasure.job import complete
from sync.fields.platform_persona import co_owned_fields
from sync.online.handoff import import_service_results
from sync.pull.identities import follow_identities, heal, is_replaced
from sync.pull.mapped import refuse_unknown_properties
from sync.pull.strangers import surveys_of_strangers
from sync.pull.wrong_clock import heal_times, refuse_wrong_clock
from sync.session import Progress, RecordedRun, Session, no_progress, recorded

PROPERTIES = "contacts: properties"  # in the store of cursors: what all contacts were read with
REJECTED = "rejects"  # folder of the state: rows of files that were left out
MEMORY = "96MB"  # of the embedded warehouse while pages come in; what does not fit lies on disk


@dataclass(slots=True)
class Pulled:
    """What one run read.

    Attributes:
        rows: Rows that the platforms sent, by ``connection stream``.
        versions: Rows that were new or different and were kept, by table.
        persons: Persons that the identity map knows afterwards.
        joined: Persons that turned out to be one with another.
        rejects: Rows of files that could not be read or were replaced: a sentence for each kind of fault.
        reject_files: Where these rows were written to, each with its fault.
        healed: Contacts that belonged to nobody, because an earlier version passed them over, and are linked now.
        reread: Whether everything was read again because the warehouse is not the one that was read into.
        unread: What could not be read of results, in sentences: a token without the scope, events of unknown types.
        clock: What a clock that was ahead had left, and was set right; "": nothing.
        erased: People whom a platform erased for good, and who are erased here as well now.
        strangers: Surveys of whose respondents none is a contact, each with the reason.
        not_erased: Why people whom the platforms erased were not erased here; "": all were.
    """

    rows: dict[str, int] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    persons: int = 0
    joined: int = 0
    rejects: list[str] = field(default_factory=list)
    reject_files: list[str] = field(default_factory=list)
    healed: int = 0
    reread: bool = False
    unread: list[str] = field(default_factory=list)
    clock: str = ""
    erased: int = 0
    strangers: list[str] = field(default_factory=list)
    not_erased: str = ""


def pull(
    session: Session,
    *,
    only: str | None = None,
    full: bool = False,
    override: frozenset[str] = frozenset(),
    progress: Progress = no_progress,
) -> Pulled:
    """Read every connection's contacts, memberships, orders and answers into the warehouse.

    Args:
        session: The open workspace.
        only: One connection, None for all.
        full: Forget the cursors, read everything again, and look at everybody again as to who is who.
        override: Broken assumptions that are set aside for this run; "clock": so is what the platforms' clocks say.
        progress: Told what is being read.

    Returns:
        Rows read by stream, versions kept by table, people joined, and rows of files that were rejected.

    Raises:
        FixSettingsError: A trait reads a property that its platform does not have.
        GuardrailError: An assumption that reading rests on is broken, or a platform's clock says that ours is wrong.
    """
    pulled = Pulled()
    connectors = session.connectors(only)
    broken = {connector.name: session.control.probed.broken(connector.name) for connector in connectors}
    refuse_broken_assumptions("pull", broken, override)
    with recorded(session, "pull") as run:
        complete(session, run)  # an erasure that was killed; first: until then its people are here in part
        began = session.now()
        checked = "clock" not in override
        _pull(session, connectors, pulled, run, full=full, checked=checked, progress=progress)
        _erase(session, began, pulled, run)
        run.counts.update(asdict(pulled))
        run.state = "rejects" if pulled.rejects or pulled.strangers else "done"
    return pulled


def _pull(
    session: Session,
    connectors: Sequence[Connector],
    pulled: Pulled,
    run: RecordedRun,
    *,
    full: bool,
    checked: bool,
    progress: Progress,
) -> None:
    with session.warehouse.bounded(MEMORY):
        _catch_up(session, pulled, run, full=full)
        for connector in connectors:
            refuse_unknown_properties(session, connector)
            for stream in connector.streams:
                with _following(session, pulled, run) if stream == CONTACTS.name else nullcontext():
                    read_stream(
                        session, connector, stream, pulled, run=run, full=full, clock=checked, progress=progress
                    )
            _keep_rejects(session, connector, pulled)
            pulled.rejects.extend(not_understood(session.warehouse, session.workspace.purposes, connector.name))
        _follow(session, pulled, run)  # what a killed pull left, where no contacts were read now
        pulled.persons = session.control.links.persons()
        pulled.strangers.extend(surveys_of_strangers(session))
        opt_outs.follow_opt_outs(session.warehouse, session.control, run.run_id, session.now())
        import_service_results(session)


def _erase(session: Session, began: datetime, pulled: Pulled, run: RecordedRun) -> None:
    """Erase whom a platform erased for good; whoever else could tell of it has no other way to be heard here."""
    gone = follow_erasures(session, began)
    pulled.not_erased = gone.sentence if gone.too_many else ""
    pulled.erased = complete(session, run).people


def _keep_rejects(session: Session, connector: Connector, pulled: Pulled) -> None:
    """Tell which rows of files were left out, and write them where a person can mend them."""
    if not isinstance(connector, HasRejects):
        return
    pulled.rejects.extend(connector.rejects)
    pulled.reject_files.extend(str(path) for path in connector.write_rejects(session.workspace.state_dir / REJECTED))


def read_stream(
    session: Session,
    connector: Connector,
    stream: str,
    pulled: Pulled,
    *,
    run: RecordedRun,
    full: bool,
    progress: Progress,
    clock: bool = False,
) -> None:
    """Read one stream to its end. The cursor moves after each page that is safe and can be resumed from."""
    anew = _asked_anew(session, connector, full=full) if stream == CONTACTS.name else None
    full = full or anew is not None
    began, cursor = session.now(), {} if full else session.control.cursors.get(connector.name, stream)
    name, done, snapshot = f"{connector.name} {stream}", 0, []
    last: Cursor | None = None
    groups: list[str] = []
    erased = ErasedPeople(session.control, session.workspace.state_dir)
    for page in _pages(session, connector, stream, cursor, clock=clock):
        rows = erased.without(page.table, page.rows)
        if page.table == MEMBERSHIPS.name and stream != MEMBERSHIPS.name and page.groups:
            _keep_snapshot(session, connector, [rows], page.groups, pulled)  # groups that come with their contacts
            continue
        done += page.rows.num_rows
        groups += page.groups
        if stream == MEMBERSHIPS.name:
            snapshot.append(rows)
        else:
            rows = _with_opt_outs(session, rows, began) if page.table == CONTACTS.name else rows
            kept = session.warehouse.append(page.table, rows, recorded_at=session.now())
            pulled.versions[page.table] = pulled.versions.get(page.table, 0) + kept
            if page.cursor is not None:
                session.control.cursors.move(connector.name, stream, page.cursor, run.run_id)
        last = page.cursor
        progress(name, done, page.total)
    if stream == MEMBERSHIPS.name:
        _keep_snapshot(session, connector, snapshot, groups, pulled)
        session.control.cursors.move(connector.name, stream, last or {}, run.run_id)
    elif last is None and done:
        raise ContractError(f"{name} ended without a cursor to continue from.")
    rows = len(session.warehouse.known_ids(connector.name, {"active"})) if stream == CONTACTS.name else None
    if anew is not None:
        session.control.cursors.move(connector.name, PROPERTIES, {"names": json.dumps(sorted(anew))}, run.run_id)
    session.control.cursors.ended(connector.name, stream, began, run.run_id, rows=rows)
    pulled.rows[name] = done


def _pages(session: Session, connector: Connector, stream: str, cursor: Cursor, *, clock: bool) -> Iterator[Page]:
    """Yield the pages of a stream; refuse the first one where the platform's *clock* says that ours is wrong."""
    for page in connector.read(stream, cursor, partial(session.warehouse.known_ids, connector.name)):
        if clock:
            refuse_wrong_clock(session, connector)
        yield page


def _with_opt_outs(session: Session, rows: pa.Table, began: datetime) -> pa.Table:
    rows = opt_outs.keep_opt_outs(session.warehouse, session.control, rows)
    opt_outs.note_opt_outs(session.control, rows, began)
    if session.workspace.purposes.objections:
        note_shown(session.control, session.workspace.purposes, shown_as_rows(rows), began=began)
    return rows


def _asked_anew(session: Session, connector: Connector, *, full: bool) -> set[str] | None:
    """Return the properties to read all contacts with, None where those that changed are enough.

    A contact that did not change is not sent again: a property that was not asked for would stay unknown for good. Our
    own fields are empty before we write them, so a new one is no reason.
    """
    name = connector.name
    template = set(session.workspace.owned(name, session.manifest)) - set(co_owned_fields(session, name))
    asked = set(connector.reads) - template
    begins = full or not session.control.cursors.get(name, CONTACTS.name)
    return asked if begins or not asked <= properties_read(session, name) else None


def properties_read(session: Session, name: str) -> set[str]:
    """Return the properties that all contacts of a connection were read with, our own template fields left out.

    Args:
        session: The open workspace.
        name: Name of the connection.

    Returns:
        Property names; empty where contacts were never read to the end.
    """
    return set(json.loads(session.control.cursors.get(name, PROPERTIES).get("names", "[]")))


def _keep_snapshot(
    session: Session, connector: Connector, pages: list[pa.Table], groups: Sequence[str], pulled: Pulled
) -> None:
    if not groups:
        return
    rows = pa.concat_tables(pages) if pages else MEMBERSHIPS.columns.empty_table()
    kept = session.warehouse.replace_snapshot(rows, connection=connector.name, groups=groups, recorded_at=session.now())
    pulled.versions[MEMBERSHIPS.name] = pulled.versions.get(MEMBERSHIPS.name, 0) + kept


def _catch_up(session: Session, pulled: Pulled, run: RecordedRun, *, full: bool) -> None:
    """See that positions are not ahead of what is stored, nor of the time, before anything is read."""
    pulled.clock = heal_times(session)
    if is_replaced(session.warehouse, session.control):
        session.control.cursors.forget()  # first: the position of identities tells it again after a kill
        pulled.reread = True
    pulled.healed = heal(session.warehouse, session.control, run.run_id, full=full)


@contextmanager
def _following(session: Session, pulled: Pulled, run: RecordedRun) -> Iterator[None]:
    """Link the contacts that are read meanwhile, also where their reading or a later stream breaks off.

    `plan` and `apply` may go on after it, and judge the consent of people by their linked contacts.
    """
    try:
        yield
    except PersonasyncError:
        _follow(session, pulled, run)
        raise
    _follow(session, pulled, run)


def _follow(session: Session, pulled: Pulled, run: RecordedRun) -> None:
    pulled.joined += follow_identities(
        session.warehouse, session.control, run.run_id, new_id=session.new_person_id
    ).joined
