"""Pages beside commands: nobody waits for the console, and it shows what is there; what it does asks first."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import ibis
import pytest

from connectors.sandbox.server import Sandbox
from sync.clock import now
from sync.console.lane import NoDataError
from sync.console.reading import Reader
from sync.control.store import open_control
from sync.session import Session
from sync.warehouse.damage import FILE
from sync.warehouse.embedded_file import COPIES
from tests.sync.conftest import Moment, Platforms, connected
from tests.sync.console.visitor import visiting

pytestmark = pytest.mark.outside

HOLD = """
import sys
import threading
import duckdb
held = duckdb.connect(sys.argv[1])
held.execute("BEGIN")
held.execute("DELETE FROM assignments")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def platforms(tmp_path: Path, ready_moment: Moment) -> Iterator[Platforms]:
    with Sandbox(ready_moment.world()) as sandbox:
        yield connected(sandbox, tmp_path / "workspace", ready_moment)


@pytest.fixture
def reader(platforms: Platforms) -> Iterator[Reader]:
    opened = Reader(platforms.folder, now=now, environment=platforms.environment)
    yield opened
    opened.end()


def copies(platforms: Platforms) -> list[Path]:
    return list((platforms.folder / ".personasync").glob(f"{COPIES}*"))


def people(session: Session) -> int:
    return int(session.warehouse.current("assignments").count().to_pyarrow().as_py())


def test_a_command_gets_the_warehouse_while_pages_are_read_and_pages_go_on(
    platforms: Platforms, reader: Reader
) -> None:
    before = reader.ask("people", people)
    path = platforms.folder / ".personasync" / FILE
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"  # the console has a copy open, and the file is free
            assert reader.ask("people again", people) == before > 0
            assert reader.ask("people", people, slow=True) == before
        finally:
            process.communicate("")


def test_an_answer_is_kept_until_something_changes(platforms: Platforms, reader: Reader) -> None:
    asked: list[int] = []
    for _ in range(3):
        reader.ask("counted", lambda session: asked.append(people(session)))
    control = open_control(f"sqlite:///{platforms.folder / '.personasync' / 'control.db'}", now=now)
    run = control.runs.begin("pull")
    control.runs.finish(run, "done", {})
    control.close()
    reader.ask("counted", lambda session: asked.append(people(session)))

    assert len(asked) == 2
    assert len(set(asked)) == 1


def test_the_copy_of_data_that_changed_is_deleted(platforms: Platforms, reader: Reader) -> None:
    reader.ask("people", people)
    assert len(copies(platforms)) == 1
    path = platforms.folder / ".personasync" / FILE
    os.utime(path, (path.stat().st_atime + 1, path.stat().st_mtime + 1))
    reader.sweep()

    assert copies(platforms) == []


def test_nothing_stays_when_it_ends(platforms: Platforms) -> None:
    with visiting(platforms.folder, platforms.environment) as visitor:
        assert visitor.get("/people").status == 200
        assert copies(platforms)

    assert copies(platforms) == []


def test_a_damaged_store_is_told_and_no_page_breaks(platforms: Platforms) -> None:
    path = platforms.folder / ".personasync" / FILE
    path.write_bytes(b"\x00" * 4096 + os.urandom(4096))
    with visiting(platforms.folder, platforms.environment) as visitor:
        for asked in ("/people", "/personas", "/segments/newcomers", "/data/quality"):
            answer = visitor.get(asked)
            assert "Traceback" not in answer.text
            assert "warehouse" in answer.words, asked
        assert visitor.get("/data").status == 200


def test_settings_that_are_wrong_are_told(platforms: Platforms) -> None:
    with visiting(platforms.folder, platforms.environment) as visitor:
        (platforms.folder / "segments.toml").write_text('[[segments]]\nname = "x"\nrule = "nothing ="\n', "utf-8")
        answer = visitor.get("/segments")

    assert answer.status == 400
    assert "segments.toml" in answer.words


def test_without_a_warehouse_there_are_no_data(platforms: Platforms, reader: Reader) -> None:
    (platforms.folder / ".personasync" / FILE).unlink()

    with pytest.raises(NoDataError):
        reader.ask("people", people)


@pytest.mark.long
def test_a_plan_is_applied_by_its_code_alone_and_undone(platforms: Platforms) -> None:
    with visiting(platforms.folder, platforms.environment) as visitor:
        token = visitor.token()
        made = visitor.done(visitor.post("/plans/make", token))
        page = visitor.get("/plans")
        plan = page.text.partition('name="plan" value="')[2].partition('"')[0]
        code, written = plan[-6:], len(platforms.writes())
        refused = [
            visitor.post("/plans/apply", token, plan=plan, code=wrong).status for wrong in ("", "abcdef", plan)
        ] + [visitor.post("/plans/apply", token, plan="another", code=code).status]

        assert "Nothing was sent" in made.words
        assert refused == [400] * 4
        assert len(platforms.writes()) == written

        applied = visitor.done(visitor.post("/plans/apply", token, plan=plan, code=code.upper()))
        tags = [member["tags"] for member in platforms.members()]
        again = visitor.post("/plans/apply", token, plan=plan, code=code)

        assert "crm: applied" in applied.words
        assert any(tags)
        assert "already applied" in visitor.done(again).words

        looked = visitor.done(visitor.post("/plans/undo", token, run="last"))
        task = looked.text.partition("/plans/undo/")[2].partition('"')[0]
        intended = visitor.get(f"/plans/undo/{task}")
        undone = visitor.done(visitor.post(f"/plans/undo/{task}/do", token))

    assert "Now and after" in intended.words
    assert "values, tags and list memberships restored; 0 skipped because they were edited since" in undone.words
    assert not any(member["tags"] for member in platforms.members())


def test_the_end_does_not_wait_for_a_calculation(platforms: Platforms) -> None:
    opened = Reader(platforms.folder, now=now, environment=platforms.environment)
    began, broken = threading.Event(), threading.Event()

    def endless(session: Session) -> None:
        numbers = ibis.range(0, 10_000_000_000, 1).unnest().name("n").as_table()
        began.set()
        try:
            session.warehouse.engine.to_pyarrow(numbers.aggregate(total=(numbers.n * numbers.n % 7).sum()))
        finally:
            broken.set()

    asked = threading.Thread(target=asking, args=(opened, endless))
    asked.start()
    assert began.wait(60)
    opened.end()
    asked.join(60)

    assert broken.is_set()
    assert copies(platforms) == []


def asking(reader: Reader, function: Callable[[Session], None]) -> None:
    with suppress(Exception):
        reader.ask("endless", function, slow=True)
