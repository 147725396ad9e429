"""Timeline and segment history: what happened, in its order, by whom; consent withholds here too."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.errors import FixSettingsError
from connectors.records import ORDERS
from sync.assign.job import assign
from sync.assign.members import members
from sync.assign.pins import pin, unpin
from sync.assign.segment_history import segment_history
from sync.assign.timeline import timeline
from sync.consent.objections import object_by_hand
from sync.session import Session
from tests.sync.conftest import Platforms, edit


def first_buyer(session: Session) -> str:
    """The address of somebody who has ordered."""
    for member in members(session, "regulars").members:
        if member.email:
            return member.email
    message = "nobody in this segment has an address"
    raise AssertionError(message)


def test_it_tells_of_every_order_newest_first(ready: Session) -> None:
    email = first_buyer(ready)
    shown = timeline(ready, email.upper(), size=1000)
    keys = ready.control.links.of_persons(ready.control.links.of_keys([f"mailto:{email}"]).values())
    orders = ready.warehouse.current(ORDERS.name)
    mine = int(orders.filter(orders.contact_key.isin(sorted(keys))).count().to_pyarrow().as_py())
    moments = [entry.at for entry in shown.shown]

    assert sum(entry.kind == "order" for entry in shown.shown) == mine > 0
    assert moments == sorted(moments, reverse=True)
    assert shown.entries == len(shown.shown)
    assert any(entry.kind == "segment" and "regulars" in entry.text for entry in shown.shown)


def test_pages_together_are_the_whole(ready: Session) -> None:
    email = first_buyer(ready)
    whole = timeline(ready, email, size=1000)
    pages = [timeline(ready, email, page=number, size=2) for number in range(1, -(-whole.entries // 2) + 1)]

    assert [entry for page in pages for entry in page.shown] == list(whole.shown)
    assert {page.pages for page in pages} == {len(pages)}


def test_statements_that_are_kept_tell_the_same(ready: Session) -> None:
    email = first_buyer(ready)
    by_ibis = timeline(ready, email, size=1000)
    with ready.warehouse.reading():
        kept = [timeline(ready, email, size=1000) for _ in range(2)]

    assert kept == [by_ibis, by_ibis]


def test_who_pinned_and_who_ended_it_is_told(ready: Session) -> None:
    email = first_buyer(ready)
    pin(ready, email, "newcomers", until=ready.now() + timedelta(days=9), reason="asked for it", by="ana")
    unpin(ready, email, by="ben")
    hand = [(entry.text, entry.by) for entry in timeline(ready, email).shown if entry.kind == "by hand"]

    assert sorted(hand) == [("Pin to newcomers ended", "ben"), ("Pinned to newcomers: asked for it", "ana")]


def test_who_objects_is_not_looked_at(ready: Session) -> None:
    email = first_buyer(ready)
    object_by_hand(ready.workspace, ready.control, email, by="test", withdraw=False)
    with ready.warehouse.reading():
        kinds = {entry.kind for entry in timeline(ready, email, size=1000).shown}

    assert kinds.isdisjoint({"order", "response", "email", "segment"})


def test_nobody_is_told_of_a_stranger(ready: Session) -> None:
    with pytest.raises(FixSettingsError, match="No contact has the email address"):
        timeline(ready, "nobody@else.test")


def test_people_are_found_by_a_part_of_any_address(ready: Session) -> None:
    everybody = members(ready, None, size=1000)
    email = first_buyer(ready)
    matching = members(ready, None, find=email[2:9].upper(), size=1000)

    assert email in [member.email for member in matching.members]
    assert 0 < matching.people < everybody.people == len(everybody.members)
    assert members(ready, None, find="%").people == 0  # no pattern


@pytest.mark.long
def test_sizes_and_edits_are_told_in_their_order(ready: Session, platforms: Platforms) -> None:
    first = segment_history(ready)
    edit(platforms, "tenure_days < 60", "tenure_days < 20", "segments.toml")
    ready.reload()
    pending = segment_history(ready)
    assign(ready, as_of=ready.now())
    done = segment_history(ready)
    lines = ["-rule = tenure_days < 60", "+rule = tenure_days < 20"]

    assert (len(first.sizes), first.changes) == (1, [])
    assert [(c.segment, c.at) for c in pending.changes] == [("newcomers", None)]
    assert [line for line in pending.changes[0].lines if line[0] != " "] == lines
    assert [(c.segment, c.at is not None, list(c.lines)) for c in done.changes] == [
        ("newcomers", True, list(pending.changes[0].lines))
    ]
    assert [sum(then.segments.values()) + then.unclassified for then in done.sizes] == [
        sum(first.sizes[0].segments.values()) + first.sizes[0].unclassified
    ] * 2
