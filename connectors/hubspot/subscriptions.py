"""HubSpot communication subscriptions as rows: each address's status for every type of email, with its legal basis.

Statuses are asked for by address, 100 a request (POST statuses/batch/read, HubSpot's API reference, 2026-03). Nothing
tells which of them changed since, so all are read again at each pull: two requests per 100 contacts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from connectors.connector import Known
from connectors.hubspot.api import HubSpotApi
from connectors.hubspot.operations import SUBSCRIPTIONS_READ
from connectors.hubspot.scan import read_by_ids
from connectors.hubspot.times import hubspot_moment
from connectors.records import SUBSCRIPTIONS, Page, email_key, normalise_email
from connectors.transport import entries, in_order

NO_CHOICE = "NOT_SPECIFIED"
AT_ONCE = 50  # requests a page of rows


class SubscriptionStream:
    """Reads the subscriptions of one account's contacts.

    Args:
        name: Of the connection.
        batch: Contacts a request.
        workers: Requests at a time.
    """

    def __init__(self, api: HubSpotApi, name: str, *, batch: int, workers: int) -> None:
        self._api, self._name, self._batch, self._workers = api, name, batch, workers

    def read(self, known: Known) -> Iterator[Page]:
        """Yield the subscriptions of every contact that is known and in use.

        Args:
            known: The contacts as we know them.
        """
        ids = sorted(map(str, known({"active"}).to_pylist()))
        parts = [ids[start : start + self._batch] for start in range(0, len(ids), self._batch)]
        for start in range(0, len(parts), AT_ONCE):
            several = parts[start : start + AT_ONCE]
            rows = [row for part in in_order(self._of, several, workers=self._workers) for row in part]
            yield Page(SUBSCRIPTIONS.name, pa.Table.from_pylist(rows, schema=SUBSCRIPTIONS.columns))
        yield Page(SUBSCRIPTIONS.name, SUBSCRIPTIONS.columns.empty_table(), {"contacts": str(len(ids))})

    def _of(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        shown = (row["properties"].get("email") for row in read_by_ids(self._api, ids, ("email",)))
        addresses = sorted({address for email in shown if (address := normalise_email(email))})
        if not addresses:
            return []
        answer = self._api.call(SUBSCRIPTIONS_READ, query={"channel": "EMAIL"}, body={"inputs": addresses})
        return [
            row
            for result in entries(answer, "results")
            for status in result["statuses"]
            if (row := self._row(result, status))
        ]

    def _row(self, result: Mapping[str, Any], status: Mapping[str, Any]) -> dict[str, Any] | None:
        address = normalise_email(result["subscriberIdString"])
        if address is None:
            return None
        chosen = str(status["status"])
        return {
            "connection": self._name,
            "contact_key": email_key(address),
            "subscription_id": str(status["subscriptionId"]),
            "name": status.get("subscriptionName"),
            "status": chosen,
            "basis": status.get("legalBasis"),
            # who never chose has the moment of the answer
            "at": None if chosen == NO_CHOICE else hubspot_moment(status.get("timestamp")),
        }
