"""Event handler: fetch, identify, classify and push a group of contacts.

Nothing here is remembered between groups but in the control store, and each step may be done again: who is killed
between two of them leaves contacts that are read anew and found to show what they shall.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from connectors.records import MEMBER, Change, Outcome, normalise_email, platform_key
from segmenter.personalize.fields import probability_one
from sync.apply.push import Sent, send_changes
from sync.control.inbox import Claimed, Settled
from sync.control.ledger import Noted
from sync.control.published import Published
from sync.fields.platform_persona import PersonaValues, co_owned_fields
from sync.online.handoff import plain_assignment
from sync.plan.state import Target
from sync.pull.identities import LOCK, LOCK_SECONDS
from sync.session import RecordedRun, no_progress
from sync.webhooks import guardrails as guarding
from sync.webhooks.decide import Decider, Decision
from sync.webhooks.diff import changes_of
from sync.webhooks.echoes import echoes
from sync.webhooks.events import MEANS, address_key
from sync.webhooks.fetch import ADDRESS, ContactRow, Gathered, gather_contacts, leave_out_erased
from sync.webhooks.service import Service
from sync.webhooks.strangers import without_foreign

PERSON_SECONDS = 60.0  # the lease on a person while both platforms are written; the worker's pulse renews it
ERASED = "erased"
ENDS = ("gone", ERASED)


@dataclass(slots=True)
class Handled:
    """What became of a group.

    Attributes:
        settled: Contacts that are done.
        later: Contacts that wait for something else, with the reason: a platform, or another worker.
        set_aside: Contacts that a guardrail stopped, with the reason.
        sent: What became of changes.
        pushed: Contacts of `settled` for which something was written.
        erased: Contacts whose people were erased: nothing of their events stays.
    """

    settled: list[Settled] = field(default_factory=list)
    later: dict[str, str] = field(default_factory=dict)
    set_aside: dict[str, str] = field(default_factory=dict)
    sent: Sent = field(default_factory=Sent)
    pushed: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)


class Handler:
    """Handles groups of contacts, one after the other.

    Args:
        owner: The worker's name: holder of leases.
    """

    def __init__(self, service: Service, decider: Decider, owner: str) -> None:
        self._service, self._decider, self._owner = service, decider, owner

    def handle(self, given: Sequence[Claimed]) -> Handled:
        """Handle contacts that this worker has claimed."""
        handled = Handled()
        claimed, foreign = without_foreign(self._service, given)
        known = echoes(self._service, claimed)
        work = []
        for claim in claimed:
            if all(event.key in known for event in claim.events):
                handled.settled.append(Settled(claim, {event.key: "echo" for event in claim.events}))
            else:
                work.append(claim)
        if work:
            self._work(work, known, handled)
        none: dict[str, str] = {}
        ours = [replace(s, states={**s.states, **foreign.get(s.claimed.contact, none)}) for s in handled.settled]
        left = {claim.contact for claim in claimed}
        handled.settled = ours + [Settled(c, foreign[c.contact]) for c in given if c.contact not in left]
        return handled

    def _work(self, work: Sequence[Claimed], known: Collection[str], handled: Handled) -> None:
        gathered = gather_contacts(self._service, *_named(work), self._owner)
        persons_of = {claimed.contact: _persons(claimed, gathered) for claimed in work}
        wanted = {person for persons in persons_of.values() for person in persons}
        names = {f"person {person}" for person in wanted}
        held = self._service.control.leases.take(names, self._owner, seconds=PERSON_SECONDS)
        try:
            leave_out_erased(self._service, gathered)  # who was erased since they were read
            handled.erased |= {claim.contact for claim in work if gathered.erased and not persons_of[claim.contact]}
            busy = {person for person in wanted if f"person {person}" not in held}
            for claimed in work:
                if busy & persons_of[claimed.contact]:
                    handled.later[claimed.contact] = "another worker is processing this person"
            decisions = self._push(gathered, wanted - busy, persons_of, handled)
            self._erase(work, gathered)
        finally:
            self._service.control.leases.give_back(held, self._owner)
        for claimed in work:
            if claimed.contact not in handled.later and claimed.contact not in handled.set_aside:
                persons = sorted(persons_of[claimed.contact])
                handled.settled.append(_settled(claimed, known, [decisions[p] for p in persons if p in decisions]))

    def _push(
        self, gathered: Gathered, persons: set[str], persons_of: Mapping[str, set[str]], handled: Handled
    ) -> dict[str, Decision]:
        """Decide for *persons*, hand their assignments over, and write what has to change."""
        service, now = self._service, self._service.now()
        contacts = {person: gathered.of_person(person) for person in persons}
        published = self._known(persons, gathered.merged)
        stale = guarding.too_old_persons(service, published, now)
        everybody = [row for person in persons - stale for row in contacts[person]]
        if not everybody:
            return {}
        shown = {(*_parts(key), group) for key, group in gathered.groups}
        with self._caps():
            decided = self._decider.decide(everybody, gathered.person_of, published, now)
            ledger = self._ledger(everybody)
            self._settle_lost(ledger, everybody, shown)
            changes = [
                decision for who in decided for decision in self._changes(who, contacts[who.person_id], shown, ledger)
            ]
            held = guarding.held_back(service, changes, now)
            free = [decision for decision in decided if decision.person_id not in held]
            fresh = {decision.person_id: decision for decision in free if decision.new}
            service.control.decisions.forget_withheld({who.person_id: who.denied for who in free})
            service.control.people.hand_over(
                [_published(decision, published, now) for decision in fresh.values()],
                now,
                {person: decision.evidence for person, decision in fresh.items() if decision.evidence},
            )
        for contact, of in persons_of.items():
            if reason := next((held[person] for person in of if person in held), None):
                handled.set_aside[contact] = reason
        self._write([change for change in changes if change.person_id not in held], persons_of, handled)
        self._see(everybody)
        return {decision.person_id: decision for decision in free}

    def _caps(self) -> AbstractContextManager[None]:
        """One worker at a time gives away the places of segments with a cap."""
        if not any(segment.cap for segment in self._service.workspace.segments):
            return nullcontext()
        return self._service.control.leases.lock("caps", self._owner, seconds=LOCK_SECONDS)

    def _known(self, persons: Collection[str], merged: Mapping[str, str]) -> dict[str, Published]:
        """Return what was published of *persons*, and of those who turned out to be one of them."""
        into = {old: new for old, new in merged.items() if new in persons}
        published = self._service.control.people.published({*persons, *into})
        for old, new in into.items():
            if (other := published.pop(old, None)) is not None:
                person = published.get(new, replace(other, person_id=new))
                published[new] = replace(person, base={**other.base, **person.base})
        self._service.control.people.withdraw(merged)
        return published

    def _changes(
        self,
        decision: Decision,
        contacts: Sequence[ContactRow],
        shown: Collection[tuple[str, str, str]],
        ledger: _Entries,
    ) -> list[Change]:
        if decision.excluded:
            return []
        targets = targets_of(self._service, self._decider.platform)
        ours = {(name, key, group) for (name, key, kind, group), noted in ledger.items() if _made(kind, noted)}
        changes = changes_of(
            decision.person_id,
            contacts,
            targets=targets,
            values=decision.values,
            groups=decision.groups,
            shown_groups=shown,
            ours=ours,
            written={
                (n, key, what): noted.outcome.change.after
                for (n, key, kind, what), noted in ledger.items()
                if kind == "field"
            },
        )
        return list(changes)

    def _ledger(self, contacts: Sequence[ContactRow]) -> _Entries:
        entries: _Entries = {}
        for name in self._service.live:
            ids = [row["platform_id"] for row in contacts if row["connection"] == name]
            newest = self._service.control.ledger.newest_of(name, ids) if ids else {}
            entries |= {(name, *key): noted for key, noted in newest.items()}
        return entries

    def _settle_lost(
        self, ledger: _Entries, contacts: Sequence[ContactRow], groups: Collection[tuple[str, str, str]]
    ) -> None:
        """Say of changes that a killed run left open what became of them: the contacts were read just now."""
        shown = {(row["connection"], row["platform_id"]): json.loads(row["properties"] or "{}") for row in contacts}
        open_runs: dict[str, list[Outcome]] = {}
        for (name, key, kind, what), noted in ledger.items():
            change = noted.outcome.change
            if noted.outcome.state not in {"", "unknown"} or (name, key) not in shown:
                continue
            member = MEMBER if (name, key, what) in groups else None
            present = member if kind == "group" else shown[name, key].get(what)
            took = (present or None) == (change.after or None)
            outcome = Outcome(change, "applied", "Confirmed by reading it back from the platform.", "seen")
            lost = Outcome(change, "rejected", "Not applied: the run ended first.", "interrupted")
            open_runs.setdefault(noted.run_id, []).append(outcome if took else lost)
        for run_id, outcomes in open_runs.items():
            self._service.control.ledger.settle(run_id, outcomes)

    def _write(self, changes: Sequence[Change], persons_of: Mapping[str, set[str]], handled: Handled) -> None:
        if not changes:
            return
        service, control = self._service, self._service.control
        run = RecordedRun(control.runs.begin(guarding.COMMAND))
        names = list(dict.fromkeys(change.connection for change in changes))
        sents = {name: Sent() for name in names}
        with ThreadPoolExecutor(len(names)) as pool:
            for name in names:
                mine = [change for change in changes if change.connection == name]
                connector = service.connector(name)
                pool.submit(send_changes, service, connector, mine, sents[name], run, no_progress, sample=False)
        for sent in sents.values():
            handled.sent.states += sent.states
            handled.sent.reasons += sent.reasons
            handled.sent.failed |= sent.failed
        counts = {f"{name} {state}": count for (name, state), count in handled.sent.states.items()}
        moving = guarding.counted_moves(changes, service.manifest.explaining)
        moved = {"outcomes": counts, "moved": moving, "failed": handled.sent.failed}
        control.runs.finish(run.run_id, "failed" if handled.sent.failed else "done", moved)
        failing = {change.person_id: handled.sent.failed.get(change.connection) for change in changes}
        for contact, persons in persons_of.items():
            if persons & failing.keys():
                handled.pushed.add(contact)
            if reason := next((failing[person] for person in persons if failing.get(person)), None):
                handled.later[contact] = reason

    def _see(self, contacts: Sequence[ContactRow]) -> None:
        seen = {}
        for row in contacts:
            if row["connection"] in self._service.live and row["state"] == "active":
                values = {**json.loads(row["properties"] or "{}"), "email": row["email"] or ""}
                seen[_inbox_name(self._service, row)] = {"id": row["platform_id"], "values": values}
        self._service.control.people.see(seen)

    def _erase(self, work: Sequence[Claimed], gathered: Gathered) -> None:
        """Forget contacts that their platform forgot, and persons of whom nothing is left."""
        ended = [claimed for claimed in work if any(event.detail.get(MEANS) in ENDS for event in claimed.events)]
        gone = [claim.contact for claim in ended if gathered.rows.get(claim.contact, {}).get("state") != "active"]
        if not gone:
            return
        alive = {gathered.person_of.get(key) for key, row in gathered.rows.items() if row["state"] == "active"}
        persons = {gathered.person_of[key] for key in gone if key in gathered.person_of} - alive
        self._service.control.people.erase(gone, persons)
        forgotten = {c.contact for c in ended if any(event.detail.get(MEANS) == ERASED for event in c.events)}
        erased = forgotten & set(gone)
        if erased:
            self._drop(erased, persons)

    def _drop(self, erased: Collection[str], gone: Collection[str]) -> None:
        """Follow a privacy deletion: what is left of a contact are ids, and of a person who is *gone* no address.

        A deletion of the other kind can be taken back, and then the person shall be who they were.
        """
        control = self._service.control
        owners = set(control.links.of_keys(erased).values())
        persons = owners & set(gone)
        keys = {*control.links.of_persons(persons), *erased}
        addresses = {key.removeprefix(ADDRESS) for key in keys if key.startswith(ADDRESS)}
        names = {address_key(name, address) for name in self._service.live for address in addresses}
        control.ledger.without_addresses(erased, persons)
        control.pins.forget(addresses)
        control.people.erase(names, persons)
        control.decisions.forget_records(erased, owners)
        control.decisions.forget(persons)
        control.inbox.drop({*names, *keys} - set(erased))
        with control.leases.lock(LOCK, self._owner, seconds=LOCK_SECONDS):
            control.links.drop(keys)


_Entries = dict[tuple[str, str, str, str], Noted]


def targets_of(service: Service, platform: PersonaValues) -> dict[str, Target]:
    """Return what may be written through each live connection, as `sync.plan.job.targets`.

    Args:
        service: The service.
        platform: The platforms' own personas, of the connections where they are known.
    """
    unknown = {name: set(co_owned_fields(service, name)) for name in service.live if name not in platform}
    workspace = service.workspace
    segments = {segment.name for segment in workspace.segments}
    return {
        name: Target(
            name,
            tuple(
                field_name
                for field_name in workspace.owned(name, service.manifest)
                if field_name not in unknown.get(name, ())
            ),
            tuple(group for group in workspace.groups_of(name, service.manifest) if group in segments),
            frozenset(workspace.consent.push),
            needs_email=workspace.spec(name, service.manifest).capabilities.needs_address,
            co_owned_fields=co_owned_fields(service, name),
        )
        for name in service.live
    }


def _named(work: Sequence[Claimed]) -> tuple[set[str], set[tuple[str, str]]]:
    """Return the records and addresses that events name."""
    ids: set[str] = set()
    addresses: set[tuple[str, str]] = set()
    for claimed in work:
        connection = claimed.contact.partition(":")[0]
        for event in claimed.events:
            ids |= {platform_key(connection, key) for key in event.detail.get("ids", ())}
            addresses |= {(connection, address) for address in event.detail.get("addresses", ())}
    return ids, addresses


def _persons(claimed: Claimed, gathered: Gathered) -> set[str]:
    connection = claimed.contact.partition(":")[0]
    ids = {platform_key(connection, key) for event in claimed.events for key in event.detail.get("ids", ())}
    addresses = {address for event in claimed.events for address in event.detail.get("addresses", ())}
    return {
        gathered.person_of[key]
        for key, row in gathered.rows.items()
        if key in gathered.person_of
        and row["connection"] == connection
        and (key in ids or normalise_email(row["email"]) in addresses)
    }


def _settled(claimed: Claimed, known: Collection[str], decisions: Sequence[Decision]) -> Settled:
    states = {event.key: "echo" if event.key in known else "done" for event in claimed.events}
    if not decisions:
        return Settled(claimed, states, {"persona": None, "segment": None})
    assignment = decisions[0].shown
    answer: dict[str, Any] = {name: assignment[name] for name in ("persona", "segment", "reasons")}
    answer["confidence"] = probability_one(assignment)
    if decisions[0].excluded:
        answer = {**dict.fromkeys(answer), "reasons": decisions[0].excluded}
    return Settled(claimed, states, answer)


def _published(decision: Decision, published: Mapping[str, Published], now: datetime) -> Published:
    before = published.get(decision.person_id)
    base = before.base if before else {}
    # no digest: the next `assign` writes the row anew
    return Published(
        decision.person_id, base, plain_assignment(decision.assignment), "", before.as_of if before else now
    )


def _parts(key: str) -> tuple[str, str]:
    connection, _, platform_id = key.partition(":")
    return connection, platform_id


def _made(kind: str, noted: Noted) -> bool:
    """Tell whether the ledger shows that we put this contact into this group, as `Ledger.groups_made`."""
    state, change = noted.outcome.state, noted.outcome.change
    return kind == "group" and state in {"applied", "unknown", ""} and change.after == MEMBER


def _inbox_name(service: Service, row: ContactRow) -> str:
    """Return how the inbox names a contact: the events of some platforms know addresses, of others ids."""
    name: str = row["connection"]
    by = service.workspace.spec(name, service.manifest).deliveries.contacts_by
    if by == "address" and row["email"]:
        return address_key(name, row["email"])
    return platform_key(name, row["platform_id"])
