"""What an audience shows now, without writing: before something unanswered is sent again, and before an undo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from connectors.mailchimp import batches
from connectors.mailchimp.api import MailchimpApi
from connectors.mailchimp.members import Members, Row, platform_id
from connectors.mailchimp.tags import Tags
from connectors.records import MEMBER, Change
from connectors.transport import in_order

SINGLY = 300  # members up to which each is asked for by itself; beyond, pages of all are fewer requests
TAGS_SHOWN = 50  # a member shows no more of its tags

Shown = dict[tuple[str, str, str], str | None]


class Look:
    """Looks at members of one audience.

    Args:
        workers: Connections.
        wait: Waits some seconds while a job still runs.
    """

    def __init__(
        self, api: MailchimpApi, members: Members, tags: Tags, *, workers: int, wait: Callable[[float], None]
    ) -> None:
        self._api, self._members, self._tags, self._workers, self._wait = api, members, tags, workers, wait

    def at(self, changes: Sequence[Change]) -> Shown:
        """Return what is shown where *changes* were made; see `connectors.connector.Connector.look`."""
        batches.wait_for_all(self._api, wait=self._wait)  # one that we lost sight of may still be writing
        keys = list(dict.fromkeys(change.platform_id for change in changes))
        wanted = set(keys)
        if len(keys) <= SINGLY:
            answers = in_order(self._members.one, keys, workers=self._workers)
            found = {key: one for key, one in zip(keys, answers, strict=True) if one is not None}
        else:
            pages = self._members.present()
            found = {key: one for page in pages for one in page if (key := platform_id(one)) in wanted}
        return self._shown(changes, found)

    def at_some(self, changes: Sequence[Change]) -> Shown:
        """Return what is shown of those of *changes* whose members changed last: one request."""
        newest, _ = self._members.newest(tagged=True)
        return self._shown(changes, {platform_id(one): one for one in newest})

    def _shown(self, changes: Iterable[Change], found: Mapping[str, Row]) -> Shown:
        shown: Shown = {}
        members: dict[str, set[str]] = {}
        for change in changes:
            one = found.get(change.platform_id)
            if one is None:
                continue
            if change.kind == "field":
                shown[change.platform_id, "field", change.name] = _text(
                    (one.get("merge_fields") or {}).get(change.name)
                )
            else:
                tagged = self._tagged(change, one, members)
                shown[change.platform_id, "group", change.name] = MEMBER if tagged else None
        return shown

    def _tagged(self, change: Change, member: Row, members: dict[str, set[str]]) -> bool:
        tags = member.get("tags") or ()
        if int(member.get("tags_count", len(tags))) <= TAGS_SHOWN:
            return any(tag["name"] == self._tags.prefix + change.name for tag in tags)
        if change.name not in members:
            pages = self._tags.members(change.name)
            members[change.name] = {key for page in pages for key in page["platform_id"].to_pylist()}
        return change.platform_id in members[change.name]


def _text(value: Any) -> str | None:
    return None if value in {None, ""} else str(value)
