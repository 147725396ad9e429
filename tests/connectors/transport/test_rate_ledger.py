"""One budget for all processes of an account: shared by a file, free of the dead, with a share for the service."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from connectors.errors import RateLimitError
from connectors.transport import FileBook, MemoryBook, RateHeaders, RateWindow, Slots
from connectors.transport.rate_ledger import UNDER_WAY, CountedRequest, book_at

ASK = """
import json, sys, time
from pathlib import Path
from connectors.transport import FileBook, RateWindow
window = RateWindow(20, 1.0, book=FileBook(Path(sys.argv[1])))
stamps = []
for _ in range(int(sys.argv[2])):
    with window.turn():
        stamps.append(time.monotonic())
print(json.dumps(stamps))
"""


def test_two_processes_never_send_more_than_the_window_allows(tmp_path: Path) -> None:
    book = tmp_path / "account.book"
    asking = [
        subprocess.Popen([sys.executable, "-c", ASK, str(book), "25"], stdout=subprocess.PIPE, text=True) for _ in "ab"
    ]
    stamps = sorted(stamp for process in asking for stamp in json.loads(process.communicate()[0]))

    assert len(stamps) == 50
    assert all(later - early >= 1.0 for early, later in zip(stamps, stamps[20:], strict=False))


def test_what_a_dead_process_left_ends_by_itself(tmp_path: Path) -> None:
    book = FileBook(tmp_path / "account.book", alive=lambda _process: False)
    with book.opened() as entries:
        entries.append(CountedRequest(UNDER_WAY, time.monotonic(), 999_999, 1))
    with book.opened() as entries:
        left = list(entries)

    assert [entry.until > time.monotonic() for entry in left] == [True]  # it may have arrived up to now


def test_entries_from_before_the_machine_started_are_none(tmp_path: Path) -> None:
    book = FileBook(tmp_path / "account.book")
    with book.opened() as entries:
        entries.append(CountedRequest(time.monotonic() + 1e6, time.monotonic() + 1e5, 1, 1))
    with book.opened() as entries:
        assert entries == []


def test_a_torn_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    book = FileBook(tmp_path / "account.book")
    with book.opened() as entries:
        entries.extend(CountedRequest(time.monotonic() + 60, 0.0, 1, number) for number in range(3))
    content = book.path.read_bytes()
    book.path.write_bytes(content[:-7])
    with book.opened() as entries:
        assert [entry.number for entry in entries] == [0, 1]


def test_a_running_service_keeps_its_share(tmp_path: Path) -> None:
    mine, service = FileBook(tmp_path / "a.book"), FileBook(tmp_path / "a.book")
    service._reservation.write_text("1")  # a process that is alive, and not this one
    window = RateWindow(10, 60.0, book=mine, share=0.2, wait=_never)
    for _ in range(8):
        with window.turn():
            pass

    with pytest.raises(AssertionError, match="waited"), window.turn():
        pass
    service._reservation.write_text("999999999")
    with window.turn():
        pass
    service.reserve()
    assert not mine.reserved()  # the service itself may use all of it


def test_connections_are_shared_too(tmp_path: Path) -> None:
    first, other = (Slots(2, book=FileBook(tmp_path / "m.book")) for _ in "ab")
    with first.turn(), other.turn():
        assert first.in_use() == "1 of 2 connections"
        assert other.in_use() == "2 of 2 connections"
        waiting = threading.Event()

        def wait(_seconds: float) -> None:
            waiting.set()
            time.sleep(0.001)

        third = Slots(2, book=FileBook(tmp_path / "m.book"), wait=wait)
        taken = threading.Thread(target=lambda: third.turn().__enter__())
        taken.start()
        assert waiting.wait(timeout=10)
    taken.join(timeout=10)
    assert not taken.is_alive()


def test_the_days_last_request_stops_the_run_before_the_platform_does() -> None:
    window = RateWindow(100, 10.0, headers=RateHeaders(today="X-HubSpot-RateLimit-Daily-Remaining"))
    window.follow({"X-HubSpot-RateLimit-Daily-Remaining": "1"})
    with window.turn():
        pass

    with pytest.raises(RateLimitError, match="daily request limit is reached") as caught, window.turn():
        pass
    assert caught.value.daily


def test_without_a_folder_each_process_keeps_its_own_book(tmp_path: Path) -> None:
    assert isinstance(book_at(None, "x"), MemoryBook)
    assert isinstance(book_at(tmp_path / "new", "x"), FileBook)
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0


def test_a_folder_that_can_not_be_used_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    assert isinstance(book_at(tmp_path / "file", "x"), MemoryBook)
    monkeypatch.setattr("os.getuid", lambda: 4_294_967)
    assert isinstance(book_at(tmp_path / "theirs", "x"), MemoryBook)


def _never(_seconds: float) -> None:
    raise AssertionError("waited")
