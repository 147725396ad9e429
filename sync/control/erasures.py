"""Erased people: keyed hashes of who must not come back, erasures in progress, and what goes with a person."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, and_, delete, func, insert, or_, select, update

from connectors.errors import TryLaterError
from sync.control import schema
from sync.control.dialects import insert_for, writing

AT_ONCE = 2000  # rows a statement
ERASED, JOB, FILE = schema.erased, schema.erasure_job, schema.written_file
ADDRESS = "mailto:"
STAND_IN = "erased:"
"""What the contact keys of anonymous rows begin with."""
TEXTS: tuple[tuple[Table, str, tuple[str, ...]], ...] = (
    (schema.run, "run_id", ("command", "counts")),
    (schema.plan, "plan_id", ("summary",)),
    (schema.cursor, "stream", ("position",)),
    (schema.inbox_contact, "contact", ("reason",)),
)
"""Columns that may quote a person, such as the message of an error: a table, a part of its key, the columns."""
GONE = "(erased)"


@dataclass(frozen=True, slots=True)
class Erased:
    """What is remembered of one contact key of an erased person.

    Attributes:
        erasure: The same for all keys of the person.
        erased_at: UTC; an older subscription is no new consent.
        shown: The consent that its record showed last; "": it was not read since.
        lifted_at: When consent came anew, UTC; None: it did not.
    """

    digest: str
    erasure: str
    erased_at: datetime
    shown: str = ""
    lifted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ErasureJob:
    """An erasure that is not complete.

    Attributes:
        work: Who is erased (`sync.privacy.traces.Traces` as plain values); empty: only the files are to be compacted.
        counts: What was erased so far, by name.
    """

    job: str
    begun_at: datetime
    work: Mapping[str, Any]
    counts: Mapping[str, Any]


class Erasures:
    """Who was erased, and erasures in progress."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self.engine, self.now = engine, now

    # -- who must not come back ----------------------------------------------------------------------------
    def all(self) -> dict[str, Erased]:
        """Return all that is remembered, by digest.

        Returns:
            Also people who gave their consent anew (`lifted_at`); empty: nobody was erased.
        """
        with self.engine.connect() as connection:
            rows = connection.execute(select(ERASED))
            return {row.digest: Erased(*row) for row in rows}

    def of(self, digests: Collection[str]) -> list[Erased]:
        """Return what is remembered of some digests; those of nobody who was erased are left out.

        Returns:
            In no order; also people who gave their consent anew.
        """
        listed, records = sorted(set(digests)), list[Erased]()
        with self.engine.connect() as connection:
            for start in range(0, len(listed), AT_ONCE):
                part = ERASED.c.digest.in_(listed[start : start + AT_ONCE])
                records += [Erased(*row) for row in connection.execute(select(ERASED).where(part))]
        return records

    def remember(self, records: Iterable[Erased]) -> None:
        """Remember keys of erased people; a key that is known is remembered as it is told now."""
        with writing(self.engine) as connection:
            _remember(self.engine, connection, records)

    def lift(self, erasures: Collection[str]) -> None:
        """Note that people gave their consent anew."""
        with writing(self.engine) as connection:
            mine = and_(ERASED.c.erasure.in_(sorted(erasures)), ERASED.c.lifted_at.is_(None))
            connection.execute(update(ERASED).where(mine).values(lifted_at=self.now()))

    def forget(self, before: datetime) -> int:
        """Forget who was erased before a moment, objections too.

        Args:
            before: UTC.

        Returns:
            How many hashes there were.
        """
        with writing(self.engine) as connection:
            return connection.execute(delete(ERASED).where(ERASED.c.erased_at < before)).rowcount

    def count(self) -> int:
        """Return how many people are erased and have not given their consent anew."""
        people = select(func.count(ERASED.c.erasure.distinct())).where(ERASED.c.lifted_at.is_(None))
        with self.engine.connect() as connection:
            return int(connection.execute(people).scalar_one())

    # -- erasures in progress ------------------------------------------------------------------------------
    def begin(self, job: str, work: Mapping[str, Any], records: Iterable[Erased]) -> None:
        """Note whom an erasure is about, and remember their keys, at once: from now on nothing of them comes in.

        Args:
            job: A new name for the erasure.
            work: See `ErasureJob`.
            records: One for each contact key of the people; one that is known is overwritten.
        """
        row = {"job": job, "begun_at": self.now(), "work": dict(work), "counts": {}}
        with writing(self.engine) as connection:
            connection.execute(insert(JOB).values(row))
            _remember(self.engine, connection, records)

    def open_jobs(self) -> list[ErasureJob]:
        """Return the erasures that are not complete, oldest first.

        Returns:
            Erasures; one without work waits only for the files to be compacted.
        """
        with self.engine.connect() as connection:
            rows = connection.execute(select(JOB).order_by(JOB.c.begun_at, JOB.c.job)).all()
        return [ErasureJob(row.job, row.begun_at, row.work, row.counts) for row in rows]

    def add_counts(self, job: str, counts: Mapping[str, int]) -> None:
        """Add to what an erasure did.

        Args:
            job: An erasure that is not complete.
            counts: What was done since, by name; zeros are not noted.
        """
        with writing(self.engine) as connection:
            known = dict(connection.execute(select(JOB.c.counts).where(JOB.c.job == job)).scalar_one())
            summed = {**known, **{name: known.get(name, 0) + count for name, count in counts.items() if count}}
            connection.execute(update(JOB).where(JOB.c.job == job).values(counts=summed))

    def strip(self, job: str) -> None:
        """Forget whom an erasure was about: all of them are erased, and only bytes of deleted rows are left."""
        with writing(self.engine) as connection:
            connection.execute(update(JOB).where(JOB.c.job == job).values(work={}))

    def end(self, job: str) -> None:
        """Note that an erasure is complete."""
        with writing(self.engine) as connection:
            connection.execute(delete(JOB).where(JOB.c.job == job))

    # -- files that commands wrote -------------------------------------------------------------------------
    def note_file(self, path: Path) -> None:
        """Note a file with personal data that a command wrote where somebody wanted it: erasures look there too."""
        row = {"path": str(path.resolve()), "written_at": self.now()}
        new = insert_for(self.engine, FILE)
        with writing(self.engine) as connection:
            known = new.on_conflict_do_update(
                index_elements=[FILE.c.path], set_={"written_at": new.excluded.written_at}
            )
            connection.execute(known, row)

    def store_file(self) -> Path | None:
        """Return the file of the control store itself, absolute; None where a server keeps it."""
        named = self.engine.url.database if self.engine.dialect.name == "sqlite" else None
        return Path(named).resolve() if named and named != ":memory:" else None

    def files(self) -> list[Path]:
        """Return the files that commands wrote, also those that are gone by now.

        Returns:
            Absolute paths, sorted, each once.
        """
        with self.engine.connect() as connection:
            return [Path(path) for path in connection.execute(select(FILE.c.path).order_by(FILE.c.path)).scalars()]

    # -- rows that go --------------------------------------------------------------------------------------
    def erase_rows(self, *, keys: Collection[str], persons: Collection[str], names: Collection[str]) -> dict[str, int]:
        """Delete every row about some people, and their addresses from texts. Done again, it deletes nothing more.

        Args:
            keys: All their contact keys.
            persons: Their person ids, also those that were merged into them.
            names: What texts may quote: addresses and ids.

        Returns:
            Rows by table.
        """
        counts: dict[str, int] = {}
        contacts = {*keys, *(_as_inbox_names(self._connections(), keys))}
        with writing(self.engine) as connection:
            for table, column, values in (
                (schema.ledger, "person_id", persons),
                (schema.ledger, "email", _addresses(keys)),
                (schema.link, "person_id", persons),
                (schema.link, "contact_key", keys),
                (schema.link_past, "person_id", persons),
                (schema.link_past, "contact_key", keys),
                (schema.merged_person, "person_id", persons),
                (schema.merged_person, "into_person_id", persons),
                (schema.published_person, "person_id", persons),
                (schema.outbox, "person_id", persons),
                (schema.service_decision, "person_id", persons),
                (schema.seen_contact, "contact_key", contacts),
                (schema.opt_out, "contact_key", keys),
                (schema.objection, "contact_key", keys),
                (schema.pin, "email", _addresses(keys)),
                (schema.inbox_event, "contact", contacts),
                (schema.inbox_contact, "contact", contacts),
            ):
                gone = _delete(connection, table, column, values)
                counts[table.name] = counts.get(table.name, 0) + gone
            counts["ledger"] += _delete_records(connection, keys)
            counts["texts"] = _scrub(connection, names)
            if counts["link"]:  # whoever keeps links must look again
                connection.execute(insert(schema.link_writing).values(dropped=counts["link"]))
        return counts

    def add_stand_ins(self, links: Mapping[str, str], run_id: str) -> None:
        """Link the keys of anonymous rows to anonymous people, so that totals stay what they were.

        Args:
            links: Anonymous person ids by contact key; a key that is linked stays as it is.
            run_id: Of the run that erases.
        """
        with writing(self.engine) as connection:
            new = insert(schema.link_writing).values(dropped=0)
            (number,) = connection.execute(new).inserted_primary_key or (0,)
            rows = [
                {"contact_key": key, "person_id": person, "run_id": run_id, "number": int(number)}
                for key, person in sorted(links.items())
            ]
            if rows:
                connection.execute(insert_for(self.engine, schema.link).on_conflict_do_nothing(), rows)

    def _connections(self) -> set[str]:
        with self.engine.connect() as connection:
            return set(connection.execute(select(schema.cursor.c.connection).distinct()).scalars()) - {"*"}

    def empty_log(self) -> bool:
        """Move what the embedded store's log holds into its file, and empty the log; False where others are at it.

        Returns:
            Whether the log is empty; True of other engines, which keep their logs themselves.
        """
        if self.engine.dialect.name != "sqlite":
            return True
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        return not busy

    def compact(self) -> None:
        """Free what deleted rows left in the embedded store's file and its log; other engines do so by themselves.

        Raises:
            TryLaterError: Another process is reading or writing all the time.
        """
        if self.engine.dialect.name != "sqlite":
            return
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM")
        if not self.empty_log():
            raise TryLaterError(
                "Another process is using the control store, which keeps bytes of deleted rows until it is free.",
                fix="Stop `personasync serve` for a moment, and run `personasync forget` again: it completes.",
            )


def _remember(engine: Engine, connection: Connection, records: Iterable[Erased]) -> None:
    rows = [
        {name: getattr(record, name) for name in ("digest", "erasure", "erased_at", "shown", "lifted_at")}
        for record in sorted(records, key=lambda record: record.digest)
    ]
    new = insert_for(engine, ERASED)
    others = {name: new.excluded[name] for name in ("erasure", "erased_at", "shown", "lifted_at")}
    for start in range(0, len(rows), AT_ONCE):
        known = new.on_conflict_do_update(index_elements=[ERASED.c.digest], set_=others)
        connection.execute(known, rows[start : start + AT_ONCE])


def _delete(connection: Connection, table: Table, column: str, values: Collection[str]) -> int:
    listed, count = sorted(values), 0
    for start in range(0, len(listed), AT_ONCE):
        part = table.c[column].in_(listed[start : start + AT_ONCE])
        count += connection.execute(delete(table).where(part)).rowcount
    return count


def _delete_records(connection: Connection, keys: Collection[str]) -> int:
    """Ledger entries of contacts, whatever person they belonged to when they were written."""
    table, count = schema.ledger, 0
    pairs = [key.partition(":")[::2] for key in sorted(keys) if not key.startswith(ADDRESS)]
    for start in range(0, len(pairs), AT_ONCE // 10):
        named = [
            and_(table.c.connection == name, table.c.platform_id == key)
            for name, key in pairs[start : start + AT_ONCE // 10]
        ]
        count += connection.execute(delete(table).where(or_(*named))).rowcount
    return count


def _scrub(connection: Connection, names: Collection[str]) -> int:
    """Take names out of texts; return how many rows had some."""
    count = 0
    for table, key, columns in TEXTS:
        for row in connection.execute(select(table)).mappings().all():
            plain = {name: row[name] for name in columns}
            clean = {name: scrubbed(value, names) for name, value in plain.items()}
            if clean != plain:
                mine = [table.c[name] == row[name] for name in (key, *(["connection"] if key == "stream" else []))]
                connection.execute(update(table).where(*mine).values(clean))
                count += 1
    return count


def scrubbed(value: Any, names: Collection[str]) -> Any:
    """Return plain values in which no text quotes one of *names*, in any case; entries of lists that do are left out.

    Args:
        value: Text, number, list or object, as JSON knows them.
        names: In lower case.

    Returns:
        Values of the same form: `GONE` stands in place of a name, and entries of objects whose key quotes one are left
            out. *value* itself where nothing quotes them.
    """
    text = json.dumps(value, ensure_ascii=False).lower()
    if not any(name in text for name in names):
        return value
    if isinstance(value, Mapping):
        return {key: scrubbed(part, names) for key, part in value.items() if not _quotes(key, names)}
    if isinstance(value, list):
        return [part for part in value if not _quotes(part, names)]
    return _without(str(value), names)


def _quotes(value: Any, names: Collection[str]) -> bool:
    text = json.dumps(value, ensure_ascii=False).lower()
    return any(name in text for name in names)


def _without(text: str, names: Collection[str]) -> str:
    for name in sorted(names, key=len, reverse=True):
        while (place := text.lower().find(name)) >= 0:
            text = text[:place] + GONE + text[place + len(name) :]
    return text


def _addresses(keys: Collection[str]) -> set[str]:
    return {key.removeprefix(ADDRESS) for key in keys if key.startswith(ADDRESS)}


def _as_inbox_names(connections: Collection[str], keys: Collection[str]) -> set[str]:
    """Mailchimp's events know a contact by its address (`sync.webhooks.events.address_key`)."""
    hashed = {hashlib.sha256(address.encode()).hexdigest()[:40] for address in _addresses(keys)}
    return {f"{name}:#{part}" for name in connections for part in hashed}
