"""Several readers at a time, their pages in the order in which they come."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Page = TypeVar("Page")
BUFFERED = 8  # pages that wait for the warehouse: what is read is bounded by what is kept


def side_by_side(legs: Sequence[Callable[[], Iterator[Page]]], ended: threading.Event) -> Iterator[Page]:
    """Yield the pages of several readers as they come; an error of one ends all."""
    pages: queue.Queue[Page | None] = queue.Queue(BUFFERED)

    def run(leg: Callable[[], Iterator[Page]]) -> None:
        try:
            for rows in leg():
                while not _put(pages, rows):
                    if stopped.is_set():
                        return
        except BaseException:
            ended.set()
            raise
        finally:
            while not stopped.is_set() and not _put(pages, None):
                pass

    stopped = threading.Event()
    with ThreadPoolExecutor(len(legs)) as pool:
        futures = [pool.submit(run, leg) for leg in legs]
        try:
            open_legs = len(legs)
            while open_legs:
                rows = pages.get()
                if rows is None:
                    open_legs -= 1
                else:
                    yield rows
            for future in futures:
                future.result()
        finally:
            stopped.set()
            ended.set()


def _put(pages: queue.Queue[Page | None], rows: Page | None) -> bool:
    try:
        pages.put(rows, timeout=0.1)
    except queue.Full:
        return False
    return True
