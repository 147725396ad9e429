"""Our tags in an audience: a tag is a static segment, found and filled by its id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pyarrow as pa

from connectors.mailchimp.api import MailchimpApi
from connectors.mailchimp.members import platform_id
from connectors.mailchimp.times import moment
from connectors.records import MEMBERSHIPS
from connectors.transport import check_made

SETTLED = timedelta(seconds=2)
MEMBER_FIELDS = ["members.id", "members.contact_id", "total_items"]


class Tags:
    """Tags by segment name."""

    def __init__(self, api: MailchimpApi, connection: str, audience: str, *, prefix: str, size: int) -> None:
        self._api, self._connection, self._audience = api, connection, audience
        self.prefix, self._size = prefix, size
        self._ids: dict[str, str] | None = None

    def facts(self) -> dict[str, str]:
        """Return what Mailchimp says about our tags, one text a tag: another text, other members (?).

        Its moments have whole seconds: of a tag that changed just now nothing is said, so that it is read again.
        """
        pages = self._api.pages(
            self._api.sdk.lists.list_segments,
            self._audience,
            key="segments",
            size=self._size,
            type="static",
            fields=["segments.id", "segments.name", "segments.member_count", "segments.updated_at"],
        )
        listed = [one for page in pages for one in page]
        self._ids = {str(one["name"]): str(one["id"]) for one in listed}
        return {
            str(one["name"]).removeprefix(self.prefix): f"{one['id']}|{one['member_count']}|{one['updated_at']}"
            for one in listed
            if str(one["name"]).startswith(self.prefix) and not self._just_now(one)
        }

    def _just_now(self, segment: Mapping[str, Any]) -> bool:
        present, changed = self._api.transport.platform_time, moment(segment["updated_at"])
        return present is None or changed is None or changed > present - SETTLED

    def id_of(self, group: str) -> str | None:
        """Return the id of a segment's tag, None where there is none. All of ours are looked up at once."""
        if self._ids is None:
            answer = self._api.call(self._api.sdk.lists.tag_search, self._audience, name=self.prefix)
            self._ids = {str(tag["name"]): str(tag["id"]) for tag in answer.get("tags", ())}
        return self._ids.get(self.prefix + group)

    @property
    def known(self) -> bool:
        """Whether the ids are known without asking."""
        return self._ids is not None

    def create(self, group: str) -> None:
        """Make the empty tag of a segment. Never for one that exists: an empty list would clear it (M11)."""
        body = {"name": self.prefix + group, "static_segment": []}
        made = self._api.call(self._api.sdk.lists.create_segment, self._audience, body)
        check_made(self.prefix + group, made.get("name"), "tag")
        if self._ids is not None:
            self._ids[self.prefix + group] = str(made["id"])

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
