"""A clock that was ahead during one run hides nothing of what happens afterwards: it is noticed, set right and said."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.errors import FixSettingsError
from connectors.records import ASSIGNMENTS, CONTACTS
from sync.apply.job import apply
from sync.assign.job import assign
from sync.breach import GuardrailError
from sync.cli.render import healed
from sync.clock import now
from sync.plan.job import plan
from sync.pull.job import pull
from sync.session import Session
from tests.sync.conftest import Platforms

AHEAD = timedelta(days=30)


def lives_through_a_day_ahead(session: Session) -> None:
    """Pull, assign, plan and apply under a clock that is thirty days ahead."""
    session.now = lambda: now() + AHEAD
    session.control.runs.now = session.control.cursors.now = session.control.ledger.now = session.now
    pull(session, full=True, override=frozenset({"clock"}))
    assign(session, as_of=session.now())
    plan(session)
    apply(session, override=frozenset({"max_changed", "max_removed", "max_unclassified"}))
    session.now = now
    session.control.runs.now = session.control.cursors.now = session.control.ledger.now = now


def name_of(session: Session, email: str) -> str | None:
    contacts = session.warehouse.current(CONTACTS.name)
    rows = contacts.filter(contacts.email == email, contacts.connection == "crm").to_pyarrow().to_pylist()
    return str(rows[0]["properties"]) if rows else None


@pytest.mark.long
def test_what_happens_after_a_clock_was_ahead_is_seen(platforms: Platforms, ready: Session) -> None:
    lives_through_a_day_ahead(ready)
    row = next(contact for contact in platforms.crm.contacts.values() if contact["properties"].get("email"))
    platforms.crm.touch_contact(row, {"country": "Renamed"})
    platforms.crm.add_contact({"email": "late@people.test"}, created_at=platforms.sandbox.world.clock.now())
    before = [run.run_id for run in ready.control.runs.newest(20)]

    with pytest.raises(GuardrailError, match=r"a future date: a clock was ahead; run `personasync pull`"):
        assign(ready, as_of=now())
    pulled = pull(ready)
    assigned = assign(ready, as_of=now())
    planned = plan(ready)

    assert "a clock was ahead" in str(healed(pulled)[0])
    assert "Renamed" in str(name_of(ready, row["properties"]["email"]))
    assert (name_of(ready, "late@people.test") is not None, assigned.new) == (True, 1)
    assert planned.breaches == []
    assert any(change.email == "late@people.test" for change in planned.plan.changes)
    for name, columns in ((CONTACTS.name, ("recorded_at",)), (ASSIGNMENTS.name, ("recorded_at", "as_of", "since"))):
        versions = ready.warehouse.history(name)
        assert all(versions[column].max().to_pyarrow().as_py() <= now() for column in columns)
    ids = [run.run_id for run in ready.control.runs.newest(20)]
    assert ids == sorted(ids, reverse=True)
    assert ids[-len(before) :] == before  # the order in which they ran
    assert ready.control.runs.newest(1)[0].command == "plan"

    again = pull(ready)
    assert (again.clock, again.versions.get(CONTACTS.name, 0)) == ("", 0)


def test_a_clock_that_is_behind_heals_nothing(ready: Session) -> None:
    ready.now = lambda: now() - AHEAD

    with pytest.raises(FixSettingsError, match=r"clock is 720 hours behind that of crm") as refused:
        pull(ready)

    assert "NTP" in refused.value.fix
    assert ready.control.future.latest(now()) is None


@pytest.mark.parametrize(("minutes", "way"), [(6, "ahead of"), (-6, "behind")])
def test_a_pull_is_refused_while_clocks_differ_by_more_than_five_minutes(
    ready: Session, minutes: int, way: str
) -> None:
    before = ready.warehouse.last_sequence()
    ready.now = lambda: now() + timedelta(minutes=minutes)

    with pytest.raises(GuardrailError, match=f"clock is 6 minutes {way} that of HubSpot") as raised:
        pull(ready, full=True)

    assert "NTP" in raised.value.fix
    assert ready.warehouse.last_sequence() == before
    assert pull(ready, only="crm", override=frozenset({"clock"})).rows


def test_a_pull_goes_on_while_clocks_differ_by_less(ready: Session) -> None:
    ready.now = lambda: now() + timedelta(minutes=4)

    assert pull(ready).rows
