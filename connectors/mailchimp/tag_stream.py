"""Mailchimp tag stream: memberships in our tags, read from the members.

Nothing is read while Mailchimp says the same about our tags as last time. Else all members are: which of them lost a
tag is known from who has it. No filter by `last_changed` stands in for that, as nothing promises that a segment batch,
or a tag deleted in Mailchimp, moves it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from connectors.mailchimp.members import MemberDocument, Members, platform_id
from connectors.mailchimp.tags import Holding, Tags, shows_a_part
from connectors.records import MEMBERSHIPS, Cursor, Page

HELD = "members.id,members.contact_id,members.last_changed,members.tags_count,members.tags"
NOW = "just now"  # what is said about a tag that may still be changing
POSITION = "held "  # of a tag in the cursor; "tag " told of readings that knew members by their hashes
EMPTY = MEMBERSHIPS.columns.empty_table()


class TagStream:
    """Memberships in our tags as pages of the warehouse's table.

    Args:
        members: Reads members with what `HELD` names.
        groups: Segments whose tags are ours.
        old: Tells of a cursor whether all must be read again, and when that was last done, or is now.
    """

    def __init__(
        self,
        name: str,
        members: Members,
        tags: Tags,
        *,
        groups: Sequence[str],
        old: Callable[[Cursor], tuple[bool, str]],
    ) -> None:
        self._name, self._members, self._tags, self._groups, self._old = name, members, tags, groups, old

    def read(self, cursor: Cursor) -> Iterator[Page]:
        """Yield everybody who has one of the tags of which Mailchimp says something new; now and then, of all."""
        states = self._tags.states()  # first: what changes while members are read is something new the next time
        old, read_at = self._old(cursor)
        moved = tuple(group for group in self._groups if old or states.get(group, NOW) != cursor.get(POSITION + group))
        present = [group for group in moved if self._tags.id_of(group) is not None]
        if present:
            yield from self._everybody(present)
        following = {POSITION + group: states[group] for group in self._groups if group in states}
        yield Page("memberships", EMPTY, {"read_at": read_at, **following}, groups=moved)

    def _everybody(self, groups: Sequence[str]) -> Iterator[Page]:
        """Yield who has the tags of *groups*. Of a member that changed while we read, only the last look counts."""
        settled: list[pa.Table] = []
        cut: dict[str, str] = {}
        present = self._members.present()
        for page in present.settled:
            settled.append(self._rows(self._tags.shown(page, groups)))
            cut |= _hashes(page)
        late = {platform_id(member): member for page in present.moved() for member in page}
        cut = {member: key for member, key in cut.items() if key not in late} | _hashes(late.values())
        again = pa.array(late, pa.string())
        while settled:
            rows = settled.pop()
            yield Page("memberships", rows.filter(pc.invert(pc.is_in(rows["platform_id"], value_set=again))))
        yield Page("memberships", self._rows(self._tags.shown(late.values(), groups)))
        yield Page("memberships", self._rows(self._tags.unseen(cut, groups)))

    def _rows(self, held: Iterable[Holding]) -> pa.Table:
        rows = [
            {"connection": self._name, "group_name": group, "platform_id": key, "member": True} for key, group in held
        ]
        return pa.Table.from_pylist(rows, schema=MEMBERSHIPS.columns)


def _hashes(members: Iterable[MemberDocument]) -> dict[str, str]:
    return {
        str(member_document["id"]): platform_id(member_document)
        for member_document in members
        if shows_a_part(member_document)
    }
