"""A connector that personasync does not know: its platform is a JSON file of people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from connectors.connector import Connection, Known, Traffic, nobody
from connectors.records import CONTACTS, Cursor, Page, normalise_email


class Pond:
    """The people of one file; it can be read, and not written."""

    streams = ("contacts",)
    result_streams = ()
    reads = ("homeland", "swims")

    def __init__(self, connection: Connection) -> None:
        self.name, self.traffic = connection.name, Traffic()
        self._file = Path(connection.settings["file"])

    def read(self, stream: str, cursor: Cursor, known: Known = nobody) -> Iterator[Page]:
        """Yield everybody."""
        del stream, cursor, known
        rows = [self._row(person) for person in json.loads(self._file.read_text("utf-8"))]
        yield Page("contacts", pa.Table.from_pylist(rows, schema=CONTACTS.columns), {"read": "once"}, len(rows))

    def _row(self, person: dict[str, str]) -> dict[str, Any]:
        known = {"connection": self.name, "platform_id": person["id"], "email": normalise_email(person["email"])}
        told = {"state": "active", "consent": "subscribed", "properties": json.dumps(person)}
        return {**dict.fromkeys(CONTACTS.names), **known, **told, "additional_emails": [], "merged_ids": []}

    def close(self) -> None:
        """There is nothing to give back."""


connect = Pond
