"""What a plan is made from, and its figures: plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ibis import Table


@dataclass(frozen=True, slots=True)
class Target:
    """What may be written through one connection.

    Attributes:
        fields: The platform's names of the fields that we own there.
        groups: Names of the groups that we own there.
        consents: A contact is written to only when its person's consent is one of these.
        needs_email: Whether the platform can't be written to without an address.
        co_owned_fields: Those of the fields that people write as well, and whether what they set may be overwritten.
        explaining: Those of the fields that only tell why and how sure: their text moves with every value it names.
        assigning: Those of the fields that show persona and segment: where they change, somebody has moved.
    """

    connection: str
    fields: tuple[str, ...]
    groups: tuple[str, ...]
    consents: frozenset[str]
    needs_email: bool
    co_owned_fields: Mapping[str, bool] = field(default_factory=dict)
    explaining: frozenset[str] = frozenset()
    assigning: frozenset[str] = frozenset()


Refused = tuple[str, str, str, str, str]
"""Connection, platform id, kind, name and wanted value ("" for none) of a change that was refused."""


@dataclass(frozen=True, slots=True)
class State:
    """What the plan is made from; each an Ibis table.

    Attributes:
        contacts: Versions in force (schema `connectors.records.CONTACTS`).
        memberships: Versions in force of our groups.
        links: Columns ``contact_key``, ``person_id``.
        assigned: Versions in force, of everybody who is active.
        assignments: The same as the platforms are shown it: segments that are not pushed are left out.
        values: Columns ``person_id``, ``connection``, ``name``, ``value``: what each person's fields shall show.
        groups: Columns ``person_id``, ``group_name``: the groups each person shall be in.
        ours: Columns ``connection``, ``group_name``, ``platform_id``: memberships that the ledger shows we made.
        written: Columns ``connection, name, platform_id, value``: what we wrote last into shared fields; None: nothing.
        own: As ``values``, of people to whom an experiment gives other words, or gave them until it ended: what they
            would be shown without it, or were shown by it.
        ended: Groups of experiments that have ended: who leaves them loses nothing.
        skipped_segments: Segments with too few people to be pushed, see `sync.fields.pushed_segments`.
        confirmed: Changes that the platform confirmed since it was last read: columns ``connection, kind, name,
            platform_id, value`` ("" cleared, or no member); None: none.
        refused: Changes that the platform refused, for a reason that still stands: see `sync.plan.standing_rejections`.
        excluded: Columns ``person_id``, ``excluded``: to whom nothing is written, and why; None: nobody.
    """

    contacts: Table
    memberships: Table
    links: Table
    assigned: Table
    assignments: Table
    values: Table
    groups: Table
    ours: Table
    written: Table | None = None
    own: Table | None = None
    ended: frozenset[str] = frozenset()
    skipped_segments: frozenset[str] = frozenset()
    confirmed: Table | None = None
    refused: Mapping[Refused, str] = field(default_factory=dict)
    excluded: Table | None = None


@dataclass(slots=True)
class Counts:
    """The figures of a plan that its guardrails and its readers need."""

    contacts: Counter[str] = field(default_factory=Counter)  # by connection: all active
    allowed: Counter[str] = field(default_factory=Counter)  # by connection: may be written to
    changed: Counter[str] = field(default_factory=Counter)  # by connection: contacts with a change
    replaced: Counter[str] = field(
        default_factory=Counter
    )  # by connection: changed ones that show other words than now
    moved: Counter[str] = field(default_factory=Counter)  # by connection: those of them in another segment than now
    explained: Counter[str] = field(default_factory=Counter)  # by connection: changed ones whose explanation alone does
    by_field: Counter[tuple[str, str]] = field(default_factory=Counter)
    by_persona: Counter[str] = field(default_factory=Counter)  # persons assigned, "no persona" and "unclassified" too
    removed: Counter[str] = field(default_factory=Counter)  # by connection: memberships taken back
    leaving: Counter[str] = field(default_factory=Counter)  # by connection: contacts of whom one is taken back
    foreign: Counter[str] = field(default_factory=Counter)  # by connection: memberships others made, left alone
    kept: Counter[tuple[str, str]] = field(default_factory=Counter)  # by field: values that people set, left alone
    skipped: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)  # of those skipped: refused by the platform
