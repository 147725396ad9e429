"""Mailchimp members as table rows, with paging that skips none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from threading import Event
from typing import Any, cast, get_args

import pyarrow as pa

from connectors.errors import ContractError, NotFoundError
from connectors.mailchimp.api import MailchimpApi
from connectors.mailchimp.times import mailchimp_moment
from connectors.records import CONTACTS, Consent, normalise_email
from connectors.transport import entries, in_order, side_by_side
from connectors.values import one_form

FIELDS = ",".join(
    f"members.{name}"
    for name in (
        "id",
        "contact_id",
        "email_address",
        "status",
        "merge_fields",
        "timestamp_opt",
        "timestamp_signup",
        "last_changed",
        "location.country_code",
        "location.timezone",
        "language",
    )
)
TAGGED = FIELDS + ",members.tags,members.tags_count"
INTERESTS = ",members.interests"
STATUSES = ",".join(f"members.{name}" for name in ("id", "contact_id", "email_address", "status", "last_changed"))
SECOND = timedelta(seconds=1)
ASK_AGAIN = 3  # times that a page which can't be right is asked for again
OVERLAP = timedelta(minutes=1)  # members that changed while the platform made up its answer
NEWEST = 200  # members that the first look of a reading brings: mostly all that changed
KEPT_ALWAYS = (
    "COUNTRY",
    "REGION",
    "CITY",
    "COMPANY",
    "INDUSTRY",
    "JOBTITLE",
    "EMPLOYEES",
)  # built-in traits read these


MemberDocument = Mapping[str, Any]
Answers = Callable[[MemberDocument], Mapping[str, str]]
"""Given a member: what they chose of the groups that a source of consent names; see `InterestGroups.answers`."""
NO_KINDS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Present:
    """All members as they are now, in pages. Who comes twice is as they came last.

    Attributes:
        settled: Those who had not changed when the reading began; to be read to its end first.
        moved: Yields those who have changed since, or just before.
    """

    settled: Iterator[Sequence[MemberDocument]]
    moved: Callable[[], Iterator[Sequence[MemberDocument]]]

    def __iter__(self) -> Iterator[Sequence[MemberDocument]]:
        """Yield all pages."""
        yield from self.settled
        yield from self.moved()


class Members:
    """Reads the members of one audience.

    Args:
        size: Rows a page.
        workers: Connections.
        fields: What to read of each.
        also: What `one` reads beside `TAGGED`, and `showing` beside the fields it is given.
    """

    def __init__(
        self, api: MailchimpApi, audience: str, *, size: int, workers: int, fields: str = FIELDS, also: str = ""
    ) -> None:
        self._api, self._audience, self._size, self._workers = api, audience, size, workers
        self._fields, self._also = fields, also

    def showing(self, fields: str) -> Members:
        """Return who reads other *fields* of the same members."""
        return Members(
            self._api, self._audience, size=self._size, workers=self._workers, fields=fields, also=self._also
        )

    def newest(self) -> tuple[Sequence[MemberDocument], int]:
        """Return the members that changed last, and how many there are at all."""
        answer = self._ask(count=min(NEWEST, self._size), sort_dir="DESC")
        return entries(answer, "members"), int(answer["total_items"])

    def changed(
        self, since: datetime, newest: Sequence[MemberDocument], total: int
    ) -> Iterator[Sequence[MemberDocument]]:
        """Yield members that changed at *since* or later, given what `newest` returned."""
        fresh = [
            member_document
            for member_document in newest
            if (mailchimp_moment(member_document["last_changed"]) or since) >= since
        ]
        yield fresh
        if fresh and len(fresh) == len(newest) and len(fresh) < total:
            oldest = mailchimp_moment(fresh[-1]["last_changed"])
            yield from self.between(since, oldest or since)

    def present(self) -> Present:
        """Return all members as they are now. The first request is sent here, the others as pages are taken."""
        newest, total = self.newest()
        if len(newest) >= total:
            return Present(iter([newest]), lambda: iter(()))
        until = self._api.transport.present()
        return Present(self.everyone(until, total), lambda: self._moved(until))

    def _moved(self, until: datetime) -> Iterator[Sequence[MemberDocument]]:
        newest, total = self.newest()
        yield from self.changed(until - OVERLAP, newest, total)

    def everyone(self, until: datetime, total: int) -> Iterator[Sequence[MemberDocument]]:
        """Yield all members that did not change after *until*, over all connections where there are many."""
        parts = min(self._workers, total // (2 * self._size))
        if parts < 2:  # noqa: PLR2004 - one reader then
            yield from self.between(None, until)
            return
        starts = [total * part // parts for part in range(1, parts)]
        probes = in_order(lambda offset: self._moment_at(offset, until), starts, workers=self._workers)
        marks = [None, *sorted({mark for mark in probes if mark is not None}), until]
        ranges = [(lambda pair=pair: self.between(*pair)) for pair in pairwise(marks) if pair[0] != pair[1]]
        yield from side_by_side(ranges, Event())

    def _moment_at(self, offset: int, until: datetime) -> datetime | None:
        answer = self._ask(count=1, offset=offset, before_last_changed=(until + SECOND).isoformat())
        listed = entries(answer, "members")
        return mailchimp_moment(listed[0]["last_changed"]) if listed else None

    def between(self, since: datetime | None, until: datetime, **only: str) -> Iterator[Sequence[MemberDocument]]:
        """Yield members by the time of their last change, both ends included; *only* those of a ``status``.

        Offsets over a set that changes skip members (PLATFORMS: reading members). So each page begins at the moment
        where the last one ended; only within one second that fills a whole page is an offset used, which goes back
        by as many places as members have left that second. Members that change while we read are in the next window.
        """
        offset, before = 0, (until + SECOND).isoformat()
        left: int | None = None
        page: Sequence[MemberDocument] = ()
        while True:
            window = {"since_last_changed": (since - SECOND).isoformat()} if since is not None else {}
            window |= {"before_last_changed": before, **only}
            answer = self._page(page, since, count=self._size, offset=offset, **window)
            total = int(answer["total_items"])
            if left is not None and total < left:
                offset, left = max(offset - (left - total), 0), total
                continue
            page = entries(answer, "members")
            yield page
            if len(page) < self._size:
                return
            last = mailchimp_moment(page[-1]["last_changed"])
            if last is None or (since is not None and last <= since):
                offset, left = offset + self._size, total
            else:
                since, offset, left = last, 0, None

    def _page(self, last: Sequence[MemberDocument], since: datetime | None, **query: Any) -> Mapping[str, Any]:
        """Ask until the answer is none that came before: what it shows must be of the window, and not the last page."""
        for _ in range(ASK_AGAIN):
            answer = self._ask(**query)
            page = entries(answer, "members")
            moments = (mailchimp_moment(member["last_changed"]) for member in page)
            early = since is not None and any(at is not None and at < since - SECOND for at in moments)
            same = (
                len(page) > 1
                and query["offset"]
                and [member["id"] for member in page] == [member_document["id"] for member_document in last]
            )
            if not early and not same:
                return answer
        raise ContractError("Mailchimp returned an unexpected page of members.")

    def _ask(self, *, count: int, offset: int = 0, sort_dir: str = "ASC", **window: str) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._api.call(
            self._api.sdk.lists.get_list_members_info,
            self._audience,
            count=count,
            offset=offset,
            sort_field="last_changed",
            sort_dir=sort_dir,
            fields=[self._fields, "total_items"],
            **window,
        )
        return answer

    def one(self, key: str) -> MemberDocument | None:
        """Return one member, None where there is no such member (any more)."""
        wanted = [name.removeprefix("members.") for name in (TAGGED + self._also).split(",")]
        try:
            member_document: MemberDocument = self._api.call(
                self._api.sdk.lists.get_list_member, self._audience, key, fields=wanted
            )
        except NotFoundError:
            return None
        return member_document


def member_rows(
    connection: str,
    members: Sequence[Mapping[str, Any]],
    wanted: Sequence[str],
    kinds: Mapping[str, str] = NO_KINDS,
    answers: Answers | None = None,
) -> pa.Table:
    """Return *members* in the schema of `CONTACTS`.

    Args:
        connection: The connection's name.
        members: As Mailchimp sends them.
        wanted: Merge tags whose values are kept.
        kinds: Types of those that we own.
        answers: What a member chose of the groups that are wanted; None: none is.
    """
    kept = dict.fromkeys([*KEPT_ALWAYS, *wanted])
    listed = [
        _row(connection, member, kept, kinds, answers(member) if answers is not None else {}) for member in members
    ]
    return pa.Table.from_pylist(listed, schema=CONTACTS.columns)


def platform_id(member: Mapping[str, Any]) -> str:
    """Return the id that stays when the address changes; the address's hash where there is no such id."""
    key = member.get("contact_id") or member["id"]
    if not isinstance(key, str | int):
        raise TypeError("a member has no id")
    return str(key)


def _row(
    connection: str,
    member: Mapping[str, Any],
    kept: Mapping[str, None],
    kinds: Mapping[str, str],
    chosen: Mapping[str, str],
) -> dict[str, Any]:
    fields = member.get("merge_fields") or {}
    given = {name: value for name in kept if (value := fields.get(name)) is not None and value != ""}
    shown = {name: shown_text(value, kinds.get(name, "")) for name, value in given.items()}
    location = member.get("location") or {}
    facts = {
        "country_code": location.get("country_code"),
        "time_zone": location.get("timezone"),
        "language": member.get("language"),
    }
    shown |= {name: text for name, text in facts.items() if text} | dict(chosen)
    changed_at = mailchimp_moment(member.get("last_changed"))
    return {
        "connection": connection,
        "platform_id": platform_id(member),
        "email": normalise_email(member.get("email_address")),
        "additional_emails": [],
        "merged_ids": [],
        "state": "archived" if member["status"] == "archived" else "active",
        "consent": _consent(member["status"]),
        "created_at": mailchimp_moment(member.get("timestamp_signup"))
        or mailchimp_moment(member.get("timestamp_opt"))
        or changed_at,
        "updated_at": changed_at,
        "properties": json.dumps(shown, sort_keys=True),
    }


def _consent(status: str) -> Consent:
    """A status that we do not know is no consent; an archived member shows none, and keeps the one before."""
    if status == "archived":
        return "unknown"
    return cast("Consent", status) if status in get_args(Consent) else "none"


def shown_text(value: Any, kind: str) -> str:
    """Return the value of a merge field as text; an address is an object."""
    return json.dumps(value, sort_keys=True) if isinstance(value, dict) else one_form(value, kind)
