"""What the service may use of a few people: their purposes, by their contacts as they are now and by objections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from segmenter.privacy.purposes import NOT_PROFILED, ConsentPurpose, PurposeRule, PurposeStanding
from segmenter.traits.builtin import Catalogue
from sync.active_people import not_profiled
from sync.consent.objections import note_shown
from sync.consent.purposes import BY_STATUS, standings_of_contacts
from sync.consent.strictest import strictest_consent
from sync.control.published import Published
from sync.control.rows import NotedObjection
from sync.online.handoff import WITHHELD_BASE, as_assignment
from sync.plan.left_out import BY_PURPOSE
from sync.webhooks.fetch import ContactRow
from sync.webhooks.service import Service


@dataclass(slots=True)
class WithoutProfiling:
    """People who may not be profiled, as the decision of everybody else gives them.

    Attributes:
        rows: Trait rows in which every trait is absent.
        assigned: Assignments without segment and persona.
        before: The assignment that each had.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    assigned: list[dict[str, Any]] = field(default_factory=list)
    before: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Allowed:
    """Purposes of a few people.

    Attributes:
        denied: The purposes that each person's data may not be used for.
        consents: Their strictest status.
    """

    denied: Mapping[str, frozenset[ConsentPurpose]]
    consents: Mapping[str, str]

    @classmethod
    def of(
        cls,
        service: Service,
        contacts: Sequence[ContactRow],
        person_of: Mapping[str, str],
        published: Mapping[str, Published],
    ) -> Allowed:
        """Look at people's contacts as they are now, and note the objections that they show.

        Args:
            service: The service.
            contacts: All contacts of the persons.
            person_of: Person by contact key.
            published: What is known of them besides: purposes that subscriptions deny, which no contact shows.
        """
        rules, control = service.workspace.purposes, service.control
        note_shown(control, rules, contacts)
        by_person: dict[str, list[ContactRow]] = {}
        for row in contacts:
            person = person_of.get(f"{row['connection']}:{row['platform_id']}")
            if person is not None:
                by_person.setdefault(person, []).append(row)
        keys_of: dict[str, list[str]] = {}
        for key, person in control.links.of_persons(by_person).items():
            keys_of.setdefault(person, []).append(key)
        noted: dict[str, list[NotedObjection]] = {}
        for objection in control.objections.of([key for keys in keys_of.values() for key in keys]):
            noted.setdefault(objection.contact_key, []).append(objection)
        denied = {}
        for person, rows in by_person.items():
            theirs = [objection for key in keys_of.get(person, ()) for objection in noted.get(key, ())]
            standings = standings_of_contacts(rules, rows, sorted(theirs, key=_first))
            known = published[person].base.get(WITHHELD_BASE, []) if person in published else None
            denied[person] = frozenset(
                p for p, standing in standings.items() if _denied(rules.rule(p), standing, known)
            )
        return cls(denied, {person: strictest_consent(rows) for person, rows in by_person.items()})

    def of_person(self, person: str, purpose: ConsentPurpose) -> bool:
        """Return whether a person's data may be used for a purpose."""
        return purpose not in self.denied.get(person, frozenset())

    def unmailed(self, person: str) -> str | None:
        """Return why nothing is written to a person for want of consent for mailing; None: it may be."""
        return None if self.of_person(person, "mailing") else BY_PURPOSE

    def profiled(self, published: Mapping[str, Published]) -> dict[str, Published]:
        """Return what is known of those who may be profiled."""
        return {person: known for person, known in published.items() if self.of_person(person, "profiling")}

    def without_profiling(
        self, catalogue: Catalogue, published: Mapping[str, Published], as_of: datetime
    ) -> WithoutProfiling:
        """Return rows without anything for those who may not be profiled.

        Args:
            catalogue: All traits.
            published: What is known of everybody.
            as_of: UTC.
        """
        parts = WithoutProfiling()
        for person in sorted(self.denied):
            if self.of_person(person, "profiling"):
                continue
            nothing = dict.fromkeys(catalogue.traits)
            parts.rows.append({**nothing, "person_id": person, "consent": self.consents[person]})
            known = published[person].assignment if person in published else None
            before = as_assignment(known) if known else None
            if before is None or before["reasons"] != NOT_PROFILED:
                parts.assigned.append(not_profiled(person, as_of))
            else:
                parts.assigned.append(before)
                parts.before[person] = before
        return parts


def _first(objection: NotedObjection) -> tuple[datetime, str, str]:
    return objection.noted_at, objection.source, objection.contact_key


def _denied(rule: PurposeRule, standing: PurposeStanding, known: Sequence[str] | None) -> bool:
    """Tell whether a purpose is denied; *known*: what `assign` published as denied, None: nothing of this person."""
    if standing.source == BY_STATUS:
        return False  # who may be written to by status is decided where changes are made
    if not any(source.kind == "subscription" for source in rule.sources):
        return not standing.allowed
    if standing.source and not standing.allowed:
        return True
    return rule.basis == "consent" if known is None else rule.purpose in known  # no event tells of a subscription
