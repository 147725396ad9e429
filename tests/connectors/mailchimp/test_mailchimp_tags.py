"""Who has our tags, read from members that show them: no answer about segments names anybody's contact id."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from connectors.mailchimp import read_back as looking
from connectors.mailchimp import tags as tags_module
from connectors.mailchimp.connector import Mailchimp
from connectors.mailchimp.members import MemberDocument, Members, Present
from connectors.records import Change, Page
from connectors.sandbox.fill import AUDIENCE
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.server import Sandbox
from tests.connectors.conftest import rows

Open = Callable[..., Mailchimp]
OURS = "ps:champions"
TOO_MANY = 60  # tags that others gave a member, who shows fifty


@pytest.fixture
def state(sandbox: Sandbox) -> MailchimpState:
    return MailchimpState.of(sandbox.world)


@pytest.fixture
def audience(sandbox: Sandbox, state: MailchimpState) -> list[dict[str, Any]]:
    """Forty members of an hour ago; every fourth has our tag."""
    at = sandbox.world.clock.now() - timedelta(hours=1)
    keys = [state.add_member(AUDIENCE, f"p{n}@people.test", at=at + timedelta(seconds=n)) for n in range(40)]
    members = [member_at(state, key) for key in keys]
    for member in members[::4]:
        give(state, member)
    sandbox.world.clock.advance(timedelta(minutes=10))
    return members


def member_at(state: MailchimpState, key: str) -> dict[str, Any]:
    member = state.directory(AUDIENCE).find(key)
    assert member is not None
    return member


def give(state: MailchimpState, member: dict[str, Any], name: str = OURS) -> None:
    state.put_tag(AUDIENCE, member, state.tag(AUDIENCE, name) or "")


def take(state: MailchimpState, member: dict[str, Any]) -> None:
    segment = state.tag(AUDIENCE, OURS) or ""
    state.take_tag(AUDIENCE, member, segment)
    row = state.segments(AUDIENCE)[segment]
    row["updated_at"] = state.now()
    state.segments(AUDIENCE)[segment] = row


def crowd(state: MailchimpState, member: dict[str, Any]) -> None:
    """Give a member so many tags of others that ours is none of those that it shows."""
    ours = member["tags"].pop(state.tag(AUDIENCE, OURS) or "", None)
    for number in range(TOO_MANY):
        give(state, member, f"shop {number}")
    if ours:
        member["tags"][state.tag(AUDIENCE, OURS) or ""] = ours


def touch(state: MailchimpState, *members: dict[str, Any]) -> None:
    for member in members:
        member["last_changed"] = state.now()
        state.directory(AUDIENCE).save(member)


def membership(member: dict[str, Any]) -> Change:
    address = member["email_address"]
    return Change("email", member["contact_id"], "p", address, "group", "champions", None, "member")


def disturb(members: Members, change: Callable[[], None]) -> None:
    """Let something change once the first page of all members was read."""
    begin = members.present

    def disturbed(settled: Iterator[Sequence[MemberDocument]]) -> Iterator[Sequence[MemberDocument]]:
        yield next(settled)
        change()
        yield from settled

    def present() -> Present:
        reading = begin()
        return Present(disturbed(reading.settled), reading.moved)

    members.present = present  # type: ignore[method-assign]


def holders(pages: list[Page]) -> set[str]:
    return {row["platform_id"] for row in rows(iter(pages), "memberships")}


def ids(members: list[dict[str, Any]]) -> set[str]:
    return {member["contact_id"] for member in members}


@pytest.mark.parametrize("page", [1000, 7])
def test_who_has_a_tag_is_known_by_contact_id(audience: list[dict[str, Any]], open_mailchimp: Open, page: int) -> None:
    pages = list(open_mailchimp(limits={"page": page}).read("memberships", {}))

    assert holders(pages) == ids(audience[::4])
    assert pages[-1].groups == ("champions",)


def test_who_lost_the_tag_is_missing_from_the_next_reading_though_no_change_moved_their_record(
    sandbox: Sandbox, state: MailchimpState, audience: list[dict[str, Any]], open_mailchimp: Open
) -> None:
    mailchimp = open_mailchimp()
    first = list(mailchimp.read("memberships", {}))
    quiet = list(mailchimp.read("memberships", first[-1].cursor or {}))
    take(state, audience[4])
    later = list(mailchimp.read("memberships", first[-1].cursor or {}))

    assert (holders(quiet), quiet[-1].groups) == (set(), ())
    assert (holders(later), later[-1].groups) == (ids(audience[::4]) - ids([audience[4]]), ("champions",))


@pytest.mark.parametrize("singly", [100, 0])
def test_of_a_member_with_more_tags_than_it_shows_the_others_are_asked_for(
    state: MailchimpState,
    audience: list[dict[str, Any]],
    open_mailchimp: Open,
    monkeypatch: pytest.MonkeyPatch,
    singly: int,
) -> None:
    """One by one where they are few, by the pages of our tags where they are many: joined by the address's hash."""
    monkeypatch.setattr(tags_module, "SINGLY", singly)
    for member in audience[3:6]:  # the middle one has our tag
        crowd(state, member)
    mailchimp = open_mailchimp()
    member_ids = holders(list(mailchimp.read("memberships", {})))
    fetched = mailchimp.fetch([member["contact_id"] for member in audience[3:6]], [])
    changes = [membership(member) for member in audience[3:6]]
    seen = mailchimp.read_back(changes)

    sent = mailchimp.traffic.requests
    assert member_ids == ids(audience[::4])
    assert fetched.groups == {(audience[4]["contact_id"], "champions")}
    assert [seen[change.platform_id, "group", "champions"] for change in changes] == [None, "member", None]
    assert ("GET members/tags" in sent, "GET segments/members" in sent) == (singly > 0, singly == 0)


def test_a_member_that_changes_while_all_are_read_counts_as_it_is_in_the_end(
    sandbox: Sandbox, state: MailchimpState, audience: list[dict[str, Any]], open_mailchimp: Open
) -> None:
    """It moves out of the window that is read, so it would be missing; and who was read with the tag may lose it."""
    mailchimp = open_mailchimp(limits={"page": 4, "connections": 1})

    def change() -> None:
        sandbox.world.clock.advance(timedelta(minutes=5))
        take(state, audience[0])  # it is on the page that was read
        touch(state, audience[0], audience[36])

    disturb(mailchimp._tag_stream._members, change)

    assert holders(list(mailchimp.read("memberships", {}))) == ids(audience[4::4])


def test_a_member_that_changes_while_all_are_looked_at_is_not_gone(
    sandbox: Sandbox,
    state: MailchimpState,
    audience: list[dict[str, Any]],
    open_mailchimp: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(looking, "SINGLY", 0)
    mailchimp = open_mailchimp(limits={"page": 4, "connections": 1})
    disturb(mailchimp._look._members, lambda: touch(state, audience[36]))

    assert len(mailchimp.read_back([membership(member) for member in audience])) == len(audience)


def test_a_reading_by_hashes_is_no_reason_to_read_nothing_now(
    audience: list[dict[str, Any]], open_mailchimp: Open
) -> None:
    """What a workspace of 0.1.0 noted says that nothing changed; the members that it knows are hashes."""
    mailchimp = open_mailchimp()
    fresh = list(mailchimp.read("memberships", {}))[-1].cursor or {}
    noted = {key.replace("held ", "tag "): value for key, value in fresh.items()}

    assert holders(list(mailchimp.read("memberships", noted))) == ids(audience[::4])


def test_without_a_tag_of_ours_no_member_is_read(state: MailchimpState, open_mailchimp: Open) -> None:
    state.add_member(AUDIENCE, "ada@people.test")
    mailchimp = open_mailchimp()
    pages = list(mailchimp.read("memberships", {}))

    assert [(page.rows.num_rows, page.groups) for page in pages] == [(0, ("champions",))]
    assert mailchimp.traffic.requests == {"GET segments": 1}
