"""One guard for every pager: a page that comes again ends the reading instead of being read for ever."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.errors import PlatformDownError
from connectors.hubspot.connector import HubSpot
from connectors.hubspot.search import cursor_of
from connectors.sandbox.door import InjectedFault
from connectors.sandbox.server import Sandbox
from connectors.transport import pages
from tests.connectors.hubspot.test_reading import add, call

Answer = tuple[list[int], int | None]


def read(answers: Callable[[int | None], Answer]) -> list[int]:
    stream = pages(answers, lambda answer, _: answer[1], entries=lambda answer: answer[0], what="things")
    return [entry for answer in stream for entry in answer[0]]


def test_pages_follow_one_another_to_the_last() -> None:
    assert read({None: ([1], 5), 5: ([2], 6), 6: ([], 7), 7: ([3], None)}.__getitem__) == [1, 2, 3]


@pytest.mark.parametrize(
    "answers",
    [
        {None: ([1], 5), 5: ([2], 5)},  # its own cursor again
        {None: ([1], 5), 5: ([2], 6), 6: ([3], 5)},  # an older one
        {None: ([1], 5), 5: ([1], 6), 6: ([1], 7)},  # the same entries under new cursors
    ],
)
def test_what_comes_again_ends_the_reading(answers: dict[int | None, Answer]) -> None:
    asked: list[int | None] = []

    def ask(cursor: int | None) -> Answer:
        asked.append(cursor)
        return answers[cursor]

    with pytest.raises(PlatformDownError, match="The pages of things repeat"):
        read(ask)
    assert len(asked) <= 6


def test_empty_pages_without_end_end_the_reading() -> None:
    with pytest.raises(PlatformDownError, match="100 pages of things in a row were empty"):
        read(lambda cursor: ([], (cursor or 0) + 1))


def test_a_page_that_comes_again_once_is_asked_for_again() -> None:
    answers = iter([([1], 5), ([1], 5), ([2], None)])

    assert read(lambda _: next(answers)) == [1, 2]


def test_a_cursor_that_comes_encoded_is_sent_as_it_was_meant() -> None:
    assert cursor_of({"paging": {"next": {"after": "AAAAMoEgcAg%3D"}}}) == "AAAAMoEgcAg="
    assert [cursor_of(page) for page in ({}, {"paging": None}, {"paging": {"next": None}})] == [None] * 3


@pytest.mark.parametrize("version", ["v3", "2026-09"])
def test_the_members_of_a_list_are_read_beyond_the_first_page(
    sandbox: Sandbox, open_hubspot: Callable[..., HubSpot], version: str
) -> None:
    hubspot = open_hubspot(api_version=version, limits={"memberships_page": 3})
    hubspot.create(hubspot.missing([], ["champions"])[0])
    ids = {add(sandbox, f"p{number}@people.test") for number in range(8)}
    call(sandbox, "PUT", "/crm/v3/lists/1/memberships/add", sorted(ids))

    members = [row["platform_id"] for page in hubspot.read("memberships", {}) for row in page.rows.to_pylist()]

    assert sorted(members) == sorted(ids)


@pytest.mark.parametrize(("match", "stream"), [("/objects/contacts", "contacts"), ("/memberships", "memberships")])
def test_no_reading_of_hubspot_is_endless(
    sandbox: Sandbox, open_hubspot: Callable[..., HubSpot], match: str, stream: str
) -> None:
    hubspot = open_hubspot(limits={"page": 3, "memberships_page": 3}, full_pull="list")
    hubspot.create(hubspot.missing([], ["champions"])[0])
    ids = [add(sandbox, f"p{number}@people.test") for number in range(12)]
    call(sandbox, "PUT", "/crm/v3/lists/1/memberships/add", ids)
    sandbox.journal.faults[:] = [InjectedFault(kind="again", match=match, method="GET", skip=2, times=99)]

    with pytest.raises(PlatformDownError, match="repeat"):
        list(hubspot.read(stream, {}))
