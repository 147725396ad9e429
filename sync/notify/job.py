"""The `notify` command: look what is wrong, write messages to the outbox, send what waits, write the metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from connectors.connector import NO_SECRET
from connectors.errors import PersonasyncError
from connectors.secret import hide
from sync.notify.conditions import Condition, conditions
from sync.notify.metrics import metrics_text, write_metrics
from sync.notify.send import NotSentError, Receiver, receiver_of, send_notice
from sync.workspace.secrets import resolve_secret

if TYPE_CHECKING:
    from sync.session import Stores


@dataclass(frozen=True, slots=True)
class Notified:
    """What was done.

    Attributes:
        wrong: What is wrong now.
        began: Keys of the alerts that are new; *ended* of those that are over.
        sent: Messages that arrived; *waiting* those that did not, *errors* why.
    """

    wrong: Sequence[Condition]
    began: Sequence[str]
    ended: Sequence[str]
    sent: int
    waiting: int
    errors: Sequence[str]


def notify(stores: Stores, now: datetime, environment: Mapping[str, str]) -> Notified:
    """Look what is wrong and tell it: once when it begins, once when it is over.

    Args:
        stores: The workspace's files and control store.
        now: UTC.
        environment: For secrets.

    Returns:
        What is wrong and what was sent. A receiver that is down or not to be found loses nothing: its messages wait.
    """
    wrong = conditions(stores, now)
    part = stores.workspace.notify
    digests = [digest for digest, _ in _receivers(stores)]
    began, ended = stores.control.notices.observe({c.key: (c.title, c.detail) for c in wrong}, digests)
    sent, errors = _deliver(stores, now, environment) if digests else (0, [])
    waiting = stores.control.notices.waiting()
    if part.metrics:
        text = metrics_text(stores, wrong, waiting, now)
        write_metrics(stores.workspace.directory / part.metrics, text)
    return Notified(wrong, began, ended, sent, waiting, errors)


def _receivers(stores: Stores) -> list[tuple[str, tuple[str, str, str]]]:
    """Digest of each receiver, and its kind, address and reference; no secret is read."""
    part = stores.workspace.notify
    named = [("apprise", "", reference) for reference in part.apprise]
    named += [("webhook", hook.url, hook.secret) for hook in part.webhooks]
    return [(receiver_of(*name, NO_SECRET).digest, name) for name in named]


def _deliver(stores: Stores, now: datetime, environment: Mapping[str, str]) -> tuple[int, list[str]]:
    """Send what is due; a receiver without a secret, or one that is down, keeps its messages waiting."""
    receivers, notices = dict(_receivers(stores)), stores.control.notices
    sent, errors = 0, []
    for notice in notices.claim():
        if notice.target not in receivers:
            notices.failed(notice, "no such receiver in [notify] any more")
            continue
        try:
            send_notice(_target(stores, receivers[notice.target], environment), notice, now)
        except (NotSentError, PersonasyncError) as error:
            reason = hide(str(error))
            notices.failed(notice, reason)
            errors.append(reason)
        else:
            notices.sent(notice)
            sent += 1
    return sent, list(dict.fromkeys(errors))


def _target(stores: Stores, named: tuple[str, str, str], environment: Mapping[str, str]) -> Receiver:
    kind, url, reference = named
    where = f"personasync.toml, [notify] {kind}"
    secret = resolve_secret(reference, where=where, environment=environment, directory=stores.workspace.directory)
    return receiver_of(kind, url, reference, secret)
