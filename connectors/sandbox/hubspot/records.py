"""Records of one kind (contacts or deals): in order of id, with what search needs to be quick.

`modified` and `order` make the two filters of an incremental pull cheap at 100,000 records. `stale`
remembers what a record was before its latest writes, because the search index shows that for a while.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Any

from connectors.sandbox.hubspot.times import iso, parse_ms
from connectors.sandbox.store import DocumentTable

Row = dict[str, Any]
VERSIONS_KEPT = 45  # HubSpot keeps as many values of a contact's property
UNVERSIONED = "hs_email_"  # every send moves them; their past would be most of the account's memory

# the modification time property differs by kind (PLATFORMS: contacts are the exception)
MODIFIED = {"contacts": "lastmodifieddate", "deals": "hs_lastmodifieddate"}


class Records:
    """All records of one kind.

    Attributes:
        table: Documents by id; archived ones stay.
        order: Ids of the records that are not archived, ascending.
        archived: Ids of archived records, ascending.
        modified: Id -> epoch milliseconds of the last change, for every record.
        stale: Id -> (epoch milliseconds of a write, the document before it or None), oldest first.
    """

    def __init__(self, kind: str, table: DocumentTable) -> None:
        self.kind = kind
        self.table = table
        self.modified_name = MODIFIED[kind]
        self.order: list[int] = []
        self.archived: list[int] = []
        self.modified: dict[int, int] = {}
        self.stale: dict[int, list[tuple[int, Row | None]]] = {}
        for key, row in table.items():
            (self.archived if row["archived"] else self.order).append(int(key))
            self.modified[int(key)] = parse_ms(row["updatedAt"]) or 0
        self.order.sort()
        self.archived.sort()

    def __len__(self) -> int:
        return len(self.order)

    def active(self, record_id: str) -> Row | None:
        """Return the record unless it is archived or unknown."""
        row = self.table.rows.get(record_id)
        return None if row is None or row["archived"] else row

    def rows(self) -> Iterator[Row]:
        """Yield every record that is not archived, in order of id."""
        for number in self.order:
            yield self.table.rows[str(number)]

    def add(self, number: int, properties: dict[str, str], *, created_ms: int, **more: Any) -> Row:
        """Add a record; *properties* must have been checked and hold no empty values."""
        created = iso(created_ms)
        properties |= {"createdate": properties.get("createdate", created), "hs_object_id": str(number)}
        properties[self.modified_name] = created
        row: Row = {"id": str(number), "properties": properties, "createdAt": created, "updatedAt": created}
        row |= {"archived": False, **more}
        self.table[str(number)] = row
        if self.order and number < self.order[-1]:
            insort(self.order, number)
        else:
            self.order.append(number)
        self.modified[number] = created_ms
        return row

    def change(self, row: Row, values: dict[str, str | None], *, at_ms: int) -> None:
        """Set *values* (None clears) and move the modification time, which never goes back."""
        number = int(row["id"])
        properties = row["properties"]
        moment = iso(at_ms)
        for name, value in values.items():
            if properties.get(name) != value:
                if not name.startswith(UNVERSIONED):
                    self._keep_version(row, name, value, moment)
                if value is None:
                    properties.pop(name, None)
                else:
                    properties[name] = value
        at_ms = max(at_ms, self.modified[number])
        row["updatedAt"] = properties[self.modified_name] = iso(at_ms)
        self.modified[number] = at_ms
        self.table[row["id"]] = row

    def remember(self, row: Row | None, number: int, *, at_ms: int) -> None:
        """Keep what the search index shows of a record that is about to be written."""
        before = None if row is None else {**row, "properties": dict(row["properties"])}
        self.stale.setdefault(number, []).append((at_ms, before))

    def archive(self, row: Row, *, at_ms: int) -> None:
        """Take the record out of every list but the one of archived records."""
        number = int(row["id"])
        row |= {"archived": True, "archivedAt": iso(at_ms), "updatedAt": iso(at_ms)}
        self.modified[number] = at_ms
        self.table[row["id"]] = row
        del self.order[bisect_left(self.order, number)]
        insort(self.archived, number)

    def restore(self, row: Row, *, at_ms: int) -> None:
        """Take the record out of the archived ones."""
        number = int(row["id"])
        del row["archivedAt"]
        row |= {"archived": False, "updatedAt": iso(at_ms)}
        row["properties"][self.modified_name] = iso(at_ms)
        self.modified[number] = at_ms
        self.table[row["id"]] = row
        del self.archived[bisect_left(self.archived, number)]
        insort(self.order, number)

    def drop(self, row: Row) -> None:
        """Forget the record altogether, as a merge or a privacy deletion does."""
        number = int(row["id"])
        ids = self.archived if row["archived"] else self.order
        del ids[bisect_left(ids, number)]
        del self.modified[number]
        self.stale.pop(number, None)
        del self.table[row["id"]]

    def history(self, row: Row, name: str) -> list[Row]:
        """Return the values that property *name* of the record has had, newest first."""
        kept = row.get("history", {}).get(name)
        if kept is not None:
            return list(kept)
        value = row["properties"].get(name)
        return [] if value is None else [_version(value, row["createdAt"])]

    def _keep_version(self, row: Row, name: str, value: str | None, moment: str) -> None:
        versions = row.setdefault("history", {}).setdefault(name, [])
        before = row["properties"].get(name)
        if not versions and before is not None:
            versions.append(_version(before, row["createdAt"]))
        versions.insert(0, _version(value or "", moment))
        del versions[VERSIONS_KEPT:]


def _version(value: str, moment: str) -> Row:
    return {"value": value, "timestamp": moment, "sourceType": "INTEGRATION", "sourceId": "sandbox"}
