"""Webhooks of the local Mailchimp: what changed at a member, by whom, told to the webhooks that want it.

Facts that are open are chosen so that they are hard on a receiver: deliveries are not ordered, some come twice, an
archived or erased member is an ``unsubscribe`` whose action is ``delete``, and changed tags are not told at all.
"""

from __future__ import annotations

import hashlib
import hmac
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from connectors.sandbox.post import GONE, Letter, PostOffice, Written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from connectors.sandbox.mailchimp.values import Document
    from connectors.sandbox.store import DocumentTable
    from connectors.sandbox.world import World

TIMEOUT = 10.0
WAITS = tuple(60.0 * minutes for minutes in (1, 2, 4, 8, 15, 20, 25))  # growing, 75 minutes in all
GIVEN_UP = 20  # deliveries in a row after which a webhook is switched off; no published number
SILENT = {"archived", "transactional", "pending"}  # who is in these states is no subscriber: nothing to tell of
MemberState = tuple[str, str, str, Any]  # status, address, format, merge fields


class Deliveries:
    """Looks at every member that is saved, and tells what is different.

    Attributes:
        changed_by: ``user`` (the subscriber), ``admin`` (somebody in the account) or ``api``.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.changed_by = "admin"
        self._shown: dict[str, dict[str, MemberState]] = {}  # list -> contact id -> what was told last
        self._failed: dict[str, int] = {}  # webhook -> deliveries given up in a row
        self._off: list[tuple[str, str]] = []  # webhooks to switch off: (list, webhook), from the post's threads

    @contextmanager
    def by(self, who: str) -> Iterator[None]:
        """Let what happens inside be the work of *who*."""
        before, self.changed_by = self.changed_by, who
        try:
            yield
        finally:
            self.changed_by = before

    def hooks(self, list_id: str) -> DocumentTable:
        """Return the webhooks of an audience."""
        return self.world.store.table(f"mailchimp.webhooks.{list_id}")

    def watch(self, list_id: str, members: DocumentTable) -> None:
        """Remember how the members are now, so that changes can be told; does nothing while nobody asks."""
        if self.hooks(list_id) and list_id not in self._shown:
            self._shown[list_id] = {key: _shown(member) for key, member in members.items()}

    def look(self, list_id: str, member: Document) -> None:
        """Tell what is different at a member that was just written."""
        if list_id not in self._shown:
            return
        before, now = self._shown[list_id].get(member["contact_id"]), _shown(member)
        self._shown[list_id][member["contact_id"]] = now
        if before is None or before[0] != now[0]:
            self._tell_status(list_id, member, before)
        elif now[0] not in SILENT:
            if before[1].lower() != now[1].lower():
                self._tell(list_id, "upemail", {"new_id": member["id"], "new_email": now[1], "old_email": before[1]})
            if before[2:] != now[2:]:
                self._tell(list_id, "profile", member_identity(member))

    def erased(self, list_id: str, member: Document) -> None:
        """Tell that a member is gone for good."""
        if self._shown.get(list_id, {}).pop(member["contact_id"], None) and member["status"] not in SILENT:
            self._tell(list_id, "unsubscribe", {**member_identity(member), "action": "delete", "reason": "manual"})

    def sent(self, campaign: Document) -> None:
        """Tell that a campaign went out."""
        list_id = campaign["recipients"]["list_id"]
        subject = campaign["settings"].get("subject_line", "")
        self._tell(list_id, "campaign", {"id": campaign["id"], "subject": subject, "status": "sent", "reason": ""})

    def _tell_status(self, list_id: str, member: Document, before: MemberState | None) -> None:
        status = member["status"]
        if status == "subscribed":
            self._tell(list_id, "subscribe", member_identity(member))
        elif status == "cleaned":
            self._tell(list_id, "cleaned", {"campaign_id": "", "reason": "hard", "email": member["email_address"]})
        elif before is not None and before[0] not in SILENT and status in {"unsubscribed", "archived"}:
            action = {"action": "delete" if status == "archived" else "unsub"}
            reason = "abuse" if "buse" in member.get("unsubscribe_reason", "") else "manual"
            self._tell(list_id, "unsubscribe", {**member_identity(member), **action, "reason": reason})

    def _tell(self, list_id: str, kind: str, data: Document) -> None:
        self.switch_off()
        fired = self.world.clock.now().strftime("%Y-%m-%d %H:%M:%S")
        body = form_encoded({"type": kind, "fired_at": fired, "data": {**data, "list_id": list_id}}).encode()
        settings, post = self.world.settings, PostOffice.of(self.world)
        for row in self.hooks(list_id).values():
            if row["events"][kind] and row["sources"][self.changed_by] and not row.get("off"):
                dice = post.dice(f"{row['id']}/{self.world.store.next_id('mailchimp.deliveries')}")
                for _ in range(2 if dice.random() < settings.webhook_duplicates else 1):
                    late = settings.webhook_delay + dice.uniform(0, settings.webhook_disorder)
                    post.send(self._letter(list_id, row, body), after=late)

    def _letter(self, list_id: str, row: Document, body: bytes) -> Letter:
        def write(_attempt: int, wall: datetime) -> Written:
            headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "MailChimp"}
            if row["signing_enabled"]:
                headers["X-Mailchimp-Signature"] = signature(row["signing_secret"], body, int(wall.timestamp()))
            return headers, body

        def answered(status: int, _body: bytes) -> None:
            arrived = 0 <= status - 200 < 100  # noqa: PLR2004 - success
            self._failed[row["id"]] = 0 if arrived else self._failed.get(row["id"], 0) + 1
            if status == GONE or self._failed[row["id"]] >= GIVEN_UP:
                self._off.append((list_id, row["id"]))

        return Letter("mailchimp", row["url"], write, TIMEOUT, WAITS, answered, lambda status: status == GONE)

    def switch_off(self) -> None:
        """Switch off the webhooks that answered 410, or to which nothing could be delivered for long."""
        while self._off:
            list_id, webhook_id = self._off.pop()
            row = self.hooks(list_id).get(webhook_id)
            if row is not None:
                self.hooks(list_id)[webhook_id] = {**row, "off": True}


def member_identity(member: Document) -> Document:
    """Return how subscribe, unsubscribe and profile name a member."""
    return {
        "id": member["id"],
        "email": member["email_address"],
        "email_type": member["email_type"],
        "ip_opt": "203.0.113.5",
        "web_id": member["web_id"],
        "merges": {"EMAIL": member["email_address"], **member["merge_fields"]},
    }


def form_encoded(value: Document) -> str:
    """Return a document as a form with bracketed keys, as PHP writes it."""
    return urlencode(list(_pairs("", value)))


def signature(secret: str, body: bytes, stamp: int) -> str:
    """Return the header that vouches for *body*."""
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


def _pairs(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _pairs(f"{key}[{name}]" if key else name, inner)
    else:
        yield key, str(value)


def _shown(member: Document) -> MemberState:
    return member["status"], member["email_address"], member["email_type"], dict(member["merge_fields"])
