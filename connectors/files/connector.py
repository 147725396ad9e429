"""The file connector (CSV, Parquet), read-only.

A stream's cursor is the digest of its file and of the settings that say how to read it: an unchanged file is not
read again. A file is read as a whole; what an earlier version of it held and this one lacks stays known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pyarrow as pa
import requests

from connectors.connector import Connection, Known, Traffic, Webhook, nobody
from connectors.errors import ContractError, FixSettingsError
from connectors.files.answers import read_answers
from connectors.files.columns import find_columns, mapping_keys
from connectors.files.contacts import read_contacts
from connectors.files.customers import customers_of
from connectors.files.orders import read_orders
from connectors.files.rows import Rejects
from connectors.files.table import digest, read_table
from connectors.records import (
    TABLES,
    Change,
    Consent,
    Cursor,
    Fetched,
    FieldDefinition,
    Finding,
    Outcome,
    Page,
    SetupStep,
)
from connectors.secret import Secret

STREAMS = {"contacts": "contacts", "orders": "orders", "survey_answers": "answers"}  # stream -> setting
PAGE = 10_000
READER = "2"  # of what cells mean: another one reads files again that have not changed
WITHOUT_CONSENT = "contacts_without_consent"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ONLY_READ = "File connections are read-only."


def connect(connection: Connection, *, session: requests.Session | None = None) -> Files:  # noqa: ARG001 - the Protocol's
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

    pushes = False
    result_streams: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()

    def __init__(self, connection: Connection) -> None:
        self.name = connection.name
        self.traffic = Traffic()
        self._settings = connection.settings
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
            yield Page(stream, TABLES[stream].columns.empty_table(), here)
            return
        tables = self._tables(stream, path)
        for name, rows in tables.items():
            total = rows.num_rows
            for start in range(0, total, PAGE):
                yield Page(name, rows.slice(start, PAGE), None, total)
        yield Page(stream, TABLES[stream].columns.empty_table(), here, tables[stream].num_rows)

    def _source(self, stream: str) -> str:
        """The stream whose file is read: without a file of contacts, those who ordered are the contacts."""
        return "orders" if stream == "contacts" and self._path("contacts") is None else stream

    def _tables(self, stream: str, path: Path) -> dict[str, pa.Table]:
        if stream != self._source(stream):
            orders = self._tables("orders", path)["orders"]
            self._rejects.pop("orders")  # told when the orders themselves are read
            return {"contacts": customers_of(orders, self.name)}
        kind = STREAMS[stream]
        table = read_table(path)
        columns = find_columns(kind, table.headers, self._settings, file=path.name)
        rejects = self._rejects[stream] = Rejects(path.name)
        if stream == "orders":
            orders, lines = read_orders(table, columns, self.name, rejects)
            return {"orders": orders, "order_lines": lines}
        if stream == "contacts":
            return {stream: read_contacts(table, columns, self.name, rejects, without=self._without_consent)}
        return {stream: read_answers(table, columns, self.name, rejects)}

    @property
    def _without_consent(self) -> Consent:
        """The consent of everybody in a file that has no column for it: none, where the settings do not say another."""
        return cast("Consent", self._settings.get(WITHOUT_CONSENT, "none"))

    def _digest(self, stream: str, path: Path) -> str:
        kind = STREAMS[stream]
        keys = (*mapping_keys(kind), *([WITHOUT_CONSENT] if kind == "contacts" else []))
        told = [f"{key}={self._settings[key]}" for key in keys if key in self._settings]
        return hashlib.sha256("\n".join([READER, digest(path), *told]).encode()).hexdigest()

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
        told = f"{path.name}: " + ", ".join(
            f"{rows.num_rows:,} {name.replace('_', ' ')}"
            for name, rows in tables.items()
            if rows.num_rows or name == stream
        )
        wrong = self._rejects.pop(stream).lines
        silent = stream == "contacts" and WITHOUT_CONSENT not in self._settings and _no_consent(tables["contacts"])
        if not wrong and silent:
            return Finding(
                STREAMS[stream],
                "warn",
                f"{told}; nobody in it has agreed to marketing, as far as the file says.",
                'If a column tells, name it: contacts_consent = "..."; if all of them agreed: '
                f'{WITHOUT_CONSENT} = "subscribed".',
            )
        if not wrong:
            return Finding(STREAMS[stream], "ok", f"{told}.")
        return Finding(
            STREAMS[stream],
            "warn",
            f"{told}; {len(wrong):,} rows have errors. First: {wrong[0]}.",
            "Fix them in the file.",
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

    def webhooks(self) -> None:
        """Say nothing: files send no events."""

    def add_webhook(self, webhook: Webhook) -> Secret:
        """Refuse.

        Raises:
            ContractError: Always.
        """
        raise ContractError(f"Files don't send webhooks. ({webhook.url})")

    def read_back(self, changes: Sequence[Change]) -> dict[tuple[str, str, str], str | None]:
        """Show nothing: nothing is ever written here."""
        del changes
        return {}

    read_back_sample = read_back

    def push(self, changes: Sequence[Change]) -> Iterator[list[Outcome]]:
        """Refuse.

        Raises:
            ContractError: There is a change.
        """
        if changes:
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


def _no_consent(contacts: pa.Table) -> bool:
    return contacts.num_rows > 0 and set(contacts["consent"].to_pylist()) == {"none"}
