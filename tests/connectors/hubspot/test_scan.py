"""The fast paths of a full pull bring what the plain list brings, whatever happens while they read; nobody is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from connectors.errors import ContractError, FixSettingsError
from connectors.hubspot import scan as pulling
from connectors.hubspot.connector import HubSpot
from connectors.sandbox.door import InjectedFault
from connectors.sandbox.hubspot.contacts import archive_contact
from connectors.sandbox.hubspot.merging import erase, join
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.server import Sandbox
from tests.connectors.conftest import read_on
from tests.connectors.hubspot.conftest import ends

pytestmark = pytest.mark.usefixtures("many")

Open = Callable[..., HubSpot]
LONG_AGO = datetime(2026, 3, 1, tzinfo=UTC)
SMALL = {"page": 7, "search_page": 9, "batch": 5, "search_per_second": 100_000, "burst_requests": 100_000}
SMALL |= {"export_from": 0, "export_look_seconds": 0}
PATHS = ("list", "side_by_side", "known", "export")


def add(state: HubSpotState, count: int, start: int = 0) -> list[str]:
    numbers = range(start, start + count)
    return [state.add_contact({"email": f"p{number}@people.test"}, created_at=LONG_AGO) for number in numbers]


def active(rows: list[dict[str, Any]]) -> dict[str, str]:
    """The last word about each contact that is in use."""
    contacts = {row["platform_id"]: row for row in rows}
    return {key: row["email"] for key, row in contacts.items() if row["state"] == "active"}


@pytest.mark.parametrize("path", PATHS)
def test_every_path_brings_the_same(state: HubSpotState, open_hubspot: Open, path: str) -> None:
    ids = add(state, 130)
    for key in ids[10:20]:
        archive_contact(state, key)
    erase(state, state.contact_records.table[ids[30]])
    join(state, state.contact_records.table[ids[40]], state.contact_records.table[ids[41]])
    plain, _ = ends(open_hubspot(full_pull="list", limits=SMALL), "contacts")

    fast, _ = ends(open_hubspot(full_pull=path, limits=SMALL), "contacts")

    assert active(fast) == active(plain)
    assert len(active(fast)) == 130 - 10 - 1 - 1


@pytest.mark.parametrize("path", PATHS)
def test_nobody_is_lost_who_changes_comes_or_goes_meanwhile(
    sandbox: Sandbox, state: HubSpotState, open_hubspot: Open, path: str
) -> None:
    """People work while we read; after the next reading we know exactly what is there."""
    ids = add(state, 150)
    hubspot = open_hubspot(full_pull=path, limits=SMALL)
    if path == "known":
        read_on(hubspot, "contacts")
    sandbox.world.clock.advance(timedelta(hours=1))
    busy = threading.Event()
    cursor, rows = None, []
    for turn, page in enumerate(hubspot.read("contacts", {}, lambda _states: pa.array(ids, pa.string()))):
        rows += page.rows.to_pylist()
        cursor = page.cursor
        if not busy.is_set() and turn == 0:
            busy.set()
            state.touch_contact(state.contact_records.table[ids[100]], {"country": "DE"})
            archive_contact(state, ids[101])
            join(state, state.contact_records.table[ids[3]], state.contact_records.table[ids[140]])
            add(state, 2, start=500)
    known = active(rows)
    for _ in range(3):
        pages = list(hubspot.read("contacts", cursor or {}, lambda _states: pa.array(list(known), pa.string())))  # noqa: B023
        rows += [row for page in pages for row in page.rows.to_pylist()]
        known, cursor = active(rows), pages[-1].cursor

    assert known == {
        row["id"]: row["properties"].get("email") for row in state.contact_records.rows() if not row["archived"]
    }


def test_an_erased_contact_is_known_as_deleted_and_nothing_of_it_is_kept(
    sandbox: Sandbox, state: HubSpotState, open_hubspot: Open
) -> None:
    ids = add(state, 30)
    hubspot = open_hubspot(limits=SMALL)
    _, cursor = ends(hubspot, "contacts")
    _, cursor = ends(hubspot, "contacts", cursor)
    sandbox.world.clock.advance(timedelta(minutes=10))
    erase(state, state.contact_records.table[ids[4]])

    rows, cursor = ends(hubspot, "contacts", cursor)
    gone = [row for row in rows if row["state"] == "deleted"]
    quiet, _ = ends(hubspot, "contacts", cursor)

    assert [(row["platform_id"], row["email"], row["properties"]) for row in gone] == [(ids[4], None, "{}")]
    assert [row for row in quiet if row["state"] == "deleted"] == []


def test_where_somebody_is_erased_every_day_while_others_change_that_is_noticed(
    sandbox: Sandbox, state: HubSpotState, open_hubspot: Open
) -> None:
    """The difference to HubSpot's count is another one each day, and there is never a day without changes."""
    ids = add(state, 40)
    hubspot = open_hubspot(limits=SMALL)
    _, cursor = ends(hubspot, "contacts")
    _, cursor = ends(hubspot, "contacts", cursor)
    known, erased, deletions = set(ids), [], set()
    for day in range(4):
        sandbox.world.clock.advance(timedelta(days=1))
        for key in ids[3 * day : 3 * day + 1 + day % 2]:
            erase(state, state.contact_records.table[key])
            erased.append(key)
        state.touch_contact(state.contact_records.table[ids[-1 - day]], {"country": "DE"})
        pages = list(hubspot.read("contacts", cursor, lambda _states: pa.array(sorted(known), pa.string())))  # noqa: B023
        rows, cursor = [row for page in pages for row in page.rows.to_pylist()], pages[-1].cursor
        deletions |= {row["platform_id"] for row in rows if row["state"] == "deleted"}
        known -= deletions

    assert deletions == set(erased)


def test_a_contact_that_was_restored_is_found_though_nothing_says_that_it_changed(
    sandbox: Sandbox, state: HubSpotState, open_hubspot: Open
) -> None:
    ids = add(state, 30)
    hubspot = open_hubspot(limits=SMALL)
    archive_contact(state, ids[4])
    _, cursor = ends(hubspot, "contacts")
    _, cursor = ends(hubspot, "contacts", cursor)
    sandbox.world.clock.advance(timedelta(minutes=10))
    late = state.add_contact({"email": "late@people.test"}, created_at=LONG_AGO)  # as an import with old dates
    state.contact_records.modified[int(late)] = 0

    rows, _ = ends(hubspot, "contacts", cursor)

    assert late in active(rows)


def test_a_count_that_never_agrees_is_accepted_after_all_were_read(
    state: HubSpotState, open_hubspot: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should HubSpot count some that it never lists, the difference is remembered instead of read for again."""
    add(state, 30)
    hubspot = open_hubspot(limits=SMALL)
    search = type(hubspot._found)
    real = search.newest
    monkeypatch.setattr(search, "newest", lambda self: {**real(self), "total": real(self)["total"] + 2})
    _, cursor = ends(hubspot, "contacts")
    _, cursor = ends(hubspot, "contacts", cursor)
    before = sum(hubspot.traffic.requests.values())
    _, cursor = ends(hubspot, "contacts", cursor)

    assert cursor["gap"] == "2"
    assert sum(hubspot.traffic.requests.values()) - before <= 2


def test_known_ids_are_read_by_the_hundred_and_new_ones_found(state: HubSpotState, open_hubspot: Open) -> None:
    ids = add(state, 300)
    hubspot = open_hubspot(full_pull="known", limits={"search_per_second": 1000})
    read_on(hubspot, "contacts")
    late = add(state, 250, start=1000)
    rows = read_on(hubspot, "contacts")

    assert hubspot.traffic.requests["POST contacts/batch/read"] == 3
    assert {row["platform_id"] for page in rows for row in page.rows.to_pylist()} == {*ids, *late}


def test_a_full_reading_knows_the_merged_from_the_deleted(state: HubSpotState, open_hubspot: Open) -> None:
    ids = add(state, 30)
    hubspot = open_hubspot(full_pull="list", limits=SMALL)
    read_on(hubspot, "contacts")
    join(state, state.contact_records.table[ids[3]], state.contact_records.table[ids[4]])
    erase(state, state.contact_records.table[ids[9]])
    rows, _ = ends(hubspot, "contacts")
    states = {row["platform_id"]: row["state"] for row in rows}

    assert [states[ids[place]] for place in (3, 4, 9)] == ["merged", "merged", "deleted"]


def test_a_contact_that_no_page_showed_is_not_thought_deleted(
    state: HubSpotState, open_hubspot: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = add(state, 30)
    hubspot = open_hubspot(full_pull="list", limits=SMALL)
    read_on(hubspot, "contacts")
    listed = pulling.AllContacts._list

    def short(self: pulling.AllContacts) -> Iterator[Any]:
        return ([row for row in page if row["id"] != ids[7]] for page in listed(self))

    monkeypatch.setattr(pulling.AllContacts, "_list", short)
    rows, _ = ends(hubspot, "contacts")

    assert ids[7] in active(rows)


@pytest.mark.parametrize("path", PATHS)
def test_pages_that_come_twice_are_asked_for_again(
    sandbox: Sandbox, state: HubSpotState, open_hubspot: Open, path: str
) -> None:
    ids = add(state, 60)
    hubspot = open_hubspot(full_pull=path, limits=SMALL)
    read_on(hubspot, "contacts")
    faults = [InjectedFault(kind="again", match=match, skip=3) for match in ("/contacts", "/search", "/batch/read")]
    sandbox.journal.faults[:] = faults

    rows, _ = ends(hubspot, "contacts")

    assert set(active(rows)) == set(ids)


def test_silence_about_a_contact_is_no_answer(sandbox: Sandbox, state: HubSpotState, open_hubspot: Open) -> None:
    """A batch that says COMPLETE and shows nothing: asked for again, and no reason to think that anybody is gone."""
    ids = add(state, 12)
    hubspot = open_hubspot(full_pull="known", limits=SMALL)
    read_on(hubspot, "contacts")
    sandbox.journal.faults[:] = [InjectedFault(kind="idle", match="/batch/read")]
    rows, _ = ends(hubspot, "contacts")
    sandbox.journal.faults[:] = [InjectedFault(kind="idle", match="/batch/read", times=99)]

    assert set(active(rows)) == set(ids)
    with pytest.raises(ContractError, match="does not report"):
        read_on(hubspot, "contacts")


def test_an_error_of_one_reader_ends_both(sandbox: Sandbox, state: HubSpotState, open_hubspot: Open) -> None:
    add(state, 100)
    sandbox.journal.faults[:] = [InjectedFault(kind="status", match="/search", status=400, skip=1, times=99)]
    with pytest.raises(Exception, match="fault"):
        ends(open_hubspot(full_pull="side_by_side", limits=SMALL), "contacts")


def test_a_path_that_there_is_not_is_a_wrong_setting(open_hubspot: Open) -> None:
    with pytest.raises(FixSettingsError, match="Known: auto, list, side_by_side, known, export"):
        open_hubspot(full_pull="fast")
