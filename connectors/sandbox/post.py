"""How the local platforms' webhooks leave: threads of their own, a bounded queue, retries, and a menu of faults.

Nothing is sent to an address that is not on this machine. Retries come due by the platforms' clock, so that a test that
moves it need not wait; signatures carry the wall clock, which is the one that a receiver shares with the platforms.
The queue is in memory: what was not delivered when the sandbox ends is not delivered.
"""

from __future__ import annotations

import heapq
import ipaddress
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast
from urllib.parse import urlsplit

import requests

from connectors.sandbox.world import World

QUEUED = 200_000  # letters; beyond them the oldest fact about a receiver is that it is gone
REMEMBERED = 20_000
LOOK = 0.05  # seconds between looks at the platforms' clock, which others move
WORKERS = {"hubspot": 10, "mailchimp": 10}  # HubSpot: at most ten at a time by default
GONE = 410

Written = tuple[dict[str, str], bytes]


@dataclass(slots=True)
class Letter:
    """One delivery, until it has arrived or was given up.

    Attributes:
        url: Where it goes, as the platform knows it: what a signature names.
        write: (attempt, from 0; wall clock, UTC) -> headers and body.
        timeout: Seconds that the receiver has for its answer.
        waits: Seconds before each retry, before jitter.
        answered: Told the last status (0 without an answer) once nothing more will be tried, and the answer's body.
        final: Statuses after which nothing is tried again.
        honours_wait: Whether the answer's ``Retry-After``, in milliseconds, says when to try again.
    """

    platform: str
    url: str
    write: Callable[[int, datetime], Written]
    timeout: float
    waits: tuple[float, ...]
    answered: Callable[[int, bytes], None] = lambda _status, _body: None
    final: Callable[[int], bool] = lambda _status: False
    honours_wait: bool = False
    attempt: int = 0
    number: int = 0


@dataclass(frozen=True, slots=True)
class Posted:
    """One attempt, for the log. *status* is 0 without an answer, -1 for an address that is not on this machine."""

    number: int
    platform: str
    url: str
    attempt: int
    status: int
    seconds: float
    body: str


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """What came back: status 0 where nothing did in time; *wait* in seconds, where the answer asks for one."""

    status: int
    body: bytes = b""
    seconds: float = 0.0
    wait: float | None = None


@dataclass(slots=True)
class DeliveryQueue:
    """What one platform has to send, soonest first; times are the platforms' own."""

    waiting: list[tuple[datetime, int, Callable[[requests.Session], None]]] = field(default_factory=list)
    busy: int = 0
    started: bool = False


class PostOffice:
    """Everything that both platforms send to others. `PostOffice.of(world)` returns the one of that world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.log: deque[Posted] = deque(maxlen=REMEMBERED)
        self.lost = 0  # letters for which the queue had no room
        self.given_up = 0
        self._changed = threading.Condition()
        self._lanes = {platform: DeliveryQueue() for platform in WORKERS}
        self._threads: list[threading.Thread] = []
        self._number = 0
        self._closed = False

    @classmethod
    def of(cls, world: World) -> PostOffice:
        """Return the post office of *world*, made on first use."""
        return cast("PostOffice", world.states.setdefault(cls, cls(world)))

    def dice(self, about: str) -> random.Random:
        """Return the chance of one matter: the same in every run of one seed."""
        return random.Random(f"{self.world.seed}/post/{about}")  # noqa: S311 - faults, not secrets

    def send(self, letter: Letter, *, after: float = 0.0) -> None:
        """Take a letter; it leaves after that many seconds."""
        with self._changed:
            self._number += 1
            letter.number = self._number
        self._put(letter.platform, lambda session: self._try(session, letter), after)

    def later(self, platform: str, seconds: float, deed: Callable[[], None]) -> None:
        """Do something in one of the platform's threads."""
        self._put(platform, lambda _session: deed(), seconds)

    def waiting(self) -> int:
        """Return how many letters wait or are on their way."""
        with self._changed:
            return sum(len(lane.waiting) + lane.busy for lane in self._lanes.values())

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait until everything has arrived or was given up; False when that took too long."""
        end = time.monotonic() + seconds
        with self._changed:
            while any(lane.waiting or lane.busy for lane in self._lanes.values()):
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True

    def wait_until_nothing_is_due(self, seconds: float) -> bool:
        """Wait until all that is left waits for a later time of the platforms' clock; False when that took too long."""
        end = time.monotonic() + seconds
        with self._changed:
            while any(lane.busy or self._patience(lane) == 0 for lane in self._lanes.values()):
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, LOOK))
        return True

    def visit(self, url: str) -> bool:
        """Ask for *url* as a platform does before it takes a webhook; an address elsewhere is believed unseen."""
        target = self._here(url)
        if target is None:
            return True
        with _session() as session:
            try:
                return session.get(target, timeout=10, allow_redirects=False).ok
            except requests.RequestException:
                return False

    def close(self) -> None:
        """End the threads; what is on its way gets its answer first."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout=30)

    def _put(self, platform: str, deed: Callable[[requests.Session], None], after: float) -> None:
        due = self.world.clock.now() + timedelta(seconds=after)
        with self._changed:
            lane = self._lanes[platform]
            if len(lane.waiting) >= QUEUED or self._closed:
                self.lost += 1
                return
            self._number += 1
            heapq.heappush(lane.waiting, (due, self._number, deed))
            if not lane.started:
                lane.started = True
                self._start(platform, lane)
            self._changed.notify_all()

    def _start(self, platform: str, lane: DeliveryQueue) -> None:
        for number in range(WORKERS[platform]):
            name = f"{platform}-webhooks-{number}"
            thread = threading.Thread(target=self._work, args=(lane,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self, lane: DeliveryQueue) -> None:
        with _session() as session:
            while (deed := self._next(lane)) is not None:
                try:
                    deed(session)
                finally:
                    with self._changed:
                        lane.busy -= 1
                        self._changed.notify_all()

    def _next(self, lane: DeliveryQueue) -> Callable[[requests.Session], None] | None:
        with self._changed:
            while not self._closed:
                if lane.waiting and lane.waiting[0][0] <= self.world.clock.now():
                    lane.busy += 1
                    return heapq.heappop(lane.waiting)[2]
                self._changed.wait(self._patience(lane))
        return None

    def _patience(self, lane: DeliveryQueue) -> float | None:
        if not lane.waiting:
            return None
        return min(LOOK, max((lane.waiting[0][0] - self.world.clock.now()).total_seconds(), 0.0))

    def _try(self, session: requests.Session, letter: Letter) -> None:
        dice, settings = self.dice(f"{letter.number}/{letter.attempt}"), self.world.settings
        lost = dice.random()
        written = self._written(letter)
        answer = DeliveryResult(0) if lost < settings.webhook_drops / 2 else self._carry(session, letter, written)
        if settings.webhook_drops / 2 <= lost < settings.webhook_drops:  # it arrived; its answer does not
            answer = DeliveryResult(0, seconds=answer.seconds)
        self._note(letter, answer, written[1])
        arrived = answer.status < 0 or 200 <= answer.status < 300  # noqa: PLR2004 - success
        if arrived or letter.final(answer.status) or letter.attempt >= len(letter.waits):
            self.given_up += not arrived
            letter.answered(answer.status, answer.body)
            return
        wait = letter.waits[letter.attempt] * dice.uniform(0.8, 1.2) * settings.webhook_retry_scale
        if letter.honours_wait and answer.wait is not None:
            wait = answer.wait
        letter.attempt += 1
        self._put(letter.platform, lambda again: self._try(again, letter), wait)

    def _note(self, letter: Letter, answer: DeliveryResult, body: bytes) -> None:
        text, seconds = body.decode("utf-8", "replace"), round(answer.seconds, 4)
        posted = Posted(letter.number, letter.platform, letter.url, letter.attempt, answer.status, seconds, text)
        self.log.append(posted)

    def _written(self, letter: Letter) -> Written:
        wall = datetime.now(UTC)  # noqa: TID251 - a signature says the time that receivers know
        return letter.write(letter.attempt, wall + timedelta(seconds=self.world.settings.webhook_skew))

    def _carry(self, session: requests.Session, letter: Letter, written: Written) -> DeliveryResult:
        (headers, body), target = written, self._here(letter.url)
        if target is None:
            return DeliveryResult(-1)
        started = time.monotonic()
        try:
            got = session.post(target, data=body, headers=headers, timeout=letter.timeout, allow_redirects=False)
        except requests.RequestException:
            return DeliveryResult(0, seconds=time.monotonic() - started)
        seconds, wait = time.monotonic() - started, got.headers.get("retry-after", "")
        in_time = seconds <= letter.timeout
        return DeliveryResult(
            got.status_code if in_time else 0, got.content, seconds, int(wait) / 1000 if wait.isdigit() else None
        )

    def _here(self, url: str) -> str | None:
        """Return where on this machine *url* is answered: at itself, or at the proxy that the settings name."""
        parts, via = urlsplit(url), self.world.settings.webhook_via
        if via:
            query = f"?{parts.query}" if parts.query else ""
            url = f"{via.rstrip('/')}{parts.path}{query}"
        return url if is_here(url) else None


def is_here(url: str) -> bool:
    """Tell whether *url* is an address on this machine."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and (
            parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
        )
    except ValueError:
        return False


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy of this machine's user
    return session
