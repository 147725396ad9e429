"""The process beside the console's: what it answers, how it fails, and how a page waits for it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Hashable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ibis
import pytest
from starlette.requests import Request

from connectors.errors import FixSettingsError, RateLimitError, TryLaterError
from connectors.sandbox.server import Sandbox
from sync.assign.members import members
from sync.clock import now
from sync.console.calculator import WAITED, Calculator, TroubleError, Waited
from sync.console.figures import Dated
from sync.console.lane import Answer, NoDataError
from sync.console.pages import Asked, ConsolePage, Desk, page_of
from sync.console.reading import Reader, WorkspaceReader
from sync.console.security import ConsoleDoor
from sync.console.server import READ_FIRST
from sync.console.tasks import Tasks
from sync.session import Progress, Session, no_progress, open_session
from sync.warehouse.damage import FILE
from sync.warehouse.embedded_file import COPIES
from tests.sync.conftest import Moment, Platforms, connected

pytestmark = pytest.mark.outside


@pytest.fixture
def platforms(tmp_path: Path, ready_moment: Moment) -> Iterator[Platforms]:
    with Sandbox(ready_moment.world()) as sandbox:
        yield connected(sandbox, tmp_path / "workspace", ready_moment)


@pytest.fixture
def calculator(platforms: Platforms) -> Iterator[Calculator]:
    opened = Calculator(platforms.folder, now=now, environment=platforms.environment)
    yield opened
    opened.end()


def process(session: Session) -> int:
    del session
    return os.getpid()


def people(session: Session) -> int:
    return int(session.warehouse.current("assignments").count().to_pyarrow().as_py())


def unpicklable(session: Session) -> Callable[[], Session]:
    return lambda: session


def wrong(session: Session, kind: str) -> None:
    del session
    if kind == "fix":
        raise FixSettingsError("The trait is unknown.", fix="Name another one.")
    if kind == "later":
        raise RateLimitError("Too many requests.", wait=7)
    if kind == "no data":
        raise NoDataError
    raise ZeroDivisionError("division by nothing")


def endless(session: Session, progress: Progress = no_progress) -> int:
    numbers = ibis.range(0, 10_000_000_000, 1).unnest().name("n").as_table()
    progress("counting", 1, 2)
    table = session.warehouse.engine.to_pyarrow(numbers.aggregate(total=(numbers.n * numbers.n % 7).sum()))
    return int(table["total"][0].as_py())


def test_another_process_answers_what_the_session_says_and_leaves_no_copy(
    calculator: Calculator, platforms: Platforms
) -> None:
    asked = partial(members, segment=None, page=1, size=7)
    listed = calculator.ask("members", asked)
    other = calculator.ask("process", process)
    with open_session(platforms.folder, now=now, environment=platforms.environment) as session:
        known = members(session, None, page=1, size=7)
    calculator.end()

    assert listed == known
    assert len(listed.members) == 7
    assert other != os.getpid()
    assert not list((platforms.folder / ".personasync").glob(f"{COPIES}*"))


@pytest.mark.parametrize(
    ("kind", "error", "text"),
    [
        ("fix", FixSettingsError, "The trait is unknown. Name another one."),
        ("later", TryLaterError, "Too many requests."),
        ("no data", NoDataError, "There are no data yet. Run `personasync pull`, then `personasync assign`."),
        ("other", TroubleError, "Unexpected error: ZeroDivisionError('division by nothing')."),
    ],
)
def test_an_error_keeps_its_kind_and_its_text(
    calculator: Calculator, kind: str, error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        calculator.ask(kind, partial(wrong, kind=kind))

    assert str(caught.value) == text


def test_an_answer_that_can_not_be_sent_is_told_and_keeps_nobody_waiting(calculator: Calculator) -> None:
    with pytest.raises(TroubleError):
        calculator.ask("unpicklable", unpicklable)

    assert calculator.ask("process", process) != os.getpid()


class Noticed(Waited):
    """A page that waits, and whether it was told of progress."""

    def __init__(self) -> None:
        super().__init__()
        self.told = threading.Event()

    def tell(self, step: tuple[str, int, int | None]) -> None:
        super().tell(step)
        self.told.set()


def test_progress_reaches_who_waits_and_a_process_that_was_killed_is_told_and_started_again(
    calculator: Calculator,
) -> None:
    first, page = calculator.ask("process", process), Noticed()
    errors: list[str] = []

    def ask() -> None:
        WAITED.set(page)
        try:
            calculator.ask("endless", endless, slow=True)
        except TryLaterError as error:
            errors.append(str(error))

    asked = threading.Thread(target=ask)
    asked.start()
    assert page.told.wait(300)
    os.kill(first, signal.SIGKILL)
    asked.join(300)
    second = calculator.ask("process", process)

    assert page.step == ("counting", 1, 2)
    assert errors == ["The calculation was ended. Load the page again."]
    assert second != first


def test_what_pages_ask_first_is_read_before_anybody_asks_and_again_after_new_data(platforms: Platforms) -> None:
    read: list[int] = []
    first = (lambda session: read.append(session.now().year), lambda session: read.append(people(session)))
    reader = Reader(platforms.folder, now=now, environment=platforms.environment, first=first)
    try:
        for _ in first:  # what is asked comes between the parts
            reader.ask(object(), process)
        once = list(read)
        path = platforms.folder / ".personasync" / FILE
        os.utime(path, (path.stat().st_atime + 1, path.stat().st_mtime + 1))
        reader.sweep()
        for _ in first:
            reader.ask(object(), process)
    finally:
        reader.end()

    assert once[1] > 0
    assert read == once * 2


def test_every_part_of_what_is_read_first_can_be_read(platforms: Platforms) -> None:
    reader = Reader(platforms.folder, now=now, environment=platforms.environment)
    try:
        for part in READ_FIRST:
            reader.ask(part, part)
    finally:
        reader.end()


class AtHand(WorkspaceReader):
    """A reader that answers in the page's own thread."""

    def ask(self, key: Hashable, function: Callable[[Session], Answer], *, slow: bool = False) -> Answer:
        del key, slow
        nothing: Any = None
        return function(nothing)

    def figures(self, key: Hashable, function: Callable[[Session], Any], kind: Any) -> Dated:
        del kind
        return Dated(self.ask(key, function), self.now())

    def end(self) -> None:
        """There are no copies."""


def test_a_page_shows_its_head_at_once_then_how_far_the_calculation_is_and_then_the_figures(tmp_path: Path) -> None:
    head, half = threading.Event(), threading.Event()

    def view(desk: Desk, asked: Asked) -> ConsolePage:
        del desk, asked
        waited = WAITED.get()
        assert waited is not None
        assert head.wait(60)
        waited.tell(("quality", 1, 2))
        assert half.wait(60)
        return ConsolePage("/data", "Quality", "error.html.j2", {"message": "92 of 100", "back": {"section": "/data"}})

    reader = AtHand(tmp_path, now=now, environment={})
    desk = Desk(reader, Tasks(tmp_path, now=now, environment={}), ConsoleDoor(now))
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": "/data/quality",
        "query_string": b"",
        "headers": [],
    }
    scope |= {"path_params": {}, "app": SimpleNamespace(state=SimpleNamespace(desk=desk))}

    async def parts() -> list[str]:
        answer = await page_of(view)(Request(scope))
        shown = []
        async for part in answer.body_iterator:
            shown.append(part)
            (head if len(shown) == 1 else half).set()
        return shown

    first, second, third, *_ = asyncio.run(parts())

    assert "<h1" not in first
    assert "Calculating" in first
    assert "92 of 100" not in first + second
    assert "quality" in second
    assert "92 of 100" in third
