"""HubSpot batch reads of contacts by id or email, with their memberships in our lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.errors import ContractError
from connectors.fetched import Fetched, fetched
from connectors.hubspot import contacts
from connectors.hubspot.api import HubSpotApi
from connectors.hubspot.lists import CONTACT, Lists
from connectors.hubspot.operations import MEMBERSHIPS_READ
from connectors.hubspot.scan import ids_of, read_by_address, read_by_ids
from connectors.hubspot.search import HubSpotRecord
from connectors.transport import entries, in_order

MERGED = "hs_merged_object_ids"


class ContactsById:
    """Reads contacts of one account.

    Args:
        groups: Segments whose lists are ours.
        properties: What to read of each contact.
        kinds: Types of the properties that we own.
        batch: Records a request.
        workers: Requests at a time.
    """

    def __init__(
        self,
        api: HubSpotApi,
        name: str,
        lists: Lists,
        *,
        groups: Sequence[str],
        properties: Sequence[str],
        kinds: Mapping[str, str],
        batch: int,
        workers: int,
    ) -> None:
        self._api, self._name, self._lists, self._groups = api, name, lists, groups
        self._kinds = kinds
        self._properties, self._batch, self._workers = list(dict.fromkeys([*properties, MERGED])), batch, workers

    def some(self, ids: Sequence[str], addresses: Sequence[str]) -> Fetched:
        """Return the contacts that answer to *ids* or *addresses*; see `connectors.connector.Connector.fetch`."""
        records: dict[str, HubSpotRecord] = {}
        questions: list[Callable[[], Sequence[HubSpotRecord]]] = [
            *(lambda part=part: read_by_ids(self._api, part, self._properties) for part in self._parts(ids)),
            *(lambda part=part: read_by_address(self._api, part, self._properties) for part in self._parts(addresses)),
        ]
        for rows in in_order(lambda question: question(), questions, workers=self._workers):
            records |= {str(row["id"]): row for row in rows}
        known = {key for row in records.values() for key in ids_of(row)}
        table = contacts.contact_rows(self._name, list(records.values()), self._properties, self._kinds)
        return fetched(self._name, table, [key for key in ids if key not in known], self._memberships(list(records)))

    def _memberships(self, ids: Sequence[str]) -> frozenset[tuple[str, str]]:
        lists = {list_id: group for group in self._groups if (list_id := self._lists.id_of(group))}
        if not lists:
            return frozenset()
        parts = in_order(self._lists_of, self._parts(ids), workers=self._workers)
        return frozenset((key, lists[on]) for part in parts for key, on in part if on in lists)

    def _lists_of(self, ids: Sequence[str]) -> list[tuple[str, str]]:
        inputs = [{"objectTypeId": CONTACT, "recordId": key} for key in ids]
        answer: dict[str, Any] = self._api.call(MEMBERSHIPS_READ, body={"inputs": inputs})
        memberships = []
        for result in entries(answer, "results", optional=True):
            if "recordListMemberships" not in result:
                raise ContractError("HubSpot returned a record's lists in an unknown format.")
            memberships += [(str(result["recordId"]), str(on["listId"])) for on in result["recordListMemberships"]]
        return memberships

    def _parts(self, keys: Sequence[str]) -> list[list[str]]:
        listed = list(dict.fromkeys(keys))
        return [listed[start : start + self._batch] for start in range(0, len(listed), self._batch)]
