"""Mailchimp reads of single members with their tags: recent ones in one request, others one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from connectors.fetched import Fetched, fetched
from connectors.mailchimp.members import Answers, MemberDocument, Members, member_rows, platform_id
from connectors.mailchimp.tags import Tags
from connectors.transport import in_order

FEW = 10  # members up to which each is asked for by itself, all at once over the connections


def member_key(address: str) -> str:
    """Return the id that Mailchimp gives a member by its address."""
    return hashlib.md5(address.lower().encode(), usedforsecurity=False).hexdigest()


class MembersById:
    """Reads members of one audience.

    Args:
        members: Reads them with their tags.
        groups: Segments whose tags are ours.
        wanted: Merge tags whose values are kept.
        kinds: Types of those that we own.
        workers: Connections.
        answers: What a member chose of groups; see `member_rows`.
    """

    def __init__(
        self,
        name: str,
        members: Members,
        tags: Tags,
        *,
        groups: Sequence[str],
        wanted: Sequence[str],
        kinds: Mapping[str, str],
        workers: int,
        answers: Answers | None = None,
    ) -> None:
        self._answers = answers
        self._name, self._members, self._tags, self._groups = name, members, tags, groups
        self._wanted, self._kinds, self._workers = wanted, kinds, workers

    def some(self, ids: Sequence[str], addresses: Sequence[str]) -> Fetched:
        """Return the members that answer to *ids* or *addresses*; see `connectors.connector.Connector.fetch`."""
        asked = list(dict.fromkeys([*ids, *map(member_key, addresses)]))
        known = self._newest(asked) if len(asked) > FEW else {}
        others = [key for key in asked if key not in known]
        answers = in_order(self._members.one, others, workers=self._workers)
        known |= {key: result for key, result in zip(others, answers, strict=True) if result is not None}
        members = {platform_id(member): member for member in known.values()}
        table = member_rows(self._name, list(members.values()), self._wanted, self._kinds, self._answers)
        held = frozenset(self._tags.of(list(members.values()), self._groups))
        return fetched(self._name, table, [key for key in ids if key not in known], held)

    def _newest(self, asked: Sequence[str]) -> dict[str, MemberDocument]:
        """Who an event is about changed just now: most of many are among the newest."""
        newest, _ = self._members.newest()
        named = {key: member for member in newest for key in (platform_id(member), str(member["id"]))}
        return {key: named[key] for key in asked if key in named}
