"""Concurrent requests: ordered parallel map, and parallel readers merged as pages arrive."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from connectors.transport.shapes import last_answer, note_answer, told_as_answers

Item = TypeVar("Item")
Result = TypeVar("Result")
Page = TypeVar("Page")
PATIENCE = 0.05  # seconds between two looks at whether all is done
END: Any = object()
BUFFERED = 8  # pages that wait for the warehouse: what is read is bounded by what is kept


def in_order(function: Callable[[Item], Result], items: Iterable[Item], *, workers: int) -> Iterator[Result]:
    """Yield ``function(item)`` for each item, in order, with up to *workers* under way.

    An error is raised at its item's place; what is under way then still ends, what is not has not begun.
    """
    under_way: deque[Future[tuple[Result, str]]] = deque()

    def handed_on(item: Item) -> tuple[Result, str]:
        with told_as_answers():
            return function(item), last_answer()

    def result() -> Result:
        given, what = under_way.popleft().result()
        note_answer(what)  # who reads on does it in this thread
        return given

    with ThreadPoolExecutor(max_workers=workers) as pool:
        try:
            for item in items:
                under_way.append(pool.submit(handed_on, item))
                if len(under_way) >= workers:
                    yield result()
            while under_way:
                yield result()
        finally:
            for future in under_way:
                future.cancel()


def side_by_side(legs: Sequence[Callable[[], Iterator[Page]]], ended: threading.Event) -> Iterator[Page]:
    """Yield the pages of several readers as they come; an error of one ends all.

    Args:
        legs: The readers.
        ended: Set by a reader when what it has handed on completes the whole: nobody waits for the others then.
    """
    belt: _Belt[Page] = _Belt(ended, len(legs))
    pool = ThreadPoolExecutor(len(legs))
    try:
        for leg in legs:
            pool.submit(belt.carry, leg)
        yield from belt.pages()
    finally:
        belt.stopped.set()
        ended.set()
        pool.shutdown(wait=False)


class _Belt(Generic[Page]):
    """Carries pages from the readers to the one who takes them."""

    def __init__(self, ended: threading.Event, legs: int) -> None:
        self.ended, self.stopped = ended, threading.Event()
        self._legs = legs
        self._pages: queue.Queue[Any] = queue.Queue(BUFFERED)
        self._errors: list[BaseException] = []

    def carry(self, leg: Callable[[], Iterator[Page]]) -> None:
        """Put the pages of a reader on the belt, then the sign that it has ended."""
        try:
            with told_as_answers():
                for page in leg():
                    if not self._put((page, last_answer())):
                        return
        except BaseException as error:  # noqa: BLE001 - it is raised where the pages are taken
            self._errors.append(error)
            self.ended.set()
        finally:
            self._put(END)

    def _put(self, page: Any) -> bool:
        while not self.stopped.is_set():
            try:
                self._pages.put(page, timeout=PATIENCE)
            except queue.Full:
                continue
            return True
        return False

    def pages(self) -> Iterator[Page]:
        """Yield pages until every reader has ended, or what was handed on is enough."""
        while self._legs and not (self.ended.is_set() and self._pages.empty()):
            try:
                page = self._pages.get(timeout=PATIENCE)
            except queue.Empty:
                continue
            if page is END:
                self._legs -= 1
            else:
                note_answer(page[1])
                yield page[0]
        if self._errors:
            raise self._errors[0]
