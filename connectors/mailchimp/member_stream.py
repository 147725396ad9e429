"""Mailchimp member stream: a full pull first, then incremental changes and permanent deletions.

An archived member still shows, as archived. One that was deleted for good does not show at all; so the number of
members, which every answer brings along, is compared with what we know, and all are read where it differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from connectors.connector import Connection, Known
from connectors.fetched import erased_contact
from connectors.mailchimp.api import MailchimpApi
from connectors.mailchimp.members import OVERLAP, Answers, MemberDocument, Members, member_rows, platform_id
from connectors.mailchimp.times import mailchimp_moment
from connectors.records import CONTACTS, Cursor, Page
from connectors.values import without_hidden

SHOWN = ("active", "archived")  # states of members that Mailchimp lists


class MemberStream:
    """Members of one audience as pages of the warehouse's table.

    Args:
        wanted: Merge tags whose values are kept.
        connection: Its name, the types of the merge fields that we own, and which members count for nobody.
        answers: What a member chose of groups; see `member_rows`.
    """

    def __init__(
        self,
        api: MailchimpApi,
        connection: Connection,
        members: Members,
        *,
        wanted: Sequence[str],
        answers: Answers | None = None,
    ) -> None:
        self._answers = answers
        self._api, self._name, self._members, self._wanted = api, connection.name, members, tuple(wanted)
        self._kinds, self._hidden = connection.kinds, connection.hidden

    def read(self, cursor: Cursor, known: Known) -> Iterator[Page]:
        """Yield pages; the cursor is as that of HubSpot's contacts: ``since``, ``gap``, ``surplus``."""
        since = mailchimp_moment(cursor.get("since"))
        newest, total = self._members.newest()
        until = self._api.transport.present()
        if since is None:
            yield from self._all(newest, total, until, known(SHOWN), None)
            return
        gap, seen = int(cursor.get("gap", 0)), known(SHOWN)
        before = len(seen)
        for page in self._members.changed(since, newest, total):
            seen = _union(seen, without_hidden(_ids(page), self._hidden))
            yield self._page(page, total)
        surplus = total - len(seen) - gap
        # Who joined while we asked explains a difference once; one that stands at the next reading is a loss, also
        # where it has grown: somebody may leave for good every day.
        again = surplus * int(cursor.get("surplus", 0)) > 0
        if surplus and (again or len(seen) == before):
            yield from self._all(newest, total, until, known(SHOWN), gap + surplus)
        else:
            yield self._end(until, gap, surplus)

    def _all(
        self, newest: Sequence[MemberDocument], total: int, until: datetime, known: pa.Array, before: int | None
    ) -> Iterator[Page]:
        """Read everything. *before* is the difference for which it is done; if it stays, Mailchimp counts otherwise."""
        ids: list[pa.Array] = [_ids(newest)]
        if total > len(newest):
            for page in self._members.everyone(until, total):
                ids.append(_ids(page))
                yield self._page(page, total)
            newest, total = self._members.newest()
            for page in self._members.changed(until - OVERLAP, newest, total):  # who moved away under our eyes
                ids.append(_ids(page))
                yield self._page(page, total)
        else:
            yield self._page(newest, total)
        seen = pc.unique(pa.concat_arrays(ids))
        missing = known.filter(pc.invert(pc.is_in(known, value_set=seen))).to_pylist()
        surplus = total - len(without_hidden(seen, self._hidden))
        # where the count does not add up, absence is no proof: each is asked for
        here = [member for key in missing if (member := self._members.one(key)) is not None] if surplus else []
        gone = set(missing) - {platform_id(document) for document in here}
        yield self._page(here, total)
        if gone:
            table = [erased_contact(self._name, key, until) for key in sorted(gone)]
            yield Page("contacts", pa.Table.from_pylist(table, schema=CONTACTS.columns))
        surplus -= len(here)
        accepted = surplus == before
        yield self._end(until, surplus if accepted else 0, 0 if accepted else surplus)

    def _page(self, page: Sequence[MemberDocument], total: int) -> Page:
        return Page("contacts", member_rows(self._name, page, self._wanted, self._kinds, self._answers), None, total)

    def _end(self, until: datetime, gap: int, surplus: int) -> Page:
        cursor = {"since": (until - OVERLAP).isoformat(), "gap": str(gap), "surplus": str(surplus)}
        return Page("contacts", CONTACTS.columns.empty_table(), cursor)


def _ids(page: Sequence[MemberDocument]) -> pa.Array:
    return pa.array([platform_id(member_document) for member_document in page], pa.string())


def _union(known: pa.Array, page: pa.Array) -> pa.Array:
    return pc.unique(pa.concat_arrays([known, page]))
