"""Consent check before writing: Mailchimp members unsubscribed, cleaned or archived since the last pull.

One request shows the members that changed last, mostly all since then. Where more changed, most of them by our own
writes, those of each status that is no subscription are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from connectors.mailchimp.members import MemberDocument, Members, member_rows, platform_id
from connectors.mailchimp.times import mailchimp_moment
from connectors.records import Cursor

NOT_SUBSCRIBED = ("unsubscribed", "cleaned", "archived", "pending", "transactional")


def consents_since(name: str, members: Members, cursor: Cursor) -> pa.Table:
    """Return who may have changed; see `connectors.connector.Connector.consents`.

    Args:
        name: The connection's name.
        members: Reads ids, addresses and statuses.
        cursor: Of the stream of contacts.
    """
    documents = {platform_id(member): member for page in _changed(members, cursor) for member in page}
    return member_rows(name, list(documents.values()), ())


def _changed(members: Members, cursor: Cursor) -> Iterator[Sequence[MemberDocument]]:
    since = mailchimp_moment(cursor.get("since"))
    newest, total = members.newest()
    yield newest
    oldest = mailchimp_moment(newest[-1]["last_changed"]) if newest else None
    if oldest is None or len(newest) >= total or (since is not None and oldest < since):
        return
    until = mailchimp_moment(newest[0]["last_changed"]) or oldest
    for status in NOT_SUBSCRIBED:
        yield from members.between(since, until, status=status)
