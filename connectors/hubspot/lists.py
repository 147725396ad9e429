"""The static HubSpot lists that personasync owns, one per segment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from connectors.errors import FixSettingsError, NotFoundError
from connectors.hubspot.api import HubSpotApi
from connectors.hubspot.operations import LIST_BY_NAME, LIST_CREATE, LISTS_SEARCH, MEMBERS_PAGE, NUMBERED
from connectors.hubspot.search import list_pages
from connectors.records import MEMBERSHIPS
from connectors.transport import check_made, entries, pages

# what moves when somebody enters or leaves a list (A3): the wording is HubSpot's, the promise nobody's; so lists
# are read again from time to time whatever these say
LIST_STATE = ("hs_list_size", "hs_last_record_added_at", "hs_last_record_removed_at")
MOST_LISTS = 500  # a search's largest page
CONTACT = "0-1"  # HubSpot's object type of contacts


class Lists:
    """Lists by segment name.

    Args:
        prefix: What our lists' names begin with.
    """

    def __init__(self, api: HubSpotApi, connection: str, *, prefix: str, page: int) -> None:
        self._api, self._connection, self._prefix, self._page = api, connection, prefix, page
        self._ids: dict[str, str] = {}

    def id_of(self, group: str) -> str | None:
        """Return the id of a segment's list, None where there is none.

        Raises:
            FixSettingsError: A list of that name fills itself, so that nobody can be put on it.
        """
        if group not in self._ids:
            path = {"list_name": self._prefix + group, "object_type_id": CONTACT}
            try:
                listing = self._api.call(LIST_BY_NAME, path=path)["list"]
            except NotFoundError:
                return None
            if listing["processingType"] == "DYNAMIC":
                raise FixSettingsError(
                    f"The HubSpot list {listing['name']!r} is an active list (filled by filters).",
                    fix="Rename it in HubSpot; personasync creates its own static list.",
                )
            self._ids[group] = str(listing["listId"])
        return self._ids[group]

    def known(self, group: str) -> bool:
        """Tell whether the id is known without asking."""
        return group in self._ids

    def states(self, groups: Sequence[str]) -> dict[str, str]:
        """Return what HubSpot says about the lists of *groups*, one text a list: another text, other members."""
        body: dict[str, Any] = {
            "query": self._prefix.strip(),
            "count": MOST_LISTS,
            "additionalProperties": list(LIST_STATE),
        }
        if self._api.version != NUMBERED:  # required there; empty ones filter nothing (A2)
            body |= {"listIds": [], "processingTypes": []}
        states: dict[str, str] = {}
        answers = pages(
            lambda offset: self._api.call(LISTS_SEARCH, body={**body, "offset": offset or 0}),
            lambda answer, offset: (offset or 0) + MOST_LISTS if answer.get("hasMore") else None,
            entries=lambda answer: entries(answer, "lists", optional=True),
            what="HubSpot's lists",
        )
        for listing in (entry for answer in answers for entry in entries(answer, "lists", optional=True)):
            group = str(listing["name"]).removeprefix(self._prefix)
            if group in groups and listing["name"] != group:
                states[group] = self._fact(group, listing)
        return states

    def _fact(self, group: str, listing: Mapping[str, Any]) -> str:
        if listing["processingType"] != "DYNAMIC":  # `id_of` says what is wrong with one that fills itself
            self._ids[group] = str(listing["listId"])
        more = listing.get("additionalProperties", {})
        return "|".join(
            str(part)
            for part in (listing["listId"], listing.get("updatedAt"), *(more.get(name) for name in LIST_STATE))
        )

    def create(self, group: str) -> None:
        """Make the list of a segment."""
        body = {"name": self._prefix + group, "objectTypeId": CONTACT, "processingType": "MANUAL"}
        made = self._api.call(LIST_CREATE, body=body)["list"]
        check_made(self._prefix + group, made.get("name"), "list")
        self._ids[group] = str(made["listId"])

    def members(self, group: str) -> Iterator[pa.Table]:
        """Yield the members of a segment's list, page by page; nothing where there is no list."""
        list_id = self.id_of(group)
        if list_id is None:
            return
        query, path = {"limit": self._page}, {"list_id": list_id}
        for page in list_pages(self._api, MEMBERS_PAGE, query, path):
            rows = [
                {
                    "connection": self._connection,
                    "group_name": group,
                    "platform_id": str(result["recordId"]),
                    "member": True,
                }
                for result in page
            ]
            yield pa.Table.from_pylist(rows, schema=MEMBERSHIPS.columns)
