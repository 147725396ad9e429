"""Mailchimp read-back: current values, before resending an unconfirmed change and before an undo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from connectors.mailchimp import batches
from connectors.mailchimp.api import MailchimpApi
from connectors.mailchimp.members import MemberDocument, Members, platform_id, shown_text
from connectors.mailchimp.tags import Tags
from connectors.records import MEMBER, Change
from connectors.transport import in_order

SINGLY = 300  # members up to which each is asked for by itself; beyond, pages of all are fewer requests

CurrentValues = dict[tuple[str, str, str], str | None]


class MemberReadBack:
    """Looks at members of one audience.

    Args:
        members: Reads them with their tags.
        kinds: Types of the merge fields that we own.
        workers: Connections.
        wait: Waits some seconds while a job still runs.
    """

    def __init__(
        self,
        api: MailchimpApi,
        members: Members,
        tags: Tags,
        *,
        kinds: Mapping[str, str],
        workers: int,
        wait: Callable[[float], None],
    ) -> None:
        self._kinds = kinds
        self._api, self._members, self._tags, self._workers, self._wait = api, members, tags, workers, wait

    def at(self, changes: Sequence[Change]) -> CurrentValues:
        """Return what is shown where *changes* were made; see `connectors.connector.Connector.read_back`."""
        batches.wait_for_all(self._api, wait=self._wait)  # one that we lost sight of may still be writing
        keys = list(dict.fromkeys(change.platform_id for change in changes))
        wanted = set(keys)
        if len(keys) <= SINGLY:
            answers = in_order(self._members.one, keys, workers=self._workers)
            members = {key: result for key, result in zip(keys, answers, strict=True) if result is not None}
        else:
            pages = self._members.present()
            members = {key: member for page in pages for member in page if (key := platform_id(member)) in wanted}
        return self._shown(changes, members)

    def at_some(self, changes: Sequence[Change]) -> CurrentValues:
        """Return what is shown of those of *changes* whose members changed last: one request."""
        newest, _ = self._members.newest()
        return self._shown(changes, {platform_id(member): member for member in newest})

    def _shown(self, changes: Iterable[Change], documents: Mapping[str, MemberDocument]) -> CurrentValues:
        here = [change for change in changes if change.platform_id in documents]
        tagged = [change for change in here if change.kind == "group"]
        members = [documents[key] for key in dict.fromkeys(change.platform_id for change in tagged)]
        held = self._tags.of(members, {change.name for change in tagged})
        shown: CurrentValues = {}
        for change in here:
            key = change.platform_id
            if change.kind == "field":
                fields = documents[key].get("merge_fields") or {}
                shown[key, "field", change.name] = _text(fields.get(change.name), self._kinds.get(change.name, ""))
            else:
                shown[key, "group", change.name] = MEMBER if (key, change.name) in held else None
        return shown


def _text(value: Any, kind: str) -> str | None:
    return None if value is None or value == "" else shown_text(value, kind)
