"""Webhook intake: group commit of events to the inbox.

The event loop hands events to one thread, which keeps them and then tells the loop; so no delivery is answered before
it is safe, and the loop never waits for a disk.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sync.control.inbox import Event, Inbox

TOGETHER = 256  # deliveries of one commit
QUEUED = 2_000  # deliveries that may wait for the disk; beyond, the platform is asked to come again


class FullError(Exception):
    """More deliveries wait for the disk than may."""


@dataclass(slots=True)
class _Waiting:
    events: Sequence[Event]
    kept: asyncio.Future[None]


class Intake:
    """Keeps events in the inbox, many deliveries with one commit.

    Args:
        inbox: Where.
        kept: Told how many new events there are, from the thread that wrote them.
        together: Deliveries of one commit; 1 commits each by itself.
    """

    def __init__(self, inbox: Inbox, *, kept: Callable[[int], None], together: int = TOGETHER) -> None:
        self._inbox, self._kept, self._together = inbox, kept, together
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="intake")
        self._thread.start()

    async def keep(self, events: Sequence[Event]) -> None:
        """Return once *events* are on disk.

        Raises:
            FullError: Too many wait.
        """
        if self._queue.qsize() >= QUEUED:
            raise FullError
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put(_Waiting(events, kept))
        await kept

    def close(self) -> None:
        """Keep what waits, then end."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            group, ended = self._gather(first)
            self._write(group)
            if ended:
                return

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        """Take what has come meanwhile: while one commit is under way the next one's deliveries gather."""
        group = [first]
        while len(group) < self._together:
            try:
                delivery = self._queue.get_nowait()
            except queue.Empty:
                break
            if delivery is None:
                return group, True
            group.append(delivery)
        return group, False

    def _write(self, group: Sequence[_Waiting]) -> None:
        events = [event for waiting in group for event in waiting.events]
        try:
            new = self._inbox.take(events)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, no delivery may be called safe
            self._tell(group, error)
            return
        self._tell(group, None)
        self._kept(new)

    @staticmethod
    def _tell(group: Sequence[_Waiting], error: Exception | None) -> None:
        group[0].kept.get_loop().call_soon_threadsafe(_tell_all, group, error)


def _tell_all(group: Sequence[_Waiting], error: Exception | None) -> None:
    for waiting in group:
        if waiting.kept.done():  # whoever asked has gone away
            continue
        if error is not None:
            waiting.kept.set_exception(error)
        else:
            waiting.kept.set_result(None)
