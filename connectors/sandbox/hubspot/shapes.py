"""Records as the API shows them: which properties, in which order, and the paging of lists."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from connectors.sandbox.hubspot.calls import HubSpotCall
from connectors.sandbox.hubspot.errors import invalid_request
from connectors.sandbox.hubspot.state import HubSpotState

Json = dict[str, Any]
Row = dict[str, Any]

SHOWN_UNASKED = {
    "contacts": ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
    "deals": (
        "amount",
        "closedate",
        "createdate",
        "dealname",
        "dealstage",
        "hs_lastmodifieddate",
        "hs_object_id",
        "pipeline",
    ),
}
ALWAYS_SHOWN = {
    "contacts": ("createdate", "hs_object_id", "lastmodifieddate"),
    "deals": ("createdate", "hs_lastmodifieddate", "hs_object_id"),
}


class View:
    """How the records of one answer are shown.

    Attributes:
        names: Properties that are shown, sorted; those asked for that do not exist are left out.
    """

    def __init__(
        self,
        state: HubSpotState,
        kind: str,
        properties: Sequence[str] = (),
        *,
        history: Sequence[str] = (),
        associations: Sequence[str] = (),
    ) -> None:
        self.state = state
        self.kind = kind
        asked = (*properties, *history, *ALWAYS_SHOWN[kind]) if properties or history else SHOWN_UNASKED[kind]
        self.names = sorted({name for name in asked if f"{kind}/{name}" in state.properties})
        self.history = [name for name in history if f"{kind}/{name}" in state.properties]
        self.associations = associations

    def show(self, row: Row) -> Json:
        """Return the record."""
        properties = row["properties"]
        shown = _frame(row, {name: properties.get(name) for name in self.names})
        if self.history:
            records = self.state.records(self.kind)
            shown["propertiesWithHistory"] = {name: records.history(row, name) for name in self.history}
        linked = {other: self._linked(row, other) for other in self.associations}
        if linked := {other: results for other, results in linked.items() if results}:
            shown["associations"] = {other: {"results": results} for other, results in linked.items()}
        return shown

    def _linked(self, row: Row, other: str) -> list[Json]:
        if (self.kind, other) == ("contacts", "deals"):
            return [{"id": deal, "type": "contact_to_deal"} for deal in self.state.deals_of.get(row["id"], ())]
        if (self.kind, other) == ("deals", "contacts"):
            return [{"id": contact, "type": "deal_to_contact"} for contact in row["contacts"]]
        return []


def written_record(row: Row, names: Sequence[str]) -> Json:
    """Return the record as a write answers it: what was written, and what that moved."""
    properties = row["properties"]
    moved = ("hs_email_domain", "lastmodifieddate") if "email" in names else ("lastmodifieddate",)
    return _frame(row, {name: properties.get(name) for name in sorted({*names, *moved})})


def _frame(row: Row, properties: Json) -> Json:
    shown = {
        "id": row["id"],
        "properties": properties,
        "createdAt": row["createdAt"],
        "updatedAt": row["updatedAt"],
        "archived": row["archived"],
    }
    if row["archived"]:
        shown["archivedAt"] = row["archivedAt"]
    return shown


def page_of_ids(call: HubSpotCall, ids: Sequence[int], limit: int) -> tuple[Sequence[int], Json]:
    """Return the ids of the page that the call asks for, and the ``paging`` of its answer ({} on the last page).

    Raises:
        Refusal: 400 when ``after`` did not come from us.
    """
    after = call.one("after")
    if after and not after.isdigit():
        message = f"Invalid paging cursor {after!r}"
        raise invalid_request(message)
    start = bisect_left(ids, int(after)) if after else 0
    start = start if start < len(ids) else 0  # beyond the end, the real one begins anew
    page = ids[start : start + limit]
    if start + limit >= len(ids):
        return page, {}
    following = str(page[-1] + 1)
    return page, {"paging": {"next": {"after": following, "link": f"{call.base_url}{call.route}?after={following}"}}}
