"""Figures over everybody are kept on disk: another console shows them, and nobody else can read or make them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox.server import Sandbox
from sync.clock import now
from sync.console.figures import FIGURES, HOLD, Dated, KeptFigures
from sync.console.reading import Reader
from sync.erasure.job import forget
from sync.session import Session, open_session
from sync.warehouse.damage import FILE
from tests.sync.conftest import Moment, Platforms, connected
from tests.sync.console.visitor import TOKEN, visiting

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
PAGES = (
    "/data/quality",
    "/segments/by-value",
    "/personas/{persona}",
    "/personas/{persona}/poster/a4",
    "/campaigns",
)


@dataclass(frozen=True)
class Answer:
    share: float
    names: frozenset[str]


ANSWER = Dated(Answer(float("inf"), frozenset({"a"})), NOON)


@pytest.fixture
def kept(tmp_path: Path) -> KeptFigures:
    figures = KeptFigures(tmp_path)
    figures.write("mark", "key", Answer, ANSWER)
    return figures


def the_file(folder: Path) -> Path:
    (path,) = (folder / FIGURES).glob("*/*")
    return path


def test_figures_come_back_as_they_were_and_are_for_their_user_alone(kept: KeptFigures, tmp_path: Path) -> None:
    path = the_file(tmp_path)

    assert kept.read("mark", "key", Answer, NOON + HOLD) == ANSWER
    assert [each.stat().st_mode & 0o777 for each in (path, path.parent, path.parent.parent)] == [0o600, 0o700, 0o700]


def test_figures_of_another_question_another_state_or_another_time_are_not_those(kept: KeptFigures) -> None:
    soon = NOON + timedelta(seconds=1)

    assert kept.read("mark", "other", Answer, soon) is None
    assert kept.read("other", "key", Answer, soon) is None
    assert kept.read("mark", "key", Answer, NOON + HOLD + timedelta(seconds=1)) is None
    assert kept.read("mark", "key", Answer, NOON - timedelta(seconds=1)) is None
    assert kept.read("mark", "key", dict[str, int], soon) is None


def linked(path: Path) -> None:
    path.rename(path.with_suffix(".other"))
    path.symlink_to(path.with_suffix(".other"))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_text("{"),
        lambda path: path.write_bytes(b"\xff\x00"),
        lambda path: path.write_text("[" * 100_000),
        lambda path: path.write_text("[]"),
        lambda path: path.write_text(path.read_text().replace('"answer"', '"other"')),
        lambda path: path.write_text(path.read_text().replace("Infinity", '{"python": "print"}')),
        lambda path: path.chmod(0o640),
        lambda path: path.parent.chmod(0o755),
        lambda path: path.parent.parent.chmod(0o770),
        lambda path: os.chown(path, 12345, -1) if os.geteuid() == 0 else path.chmod(0o602),
        linked,
    ],
    ids=["cut", "bytes", "deep", "list", "no answer", "a call", "readable", "folder", "folder above", "owner", "link"],
)
def test_a_file_that_is_damaged_or_not_ours_alone_is_no_answer(
    kept: KeptFigures, tmp_path: Path, spoil: Callable[[Path], Any]
) -> None:
    spoil(the_file(tmp_path))

    assert kept.read("mark", "key", Answer, NOON) is None


def test_a_damaged_file_is_replaced(kept: KeptFigures, tmp_path: Path) -> None:
    the_file(tmp_path).write_text("{")
    kept.write("mark", "key", Answer, ANSWER)

    assert kept.read("mark", "key", Answer, NOON) == ANSWER


def test_a_folder_that_leads_elsewhere_is_replaced_and_what_it_led_to_is_left(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / FIGURES).symlink_to(tmp_path / "elsewhere")
    figures = KeptFigures(tmp_path)
    figures.write("mark", "key", Answer, ANSWER)

    assert figures.read("mark", "key", Answer, NOON) == ANSWER
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_where_nothing_can_be_written_nothing_fails(tmp_path: Path) -> None:
    figures = KeptFigures(tmp_path / "none")
    figures.write("mark", "key", Answer, ANSWER)
    figures.write("mark", "key", Answer, Dated(Answer(object(), frozenset()), NOON))  # type: ignore[arg-type]
    figures.drop_others("mark")

    assert figures.read("mark", "key", Answer, NOON) is None


def test_figures_of_another_state_are_deleted(kept: KeptFigures, tmp_path: Path) -> None:
    kept.write("new", "key", Answer, ANSWER)
    (tmp_path / FIGURES / "stray").write_text("")
    kept.drop_others("new")

    assert kept.read("new", "key", Answer, NOON) == ANSWER
    assert kept.read("mark", "key", Answer, NOON) is None
    assert len(list((tmp_path / FIGURES).iterdir())) == 1


@pytest.fixture
def platforms(tmp_path: Path, ready_moment: Moment) -> Iterator[Platforms]:
    with Sandbox(ready_moment.world()) as sandbox:
        yield connected(sandbox, tmp_path / "workspace", ready_moment)


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.at = now()

    def __call__(self) -> datetime:
        return self.at


@pytest.mark.outside
def test_another_console_reads_them_until_the_data_change_or_they_are_old(platforms: Platforms) -> None:
    asked: list[int] = []
    state, clock = platforms.folder / ".personasync", Clock()

    def count(session: Session) -> dict[str, int]:
        asked.append(1)
        return {"people": int(session.warehouse.current("assignments").count().to_pyarrow().as_py())}

    def look(*, sweeps: bool = False) -> Dated:
        reader = Reader(platforms.folder, now=clock, environment=platforms.environment)
        try:
            shown = reader.figures(("people",), count, dict[str, int])
            if sweeps:
                os.utime(state / FILE, (1, 1))
                reader.sweep()
            return shown
        finally:
            reader.end()

    first = look()
    clock.at += timedelta(hours=1)

    assert look() == first
    assert (len(asked), first.answer["people"] > 0) == (1, True)
    assert look(sweeps=True) == first
    assert list((state / FIGURES).iterdir()) == []
    assert look().at == clock.at
    assert len(asked) == 2
    clock.at += HOLD + timedelta(seconds=1)
    assert look().at == clock.at
    assert len(asked) == 3


@pytest.mark.outside
def test_an_erasure_deletes_them_though_no_console_runs(platforms: Platforms) -> None:
    state = platforms.folder / ".personasync"
    KeptFigures(state).write("mark", "key", Answer, ANSWER)
    with open_session(platforms.folder, now=now, environment=platforms.environment) as session:
        person = session.control.links.load()["person_id"][0].as_py()
        forget(session, {person})

    assert not (state / FIGURES).exists()


@pytest.mark.long
@pytest.mark.outside
def test_pages_of_a_second_console_are_those_of_the_first_and_nothing_is_calculated_again(platforms: Platforms) -> None:
    persona = re.findall(
        r"^\[personas\.(\w+)\]", (platforms.folder / "personas.toml").read_text("utf-8"), re.MULTILINE
    )[0]
    shown: list[list[str]] = []
    files: list[dict[Path, int]] = []
    for _ in range(2):
        with visiting(platforms.folder, platforms.environment) as visitor:
            for path in PAGES:  # a poster that takes long is a link at first
                visitor.get(path.format(persona=persona))
            answers = [visitor.get(path.format(persona=persona)) for path in PAGES]
        assert [answer.status for answer in answers] == [200] * len(PAGES)
        shown.append([TOKEN.sub("", answer.text).rpartition('<div class="arrived')[2] for answer in answers])
        written = (platforms.folder / ".personasync" / FIGURES).glob("*/*")
        files.append({path: path.stat().st_mtime_ns for path in written})

    assert shown[0] == shown[1]
    assert all(shown[0])
    assert files[0] == files[1]
    assert {json.loads(path.read_text("utf-8"))["key"].split("'")[1] for path in files[0]} == {
        "quality",
        "value",
        "persona",
        "posters",
        "campaigns",
    }
