"""The control store read without SQLAlchemy says what it says with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from connectors.errors import FixSettingsError
from connectors.records import Change, Outcome
from segmenter.identity import IdentityChanges
from sync.control.published import Published
from sync.control.reading import ReadableControl, ReadControl, open_read_control
from sync.control.store import Control, open_control

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
PEOPLE = {"mailto:ada@people.test": "p-1", "crm:1": "p-1", "crm:2": "p-2"}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'state' / 'control.db'}"


@pytest.fixture
def both(url: str) -> Iterator[tuple[Control, ReadableControl]]:
    """A store with something of everything, opened to write and to read."""
    control = open_control(url, now=lambda: NOW)
    change = Change("crm", "1", "p-1", "ada@people.test", "field", "headline", None, "new")
    for command, state in (("pull", "done"), ("apply x", "refused"), ("apply y", "rejects"), ("serve", "done")):
        run = control.runs.begin(command)
        control.ledger.intend(run, [change, Change("crm", "2", "p-2", None, "field", "headline", "a", None)])
        control.ledger.settle(run, [Outcome(change, "rejected", "no", "odd")] if state == "rejects" else [])
        control.runs.finish(run, state, {"seconds": 1.5})
    control.runs.begin("assign")
    control.cursors.move("crm", "contacts", {"after": "7"}, "r")
    control.cursors.ended("crm", "contacts", NOW, "r", rows=2)
    control.plans.record("one", run_id="r1", path="plans/one", changes=3, summary={"new": 3})
    control.links.write(IdentityChanges(PEOPLE, {}), "r")
    control.pins.put("ada@people.test", "champions", until=NOW + timedelta(days=1), reason="asked", by="bo")
    control.pins.put("bo@people.test", "champions", until=NOW + timedelta(microseconds=1), reason="asked", by="bo")
    control.pins.end(["bo@people.test"], by="bo")
    control.people.hand_over([Published("p-1", {}, {"segment": "champions"}, "d", NOW)], NOW, {})
    read = open_read_control(url, now=lambda: NOW)
    yield control, read
    read.close()
    control.close()


def said(control: ReadableControl) -> dict[str, object]:
    runs, cursors, links = control.runs, control.cursors, control.links
    return {
        "newest": runs.newest(2),
        "newest_but": runs.newest(but="serve"),
        "latest": [runs.latest(), runs.latest("pull"), runs.latest("pull", state="failed"), runs.latest(state="done")],
        "get": [runs.get(run.run_id) for run in runs.newest()] + [runs.get("none")],
        "last_write": [runs.last_write(), runs.last_write(but="apply y")],
        "cursors": [
            (cursors.get(name, s), cursors.read_at(name, s), cursors.ended_at(name, s), cursors.held(name, s))
            for name in ("crm", "email")
            for s in ("contacts", "orders")
        ],
        "plan": control.plans.latest(),
        "unsettled": control.ledger.unsettled(),
        "outcomes": [control.ledger.outcomes(run.run_id, state="rejected") for run in runs.newest()],
        "links": [links.newest(), links.mapping(), links.of_keys([*PEOPLE][:2]), links.of_persons(["p-1", "p-9"])],
        "pins": [control.pins.in_force(NOW + timedelta(hours=n)) for n in (-1, 0, 25)],
    }


def test_reading_says_what_the_store_says(both: tuple[Control, ReadableControl]) -> None:
    control, read = both

    assert isinstance(read, ReadControl)
    assert said(read) == said(control)
    assert read.people.waiting(1) == [handed.entry for handed in control.people.waiting(1)] != []


def test_of_an_empty_store_there_is_nothing_to_say(url: str) -> None:
    control = open_control(url, now=lambda: NOW)
    read = open_read_control(url, now=lambda: NOW)

    assert isinstance(read, Control)  # a store without a run may be in the place of one that was lost
    assert said(read) == said(control)
    read.close()
    control.close()


def test_a_store_that_is_new_is_made_and_one_of_a_newer_version_refused(url: str) -> None:
    made = open_read_control(url, now=lambda: NOW)
    made.close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    Path(f"{url.removeprefix('sqlite:///')}.seal").unlink()

    assert isinstance(made, Control)
    with pytest.raises(FixSettingsError, match="newer version"):
        open_read_control(url, now=lambda: NOW)


def test_a_file_that_is_no_store_is_named(url: str) -> None:
    path = Path(url.removeprefix("sqlite:///"))
    path.parent.mkdir()
    path.write_text("no database", "utf-8")

    with pytest.raises(FixSettingsError, match="is damaged: file is not a database"):
        open_read_control(url, now=lambda: NOW)
