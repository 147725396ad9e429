"""The Mailchimp tags that personasync owns; a tag is a static segment, addressed by its id.

Who has a tag is read from the members, each of which shows its own tags with its contact id. Members of a segment
carry no contact id (Mailchimp's description 3.0.55), only the hash of the address: those answers complete what a member
with more tags than it shows leaves out, joined by the hash.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from connectors.errors import NotFoundError
from connectors.mailchimp.api import MailchimpApi
from connectors.mailchimp.members import MemberDocument, platform_id
from connectors.mailchimp.times import mailchimp_moment
from connectors.transport import check_made, entries, in_order

SETTLED = timedelta(seconds=2)
SINGLY = 100  # members with more tags than they show, up to which each is asked; beyond, the tags' pages are fewer

Holding = tuple[str, str]
"""Platform id of a member, and the segment whose tag it has."""


class Tags:
    """Tags by segment name.

    Args:
        workers: Connections.
    """

    def __init__(self, api: MailchimpApi, audience: str, *, prefix: str, size: int, workers: int) -> None:
        self._api, self._audience, self._workers = api, audience, workers
        self.prefix, self._size = prefix, size
        self._ids: dict[str, str] | None = None

    def states(self) -> dict[str, str]:
        """Return what Mailchimp says about our tags, one text a tag: another text, other members (A13).

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
        listed = [segment for page in pages for segment in page]
        self._ids = {str(segment["name"]): str(segment["id"]) for segment in listed}
        return {
            str(segment["name"]).removeprefix(
                self.prefix
            ): f"{segment['id']}|{segment['member_count']}|{segment['updated_at']}"
            for segment in listed
            if str(segment["name"]).startswith(self.prefix) and not self._just_now(segment)
        }

    def _just_now(self, segment: Mapping[str, Any]) -> bool:
        present, changed = self._api.transport.platform_time, mailchimp_moment(segment["updated_at"])
        return present is None or changed is None or changed > present - SETTLED

    def id_of(self, group: str) -> str | None:
        """Return the id of a segment's tag, None where there is none. All of ours are looked up at once."""
        if self._ids is None:
            answer = self._api.call(self._api.sdk.lists.tag_search, self._audience, name=self.prefix)
            self._ids = {str(tag["name"]): str(tag["id"]) for tag in entries(answer, "tags")}
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

    def shown(self, members: Iterable[MemberDocument], groups: Collection[str]) -> Iterator[Holding]:
        """Yield which tags of *groups* the *members* themselves show."""
        ours = {self.prefix + group: group for group in groups}
        for member_document in members:
            for tag in member_document.get("tags") or ():
                if tag["name"] in ours:
                    yield platform_id(member_document), ours[tag["name"]]

    def of(self, members: Sequence[MemberDocument], groups: Collection[str]) -> set[Holding]:
        """Return which tags of *groups* the *members* have, asking for those that they do not show."""
        cut = {
            str(member_document["id"]): platform_id(member_document)
            for member_document in members
            if shows_a_part(member_document)
        }
        return {*self.shown(members, groups), *self.unseen(cut, groups)}

    def unseen(self, cut: Mapping[str, str], groups: Collection[str]) -> Iterator[Holding]:
        """Yield which tags of *groups* members have that show a part of their tags only.

        Args:
            cut: Their platform ids by the hash of their address.
            groups: Names of segments.
        """
        if len(cut) <= SINGLY:
            answers = in_order(self._names_of, list(cut.values()), workers=self._workers)
            for key, names in zip(cut.values(), answers, strict=True):
                yield from ((key, group) for group in groups if self.prefix + group in names)
            return
        for group in groups:
            yield from ((cut[member], group) for member in self._hashes(group) if member in cut)

    def _names_of(self, member: str) -> set[str]:
        method, wanted = self._api.sdk.lists.get_list_member_tags, ["tags.name"]
        pages = self._api.pages(method, self._audience, member, key="tags", size=self._size, fields=wanted)
        try:
            return {str(tag["name"]) for page in pages for tag in page}
        except NotFoundError:  # deleted since it was read
            return set()

    def _hashes(self, group: str) -> Iterator[str]:
        """Yield the hash of everybody's address who has a segment's tag, whatever their consent."""
        tag = self.id_of(group)
        if tag is None:
            return
        pages = self._api.pages(
            self._api.sdk.lists.get_segment_members_list,
            self._audience,
            tag,
            key="members",
            size=self._size,
            fields=["members.id"],
            include_unsubscribed=True,
            include_cleaned=True,
            include_transactional=True,
        )
        for page in pages:
            yield from (str(member["id"]) for member in page)


def shows_a_part(member: MemberDocument) -> bool:
    """Tell whether a member has more tags than it shows (fifty at most)."""
    tags = member.get("tags") or ()
    return int(member.get("tags_count", len(tags))) > len(tags)
