"""The ledger: every change sent, with the previous value and the outcome."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from connectors.records import MEMBER, Change, Outcome
from segmenter.late_arrow import pa
from sync.control import schema

INTERRUPTED = "interrupted"  # code of a change whose run ended before it took effect
SENT_AGAIN = ("not_mentioned", INTERRUPTED)

AT_ONCE = 5000  # rows a statement
GROUPS = ("connection", "group_name", "platform_id")
FIELDS = ("connection", "name", "platform_id", "value")
EVERYTHING = (
    *("run_id", "connection", "platform_id", "person_id", "kind", "name", "before", "after"),
    *("state", "reason", "code", "intended_at", "settled_at"),
)
KEY = ("run_id", "connection", "platform_id", "kind", "name")


@dataclass(frozen=True, slots=True)
class Noted:
    """An entry: the outcome of a change, state "" while there is none, and whose run sent it."""

    run_id: str
    outcome: Outcome


class Ledger:
    """The ledger: every change sent, with the previous value and the outcome."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self.engine, self.now = engine, now

    def intend(self, run_id: str, changes: Sequence[Change]) -> None:
        """Note *changes* before they leave. A change noted twice in a run stays one entry.

        Args:
            run_id: The run that sends them.
            changes: With the value before, for undo.
        """
        with self.engine.begin() as connection:
            self._add(connection, run_id, changes)

    def _add(self, connection: Connection, run_id: str, changes: Sequence[Change]) -> None:
        moment = self.now()
        known = self._known(connection, run_id, {change.platform_id for change in changes})
        rows = [
            {**asdict(change), "run_id": run_id, "state": "", "reason": "", "code": "", "intended_at": moment}
            for change in {_key(change): change for change in changes}.values()
            if _key(change) not in known
        ]
        for start in range(0, len(rows), AT_ONCE):
            connection.execute(insert(schema.ledger), rows[start : start + AT_ONCE])

    @staticmethod
    def _known(connection: Connection, run_id: str, platform_ids: set[str]) -> set[tuple[str, ...]]:
        table = schema.ledger
        query = select(*(table.c[name] for name in KEY[1:])).where(table.c.run_id == run_id)
        if len(platform_ids) <= AT_ONCE:
            query = query.where(table.c.platform_id.in_(sorted(platform_ids)))
        return {tuple(row) for row in connection.execute(query)}

    def settle(self, run_id: str, outcomes: Iterable[Outcome]) -> None:
        """Note what became of changes of a run; those not intended (skipped by us) are added.

        Args:
            run_id: The run that sent them.
            outcomes: One per change.
        """
        settled = list(outcomes)
        if not settled:
            return
        table = schema.ledger
        moved = (
            update(table)
            .where(*(table.c[name] == bindparam(f"k_{name}") for name in KEY))
            .values(
                state=bindparam("n_state"),
                reason=bindparam("n_reason"),
                code=bindparam("n_code"),
                settled_at=bindparam("n_at"),
            )
        )
        moment = self.now()
        rows = [
            {
                **{f"k_{name}": value for name, value in zip(KEY, (run_id, *_key(outcome.change)), strict=True)},
                "n_state": outcome.state,
                "n_reason": outcome.reason,
                "n_code": outcome.code,
                "n_at": moment,
            }
            for outcome in settled
        ]
        with self.engine.begin() as connection:
            if connection.execute(moved, rows).rowcount != len(rows):
                self._add(connection, run_id, [outcome.change for outcome in settled])
                connection.execute(moved, rows)

    def without_addresses(self, contact_keys: Collection[str], persons: Collection[str]) -> None:
        """Take the addresses of contacts (``<connection>:<platform id>``) and people out; the ids stay.

        Args:
            contact_keys: Contacts to be forgotten.
            persons: Ids of people to be forgotten.
        """
        table = schema.ledger
        parts: list[ColumnElement[bool]] = [table.c.person_id.in_(sorted(persons))]
        for key in contact_keys:
            name, _, platform_id = key.partition(":")
            parts.append(and_(table.c.connection == name, table.c.platform_id == platform_id))
        with self.engine.begin() as connection:
            connection.execute(update(table).where(or_(*parts)).values(email=None))

    def forget(self, before: datetime) -> int:
        """Delete settled changes that were sent before a moment (UTC), but not the newest of each value.

        The newest says what is ours on the platforms, and whether it must be asked for again.

        Returns:
            How many were deleted.
        """
        table, later = schema.ledger, schema.ledger.alias()
        same = [later.c[name] == table.c[name] for name in KEY[1:]]
        newer = select(later.c.entry).where(*same, later.c.entry > table.c.entry).exists()
        old = delete(table).where(table.c.intended_at < before, table.c.state.notin_(["", "unknown"]), newer)
        with self.engine.begin() as connection:
            return connection.execute(old).rowcount

    def unsettled(self) -> dict[str, list[Change]]:
        """Return changes without an outcome, or with outcome unknown, by run: a crash or a lost answer.

        A change whose record got a later, settled one for the same field is no longer open.

        Returns:
            Run id -> changes, in the order in which they were sent.
        """
        table, later = schema.ledger, schema.ledger.alias()
        newer = (
            select(later.c.entry)
            .where(
                *(later.c[name] == table.c[name] for name in KEY[1:]),
                later.c.entry > table.c.entry,
                later.c.state.notin_(["", "unknown"]),
            )
            .exists()
        )
        query = select(table).where(table.c.state.in_(["", "unknown"]), ~newer).order_by(table.c.entry)
        changes: dict[str, list[Change]] = {}
        with self.engine.connect() as connection:
            for row in connection.execute(query):
                changes.setdefault(row.run_id, []).append(_change(row))
        return changes

    def refusals(self) -> list[tuple[Outcome, datetime]]:
        """Return the changes whose newest outcome is a refusal, with when it came (UTC).

        Returns:
            In the order in which they were sent; the outcome has the platform's reason.
        """
        table, later = schema.ledger, schema.ledger.alias()
        newer = (
            select(later.c.entry)
            .where(*(later.c[name] == table.c[name] for name in KEY[1:]), later.c.entry > table.c.entry)
            .exists()
        )
        query = select(table).where(table.c.state == "rejected", ~newer).order_by(table.c.entry)
        with self.engine.connect() as connection:
            rows = connection.execute(query).all()
        return [(Outcome(_change(row), row.state, row.reason, row.code), row.settled_at) for row in rows]

    def newest_of(self, connection: str, platform_ids: Collection[str]) -> dict[tuple[str, str, str], Noted]:
        """Return the newest entry of each field and group of some contacts, by platform id, kind and name.

        What was refused or skipped left nothing there, and does not count.

        Args:
            connection: Name of the connection.
            platform_ids: Contacts; repeats do no harm.

        Returns:
            Fields and groups that we never wrote are left out.
        """
        table = schema.ledger
        entries: dict[tuple[str, str, str], Noted] = {}
        listed = sorted(set(platform_ids))
        with self.engine.connect() as opened:
            for start in range(0, len(listed), AT_ONCE):
                part = table.c.platform_id.in_(listed[start : start + AT_ONCE])
                took = table.c.state.in_(["applied", "unknown", ""])
                query = select(table).where(table.c.connection == connection, part, took).order_by(table.c.entry)
                for row in opened.execute(query):
                    noted = Noted(row.run_id, Outcome(_change(row), row.state, row.reason, row.code))
                    entries[row.platform_id, row.kind, row.name] = noted
        return entries

    def about(self, records: Collection[tuple[str, str]]) -> list[tuple[Outcome, datetime]]:
        """Return every change of some records, oldest first, with when it was sent (UTC); state "" is unsettled.

        Args:
            records: Connection and platform id.
        """
        table, wanted = schema.ledger, set(records)
        query = select(table).where(table.c.platform_id.in_(sorted({key for _, key in wanted}))).order_by(table.c.entry)
        with self.engine.connect() as connection:
            rows = [row for row in connection.execute(query) if (row.connection, row.platform_id) in wanted]
        return [(Outcome(_change(row), row.state, row.reason, row.code), row.intended_at) for row in rows]

    def counts(self, run_id: str) -> dict[tuple[str, str, str], int]:
        """Return how many changes of a run there are by (connection, state, code); state "" is unsettled.

        Returns:
            Empty for an unknown run.
        """
        table = schema.ledger
        query = (
            select(table.c.connection, table.c.state, table.c.code, func.count())
            .where(table.c.run_id == run_id)
            .group_by(table.c.connection, table.c.state, table.c.code)
        )
        with self.engine.connect() as connection:
            return {(name, state, code): count for name, state, code, count in connection.execute(query)}

    def outcomes(self, run_id: str, *, state: str | None = None, limit: int | None = None) -> list[Outcome]:
        """Return settled changes of a run, in the order in which they were sent.

        Args:
            run_id: The run.
            state: Only outcomes in this state, such as "rejected"; None: all.
            limit: The first so many; None: all.

        Returns:
            Changes without an outcome yet are left out.
        """
        table = schema.ledger
        query = select(table).where(table.c.run_id == run_id, table.c.state != "").order_by(table.c.entry)
        if state is not None:
            query = query.where(table.c.state == state)
        if limit is not None:
            query = query.limit(limit)
        with self.engine.connect() as connection:
            return [Outcome(_change(row), row.state, row.reason, row.code) for row in connection.execute(query)]

    def everything(self) -> pa.Table:
        """Return every change that is kept, in the order in which they were sent, without addresses.

        Returns:
            The columns `EVERYTHING`; moments in UTC, ``state`` "" where there is no outcome yet.
        """
        table = schema.ledger
        kinds = [pa.timestamp("us", "UTC") if name.endswith("_at") else pa.string() for name in EVERYTHING]
        with self.engine.connect() as connection:
            rows = connection.execute(select(*(table.c[name] for name in EVERYTHING)).order_by(table.c.entry)).all()
        columns = list(zip(*rows, strict=True)) or [()] * len(EVERYTHING)
        return pa.table(list(map(pa.array, columns, kinds)), names=list(EVERYTHING))

    def groups_made(self) -> pa.Table:
        """Return memberships that we made and did not take back.

        A change that was sent and never answered for counts as made: it was ours if it happened.

        Returns:
            Columns ``connection``, ``group_name``, ``platform_id``.
        """
        table = schema.ledger
        keys = (table.c.connection, table.c.name, table.c.platform_id)
        ours = select(*keys, func.max(table.c.entry).label("entry")).where(
            table.c.kind == "group", table.c.state.in_(["applied", "unknown", ""])
        )
        newest = ours.group_by(*keys).subquery()
        query = select(*keys).join(newest, newest.c.entry == table.c.entry).where(table.c.after == MEMBER)
        with self.engine.connect() as connection:
            rows = connection.execute(query).all()
        columns = list(zip(*rows, strict=True)) or [(), (), ()]
        return _texts(columns, GROUPS)

    def undefined(self, connection: str, kind: str, defined: Collection[str]) -> tuple[str, ...]:
        """Return the names of groups or fields that were written once and that no definition names any more.

        Args:
            connection: Name of the connection.
            kind: "field" or "group".
            defined: The names that definitions have now.

        Returns:
            In order of the alphabet.
        """
        table = schema.ledger
        query = select(table.c.name).where(table.c.connection == connection, table.c.kind == kind).distinct()
        with self.engine.connect() as opened:
            return tuple(sorted(set(opened.execute(query).scalars()).difference(defined)))

    def confirmed(self, name: str, kind: str, since: datetime | None) -> pa.Table:
        """Return what the platform confirmed of our changes since a moment: it shows it, and no pull has seen it yet.

        Args:
            name: Of the connection.
            kind: "field" or "group".
            since: When it was last read to the end, UTC; None: never.

        Returns:
            Columns ``connection``, ``name``, ``platform_id``, ``value`` ("" cleared, or no member); the newest counts.
        """
        table = schema.ledger
        keys = (table.c.connection, table.c.name, table.c.platform_id)
        mine = [table.c.connection == name, table.c.kind == kind, table.c.state.in_(["applied", "unchanged"])]
        if since is not None:
            mine.append(table.c.settled_at > since)
        newest = select(*keys, func.max(table.c.entry).label("entry")).where(*mine).group_by(*keys).subquery()
        query = select(*keys, func.coalesce(table.c.after, "")).join(newest, newest.c.entry == table.c.entry)
        with self.engine.connect() as connection:
            rows = connection.execute(query).all()
        columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
        return _texts(columns, FIELDS)

    def last_writer(self, command: str) -> str | None:
        """Return the run that wrote last, of those whose command begins with *command*.

        Args:
            command: Such as "apply ".

        Returns:
            Run id; None where none of them wrote anything that was confirmed.
        """
        table, run = schema.ledger, schema.run
        mine = (table.c.state == "applied", run.c.command.startswith(command, autoescape=True))
        query = select(table.c.run_id).join(run, run.c.run_id == table.c.run_id).where(*mine)
        with self.engine.connect() as connection:
            writer: str | None = connection.execute(query.order_by(table.c.entry.desc()).limit(1)).scalar()
        return writer

    def fields_written(self, names: Collection[tuple[str, str]]) -> pa.Table:
        """Return what we wrote last into some fields.

        Args:
            names: Connection and field; at least one.

        Returns:
            Columns ``connection``, ``name``, ``platform_id``, ``value`` ("" cleared).
        """
        table = schema.ledger
        keys = (table.c.connection, table.c.name, table.c.platform_id)
        meant = or_(
            *(and_(table.c.connection == connection_name, table.c.name == name) for connection_name, name in names)
        )
        wrote = select(*keys, func.max(table.c.entry).label("entry")).where(
            table.c.kind == "field", table.c.state.in_(["applied", "unknown", ""]), meant
        )
        newest = wrote.group_by(*keys).subquery()
        query = select(*keys, func.coalesce(table.c.after, "")).join(newest, newest.c.entry == table.c.entry)
        with self.engine.connect() as connection:
            rows = connection.execute(query).all()
        columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
        return _texts(columns, FIELDS)


def _key(change: Change) -> tuple[str, str, str, str]:
    return change.connection, change.platform_id, change.kind, change.name


def _change(row: Row[Any]) -> Change:
    return Change(row.connection, row.platform_id, row.person_id, row.email, row.kind, row.name, row.before, row.after)


def _texts(columns: Sequence[Sequence[Any]], names: Sequence[str]) -> pa.Table:
    return pa.table([pa.array(column, pa.string()) for column in columns], names=list(names))
