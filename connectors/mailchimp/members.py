"""Members of an audience as rows, and how they are read without losing any."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast, get_args

import pyarrow as pa

from connectors.mailchimp.api import MailchimpApi
from connectors.mailchimp.times import moment
from connectors.records import CONTACTS, Consent, normalise_email

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
    )
)
SECOND = timedelta(seconds=1)
KEPT_ALWAYS = ("COUNTRY",)


def changed(
    api: MailchimpApi, audience: str, *, since: datetime | None, until: datetime, size: int
) -> Iterator[tuple[Sequence[Mapping[str, Any]], int]]:
    """Yield pages of members by the time of their last change, and how many are still to come.

    Offsets over a set that changes skip members (PLATFORMS: reading members). So each page begins at the moment
    where the last one ended; only within one second that fills a whole page is an offset used. Members that change
    while we read move to the end, or into the next run.

    Args:
        api: The account.
        audience: Its id.
        since: None for everything.
        until: Members that changed later belong to the next run.
        size: Rows a page.
    """
    offset = 0
    while True:
        window = {"since_last_changed": (since - SECOND).isoformat()} if since is not None else {}
        answer = api.call(
            api.sdk.lists.get_list_members_info,
            audience,
            count=size,
            offset=offset,
            sort_field="last_changed",
            sort_dir="ASC",
            before_last_changed=(until + SECOND).isoformat(),
            fields=[FIELDS, "total_items"],
            **window,
        )
        page = answer["members"]
        yield page, int(answer["total_items"]) - offset
        if len(page) < size:
            return
        last = moment(page[-1]["last_changed"])
        if last is None or (since is not None and last <= since):
            offset += size
        else:
            since, offset = last, 0


def rows(connection: str, members: Sequence[Mapping[str, Any]], wanted: Sequence[str]) -> pa.Table:
    """Return *members* in the schema of `CONTACTS`.

    Args:
        connection: The connection's name.
        members: As Mailchimp sends them.
        wanted: Merge tags whose values are kept.
    """
    kept = dict.fromkeys([*KEPT_ALWAYS, *wanted])
    return pa.Table.from_pylist([_row(connection, member, kept) for member in members], schema=CONTACTS.columns)


def platform_id(member: Mapping[str, Any]) -> str:
    """Return the id that stays when the address changes; the address's hash where there is no such id."""
    return str(member.get("contact_id") or member["id"])


def _row(connection: str, member: Mapping[str, Any], kept: Mapping[str, None]) -> dict[str, Any]:
    fields = member.get("merge_fields") or {}
    shown = {name: _text(fields[name]) for name in kept if fields.get(name) not in {None, ""}}
    country = (member.get("location") or {}).get("country_code")
    if country:
        shown["country_code"] = country
    changed_at = moment(member.get("last_changed"))
    return {
        "connection": connection,
        "platform_id": platform_id(member),
        "email": normalise_email(member.get("email_address")),
        "additional_emails": [],
        "merged_ids": [],
        "state": "archived" if member["status"] == "archived" else "active",
        "consent": _consent(member["status"]),
        "created_at": moment(member.get("timestamp_signup")) or moment(member.get("timestamp_opt")) or changed_at,
        "updated_at": changed_at,
        "properties": json.dumps(shown, sort_keys=True),
    }


def _consent(status: str) -> Consent:
    return cast("Consent", status) if status in get_args(Consent) else "unknown"


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True) if isinstance(value, dict) else str(value)
