"""The file connector (CSV, Excel, Parquet), read-only.

A stream's cursor is the digest of its file and of the settings that say how to read it: an unchanged file is not
read again. A file is read as a whole; what an earlier version of it held and this one lacks stays known.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import requests

from connectors.connector import Connection, Known, Still, Traffic, as_given, nobody
from connectors.errors import ContractError, FixSettingsError
from connectors.fetched import Fetched
from connectors.files.answers import read_answers
from connectors.files.columns import WITHOUT_AMOUNTS, find_columns, mapping_keys
from connectors.files.contacts import read_contacts
from connectors.files.customers import customers_of
from connectors.files.events import read_events
from connectors.files.orders import read_orders
from connectors.files.rows import Rejects, formats_in
from connectors.files.table import check_headers, digest, read_table
from connectors.records import (
    ENGAGEMENTS,
    TABLES,
    Change,
    Consent,
    Cursor,
    FieldDefinition,
    Finding,
    Outcome,
    Page,
    SetupStep,
)

STREAMS = {"contacts": "contacts", "orders": "orders", "survey_answers": "answers", "events": "events"}
"""Stream -> the setting that names its file."""
TABLE_OF = {"events": ENGAGEMENTS.name}  # others are called as their stream
PAGE = 10_000
READER = "4"  # of what cells mean: another one reads files again that have not changed
WITHOUT_CONSENT = "contacts_without_consent"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ONLY_READ = "File connections are read-only."


def connect(connection: Connection, *, session: requests.Session | None = None) -> Files:  # noqa: ARG001 - as the others
    """Return the connector of the files that the settings name.

    Raises:
        FixSettingsError: The settings name no file at all.
    """
    if not any(connection.settings.get(setting) for setting in STREAMS.values()):
        wanted = ", ".join(STREAMS.values())
        raise FixSettingsError(
            f"The connection {connection.name!r} has no file.", fix=f"Give at least one of: {wanted}."
        )
    return Files(connection)


class Files:
    """Contacts, orders and answers of one connection.

    Attributes:
        rejects: What was left out of the files that were read last, or replaced by a later row: a sentence a row.
    """

    result_streams: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()

    def __init__(self, connection: Connection) -> None:
        self.name = connection.name
        self.traffic = Traffic()
        self._settings = connection.settings
        self._types = connection.types
        self._mapped = connection.mapped
        self._rejects: dict[str, Rejects] = {}

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams that have a file; contacts always, since their age is what tells when a connection was read."""
        return tuple(name for name in STREAMS if name == "contacts" or self._path(name) is not None)

    @property
    def rejects(self) -> list[str]:
        """What was left out, or replaced by a later row, file by file."""
        return [line for reject in self._rejects.values() for line in reject.lines]

    def now(self) -> datetime:
        """Return when the newest of the files was written: files have no other clock."""
        times = [path.stat().st_mtime for path in self._paths().values() if path.exists()]
        return datetime.fromtimestamp(max(times), tz=UTC) if times else EPOCH

    def read(self, stream: str, cursor: Cursor, known: Known = nobody) -> Iterator[Page]:
        """Yield the whole file if it changed since *cursor*, else one empty page.

        Raises:
            FixSettingsError: The file is missing, or its structure is broken as a whole.
        """
        del known  # a file is read whole
        self._rejects.pop(stream, None)
        source = self._source(stream)
        path = self._path(source)
        here = {} if path is None else {"digest": self._digest(source, path)}
        if path is None or here == dict(cursor):
            yield _no_rows(stream, here)
            return
        tables = self._tables(stream, path)
        for name, rows in tables.items():
            total = rows.num_rows
            for start in range(0, total, PAGE):
                yield Page(name, rows.slice(start, PAGE), None, total)
        yield _no_rows(stream, here, tables[_table_of(stream)].num_rows)

    def _source(self, stream: str) -> str:
        """The stream whose file is read: without one of contacts, whoever ordered or did something is a contact."""
        if stream != "contacts":
            return stream
        return next((name for name in ("contacts", "orders", "events") if self._path(name) is not None), "orders")

    def _tables(self, stream: str, path: Path) -> dict[str, pa.Table]:
        source = self._source(stream)
        if stream != source:
            rows = self._tables(source, path)[_table_of(source)]
            self._rejects.pop(source)  # told when the stream itself is read
            self._refuse_unknown(path.name, ())
            return {"contacts": customers_of(rows, self.name)}
        kind = STREAMS[stream]
        table = read_table(path, sheet=self._settings.get(f"{kind}_sheet"))
        check_headers(path.name, table.headers)
        columns = find_columns(kind, table.headers, self._settings, file=path.name)
        if kind == "contacts":
            self._refuse_unknown(path.name, (*columns.others, *columns.properties))
        formats = formats_in(kind, table, columns, self._settings, self._types)
        rejects = self._rejects[stream] = Rejects(path.name, table.headers, columns.preset)
        if stream == "orders":
            orders, lines = read_orders(table, columns, formats, self.name, rejects)
            return {"orders": orders, "order_lines": lines}
        if stream == "contacts":
            without = self._without_consent
            return {stream: read_contacts(table, columns, formats, self.name, rejects, without=without)}
        reader: Any = {"survey_answers": read_answers, "events": read_events}[stream]
        return {_table_of(stream): reader(table, columns, formats, self.name, rejects)}

    @property
    def _without_consent(self) -> Consent:
        """The consent of everybody in a file that has no column for it: none, where the settings do not say another."""
        return cast("Consent", self._settings.get(WITHOUT_CONSENT, "none"))

    def _refuse_unknown(self, file: str, known: Sequence[str]) -> None:
        """Refuse a file without a column that a trait reads."""
        lacking = [name for name in self._mapped if name not in known]
        near = [difflib.get_close_matches(name, known, n=3) for name in lacking]
        if lacking:
            hints = [f" (did you mean {', '.join(map(repr, names))}?)" if names else "" for names in near]
            columns = "; ".join(f"{name!r}{hint}" for name, hint in zip(lacking, hints, strict=True))
            raise FixSettingsError(
                f"{file} has no column {columns}, which a trait of this connection reads.",
                fix=f"Correct `property` in [traits]; the file has: {', '.join(known) or 'no such columns'}.",
            )

    def write_rejects(self, folder: Path) -> list[Path]:
        """Write the rows that were left out or replaced as CSV, a file for each file that was read.

        Args:
            folder: Made where it is missing; a file of it whose source has no such rows any more is removed.

        Returns:
            The files that were written.
        """
        written = []
        for stream, rejects in self._rejects.items():
            path = folder / f"{self.name}-{STREAMS[stream]}.csv"
            if rejects.rows:
                rejects.write(path)
                written.append(path)
            else:
                path.unlink(missing_ok=True)
        return written

    def _digest(self, stream: str, path: Path) -> str:
        kind = STREAMS[stream]
        own = {"contacts": [WITHOUT_CONSENT], "orders": [WITHOUT_AMOUNTS]}
        keys = (*mapping_keys(kind), *own.get(kind, []))
        settings = [f"{key}={self._settings[key]}" for key in keys if key in self._settings]
        settings += [f"{name}:{self._types[name]}" for name in sorted(self._types)] if kind == "contacts" else []
        return hashlib.sha256("\n".join([READER, digest(path), *settings]).encode()).hexdigest()

    def _path(self, stream: str) -> Path | None:
        setting = self._settings.get(STREAMS[stream])
        return Path(setting) if setting else None

    def _paths(self) -> dict[str, Path]:
        return {name: path for name in STREAMS if (path := self._path(name)) is not None}

    def check(self) -> list[Finding]:
        """Read every file, and say what was found in it."""
        return [self._check(stream, path) for stream, path in self._paths().items()]

    def _check(self, stream: str, path: Path) -> Finding:
        try:
            tables = self._tables(stream, path)
        except FixSettingsError as error:
            return Finding(STREAMS[stream], "fail", error.what, error.fix)
        summary = f"{path.name}: " + ", ".join(
            f"{rows.num_rows:,} {name.replace('_', ' ')}"
            for name, rows in tables.items()
            if rows.num_rows or name == _table_of(stream)
        )
        rejects = self._rejects.pop(stream)
        summary += f" (read as {rejects.preset})" if rejects.preset else ""
        silent = stream == "contacts" and WITHOUT_CONSENT not in self._settings and _no_consent(tables["contacts"])
        if not rejects.rows and silent:
            return Finding(
                STREAMS[stream],
                "warn",
                f"{summary}; nobody in it has agreed to marketing, as far as the file says.",
                'If a column tells, name it: contacts_consent = "..."; if all of them agreed: '
                f'{WITHOUT_CONSENT} = "subscribed".',
            )
        if not rejects.rows:
            return Finding(STREAMS[stream], "ok", f"{summary}.")
        return Finding(
            STREAMS[stream],
            "warn",
            f"{summary}; {len(rejects.rows):,} rows have errors. {'; '.join(rejects.lines)}.",
            "Fix them in the file; `pull` writes them to .personasync/rejects.",
        )

    def missing(self, fields: Sequence[FieldDefinition], groups: Sequence[str]) -> list[SetupStep]:  # noqa: ARG002 - the Protocol's
        """Return nothing: files need nothing."""
        return []

    def fields(self) -> dict[str, FieldDefinition]:
        """Return nothing: no template prints what files hold."""
        return {}

    def create(self, step: SetupStep) -> None:
        """Refuse.

        Raises:
            ContractError: Always.
        """
        raise ContractError(f"{ONLY_READ} ({step.name})")

    def read_back(self, changes: Sequence[Change]) -> dict[tuple[str, str, str], str | None]:
        """Show nothing: nothing is ever written here."""
        del changes
        return {}

    read_back_sample = read_back

    def push(self, changes: Sequence[Change], still: Still = as_given) -> Iterator[list[Outcome]]:
        """Refuse.

        Raises:
            ContractError: There is a change.
        """
        if still(changes):
            raise ContractError(ONLY_READ)
        return iter(())

    def fetch(self, ids: Sequence[str], addresses: Sequence[str]) -> Fetched:  # noqa: ARG002 - the Protocol's
        """Return nothing: a file tells everything at once, or nothing."""
        return Fetched(TABLES["contacts"].columns.empty_table())

    def consents(self, cursor: Cursor, ids: Sequence[str] | None, addresses: Sequence[str] = ()) -> pa.Table:
        """Return the whole file of contacts where it changed since *cursor*."""
        del ids, addresses
        pages = [page.rows for page in self.read("contacts", cursor) if page.table == "contacts"]
        return pa.concat_tables(pages)

    def requests_for(self, changes: Sequence[Change]) -> dict[str, int]:  # noqa: ARG002 - the Protocol's
        """Return nothing: files need no requests."""
        return {}

    def seconds_for(self, requests: Mapping[str, int]) -> float:  # noqa: ARG002 - the Protocol's
        """Return nothing."""
        return 0.0

    def close(self) -> None:
        """Nothing is held open."""


def _table_of(stream: str) -> str:
    return TABLE_OF.get(stream, stream)


def _no_rows(stream: str, cursor: Cursor, total: int | None = None) -> Page:
    """The last page of a stream, which carries its cursor."""
    table = _table_of(stream)
    return Page(table, TABLES[table].columns.empty_table(), cursor, total)


def _no_consent(contacts: pa.Table) -> bool:
    return contacts.num_rows > 0 and set(contacts["consent"].to_pylist()) == {"none"}
