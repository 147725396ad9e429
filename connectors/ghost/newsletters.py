"""Ghost's newsletters that were sent, and what became of each mail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from connectors.base import JsonClient
from connectors.errors import ContractError
from connectors.records import CAMPAIGNS, DELIVERIES, ENGAGEMENTS, Page, platform_key
from connectors.table_schema import TableSchema
from connectors.transport import entries

EVENTS = {
    "click_event": "click",
    "email_opened_event": "open",
    "email_failed_event": "bounce",
    "email_complained_event": "complaint",
}
SENT = {"submitting": "sending", "submitted": "sent"}


class Newsletters:
    """The newsletters of one site; their id is that of their post."""

    def __init__(self, client: JsonClient, connection: str, size: int) -> None:
        self._client, self._connection, self._size = client, connection, size

    def pages(self, stream: str, known: Mapping[str, str]) -> Iterator[Page]:
        """Yield the campaigns, or deliveries and engagements of those whose figures are not as *known*.

        Args:
            stream: "campaigns" or "activity".
            known: Figures by id of the post, as the cursor of the last reading has them.

        Returns:
            Pages, of which the last one carries the cursor.
        """
        posts = list(self._listed("posts/", "posts", "status:[published,sent]", include="email,count.clicks"))
        mailed = [post for post in posts if (post.get("email") or {}).get("status") in SENT]
        figures = {post["id"]: _figures(post) for post in mailed}
        if stream == CAMPAIGNS.name:
            yield self._page(CAMPAIGNS, [_campaign(post) for post in mailed], {"read": "all"})
            return
        for post in mailed:
            if figures[post["id"]] == known.get(post["id"]):
                continue
            members = list(self._listed("members/", "members", f"emails.post_id:'{post['id']}'"))
            yield self._page(DELIVERIES, [self._delivery(post, member) for member in members])
            acts = self._acts(post["id"], sorted(member["id"] for member in members))
            yield self._page(ENGAGEMENTS, [self._engagement(post, act) for act in acts])
        yield self._page(ENGAGEMENTS, [], {**figures, "read": "all"})

    def _page(self, table: TableSchema, rows: Sequence[dict[str, Any]], cursor: dict[str, str] | None = None) -> Page:
        named = [{"connection": self._connection, **row} for row in rows]
        return Page(table.name, pa.Table.from_pylist(named, schema=table.columns), cursor)

    def _listed(self, path: str, key: str, which: str, **more: str) -> Iterator[dict[str, Any]]:
        """All entries of a list, in the order of their ids."""
        last = ""
        while True:
            after = f"{which}+id:>'{last}'" if last else which
            answer = self._client.get(path, {"filter": after, "order": "id asc", "limit": self._size, **more})
            listed = entries(answer, key)
            yield from listed
            if len(listed) < self._size:
                return
            if listed[-1]["id"] <= last:
                raise ContractError(f"Ghost lists {path} in no order of ids.")
            last = listed[-1]["id"]

    def _acts(self, post: str, members: Sequence[str]) -> Iterator[dict[str, Any]]:
        """What some members did: events have no pages, so the members are halved until their events are on one."""
        if not members:
            return
        which = f"type:[{','.join(EVENTS)}]+data.post_id:'{post}'"
        which += f"+data.member_id:>='{members[0]}'+data.member_id:<='{members[-1]}'"
        answer = self._client.get("members/events/", {"filter": which, "limit": self._size})
        middle = len(members) // 2
        if answer["meta"]["pagination"]["total"] > self._size and middle:
            yield from self._acts(post, members[:middle])
            yield from self._acts(post, members[middle:])
        else:
            yield from entries(answer, "events")

    def _delivery(self, post: Mapping[str, Any], member: Mapping[str, Any]) -> dict[str, Any]:
        key = platform_key(self._connection, member["id"])
        return {"campaign_id": post["id"], "contact_key": key, "at": _sent_at(post), "status": "sent"}

    def _engagement(self, post: Mapping[str, Any], act: Mapping[str, Any]) -> dict[str, Any]:
        data = act["data"]
        return {
            "event_id": f"{act['type']}/{data['id']}",
            "kind": EVENTS[act["type"]],
            "contact_key": platform_key(self._connection, data["member"]["id"]),
            "campaign_id": post["id"],
            "at": moment(data["created_at"]),
            "url": (data.get("link") or {}).get("to"),
        }


def _figures(post: Mapping[str, Any]) -> str:
    """What Ghost has counted: the same means that nobody did anything since; clicks are counted by person."""
    email = post["email"]
    counts = (email["status"], email["email_count"], email["opened_count"], email["failed_count"])
    return " ".join(map(str, (*counts, post["count"]["clicks"])))


def _campaign(post: Mapping[str, Any]) -> dict[str, Any]:
    email = post["email"]
    return {
        "campaign_id": post["id"],
        "name": post["title"],
        "subject": email["subject"] or post["title"],
        "state": SENT[email["status"]],
        "sent_at": _sent_at(post),
        "sent": email["email_count"],
        "opened": email["opened_count"] if email["track_opens"] else None,
        "clicked": post["count"]["clicks"],
        "bounced": email["failed_count"],
    }


def _sent_at(post: Mapping[str, Any]) -> datetime | None:
    return moment(post["email"]["submitted_at"] or post["published_at"])


def moment(text: str | None) -> datetime | None:
    """Return a moment as Ghost writes it, UTC."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
