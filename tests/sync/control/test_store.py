"""The control store: runs, cursors, identities, plans and the ledger survive, and a crash shows."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, create_mock_engine

from connectors.errors import FixSettingsError
from connectors.records import MEMBER, Change, Outcome
from segmenter.identity import IdentityChanges
from sync.control.rows import NEWEST_STEP
from sync.control.schema import metadata
from sync.control.store import Control, open_control

START = datetime(2026, 11, 24, 9, tzinfo=UTC)
HEADLINE = Change("crm", "1", "p-1", "ada@people.test", "field", "headline", "old", "new")
TAG = Change("email", "a", "p-1", "ada@people.test", "group", "champions", None, MEMBER)


def ticking() -> Callable[[], datetime]:
    """Return a clock on which a second passes with each look."""
    seconds = iter(range(1_000_000))
    return lambda: START + timedelta(seconds=next(seconds))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'state' / 'control.db'}"


@pytest.fixture
def control(url: str) -> Iterator[Control]:
    opened = open_control(url, now=ticking())
    yield opened
    opened.close()


def test_the_migrations_lead_to_the_tables_that_the_code_uses(control: Control, url: str) -> None:
    del control
    engine = create_engine(url)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()

    assert differences == []


def test_every_table_can_be_made_on_postgresql() -> None:
    made: list[str] = []
    engine = create_mock_engine("postgresql+psycopg://", lambda ddl, *_, **__: made.append(ddl))
    metadata.create_all(engine, checkfirst=False)

    assert len(made) == len(metadata.tables) + sum(len(table.indexes) for table in metadata.sorted_tables)


def test_a_store_is_opened_again_with_all_that_was_in_it(url: str) -> None:
    first = open_control(url, now=ticking())
    run_id = first.runs.begin("pull")
    first.cursors.move("crm", "contacts", {"after": "100"}, run_id)
    first.close()

    second = open_control(url, now=ticking())
    cursor = second.cursors.get("crm", "contacts")
    second.close()

    assert cursor == {"after": "100"}


@pytest.mark.long
def test_processes_that_open_a_new_store_at_once_all_succeed(url: str) -> None:
    code = (
        "import sys; from sync.clock import now; from sync.control.store import open_control\n"
        "control = open_control(sys.argv[1], now=now); print(control.runs.begin('pull')); control.close()"
    )
    started = [subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    ended = [(process.communicate()[0].strip(), process.returncode) for process in started]

    assert [status for _, status in ended] == [0, 0, 0]
    assert len({run_id for run_id, _ in ended}) == 3


def test_a_run_is_remembered_with_how_it_ended(control: Control) -> None:
    run_id = control.runs.begin("pull")
    control.runs.finish(run_id, "done", {"contacts": 3})

    run = control.runs.latest("pull", state="done")
    assert run is not None
    assert (run.run_id, run.state, run.counts) == (run_id, "done", {"contacts": 3})
    assert run.started_at == START
    assert run.finished_at is not None
    assert run.finished_at > run.started_at


def test_a_run_that_was_killed_stays_running(control: Control) -> None:
    control.runs.begin("apply")

    assert [run.state for run in control.runs.newest()] == ["running"]
    assert control.runs.latest("apply", state="done") is None


def test_the_newest_runs_come_first(control: Control) -> None:
    begun = [control.runs.begin(command) for command in ("pull", "assign", "plan")]

    assert [run.run_id for run in control.runs.newest(2)] == [begun[2], begun[1]]


def test_a_stream_that_was_never_read_starts_at_the_beginning(control: Control) -> None:
    assert control.cursors.get("crm", "contacts") == {}
    assert control.cursors.read_at("crm", "contacts") is None


def test_a_cursor_moves_for_its_own_stream_only(control: Control) -> None:
    run_id = control.runs.begin("pull")
    control.cursors.move("crm", "contacts", {"after": "1"}, run_id)
    control.cursors.move("crm", "contacts", {"after": "2"}, run_id)

    assert control.cursors.get("crm", "contacts") == {"after": "2"}
    assert control.cursors.get("email", "contacts") == {}


def test_a_stream_is_known_up_to_where_the_last_reading_that_ended_began(control: Control) -> None:
    run_id = control.runs.begin("pull")
    began = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    control.cursors.ended("crm", "contacts", began, run_id)
    control.cursors.move("crm", "contacts", {"after": "1"}, run_id)  # by another one, which is killed then

    assert control.cursors.read_at("crm", "contacts") == began
    assert control.cursors.read_at("email", "contacts") is None
    control.cursors.forget()
    assert control.cursors.get("crm", "contacts") == {}
    assert control.cursors.read_at("crm", "contacts") is None


def test_links_are_added_changed_and_read_as_a_table(control: Control) -> None:
    run_id = control.runs.begin("pull")
    control.links.write(IdentityChanges({"crm:1": "p-1", "crm:2": "p-2"}, {}), run_id)
    control.links.write(IdentityChanges({"crm:2": "p-1"}, {"p-2": "p-1"}), run_id)

    assert control.links.mapping() == {"crm:1": "p-1", "crm:2": "p-1"}
    assert sorted(control.links.load().column_names) == ["contact_key", "person_id"]
    assert control.links.load().num_rows == 2
    assert control.links.merged() == {"p-2": "p-1"}


def test_a_person_that_was_merged_twice_points_to_the_one_that_is_left(control: Control) -> None:
    run_id = control.runs.begin("pull")
    control.links.write(IdentityChanges({}, {"p-3": "p-2"}), run_id)
    control.links.write(IdentityChanges({}, {"p-2": "p-1"}), run_id)

    assert control.links.merged() == {"p-3": "p-1", "p-2": "p-1"}


def test_a_plan_goes_through_its_states(control: Control) -> None:
    run_id = control.runs.begin("plan")
    control.plans.record("one", run_id=run_id, path="plans/one.jsonl", changes=2, summary={"requests": {}})
    control.plans.move("one", "applied")

    record = control.plans.get("one")
    assert record is not None
    assert (record.state, record.changes, record.path) == ("applied", 2, "plans/one.jsonl")
    assert control.plans.latest() == record
    assert control.plans.get("other") is None


def test_what_was_sent_without_an_answer_is_unsettled(control: Control) -> None:
    run_id = control.runs.begin("apply")
    control.ledger.intend(run_id, [HEADLINE, TAG])
    control.ledger.settle(run_id, [Outcome(HEADLINE, "applied")])

    assert control.ledger.unsettled() == {run_id: [TAG]}
    assert control.ledger.counts(run_id) == {("crm", "applied", ""): 1, ("email", "", ""): 1}


def test_an_unknown_outcome_stays_open_until_a_later_run_settles_it(control: Control) -> None:
    first = control.runs.begin("apply")
    control.ledger.intend(first, [TAG])
    control.ledger.settle(first, [Outcome(TAG, "unknown", "no answer", "no_answer")])
    assert control.ledger.unsettled() == {first: [TAG]}

    second = control.runs.begin("apply")
    control.ledger.intend(second, [TAG])
    control.ledger.settle(second, [Outcome(TAG, "unchanged")])

    assert control.ledger.unsettled() == {}


def test_a_change_noted_twice_in_a_run_is_one_entry(control: Control) -> None:
    run_id = control.runs.begin("apply")
    control.ledger.intend(run_id, [HEADLINE])
    control.ledger.intend(run_id, [HEADLINE, HEADLINE])
    control.ledger.settle(run_id, [Outcome(HEADLINE, "applied")])

    assert control.ledger.outcomes(run_id) == [Outcome(HEADLINE, "applied")]


def test_a_skipped_change_is_in_the_ledger_although_it_was_never_sent(control: Control) -> None:
    run_id = control.runs.begin("apply")
    skipped = Outcome(TAG, "skipped", "unsubscribed", "consent")
    control.ledger.settle(run_id, [skipped])

    assert control.ledger.outcomes(run_id, state="skipped") == [skipped]
    assert control.ledger.outcomes(run_id, state="applied") == []


def test_only_memberships_that_we_made_and_kept_are_ours(control: Control) -> None:
    first = control.runs.begin("apply")
    others = replace(TAG, platform_id="b")
    refused = replace(TAG, platform_id="c")
    taken_back = replace(TAG, platform_id="d")
    made = [Outcome(TAG, "applied"), Outcome(others, "unchanged"), Outcome(refused, "rejected", "no", "no")]
    control.ledger.settle(first, [*made, Outcome(taken_back, "applied")])
    second = control.runs.begin("apply")
    control.ledger.settle(second, [Outcome(replace(taken_back, before=MEMBER, after=None), "applied")])

    assert control.ledger.groups_made().to_pylist() == [
        {"connection": "email", "group_name": "champions", "platform_id": "a"}
    ]


def test_many_changes_are_noted_and_settled(control: Control) -> None:
    run_id = control.runs.begin("apply")
    changes = [replace(HEADLINE, platform_id=str(number)) for number in range(12_000)]
    control.ledger.intend(run_id, changes)
    control.ledger.settle(run_id, [Outcome(change, "applied") for change in changes])

    assert control.ledger.counts(run_id) == {("crm", "applied", ""): 12_000}


def test_a_moment_keeps_its_instant_whatever_its_zone(url: str) -> None:
    elsewhere = datetime.fromisoformat("2026-11-24T14:30:00+05:30")
    control = open_control(url, now=lambda: elsewhere)
    control.runs.begin("pull")
    run = control.runs.latest()
    control.close()

    assert run is not None
    assert run.started_at == START
    assert run.started_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("nonsense", "not a database URL"),
        ("klingon://localhost/db", "not a database URL"),
        ("postgresql+pg8000://me:secret@127.0.0.1/db", "missing driver: pg8000"),
    ],
)
def test_a_store_that_can_not_be_reached_is_told_without_its_password(state: str, message: str) -> None:
    with pytest.raises(FixSettingsError, match=message) as caught:
        open_control(state, now=ticking())

    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_store_is_told(tmp_path: Path) -> None:
    (tmp_path / "control.db").write_text("This is a letter to my aunt, and it is longer than a hundred bytes." * 9)

    with pytest.raises(FixSettingsError, match=r"control\.db is damaged"):
        open_control(f"sqlite:///{tmp_path / 'control.db'}", now=ticking())


def test_a_store_of_a_newer_version_is_left_alone(url: str) -> None:
    open_control(url, now=ticking()).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    if engine.dialect.name == "sqlite":
        Path(f"{engine.url.database}.seal").unlink()  # the newer version would have written one of its own

    with pytest.raises(FixSettingsError, match="newer version of personasync"):
        open_control(url, now=ticking())


def test_the_newest_step_is_that_of_the_migrations() -> None:
    folder = Path(__file__).parents[3] / "sync" / "control" / "migrations"

    assert ScriptDirectory(str(folder)).get_heads() == [NEWEST_STEP]
