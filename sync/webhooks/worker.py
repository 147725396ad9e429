"""The inbox worker: processes groups of contacts, with retries and dead letters."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta

from connectors.errors import FixSettingsError, TryLaterError
from sync.control.inbox import GROUPS, Claimed
from sync.control.leases import has_gone, new_holder
from sync.warehouse.memory import Memory
from sync.webhooks import guardrails as guarding
from sync.webhooks.decide import Decider
from sync.webhooks.handler import Handled, Handler
from sync.webhooks.logs import tell, without_addresses
from sync.webhooks.metrics import IN_USE, Metrics
from sync.webhooks.service import Service

LEASE_SECONDS = 60.0
PULSE_SECONDS = 2.0  # between two renewals
LOOK_SECONDS = 0.25  # between two looks into the inbox while nobody says that something came
REFUSED_SECONDS = 10.0  # until a platform that refused us, or definitions that are not in force, are looked at again
LATER = timedelta(seconds=1)
TIDY_SECONDS = 3600.0
KEPT = timedelta(days=3)  # settled events: HubSpot delivers again for 24 hours, Mailchimp for 75 minutes
CALM = 0.9  # of a budget's pace


class Worker:
    """One thread that works contacts off.

    Args:
        service: The service.
        metrics: Told what happened.
    """

    def __init__(self, service: Service, metrics: Metrics) -> None:
        self.name = new_holder()
        self.woken = threading.Event()
        self.trouble: str | None = None  # why nothing is worked off at present
        self._service, self._metrics = service, metrics
        self._stopping, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker")
        self._pulse = threading.Thread(target=self._renew, name="leases", daemon=True)
        self._tidied = float("-inf")

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()
        self._pulse.start()

    def stop(self) -> None:
        """Finish the group that is under way, and take no other."""
        self._stopping.set()
        self.woken.set()

    def join(self) -> None:
        """Wait until it has ended."""
        self._thread.join()
        self._pulse.join()

    @property
    def alive(self) -> bool:
        """Whether it still works."""
        return self._thread.is_alive()

    # -- threads -------------------------------------------------------------------------------------------
    def _run(self) -> None:
        try:
            with closing(Memory()) as memory, closing(Decider(self._service, memory)) as decider:
                handler = Handler(self._service, decider, self.name)
                while not self._stopping.is_set():
                    self._round(handler)
        finally:
            self._ended.set()

    def _renew(self) -> None:
        """Hold the leases of what is under way, contacts and persons, for as long as the thread that works lives."""
        while not self._ended.wait(PULSE_SECONDS):
            try:
                self._bury()
                self._service.control.inbox.renew(self.name, LEASE_SECONDS)
                self._service.control.leases.renew(self.name, seconds=LEASE_SECONDS)
            except Exception as error:  # noqa: BLE001 - the next pulse tries again; a lease that ends costs no event
                tell("lease_not_renewed", level=logging.WARNING, error=type(error).__name__)

    def _round(self, handler: Handler) -> None:
        try:
            worked = self._work(handler)
        except Exception as error:  # noqa: BLE001 - the outer edge: a worker lives as long as the service
            self._be_in_trouble(without_addresses(f"{type(error).__name__}: {error}"))
            worked = False
        if not worked:
            self.woken.wait(LOOK_SECONDS)
            self.woken.clear()

    def _bury(self) -> None:
        """Free what workers of this machine held that were killed; those of others lose it when their leases end."""
        control = self._service.control
        for owner in control.inbox.owners() | control.leases.holders():
            if has_gone(owner):
                control.leases.abandon(owner)
                control.inbox.abandon(owner)
                tell("buried", level=logging.WARNING, owner=owner)

    # -- one round -----------------------------------------------------------------------------------------
    def _work(self, handler: Handler) -> bool:
        """Work one group of each kind off; return whether there was anything."""
        self._tidy()
        if (reason := self._not_in_force()) is not None:
            self._be_in_trouble(reason)
            return False
        self.trouble = None
        busy = False
        for group in GROUPS:
            claimed = self._service.control.inbox.claim(self.name, seconds=LEASE_SECONDS, group=group)
            if claimed:
                busy = True
                began, sent = time.monotonic(), self._requests()
                self._try(handler, self._without_deadly(claimed))
                self._pace(began, sent)
        return busy

    def _not_in_force(self) -> str | None:
        """Return why nobody may be classified; definitions that changed are read anew first."""
        reason = guarding.not_in_force(self._service)
        if reason is not None:
            try:
                self._service.reload()
            except FixSettingsError as error:
                return str(error)
            reason = guarding.not_in_force(self._service)
        return reason

    def _be_in_trouble(self, reason: str) -> None:
        if reason != self.trouble:
            tell("worker_waits", level=logging.WARNING, reason=reason)
        self.trouble = reason
        self._stopping.wait(LOOK_SECONDS * 4)

    def _without_deadly(self, claimed: Sequence[Claimed]) -> list[Claimed]:
        """Leave out contacts during which workers ended again and again without saying why."""
        deadly = {claimed.contact for claimed in claimed if claimed.tries > self._service.settings.tries}
        if deadly:
            self._set_aside(deadly, f"the worker crashed {self._service.settings.tries} times on this contact")
        return [claimed for claimed in claimed if claimed.contact not in deadly]

    def _try(self, handler: Handler, claimed: Sequence[Claimed]) -> None:
        """Handle a group; where that fails, each of its contacts alone, so that none can hold up the others."""
        if not claimed:
            return
        try:
            handled = handler.handle(claimed)
        except TryLaterError as error:
            self._postpone(claimed, str(error), seconds=LOOK_SECONDS * 4)
        except FixSettingsError as error:
            self._be_in_trouble(str(error))
            self._postpone(claimed, str(error), seconds=REFUSED_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever a contact can cause, it is that contact's matter
            if len(claimed) > 1:
                tell("group_split", level=logging.WARNING, contacts=len(claimed), error=type(error).__name__)
                for claim in claimed:
                    self._try(handler, [claim])
            else:
                self._failed(claimed[0], error)
        else:
            self._finish(claimed, handled)

    def _finish(self, claimed: Sequence[Claimed], handled: Handled) -> None:
        inbox, now = self._service.control.inbox, self._service.now()
        count = inbox.settle(self.name, handled.settled)
        if handled.erased:
            inbox.erase_settled(handled.erased)
            self._service.control.erasures.empty_log()
        for reason in dict.fromkeys(handled.later.values()):
            mine = [claimed for claimed in claimed if handled.later.get(claimed.contact) == reason]
            self._postpone(mine, reason, seconds=LATER.total_seconds())
        for contact, reason in handled.set_aside.items():
            self._set_aside([contact], reason)
        for outcome in handled.settled:
            for state in outcome.states.values():
                self._metrics.settled.labels(state).inc()
            if outcome.claimed.contact in handled.pushed:
                self._metrics.pushed.observe((now - outcome.claimed.first_at).total_seconds())
        for (name, state), changes in handled.sent.states.items():
            self._metrics.changes.labels(name, state).inc(changes)
        tell(
            "worked",
            contacts=len(claimed),
            events=count,
            later=len(handled.later),
            set_aside=len(handled.set_aside),
            **{f"{name}_{state}": changes for (name, state), changes in sorted(handled.sent.states.items())},
            age=max((now - claimed.first_at).total_seconds() for claimed in claimed),
        )

    def _failed(self, claimed: Claimed, error: Exception) -> None:
        reason = without_addresses(f"{type(error).__name__}: {error}")
        if claimed.tries >= self._service.settings.tries:
            self._set_aside([claimed.contact], reason)
            return
        due_at = self._service.now() + timedelta(seconds=2.0**claimed.tries)
        self._service.control.inbox.postpone(self.name, [claimed.contact], due_at=due_at, counts=True, reason=reason)
        tell("failed", level=logging.WARNING, contact=claimed.contact, tries=claimed.tries, reason=reason)

    def _postpone(self, claimed: Sequence[Claimed], reason: str, *, seconds: float) -> None:
        due_at = self._service.now() + timedelta(seconds=seconds)
        contacts, reason = [claimed.contact for claimed in claimed], without_addresses(reason)
        self._service.control.inbox.postpone(self.name, contacts, due_at=due_at, counts=False, reason=reason)
        tell("postponed", contacts=len(contacts), reason=reason)

    def _set_aside(self, contacts: Sequence[str] | set[str], reason: str) -> None:
        self._service.control.inbox.set_aside(self.name, contacts, reason=reason)
        for contact in contacts:
            tell("set_aside", level=logging.WARNING, contact=contact, reason=reason)

    # -- pace and housekeeping -----------------------------------------------------------------------------
    def _requests(self) -> dict[str, int]:
        return {name: sum(connector.traffic.requests.values()) for name, connector in self._service.opened.items()}

    def _pace(self, began: float, sent: dict[str, int]) -> None:
        """Let groups follow each other as slowly as the budgets ask: fewer and larger groups need fewer requests."""
        pause = 0.0
        for name, connector in self._service.opened.items():
            spec = self._service.manifest.connectors[self._service.workspace.connections[name].connector]
            limit, seconds = IN_USE.match(connector.traffic.budget), spec.limits.get("burst_seconds")
            if limit and seconds:
                used = self._requests()[name] - sent.get(name, 0)
                pause = max(pause, used * seconds / (int(limit.group(2)) * CALM))
        self._stopping.wait(max(began + pause - time.monotonic(), 0))

    def _tidy(self) -> None:
        if time.monotonic() - self._tidied > TIDY_SECONDS:
            self._tidied = time.monotonic()
            self._service.control.inbox.forget(self._service.now() - KEPT)
