"""The identity map: contact_key -> person_id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Select,
    Table,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from connectors.records import email_key
from segmenter.identity import IdentityChanges
from segmenter.late_arrow import pa
from sync.control import schema

AT_ONCE = 5000  # rows a statement
ADDRESS = email_key("")  # what the keys of addresses begin with


def links_schema() -> pa.Schema:
    """Return the columns of all links: ``contact_key``, ``person_id``, texts."""
    return pa.schema([("contact_key", pa.string()), ("person_id", pa.string())])


class Links:
    """The identity map: contact_key -> person_id."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def load(self) -> pa.Table:
        """Return all links: columns ``contact_key``, ``person_id``.

        Returns:
            One row per contact.
        """
        return self._arrow(select(schema.link.c.contact_key, schema.link.c.person_id))

    def written_after(self, number: int) -> pa.Table:
        """Return the links that a writing after *number* made: columns as of `load`. Dropped ones are not told.

        Returns:
            Empty where nothing was written since.
        """
        link = schema.link.c
        return self._arrow(select(link.contact_key, link.person_id).where(link.number > number))

    def newest(self) -> int:
        """Return the number of the last writing, 0 before any."""
        with self.engine.connect() as connection:
            return int(connection.execute(select(func.max(schema.link_writing.c.number))).scalar_one() or 0)

    def dropped_after(self, number: int) -> int:
        """Return how many links were dropped after a writing; which ones, nobody knows any more."""
        writing = schema.link_writing.c
        with self.engine.connect() as connection:
            result = connection.execute(select(func.sum(writing.dropped)).where(writing.number > number))
            return int(result.scalar_one() or 0)

    def _arrow(self, query: Select[tuple[str, str]]) -> pa.Table:
        batches = [
            pa.record_batch(
                [pa.array(column, pa.string()) for column in zip(*rows, strict=True)], schema=links_schema()
            )
            for rows in self._pages(query)
        ]
        return pa.Table.from_batches(batches, schema=links_schema())

    def _pages(self, query: Select[tuple[str, str]]) -> Iterator[Sequence[Sequence[Any]]]:
        """The rows of a query, thousands at a time; SQLite's own tuples, since rows made of them took as long again."""
        query = query.execution_options(yield_per=AT_ONCE * 10)
        with self.engine.connect() as connection:
            if self.engine.dialect.name != "sqlite":
                yield from connection.execute(query).partitions()
                return
            statement = query.compile(self.engine, compile_kwargs={"literal_binds": True})
            with closing(connection.connection.cursor()) as cursor:
                cursor.execute(str(statement))
                while rows := cursor.fetchmany(AT_ONCE * 10):
                    yield rows

    def as_of(self, number: int) -> pa.Table:
        """Return all links as they stood after a writing: columns as of `load`.

        Args:
            number: Of the writing, as `newest` returned it then.

        Returns:
            One row per contact. Links that were replaced before past ones were kept are as they are now.
        """
        link, past = schema.link.c, schema.link_past.c
        now = select(link.contact_key, link.person_id).where(link.number <= number)
        then = select(past.contact_key, past.person_id).where(past.number <= number, past.until_number > number)
        return pa.concat_tables([self._arrow(now), self._arrow(then)])

    def mapping(self) -> dict[str, str]:
        """Return all links as contact_key -> person_id."""
        query = select(schema.link.c.contact_key, schema.link.c.person_id)
        with self.engine.connect() as connection:
            return {key: person for key, person in connection.execute(query)}  # noqa: C416 - a Row is no pair to mypy

    def of_keys(self, keys: Iterable[str]) -> dict[str, str]:
        """Return the links of some contact keys.

        Returns:
            contact_key -> person_id; unknown keys are left out.
        """
        return self._some(schema.link.c.contact_key, keys)

    def of_persons(self, persons: Iterable[str]) -> dict[str, str]:
        """Return all links of some people: contact_key -> person_id.

        Returns:
            Every contact of these people.
        """
        return self._some(schema.link.c.person_id, persons)

    def past_owners(self, keys: Iterable[str]) -> dict[str, str]:
        """Return who had some contact keys before they were replaced or dropped: contact_key -> the last such person.

        Returns:
            Keys that were always the same person's are left out.
        """
        past, wanted, owners = schema.link_past.c, sorted(set(keys)), {}
        with self.engine.connect() as connection:
            for start in range(0, len(wanted), AT_ONCE):
                part = past.contact_key.in_(wanted[start : start + AT_ONCE])
                query = select(past.contact_key, past.person_id).where(part).order_by(past.until_number)
                owners.update({key: person for key, person in connection.execute(query)})  # noqa: C416 - as below
        return owners

    def _some(self, column: Column[str], values: Iterable[str]) -> dict[str, str]:
        wanted, links = sorted(set(values)), {}
        with self.engine.connect() as connection:
            for start in range(0, len(wanted), AT_ONCE):
                part = column.in_(wanted[start : start + AT_ONCE])
                rows = connection.execute(select(schema.link.c.contact_key, schema.link.c.person_id).where(part))
                links.update({key: person for key, person in rows})  # noqa: C416 - a Row is no pair to mypy
        return links

    def persons(self) -> int:
        """Return how many persons there are."""
        with self.engine.connect() as connection:
            real = schema.link.c.contact_key.notlike("erased:%")  # the others keep totals as they were
            people = select(func.count(schema.link.c.person_id.distinct())).where(real)
            return int(connection.execute(people).scalar_one())

    def merged(self) -> dict[str, str]:
        """Return person_id that is no more -> person_id in its place now.

        Returns:
            Chains are resolved: no person in place is itself merged.
        """
        table = schema.merged_person
        with self.engine.connect() as connection:
            rows = connection.execute(select(table.c.person_id, table.c.into_person_id))
            return {old: new for old, new in rows}  # noqa: C416 - a Row is no pair to mypy

    def write(self, changes: IdentityChanges, run_id: str) -> None:
        """Write what `segmenter.identity.resolve` found, whole or not at all.

        Args:
            changes: New links, and people merged into others.
            run_id: The run that found them.
        """
        merged: list[dict[str, Any]] = [
            {"person_id": old, "into_person_id": new, "run_id": run_id} for old, new in changes.merged.items()
        ]
        with self.engine.begin() as connection:
            number = self._next_number(connection)
            links = [
                {"contact_key": key, "person_id": person, "run_id": run_id, "number": number}
                for key, person in changes.links.items()
            ]
            self._keep_past(connection, list(changes.links), number)
            for table, key, rows in ((schema.link, "contact_key", links), (schema.merged_person, "person_id", merged)):
                self._replace(connection, table, key, rows)
            if merged:  # whoever pointed to a person that is no more points on
                self._point_on(connection, changes.merged)

    def drop(self, keys: Iterable[str]) -> None:
        """Forget whose some contact keys are: it is done for people whom their platform erased.

        By the ids of records the next erasure finds the person; addresses are kept nowhere.
        """
        listed = sorted(set(keys))
        with self.engine.begin() as connection:
            number, gone = self._next_number(connection), 0
            self._keep_past(connection, [key for key in listed if not key.startswith(ADDRESS)], number)
            for start in range(0, len(listed), AT_ONCE):
                part = listed[start : start + AT_ONCE]
                addresses = [key for key in part if key.startswith(ADDRESS)]
                gone += connection.execute(delete(schema.link).where(schema.link.c.contact_key.in_(part))).rowcount
                connection.execute(delete(schema.link_past).where(schema.link_past.c.contact_key.in_(addresses)))
            writing = schema.link_writing
            connection.execute(update(writing).where(writing.c.number == number).values(dropped=gone))

    @staticmethod
    def _next_number(connection: Connection, dropped: int = 0) -> int:
        written = connection.execute(insert(schema.link_writing).values(dropped=dropped))
        (number,) = written.inserted_primary_key or (0,)
        return int(number)

    @staticmethod
    def _keep_past(connection: Connection, keys: list[str], number: int) -> None:
        """Keep links that are replaced or dropped now: who was who then belongs to the evidence of a decision."""
        link, past = schema.link.c, schema.link_past
        for start in range(0, len(keys), AT_ONCE):
            part = link.contact_key.in_(keys[start : start + AT_ONCE])
            old = select(link.contact_key, literal(number), link.number, link.person_id).where(part)
            names = ["contact_key", "until_number", "number", "person_id"]
            connection.execute(insert(past).from_select(names, old))

    @staticmethod
    def _point_on(connection: Connection, merged: Mapping[str, str]) -> None:
        into = schema.merged_person.c.into_person_id
        moved = update(schema.merged_person).where(into == bindparam("old")).values(into_person_id=bindparam("new"))
        connection.execute(moved, [{"old": old, "new": new} for old, new in merged.items()])

    @staticmethod
    def _replace(connection: Connection, table: Table, key: str, rows: list[dict[str, Any]]) -> None:
        """Delete and insert, which every engine knows, instead of each engine's own upsert."""
        for start in range(0, len(rows), AT_ONCE):
            part = rows[start : start + AT_ONCE]
            gone = [{"gone": row[key]} for row in part]
            connection.execute(delete(table).where(table.c[key] == bindparam("gone")), gone)
            connection.execute(insert(table), part)
