"""What a plan is made from: what people should see, what the platforms show, who is left out; and the diff of both."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce

import pyarrow as pa
from ibis import Table

from connectors.errors import FixSettingsError
from connectors.records import CONTACTS, MEMBERSHIPS, Change
from sync.active_people import shown_assignments
from sync.assign.exclusions import excluded_persons
from sync.assign.job import fields_wanted, individual_traits, memberships_wanted
from sync.experiments.arms import copies, ended_groups
from sync.fields.platform_persona import PersonaValues, co_owned_fields, platform_personas
from sync.fields.pushed_segments import as_shown, shown_instead, skipped_sentences, small_segments
from sync.plan.diff import Plan, make_plan
from sync.plan.left_out import BY_PURPOSE
from sync.plan.standing_rejections import standing_rejections
from sync.plan.state import State, Target
from sync.pull.job import properties_read
from sync.session import Session
from sync.value.ranking import focus


@dataclass(frozen=True, slots=True)
class WantedChanges:
    """What the definitions want to be changed, and what it was made from; see `Planned`."""

    plan: Plan
    state: State
    people: Table | None
    pushed: Sequence[str] | None
    focus: str
    skipped: Mapping[str, int]
    notes: Sequence[str]


def wanted_changes(session: Session, as_of: datetime) -> WantedChanges:
    """Compare what people should see with what the platforms show; nothing is saved, and no guardrail asked.

    Args:
        session: The open workspace.
        as_of: The moment that people were last looked at, UTC.

    Returns:
        The plan, with what it was made from and sentences on what is skipped.
    """
    pushed, sentence = focus(session)
    people = individual_traits(session, as_of)
    own = platform_personas(session)
    skipped, notes = _skipped(session, pushed)
    state = gather_state(session, pushed, people, own.values)
    state = replace(state, skipped_segments=frozenset(skipped), excluded=_excluded(session, as_of))
    decided = make_plan(state, targets(session, own.values), as_of=as_of)
    notes += [f"{problem.message} {problem.fix}" for problem in own.skipped]
    return WantedChanges(decided, state, people, pushed, sentence, skipped, notes)


def changes_about(session: Session, persons: Collection[str]) -> list[Change]:
    """Return what would change for some people now; nothing is saved, and no guardrail asked.

    Args:
        session: The open workspace.
        persons: Whom to look at; the whole plan is made, so ask for few, and seldom.
    """
    changes = wanted_changes(session, assigned_at_or_raise(session)).plan.changes
    return [change for change in changes if change.person_id in persons]


def assigned_at_or_raise(session: Session) -> datetime:
    """The moment that people were last looked at.

    Raises:
        FixSettingsError: They never were: there is nothing to plan, which is not the same as nothing to change.
    """
    as_of = assigned_at(session)
    if as_of is None:
        read = [session.control.cursors.ended_at(name, CONTACTS.name) for name in session.workspace.connections]
        if not any(read):
            raise FixSettingsError(
                "There is nothing to plan yet: no contacts have been pulled.",
                fix="Run `personasync pull`, then `personasync assign`, then `personasync plan`.",
            )
        raise FixSettingsError(
            "There is nothing to plan yet: nobody has been assigned to a segment.",
            fix="Run `personasync assign`, then `personasync plan`.",
        )
    return as_of


def _excluded(session: Session, as_of: datetime | None) -> Table | None:
    """Return to whom nothing is written, and why; None: nobody."""
    without_consent = dict.fromkeys(sorted(session.withheld().mailing), BY_PURPOSE)
    persons = {**without_consent, **excluded_persons(session, as_of)}
    if not persons:
        return None
    columns = {"person_id": list(persons), "excluded": list(persons.values())}
    return session.warehouse.memtable(pa.table({name: pa.array(row, pa.string()) for name, row in columns.items()}))


def _skipped(session: Session, pushed: Sequence[str] | None) -> tuple[dict[str, int], list[str]]:
    """Return the segments in focus that too few people are in, and a sentence for each; empty ones need none."""
    small = small_segments(session.workspace, session.control)
    skipped = {name: people for name, people in small.items() if people and (pushed is None or name in pushed)}
    instead = shown_instead(session.workspace, session.control, pushed)
    return skipped, skipped_sentences(skipped, instead, session.workspace.personalize.min_audience)


def targets(session: Session, personas: PersonaValues) -> list[Target]:
    """Return what may be written through each connection that can be written to.

    Args:
        session: The open workspace.
        personas: The platforms' own (`sync.fields.platform_persona`); a field for them that is unknown is skipped.
    """
    destinations = []
    for name in session.workspace.connections:
        capabilities = session.workspace.spec(name, session.manifest).capabilities
        if capabilities.writes:
            both = co_owned_fields(session, name)
            owned = session.workspace.connection(name, session.manifest, session.environment).owned
            owned = tuple(field for field in owned if field not in both or name in personas)
            groups = (*session.workspace.groups_of(name, session.manifest), *session.undefined_groups(name))
            consents = frozenset(session.workspace.consent.push)
            destinations.append(
                Target(
                    name,
                    owned,
                    groups,
                    consents,
                    needs_email=capabilities.needs_address,
                    co_owned_fields=both,
                    explaining=session.manifest.explaining,
                    assigning=session.manifest.assigning,
                )
            )
    return destinations


def assigned_at(session: Session) -> datetime | None:
    """Return the moment (UTC) that people were last looked at; None: never."""
    newest = session.control.runs.latest("assign", state="done")
    return datetime.fromisoformat(newest.counts["as_of"]) if newest else None


def gather_state(
    session: Session, pushed: Sequence[str] | None, people: Table | None, personas: PersonaValues
) -> State:
    """Return the tables that a plan is made from.

    Args:
        session: The open workspace.
        pushed: Only these segments are shown on the platforms, but for small ones; None: all.
        people: As `sync.assign.individual_traits` returns it.
        personas: The platforms' own (`sync.fields.platform_persona`).
    """
    warehouse = session.warehouse
    assigned = shown_assignments(session).cache()  # it and what is made of it are asked for many times
    assignments, copied = as_shown(session, pushed, assigned).cache(), copies(session)
    return State(
        contacts=warehouse.current(CONTACTS.name),
        memberships=warehouse.current(MEMBERSHIPS.name),
        links=session.links(),
        assigned=assigned,
        assignments=assignments,
        values=fields_wanted(session, assignments, copied, people, personas),
        groups=memberships_wanted(session, assignments),
        ours=warehouse.memtable(session.control.ledger.groups_made()),
        written=_written(session),
        own=_own(session, assignments, copied, people, personas),
        ended=ended_groups(session),
        confirmed=_confirmed(session),
        refused=standing_rejections(session),
    )


def _own(
    session: Session, assignments: Table, copied: Table | None, people: Table | None, personas: PersonaValues
) -> Table | None:
    """What people would be shown without a running experiment, and what one that has ended showed them."""
    before = copies(session, ended=True)
    parts = []
    if copied is not None:
        parts.append(fields_wanted(session, assignments.semi_join(copied, "person_id"), None, people, personas))
    if before is not None:
        parts.append(fields_wanted(session, assignments.semi_join(before, "person_id"), before, people, personas))
    return reduce(lambda first, other: first.union(other), parts) if parts else None


def _confirmed(session: Session) -> Table | None:
    """What the platforms confirmed since they were last read, so that no plan sends it again."""
    parts = [
        rows.append_column("kind", pa.repeat(pa.scalar(kind), rows.num_rows))
        for name in session.workspace.connections
        for kind, stream in (("field", CONTACTS.name), ("group", MEMBERSHIPS.name))
        if (rows := session.control.ledger.confirmed(name, kind, session.control.cursors.ended_at(name, stream)))
    ]
    return session.warehouse.memtable(pa.concat_tables(parts)) if parts else None


def _written(session: Session) -> Table | None:
    """What we wrote last into fields that people write as well."""
    names = [(name, field) for name in session.workspace.connections for field in co_owned_fields(session, name)]
    for name, field in names:
        if field not in properties_read(session, name):
            raise FixSettingsError(
                f"{field} of {name} has never been pulled, so existing values are unknown.",
                fix="Run `personasync pull`, then `personasync plan`.",
            )
    return session.warehouse.memtable(session.control.ledger.fields_written(names)) if names else None
