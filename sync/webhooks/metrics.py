"""Prometheus metrics of the webhook service."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from sync.control.inbox import Backlog
from sync.webhooks.service import Service

SECONDS = (0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300)
IN_USE = re.compile(r"^(\d+) of (\d+) ")


class Metrics:
    """The figures of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.deliveries = Counter(
            "personasync_deliveries",
            "Webhook requests by platform and response.",
            ["platform", "status"],
            registry=self.registry,
        )
        self.events = Counter("personasync_events", "New events saved.", registry=self.registry)
        self.settled = Counter("personasync_settled", "Events by result.", ["state"], registry=self.registry)
        self.changes = Counter(
            "personasync_changes", "Changes by connection and outcome.", ["connection", "state"], registry=self.registry
        )
        self.pushed = Histogram(
            "personasync_event_to_pushed_seconds",
            "Seconds from a contact's oldest event to the push on all platforms.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self._waiting = Gauge("personasync_contacts_waiting", "Contacts in the queue.", registry=self.registry)
        self._dead_letters = Gauge(
            "personasync_dead_letters", "Contacts set aside after failures (dead letters).", registry=self.registry
        )
        self._oldest = Gauge(
            "personasync_oldest_event_age_seconds", "Age of the oldest queued event.", registry=self.registry
        )
        self._used = Gauge(
            "personasync_budget_used", "Used part of the account's rate limit.", ["connection"], registry=self.registry
        )
        self._limit = Gauge(
            "personasync_budget_limit", "The account's rate limit.", ["connection"], registry=self.registry
        )

    def page(self, service: Service, now: datetime) -> bytes:
        """Return the page, with the inbox and the budgets as they are."""
        self._stand(service.control.inbox.backlog(), now)
        self._budgets({name: connector.traffic.budget for name, connector in list(service.opened.items())})
        return generate_latest(self.registry)

    def _stand(self, backlog: Backlog, now: datetime) -> None:
        self._waiting.set(backlog.waiting)
        self._dead_letters.set(backlog.dead_letters)
        self._oldest.set((now - backlog.oldest_at).total_seconds() if backlog.oldest_at else 0)

    def _budgets(self, budgets: Mapping[str, str]) -> None:
        for name, text in budgets.items():
            if match := IN_USE.match(text):
                self._used.labels(name).set(int(match.group(1)))
                self._limit.labels(name).set(int(match.group(2)))
