"""What an audience shows now, without writing: before something unanswered is sent again, and before an undo."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.mailchimp.members import Members, platform_id
from connectors.mailchimp.tags import Tags
from connectors.records import MEMBER, Change
from connectors.transport import in_order

SINGLY = 300  # members up to which each is asked for by itself; beyond, pages of all are fewer requests


def look(
    members: Members, tags: Tags, changes: Sequence[Change], *, workers: int
) -> dict[tuple[str, str, str], str | None]:
    """Return what Mailchimp shows where *changes* were made; see `connectors.connector.Connector.look`."""
    shown: dict[tuple[str, str, str], str | None] = {}
    keys = list(dict.fromkeys(change.platform_id for change in changes if change.kind == "field"))
    names = sorted({change.name for change in changes if change.kind == "field"})
    for key, fields in _fields(members, keys, workers):
        for name in names:
            value = fields.get(name)
            shown[key, "field", name] = None if value in {None, ""} else str(value)
    for group in {change.name for change in changes if change.kind == "group"}:
        tagged = {key for page in tags.members(group) for key in page["platform_id"].to_pylist()}
        for change in changes:
            if change.kind == "group" and change.name == group:
                shown[change.platform_id, "group", group] = MEMBER if change.platform_id in tagged else None
    return shown


def _fields(members: Members, keys: Sequence[str], workers: int) -> list[tuple[str, dict[str, object]]]:
    if len(keys) <= SINGLY:
        answers = zip(keys, in_order(members.fields_of, keys, workers=workers), strict=True)
        return [(key, dict(fields)) for key, fields in answers if fields is not None]
    wanted = set(keys)
    pages = members.present()
    return [
        (key, dict(one.get("merge_fields") or {}))
        for page in pages
        for one in page
        if (key := platform_id(one)) in wanted
    ]
