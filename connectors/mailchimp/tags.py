"""Our tags in an audience: a tag is a static segment, found and filled by its id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from connectors.mailchimp.api import MailchimpApi
from connectors.mailchimp.members import platform_id
from connectors.records import MEMBERSHIPS

MEMBER_FIELDS = ["members.id", "members.contact_id", "total_items"]


class Tags:
    """Tags by segment name."""

    def __init__(self, api: MailchimpApi, connection: str, audience: str, *, prefix: str, size: int) -> None:
        self._api, self._connection, self._audience = api, connection, audience
        self._prefix, self._size = prefix, size
        self._ids: dict[str, str] | None = None

    def id_of(self, group: str) -> str | None:
        """Return the id of a segment's tag, None where there is none. All of ours are looked up at once."""
        if self._ids is None:
            answer = self._api.call(self._api.sdk.lists.tag_search, self._audience, name=self._prefix)
            self._ids = {str(tag["name"]): str(tag["id"]) for tag in answer.get("tags", ())}
        return self._ids.get(self._prefix + group)

    def create(self, group: str) -> None:
        """Make the empty tag of a segment. Never for one that exists: an empty list would clear it (M11)."""
        body = {"name": self._prefix + group, "static_segment": []}
        made = self._api.call(self._api.sdk.lists.create_segment, self._audience, body)
        if self._ids is not None:
            self._ids[self._prefix + group] = str(made["id"])

    def members(self, group: str) -> Iterator[pa.Table]:
        """Yield who has a segment's tag, whatever their consent; nothing where there is no such tag."""
        tag = self.id_of(group)
        if tag is None:
            return
        pages = self._api.pages(
            self._api.sdk.lists.get_segment_members_list,
            self._audience,
            tag,
            key="members",
            size=self._size,
            fields=MEMBER_FIELDS,
            include_unsubscribed=True,
            include_cleaned=True,
            include_transactional=True,
        )
        for page in pages:
            yield pa.Table.from_pylist([self._row(group, one) for one in page], schema=MEMBERSHIPS.columns)

    def _row(self, group: str, member: Mapping[str, Any]) -> dict[str, Any]:
        return {"connection": self._connection, "group_name": group, "platform_id": platform_id(member), "member": True}
