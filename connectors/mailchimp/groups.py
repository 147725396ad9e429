"""Mailchimp groups that people choose themselves, which the API calls interests: read as answers to consent.

A source of consent names one as "Title/Name", as Mailchimp shows it. A member's document has ids of groups only, so
names are looked up once, where a group is named at all. Nothing here writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.mailchimp.api import MailchimpApi
from connectors.records import INTEREST_GROUP

YES_OR_NO: Mapping[bool, str] = {True: "yes", False: "no"}


class InterestGroups:
    """The groups of one audience that somebody named.

    Args:
        wanted: Names that a connection is asked for; those without `INTEREST_GROUP` are merge tags.
        size: Rows a page.
    """

    def __init__(self, api: MailchimpApi, audience: str, wanted: Sequence[str], *, size: int) -> None:
        self._api, self._audience, self._size = api, audience, size
        self.wanted = tuple(name for name in wanted if name.startswith(INTEREST_GROUP))
        self._ids: dict[str, str] | None = None

    def all(self) -> dict[str, str]:
        """Return every group of the audience, as "group:Title/Name", with its id; asked for once."""
        if self._ids is None:
            self._ids = dict(self._named())
        return self._ids

    def _named(self) -> Iterator[tuple[str, str]]:
        lists = self._api.sdk.lists
        titles = self._api.pages(lists.get_list_interest_categories, self._audience, key="categories", size=self._size)
        for title in (row for page in titles for row in page):
            names = self._api.pages(
                lists.list_interest_category_interests,
                self._audience,
                title["id"],
                key="interests",
                size=self._size,
            )
            yield from (
                (f"{INTEREST_GROUP}{title['title']}/{row['name']}", str(row["id"])) for page in names for row in page
            )

    def answers(self, member: Mapping[str, Any]) -> dict[str, str]:
        """Return a member's answers by the names that were asked for: "yes" where the group is chosen, else "no"."""
        if not self.wanted:
            return {}
        chosen, ids = member.get("interests") or {}, self.all()
        return {name: YES_OR_NO[bool(chosen.get(ids[name]))] for name in self.wanted if name in ids}
