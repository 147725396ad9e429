"""Alerts and their outbox: what is wrong is told once, and once when it is right again.

An alert and the messages about it are written in one transaction, so that a crash loses neither. A message has an id of
its own that follows from alert, moment and receiver: it is written once, whoever observes, and a receiver that gets it
twice (we crashed after sending, before noting it) knows it by its id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from sync.control import schema
from sync.control.dialects import writing

ALERT, NOTICE = schema.alert, schema.notice
CLAIMED = timedelta(minutes=2)
"""How long a process that sends a message keeps others from it."""
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Notice:
    """A message that waits to be sent.

    Attributes:
        notice_id: Stays the same over all attempts.
        target: Digest of the receiver.
        body: JSON object.
    """

    notice_id: str
    target: str
    body: Mapping[str, Any]
    made_at: datetime
    attempts: int


class Notices:
    """Alerts that are open, and messages that wait."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self.engine, self.now = engine, now

    def observe(self, wrong: Mapping[str, tuple[str, str]], targets: Sequence[str]) -> tuple[list[str], list[str]]:
        """Note what is wrong now, and write a message to each target on what is new and what is right again.

        Args:
            wrong: Key of each alert -> title and detail.
            targets: Digests of the receivers.

        Returns:
            Keys of alerts that began, and of those that ended.
        """
        at = self.now()
        with writing(self.engine) as connection:
            rows = connection.execute(select(ALERT).where(ALERT.c.ended_at.is_(None))).all()
            before = {row.key: row for row in rows}
            began, ended = [key for key in wrong if key not in before], [key for key in before if key not in wrong]
            for key in began:
                title, detail = wrong[key]
                connection.execute(insert(ALERT).values(key=key, since=at, title=title, detail=detail))
                self._write(connection, key, at, targets, {"type": "alert.started", "title": title, "detail": detail})
            for key in ended:
                row = before[key]
                connection.execute(update(ALERT).where(ALERT.c.alert == row.alert).values(ended_at=at))
                body = {"type": "alert.ended", "title": f"Recovered: {row.title}", "detail": row.detail}
                self._write(connection, key, at, targets, body)
        return began, ended

    def _write(
        self, connection: Connection, key: str, at: datetime, targets: Sequence[str], body: Mapping[str, Any]
    ) -> None:
        message = {**body, "key": key, "timestamp": at.isoformat()}
        for target in targets:
            digest = hashlib.sha256(f"{key}/{body['type']}/{at.isoformat()}/{target}".encode()).hexdigest()[:32]
            values = {"notice_id": f"msg_{digest}", "target": target, "body": message, "made_at": at, "next_at": at}
            connection.execute(insert(NOTICE).values(attempts=0, **values))

    def claim(self) -> list[Notice]:
        """Take the messages that are due, oldest first; for a while no other process gets them."""
        at = self.now()
        query = select(NOTICE).where(NOTICE.c.sent_at.is_(None), NOTICE.c.next_at <= at).order_by(NOTICE.c.made_at)
        claimed = []
        with writing(self.engine) as connection:
            for row in connection.execute(query).all():
                mine = (NOTICE.c.notice_id == row.notice_id) & (NOTICE.c.next_at == row.next_at)
                taken = connection.execute(update(NOTICE).where(mine).values(next_at=at + CLAIMED))
                if taken.rowcount:
                    claimed.append(Notice(row.notice_id, row.target, row.body, row.made_at, row.attempts))
        return claimed

    def sent(self, notice: Notice) -> None:
        """Note that a message has arrived."""
        values = {"sent_at": self.now(), "attempts": notice.attempts + 1, "error": None}
        with writing(self.engine) as connection:
            connection.execute(update(NOTICE).where(NOTICE.c.notice_id == notice.notice_id).values(values))

    def failed(self, notice: Notice, error: str) -> None:
        """Note that a message did not arrive; it is due again later, each time later by twice as much."""
        wait = min(FIRST_WAIT * 2**notice.attempts, LONGEST_WAIT)
        values = {"attempts": notice.attempts + 1, "next_at": self.now() + wait, "error": error}
        with writing(self.engine) as connection:
            connection.execute(update(NOTICE).where(NOTICE.c.notice_id == notice.notice_id).values(values))

    def waiting(self) -> int:
        """Return how many messages have not arrived yet."""
        query = select(NOTICE.c.notice_id).where(NOTICE.c.sent_at.is_(None))
        with self.engine.connect() as connection:
            return len(connection.execute(query).all())
