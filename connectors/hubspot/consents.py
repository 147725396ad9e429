"""Consent check before writing: HubSpot contacts that opted out, bounced or were deleted since the last pull.

A few contacts are read by id and address, which is exact. Of many, search tells who changed, in three requests mostly;
its index lags some moments behind, and the archived are not in it: HubSpot itself refuses what is written to those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow as pa

from connectors.fetched import fetched
from connectors.hubspot import contacts
from connectors.hubspot.api import HubSpotApi
from connectors.hubspot.operations import CONTACTS_SEARCH
from connectors.hubspot.scan import MERGED, ids_of, read_by_address, read_by_ids
from connectors.hubspot.search import EVER, HubSpotRecord, Search, on_property
from connectors.hubspot.times import hubspot_moment, milliseconds
from connectors.records import Cursor
from connectors.transport import in_order

MOVED = "lastmodifieddate"
OPT_OUT, BOUNCE = "hs_email_optout", "hs_email_hard_bounce_reason_enum"
READ = ("email", "hs_additional_emails", MERGED, OPT_OUT, BOUNCE)
BY_ID = 3  # requests up to which contacts are read by id and address
TOLD: tuple[Mapping[str, str], ...] = (
    {"propertyName": OPT_OUT, "operator": "EQ", "value": "true"},
    {"propertyName": BOUNCE, "operator": "HAS_PROPERTY"},
    {"propertyName": MERGED, "operator": "HAS_PROPERTY"},
)


class Consents:
    """Looks at the consent of contacts of one account.

    Args:
        page: Rows a page of a search.
        batch: Records a request.
        workers: Requests at a time.
    """

    def __init__(self, api: HubSpotApi, name: str, *, page: int, batch: int, workers: int) -> None:
        self._api, self._name, self._batch, self._workers = api, name, batch, workers
        self._search = Search(api, CONTACTS_SEARCH, MOVED, READ, page)

    def since(self, cursor: Cursor, ids: Sequence[str] | None, addresses: Sequence[str] = ()) -> pa.Table:
        """Return who may have changed; see `connectors.connector.Connector.consents`."""
        if ids is not None and len(self._parts(ids)) + len(self._parts(addresses)) <= BY_ID:
            return self._of(ids, addresses)
        records = {str(row["id"]): row for rows in self._told(cursor) for row in rows}
        return contacts.contact_rows(self._name, list(records.values()), ())

    def _of(self, ids: Sequence[str], addresses: Sequence[str]) -> pa.Table:
        questions: list[Callable[[], Sequence[HubSpotRecord]]] = [
            *(lambda part=part: read_by_ids(self._api, part, READ) for part in self._parts(ids)),
            *(lambda part=part: read_by_address(self._api, part, READ) for part in self._parts(addresses)),
        ]
        read = in_order(lambda question: question(), questions, workers=self._workers)
        records = {str(row["id"]): row for rows in read for row in rows}
        known = {key for row in records.values() for key in ids_of(row)}
        gone = [key for key in ids if key not in known]
        return fetched(self._name, contacts.contact_rows(self._name, list(records.values()), ()), gone).contacts

    def _parts(self, keys: Sequence[str]) -> list[Sequence[str]]:
        return [keys[start : start + self._batch] for start in range(0, len(keys), self._batch)]

    def _told(self, cursor: Cursor) -> Iterator[Sequence[HubSpotRecord]]:
        start = milliseconds(hubspot_moment(cursor.get("since")) or EVER)
        for condition in TOLD:
            for rows, _ in self._search.upwards([on_property(MOVED, "GTE", start), condition]):
                yield rows
