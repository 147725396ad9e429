"""HubSpot read-back: current values, before resending an unconfirmed change and before an undo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.hubspot.api import HubSpotApi
from connectors.hubspot.lists import CONTACT, Lists
from connectors.hubspot.operations import MEMBERSHIPS_READ
from connectors.hubspot.scan import ids_of, read_by_ids
from connectors.records import MEMBER, Change
from connectors.transport import entries, in_order
from connectors.values import values_kept

BY_RECORD = 2_000  # records up to which each one's lists are asked for; beyond, the lists' members are fewer requests
SAMPLE = 100  # one request's worth

CurrentValues = dict[tuple[str, str, str], str | None]


class ContactReadBack:
    """Looks at contacts and lists of one account.

    Args:
        kinds: Types of the properties that we own.
        batch: Records a request.
        workers: Requests at a time.
    """

    def __init__(self, api: HubSpotApi, lists: Lists, *, kinds: Mapping[str, str], batch: int, workers: int) -> None:
        self._api, self._lists, self._kinds, self._batch, self._workers = api, lists, kinds, batch, workers

    def at(self, changes: Sequence[Change]) -> CurrentValues:
        """Return what is shown where *changes* were made; see `connectors.connector.Connector.read_back`."""
        fields = [change for change in changes if change.kind == "field"]
        return self._fields(fields) | self._groups([change for change in changes if change.kind == "group"])

    def at_some(self, changes: Sequence[Change]) -> CurrentValues:
        """Return what is shown of a sample, spread over *changes*: a request for fields, one for groups."""
        values: CurrentValues = {}
        for kind in ("field", "group"):
            ids = list(dict.fromkeys(change.platform_id for change in changes if change.kind == kind))
            chosen = set(ids[:: max(len(ids) // SAMPLE, 1)][:SAMPLE])
            values |= self.at([change for change in changes if change.kind == kind and change.platform_id in chosen])
        return values

    def _fields(self, changes: Sequence[Change]) -> CurrentValues:
        names = sorted({change.name for change in changes})
        shown: CurrentValues = {}
        for rows in in_order(
            lambda ids: read_by_ids(self._api, ids, names), self._parts(changes), workers=self._workers
        ):
            for row in rows:
                values = values_kept({name: row["properties"].get(name) for name in names}, self._kinds)
                for key in ids_of(row):  # a contact that was merged away shows what the one shows that took it in
                    shown |= {(key, "field", name): value or None for name, value in values.items()}
        return shown

    def _groups(self, changes: Sequence[Change]) -> CurrentValues:
        lists = {name: list_id for name in {change.name for change in changes} if (list_id := self._lists.id_of(name))}
        parts = self._parts(changes)
        members = self._by_record(parts) if len(parts) * self._batch <= BY_RECORD else None
        if members is None:  # too many, or an answer in words that we do not know
            members = {
                (key, list_id): True
                for name, list_id in lists.items()
                for page in self._lists.members(name)
                for key in page["platform_id"].to_pylist()
            }
        return {
            (change.platform_id, "group", change.name): MEMBER
            if (change.platform_id, lists.get(change.name)) in members
            else None
            for change in changes
        }

    def _by_record(self, parts: Sequence[Sequence[str]]) -> dict[tuple[str, str], bool] | None:
        memberships: dict[tuple[str, str], bool] = {}
        for ids in parts:
            inputs = [{"objectTypeId": CONTACT, "recordId": key} for key in ids]
            answer = self._api.call(MEMBERSHIPS_READ, body={"inputs": inputs})
            if {str(record.get("recordId")) for record in entries(answer, "results", optional=True)} != set(ids):
                return None  # of a record that is not mentioned nothing is known, least of all that it is on no list
            for result in entries(answer, "results", optional=True):
                if "recordListMemberships" not in result:
                    return None
                memberships |= {
                    (str(result["recordId"]), str(on["listId"])): True for on in result["recordListMemberships"]
                }
        return memberships

    def _parts(self, changes: Sequence[Change]) -> list[list[str]]:
        ids = list(dict.fromkeys(change.platform_id for change in changes))
        return [ids[start : start + self._batch] for start in range(0, len(ids), self._batch)]
