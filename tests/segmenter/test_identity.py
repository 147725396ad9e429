"""Persons: one for each human, never two, with ids that last."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from connectors.records import CONTACTS
from segmenter.identity import ContactKeys, contact_keys, resolve

ADA, BOB, NEW = "ada@people.test", "bob@people.test", "ada.new@people.test"


def crm(platform_id: str, email: str | None, **more: object) -> ContactKeys:
    return ContactKeys("crm", platform_id, email, **more)  # type: ignore[arg-type]


def mail(platform_id: str, email: str | None, **more: object) -> ContactKeys:
    return ContactKeys("email", platform_id, email, **more)  # type: ignore[arg-type]


def ids(start: int = 1) -> Callable[[], str]:
    counter = itertools.count(start)
    return lambda: f"p-{next(counter):04}"


def linked(contacts: Iterable[ContactKeys], links: Mapping[str, str] | None = None, start: int = 1) -> dict[str, str]:
    known = dict(links or {})
    return known | resolve(contacts, known, ids(start)).links


def test_records_of_two_platforms_with_one_address_are_one_person() -> None:
    links = linked([crm("1", ADA), mail("a", ADA), crm("2", BOB)])

    assert links["crm:1"] == links["email:a"] == links[f"mailto:{ADA}"]
    assert links["crm:2"] != links["crm:1"]


def test_an_address_in_two_cases_of_letters_is_one_person() -> None:
    links = linked([crm("1", "Ada@People.TEST"), mail("a", "ada@people.test")])

    assert set(links) == {"crm:1", "email:a", f"mailto:{ADA}"}
    assert len(set(links.values())) == 1


def test_a_contact_without_an_address_is_a_person_of_its_own() -> None:
    links = linked([crm("1", None), crm("2", None), crm("3", " ")])

    assert len(set(links.values())) == 3


def test_an_additional_address_joins_the_record_that_shows_it() -> None:
    links = linked([crm("1", ADA, additional_emails=(NEW,)), mail("a", NEW)])

    assert links["crm:1"] == links["email:a"]


def test_a_changed_address_stays_with_the_person_and_the_old_one_too() -> None:
    before = linked([crm("1", ADA), mail("a", ADA)])

    after = linked([crm("1", NEW), mail("a", ADA)], before, start=50)

    assert set(after.values()) == {"p-0001"}
    assert set(after) == {"crm:1", "email:a", f"mailto:{ADA}", f"mailto:{NEW}"}


def test_an_old_address_is_not_forgotten_when_nobody_shows_it() -> None:
    before = linked([crm("1", ADA)])

    after = linked([crm("1", NEW)], before, start=50)

    assert after[f"mailto:{ADA}"] == after["crm:1"] == "p-0001"


def test_an_address_that_moved_to_another_human_belongs_to_them() -> None:
    before = linked([crm("1", ADA), crm("2", BOB)])

    changes = resolve([crm("1", NEW), crm("2", ADA)], before, ids(50))

    assert changes.links == {f"mailto:{NEW}": before["crm:1"], f"mailto:{ADA}": before["crm:2"]}
    assert changes.merged == {}


def test_an_address_that_a_new_record_took_over_makes_a_new_person() -> None:
    before = linked([crm("1", ADA)])

    after = linked([crm("1", NEW), mail("a", ADA)], before, start=50)

    assert after["crm:1"] == after[f"mailto:{NEW}"] == "p-0001"
    assert after["email:a"] == after[f"mailto:{ADA}"] == "p-0050"


def test_two_humans_who_swap_addresses_stay_two() -> None:
    before = linked([crm("1", ADA), crm("2", BOB)])

    after = linked([crm("1", BOB), crm("2", ADA)], before, start=50)

    assert after["crm:1"] == after[f"mailto:{BOB}"] == before["crm:1"]
    assert after["crm:2"] == after[f"mailto:{ADA}"] == before["crm:2"]


def test_a_record_that_is_made_again_is_the_same_person() -> None:
    before = linked([crm("1", ADA)])
    deleted = crm("1", None, state="deleted")

    after = linked([deleted, crm("9", ADA)], before, start=50)

    assert after["crm:9"] == "p-0001"


def test_an_archived_record_still_says_whose_address_it_was() -> None:
    links = linked([mail("a", ADA, state="archived"), crm("1", ADA)])

    assert links["email:a"] == links["crm:1"]


def test_a_merge_on_the_platform_joins_the_persons_and_keeps_the_older_id() -> None:
    before = linked([crm("1", ADA), crm("2", BOB), mail("b", BOB)])
    won = crm("1", ADA, additional_emails=(BOB,), merged_ids=("2",))

    changes = resolve([won, crm("2", BOB, state="merged"), mail("b", BOB)], before, ids(50))

    assert changes.merged == {"p-0002": "p-0001"}
    assert changes.links == {"crm:2": "p-0001", "email:b": "p-0001", f"mailto:{BOB}": "p-0001"}


def test_keys_that_nobody_shows_follow_their_person_through_a_merge() -> None:
    before = linked([crm("1", ADA), crm("2", BOB)]) | {"mailto:old@people.test": "p-0002"}
    won = crm("1", ADA, merged_ids=("2",))

    changes = resolve([won], before, ids(50))

    assert changes.links["mailto:old@people.test"] == "p-0001"


def test_identity_columns_are_read_from_arrow_rows() -> None:
    row = {"connection": "crm", "platform_id": "1", "email": ADA, "additional_emails": [NEW], "merged_ids": None}
    rows = pa.Table.from_pylist([row | {"state": "active"}], schema=CONTACTS.columns)

    assert list(contact_keys(rows)) == [crm("1", ADA, additional_emails=(NEW,))]


addresses = st.sampled_from([f"{name}@people.test" for name in "abcdef"])
contacts = st.builds(
    ContactKeys,
    connection=st.sampled_from(["crm", "email"]),
    platform_id=st.sampled_from("123456"),
    email=st.none() | addresses,
    additional_emails=st.lists(addresses, max_size=2).map(tuple),
    merged_ids=st.lists(st.sampled_from(["7", "8", "9"]), max_size=1).map(tuple),
    state=st.sampled_from(["active", "active", "active", "archived", "deleted"]),
)
people = st.lists(contacts, max_size=8, unique_by=lambda contact: (contact.connection, contact.platform_id))


def partition(links: Mapping[str, str]) -> set[frozenset[str]]:
    groups: dict[str, set[str]] = {}
    for key, person in links.items():
        groups.setdefault(person, set()).add(key)
    return {frozenset(keys) for keys in groups.values()}


@given(people, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(known: list[ContactKeys], chance: object) -> None:
    shuffled = list(known)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    assert linked(shuffled) == linked(known)


@given(people, st.lists(st.integers(0, 8), max_size=4))
def test_the_pages_in_which_contacts_arrive_do_not_matter(known: list[ContactKeys], cuts: list[int]) -> None:
    links: dict[str, str] = {}
    for number, end in enumerate([*sorted(cuts), len(known)]):
        links = linked(known[:end], links, start=100 * number)

    assert partition(links) == partition(linked(known))


@given(people, people)
def test_once_resolved_there_is_nothing_to_change(first: list[ContactKeys], second: list[ContactKeys]) -> None:
    links = linked(second, linked(first), start=50)

    changes = resolve(second, links, ids(100))

    assert changes.links == {}
    assert changes.merged == {}


@given(people, people)
def test_a_person_id_lasts_or_points_to_the_one_in_its_place(
    first: list[ContactKeys], second: list[ContactKeys]
) -> None:
    before = linked(first)
    changes = resolve(second, before, ids(50))
    after = before | changes.links

    assert not set(after.values()) & set(changes.merged)
    for contact in second:
        record = contact.records[0]
        if record in before:
            assert after[record] == changes.merged.get(before[record], before[record])


@given(people, people)
def test_whoever_shows_one_address_is_one_person(first: list[ContactKeys], second: list[ContactKeys]) -> None:
    links = linked(second, linked(first), start=50)

    for contact in second:
        assert {links[key] for key in (*contact.records, *contact.addresses)} == {links[contact.records[0]]}
