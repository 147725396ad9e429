"""Everybody who is stored is followed, whichever process wrote them, and who was passed over once is found again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.fetched import erased_contact
from connectors.records import CONTACTS, platform_key
from sync.cli.render import healed
from sync.clock import now
from sync.control.store import Control, open_control
from sync.ops.doctor import examine
from sync.plan.job import plan
from sync.pull.identities import POSITION, follow_identities, heal, is_replaced, position_of, unlinked
from sync.pull.job import Pulled, pull
from sync.session import Session, open_session
from sync.warehouse.opening import open_warehouse
from sync.warehouse.store import Warehouse
from tests.examples import examples
from tests.sync.conftest import Platforms

START = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
Person = tuple[int, int]  # number, and which of their addresses


def contacts(people: Sequence[Person]) -> pa.Table:
    shown = {"state": "active", "consent": "subscribed", "created_at": START}
    rows = [
        {**erased_contact("crm", str(number), START), **shown, "email": f"p{number}.{address}@people.test"}
        for number, address in people
    ]
    return pa.Table.from_pylist(rows, schema=CONTACTS.columns)


@contextmanager
def stores(folder: Path) -> Iterator[tuple[Warehouse, Control]]:
    """Both stores of a workspace, opened as a command opens them."""
    control = open_control(f"sqlite:///{folder / 'control.db'}", now=now)
    warehouse = open_warehouse("duckdb", folder)
    try:
        yield warehouse, control
    finally:
        warehouse.close()
        control.close()


def append(folder: Path, people: Sequence[Person], day: int = 0) -> None:
    with stores(folder) as (warehouse, _):
        warehouse.append(CONTACTS.name, contacts(people), recorded_at=START + timedelta(days=day))


def followed(folder: Path) -> None:
    with stores(folder) as (warehouse, control):
        follow_identities(warehouse, control, "run")


def links(folder: Path) -> dict[str, str]:
    with stores(folder) as (_, control):
        return control.links.mapping()


def forget_mark(folder: Path, position: int) -> None:
    """Leave the position as a version that let it run ahead left it."""
    with stores(folder) as (_, control):
        control.cursors.move(*POSITION, {"sequence": str(position)}, "run")


pages = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1)), min_size=1, max_size=5)
steps = st.lists(pages | st.sampled_from(("again", "follow", "reopen")), min_size=2, max_size=8)


@pytest.mark.long
@examples(10)
@example([[(0, 0), (1, 0)], "again", "follow", "reopen", [(2, 0)], "follow"])
@given(steps)
def test_whenever_stores_are_closed_between_steps_everybody_in_force_is_linked(
    tmp_path_factory: pytest.TempPathFactory, script: Sequence[str | Sequence[Person]]
) -> None:
    folder, shown = tmp_path_factory.mktemp("state"), dict[int, int]()
    opened = stores(folder)
    warehouse, control = opened.__enter__()
    for day, step in enumerate([*script, "reopen", "follow"]):
        if step == "reopen":
            opened.__exit__(None, None, None)
            opened = stores(folder)
            warehouse, control = opened.__enter__()
        elif step == "follow":
            follow_identities(warehouse, control, "run")
        else:
            shown.update([] if isinstance(step, str) else step)
            rows = contacts(list(shown.items()) if isinstance(step, str) else step)
            warehouse.append(CONTACTS.name, rows, recorded_at=START + timedelta(days=day))
    known, missing = control.links.mapping(), unlinked(warehouse, control)
    opened.__exit__(None, None, None)

    assert missing == 0
    for number, address in shown.items():
        assert known[platform_key("crm", str(number))] == known[f"mailto:p{number}.{address}@people.test"]


@pytest.mark.slow
def test_who_comes_after_a_day_of_little_news_is_followed(tmp_path: Path) -> None:
    everybody = [(number, 0) for number in range(30)]
    append(tmp_path, everybody)
    with stores(tmp_path) as (warehouse, control):  # one process: all but one are known
        warehouse.append(CONTACTS.name, contacts([(30, 0), *everybody]), recorded_at=START + timedelta(days=1))
        follow_identities(warehouse, control, "run")
    append(tmp_path, [(31, 0)], day=2)
    followed(tmp_path)

    assert {"crm:30", "crm:31"} <= links(tmp_path).keys()


@pytest.mark.slow
def test_a_number_that_was_given_is_not_given_again_when_its_row_is_erased(tmp_path: Path) -> None:
    append(tmp_path, [(1, 0), (2, 0)])
    followed(tmp_path)
    with stores(tmp_path) as (warehouse, _):
        warehouse.engine.raw_sql("DELETE FROM contacts WHERE platform_id = '2'")  # type: ignore[attr-defined]
    append(tmp_path, [(3, 0)])
    followed(tmp_path)

    assert "crm:3" in links(tmp_path)


@pytest.mark.slow
def test_who_was_passed_over_is_found_again_once_and_counted(tmp_path: Path) -> None:
    append(tmp_path, [(number, 0) for number in range(5)])
    followed(tmp_path)
    append(tmp_path, [(5, 0), (6, 0), (1, 1)], day=1)  # two came, and one has another address
    forget_mark(tmp_path, 400)
    with stores(tmp_path) as (warehouse, control):
        assert unlinked(warehouse, control) == 2
        counts = [heal(warehouse, control, "run") for _ in range(2)]
        assert (counts, unlinked(warehouse, control), position_of(control)) == ([3, 0], 0, 8)
    append(tmp_path, [(7, 0)], day=2)
    followed(tmp_path)

    assert {"mailto:p1.1@people.test", "crm:7"} <= links(tmp_path).keys()


def test_who_was_passed_over_below_the_position_is_found_too(tmp_path: Path) -> None:
    append(tmp_path, [(number, 0) for number in range(5)])
    forget_mark(tmp_path, 3)
    append(tmp_path, [(5, 0)], day=1)
    with stores(tmp_path) as (warehouse, control):
        count = heal(warehouse, control, "run")  # the last three were to be followed anyway

        assert (count, unlinked(warehouse, control)) == (3, 0)


def test_a_healing_that_was_killed_begins_again(tmp_path: Path) -> None:
    append(tmp_path, [(number, 0) for number in range(5)])
    forget_mark(tmp_path, 3)
    followed(tmp_path)  # as far as a kill let it come

    with stores(tmp_path) as (warehouse, control):
        assert heal(warehouse, control, "run") == 3
        assert unlinked(warehouse, control) == 0


@pytest.mark.long
def test_a_workspace_that_was_hit_heals_at_the_next_pull_and_says_so(platforms: Platforms) -> None:
    with open_session(platforms.folder, now=now, environment=platforms.environment) as session:
        pull(session)
        persons = session.control.links.persons()
        passed_over = [key for key in session.control.links.mapping() if key.startswith("crm:")][:7]
        session.control.links.drop(passed_over)
        session.control.cursors.move(*POSITION, {"sequence": "1000000"}, "run")
        before = [
            (name, finding.state, finding.message) for name, finding in examine(session) if finding.check == "people"
        ]
    with open_session(platforms.folder, now=now, environment=platforms.environment) as session:
        pulled = pull(session)
        after = [finding for _, finding in examine(session) if finding.check == "people"]

    message = "7 active contacts are not linked to a person and get no persona."
    assert before == [("workspace", "fail", message)]
    assert (pulled.healed, pulled.persons, pulled.reread, after) == (7, persons, False, [])
    assert str(healed(pulled)[0]).startswith("7 contacts skipped by an earlier version are now linked")


@pytest.mark.long
def test_a_full_pull_links_whoever_is_not(platforms: Platforms) -> None:
    with open_session(platforms.folder, now=now, environment=platforms.environment) as session:
        pull(session)
        session.control.links.drop([key for key in session.control.links.mapping() if key.startswith("email:")][:4])

        assert pull(session).healed == 0
        assert pull(session, full=True).healed == 4
        assert unlinked(session.warehouse, session.control) == 0


@pytest.mark.long
@pytest.mark.parametrize("older", [False, True])
def test_another_warehouse_than_the_one_that_was_read_into_is_read_again(platforms: Platforms, *, older: bool) -> None:
    file, copy = platforms.folder / ".personasync" / "warehouse.duckdb", platforms.folder / "older.duckdb"

    def pulled() -> tuple[Pulled, int, int]:
        environment = platforms.environment
        with open_session(platforms.folder, now=now, environment=environment, healing=("warehouse",)) as session:
            done = pull(session)
            count = int(session.warehouse.current(CONTACTS.name).count().to_pyarrow().as_py())
            assert not is_replaced(session.warehouse, session.control)
            return done, count, unlinked(session.warehouse, session.control)

    _, everybody, _ = pulled()
    shutil.copy(file, copy)
    platforms.crm.add_contact({"email": "late@people.test"}, created_at=platforms.sandbox.world.clock.now())
    assert pulled()[1:] == (everybody + 1, 0)
    file.unlink()
    if older:
        shutil.copy(copy, file)
    done, count, missing = pulled()

    assert (done.reread, count, missing) == (True, everybody + 1, 0)
    assert "all records were read again" in str(healed(done)[0])


@pytest.mark.long
def test_after_a_pull_that_was_killed_the_plan_still_knows_what_the_last_apply_wrote(
    session: Session, applied: str
) -> None:
    session.control.runs.finish(session.control.runs.begin("pull"), "failed", {})
    after_a_kill = plan(session)
    pull(session)

    assert applied
    assert (after_a_kill.plan.changes, after_a_kill.breaches) == ([], [])
    assert plan(session).plan.changes == []
