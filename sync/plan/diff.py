"""Plan diff: wanted values minus current values, owned fields and groups only.

Tables and policies in, a `Plan` out: the tables' engine is asked for their rows. Nothing here reads a clock, a file or
a platform, and nothing here writes, so the same tables give the same plan. What a person may not receive, or a platform
can't take, is parked with its reason instead of being planned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

import ibis
import pyarrow as pa
from ibis import Table

from connectors.records import MEMBER, Change
from segmenter.personalize.personas import NO_PERSONA, UNCLASSIFIED
from segmenter.traits.people import NO_CONSENT, STRICTEST_FIRST, consent_counts
from sync.plan.left_out import BY_CONSENT

SAMPLES = 10  # named samples per list: enough to recognise a mistake, few enough to read


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
    """

    connection: str
    fields: tuple[str, ...]
    groups: tuple[str, ...]
    consents: frozenset[str]
    needs_email: bool
    co_owned_fields: Mapping[str, bool] = field(default_factory=dict)
    explaining: frozenset[str] = frozenset()


def replaces(change: Change, explaining: Collection[str]) -> bool:
    """Return whether a contact would show other words than now: no first value, no tag, no explanation.

    Args:
        change: Any.
        explaining: The fields that only tell why and how sure.
    """
    return change.kind == "field" and change.before is not None and change.name not in explaining


def may_write(*, wanted: str | None, shown: str | None, ours: str | None, overwrite: bool) -> bool:
    """Return whether a field that people write as well may be changed: where it is empty, or shows what we wrote.

    What a person set is overwritten where the workspace says so, and never cleared.

    Args:
        wanted: The value to be written; None: clear the field.
        shown: What the platform shows; None: the field is empty.
        ours: What we wrote there last; None: nothing.
        overwrite: Whether the workspace lets us overwrite what people set.

    Returns:
        False: the field is skipped.
    """
    return shown is None or shown == ours or (overwrite and wanted is not None)


@dataclass(frozen=True, slots=True)
class Parked:
    """A skipped contact, with the reason."""

    connection: str
    platform_id: str
    email: str | None
    reason: str


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
        own: As ``values``, of people to whom an experiment gives other words: what they would be shown without it.
        skipped: Segments with too few people to be pushed, see `sync.fields.pushed_segments`.
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
    skipped: frozenset[str] = frozenset()
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
    explained: Counter[str] = field(default_factory=Counter)  # by connection: changed ones whose explanation alone does
    by_field: Counter[tuple[str, str]] = field(default_factory=Counter)
    by_persona: Counter[str] = field(default_factory=Counter)  # persons assigned, "no persona" and "unclassified" too
    removed: Counter[str] = field(default_factory=Counter)  # by connection: memberships taken back
    leaving: Counter[str] = field(default_factory=Counter)  # by connection: contacts of whom one is taken back
    foreign: Counter[str] = field(default_factory=Counter)  # by connection: memberships others made, left alone
    kept: Counter[tuple[str, str]] = field(default_factory=Counter)  # by field: values that people set, left alone
    parked: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)  # of those parked: refused by the platform


@dataclass(slots=True)
class Plan:
    """Everything that an apply would do, and everything that it would not, with reasons."""

    as_of: datetime | None
    changes: list[Change]
    parked: list[Parked]
    counts: Counts


def make_plan(state: State, targets: Iterable[Target], *, as_of: datetime | None) -> Plan:
    """Compare the wanted values of each contact with the platform's current values.

    Args:
        state: The tables; only their own content decides.
        targets: One per connection that can be written to.
        as_of: The moment for which the assignments were made, carried into the plan.

    Returns:
        Changes ordered by connection, contact, kind and name.
    """
    plan = Plan(as_of, [], [], Counts())
    plan.counts.by_persona.update(_personas(state.assigned))
    for target in targets:
        contacts = _contacts(state, target).cache()
        plan.parked.extend(_parked(contacts, target, plan.counts))
        allowed = contacts.filter(contacts.blocked.isnull()).drop("blocked")
        plan.counts.contacts[target.connection] = int(contacts.count().execute())
        plan.counts.allowed[target.connection] = int(allowed.count().execute())
        found = [*_field_changes(allowed, state, target, plan.counts), *_group_changes(allowed, state, target, plan)]
        found = [change for change in found if not _refused(change, state, plan)]
        found.sort(key=lambda change: (change.platform_id, change.kind, change.name))
        _count(found, state, target, plan.counts)
        plan.changes.extend(found)
    return plan


def _count(changes: Sequence[Change], state: State, target: Target, counts: Counts) -> None:
    """Count contacts by what happens to them; an experiment's own words, at its start, replace nothing.

    Nor does a segment that is skipped: who is in it still would lose its tag and copy because it is small, the same
    every day, and all of them are fewer than its limit. Whoever left the segment counts.
    """
    name, few = target.connection, _skipped_people(state)
    replacing = [change for change in changes if replaces(change, target.explaining)]
    meant = _meant(replacing, state, target)
    everybody = {change.platform_id for change in changes}
    replaced = {
        one.platform_id for one in replacing if (one.person_id, one.name) not in meant and one.person_id not in few
    }
    other = {change.platform_id for change in changes if change.name not in target.explaining or change.before is None}
    counts.changed[name] = len(everybody)
    counts.replaced[name] = len(replaced)
    counts.explained[name] = len(everybody - other)
    leaving = [change for change in changes if change.kind == "group" and change.after is None]
    counts.removed[name] = len(leaving)
    counts.leaving[name] = len(
        {one.platform_id for one in leaving if one.person_id not in few or one.name not in state.skipped}
    )


def _skipped_people(state: State) -> set[str]:
    """Persons whose segment is skipped."""
    if not state.skipped:
        return set()
    people = state.assigned.filter(state.assigned.segment.isin(sorted(state.skipped))).select("person_id")
    return set(people.to_pyarrow()["person_id"].to_pylist())


def _meant(replacing: Sequence[Change], state: State, target: Target) -> set[tuple[str, str]]:
    """Person and field of those changes that an experiment makes: now the field shows what it would without it."""
    if state.own is None or not replacing:
        return set()
    rows = {
        "person_id": [change.person_id for change in replacing],
        "name": [change.name for change in replacing],
        "value": [change.before for change in replacing],
    }
    now = ibis.memtable(pa.table({name: pa.array(row, pa.string()) for name, row in rows.items()}))
    mine = state.own.filter(state.own.connection == target.connection)
    same = mine.semi_join(now, ["person_id", "name", "value"]).select("person_id", "name").to_pyarrow()
    return set(zip(same["person_id"].to_pylist(), same["name"].to_pylist(), strict=True))


def _refused(change: Change, state: State, plan: Plan) -> bool:
    """Park a change that the platform has refused, as long as nothing is different now."""
    key = (change.connection, change.platform_id, change.kind, change.name, change.after or "")
    reason = state.refused.get(key)
    if reason is None:
        return False
    plan.parked.append(Parked(change.connection, change.platform_id, change.email, reason))
    plan.counts.parked[change.connection, reason] += 1
    plan.counts.refused[change.connection, reason] += 1
    plan.counts.by_field[change.connection, change.name] -= 1
    return True


def consents(state: State) -> Table:
    """Return each person's consent: the strictest of their contacts decides, also of those that are gone.

    Returns:
        Columns ``person_id``, ``consent``.
    """
    linked = _linked(state.contacts.filter(consent_counts(state.contacts)), state.links)
    rank = linked.consent.cases(
        *((name, place) for place, name in enumerate(STRICTEST_FIRST)), else_=len(STRICTEST_FIRST)
    )
    strictest = linked.mutate(rank=rank).group_by("person_id").aggregate(rank=lambda t: t["rank"].min())
    named = strictest["rank"].cases(*((place, name) for place, name in enumerate(STRICTEST_FIRST)), else_=NO_CONSENT)
    return strictest.select("person_id", consent=named)


def _linked(contacts: Table, links: Table) -> Table:
    key = contacts.connection.concat(":", contacts.platform_id)
    keyed = contacts.mutate(contact_key=key)
    return keyed.inner_join(links, "contact_key").drop("contact_key")


def _contacts(state: State, target: Target) -> Table:
    """All active contacts of one connection with their person, and `blocked`: why nothing may be written, or null."""
    active = state.contacts.filter(state.contacts.state == "active", state.contacts.connection == target.connection)
    person = consents(state).rename(person_consent="consent")
    linked = _linked(active, state.links).left_join(person, "person_id").drop("person_id_right")
    known = linked.semi_join(state.assignments, "person_id")
    if state.excluded is None:
        known = known.mutate(excluded=ibis.null("string"))
    else:
        known = known.left_join(state.excluded, "person_id").drop("person_id_right")
    no_email = known.email.isnull() & ibis.literal(target.needs_email)
    blocked = ibis.cases(
        (known.excluded.notnull(), known.excluded),
        (no_email, "no email address"),
        (
            ~known.person_consent.isin(sorted(target.consents)),
            ibis.literal(BY_CONSENT, type="string") + known.person_consent,
        ),
        else_=ibis.null("string"),
    )
    return known.select("connection", "platform_id", "person_id", "email", "properties", blocked=blocked)


def _parked(contacts: Table, target: Target, counts: Counts) -> Iterator[Parked]:
    rows = contacts.filter(contacts.blocked.notnull()).select("platform_id", "email", "blocked").order_by("platform_id")
    for row in rows.to_pyarrow().to_pylist():
        counts.parked[target.connection, row["blocked"]] += 1
        yield Parked(target.connection, row["platform_id"], row["email"], row["blocked"])


def _personas(assignments: Table) -> Mapping[str, int]:
    nobody = ibis.ifelse(assignments.segment.isnull(), UNCLASSIFIED, NO_PERSONA)
    named = assignments.select(persona=assignments.persona.fill_null(nobody))
    counted = named.group_by("persona").aggregate(persons=named.count()).to_pyarrow()
    return dict(zip(counted["persona"].to_pylist(), counted["persons"].to_pylist(), strict=True))


def _field_changes(allowed: Table, state: State, target: Target, counts: Counts) -> Iterator[Change]:
    """Yield the changed fields. One scan of the contacts, however many fields there are."""
    if not target.fields:
        return
    values = state.values.filter(state.values.connection == target.connection)
    wide = values.group_by("person_id").aggregate(
        **{f"wanted_{place}": values.value.max(where=values.name == name) for place, name in enumerate(target.fields)}
    )
    joined = allowed.inner_join(wide, "person_id")
    properties = joined.properties.cast("json")
    shown = joined.mutate(**{f"shown_{place}": properties[name].str for place, name in enumerate(target.fields)})
    columns = [
        (shown[f"wanted_{place}"].fill_null(""), shown[f"shown_{place}"].fill_null(""))
        for place in range(len(target.fields))
    ]
    differing = shown.filter(reduce(or_, (wanted != old for wanted, old in columns))).drop("properties")
    differing = _with_ours(differing, state, target)
    for batch in differing.to_pyarrow_batches():
        for row in batch.to_pylist():
            yield from _changes_of(row, target, counts)


def _with_ours(rows: Table, state: State, target: Target) -> Table:
    """Add what we wrote last into each shared field: ``ours_PLACE``."""
    for place, name in enumerate(target.fields):
        if name in target.co_owned_fields and state.written is not None:
            mine = (state.written.connection == target.connection) & (state.written["name"] == name)
            wrote = state.written.filter(mine).select("platform_id", **{f"ours_{place}": "value"})
            rows = rows.left_join(wrote, "platform_id").drop("platform_id_right")
    return rows


def _changes_of(row: Mapping[str, Any], target: Target, counts: Counts) -> Iterator[Change]:
    for place, name in enumerate(target.fields):
        wanted, shown = row[f"wanted_{place}"] or None, row[f"shown_{place}"] or None
        ours = row.get(f"ours_{place}")
        if wanted != shown:
            overwrite = target.co_owned_fields.get(name, True)
            if name in target.co_owned_fields and not may_write(
                wanted=wanted, shown=shown, ours=ours, overwrite=overwrite
            ):
                counts.kept[target.connection, name] += 1
                continue
            counts.by_field[target.connection, name] += 1
            yield Change(
                target.connection, row["platform_id"], row["person_id"], row["email"], "field", name, shown, wanted
            )


def _group_changes(allowed: Table, state: State, target: Target, plan: Plan) -> Iterator[Change]:
    """Yield who enters which group, and who leaves: only memberships that the ledger shows we made are taken back."""
    mine = state.memberships.connection == target.connection
    shown = state.memberships.filter(mine, state.memberships.member, state.memberships.group_name.isin(target.groups))
    shown = shown.select("group_name", "platform_id")
    person = allowed.select("person_id", "platform_id", "email")
    wanted = state.groups.filter(state.groups.group_name.isin(target.groups)).inner_join(person, "person_id")
    keys = ["group_name", "platform_id"]
    entering = wanted.anti_join(shown, keys).select("group_name", "platform_id", "person_id", "email")
    leaving = shown.inner_join(person, "platform_id").anti_join(wanted, keys)
    ours = state.ours.filter(state.ours.connection == target.connection).select(*keys)
    taken = leaving.semi_join(ours, keys)
    plan.counts.foreign[target.connection] = int(leaving.anti_join(ours, keys).count().execute())
    for row in entering.to_pyarrow().to_pylist():
        plan.counts.by_field[target.connection, row["group_name"]] += 1
        yield _group_change(target, row, before=None, after=MEMBER)
    for row in taken.to_pyarrow().to_pylist():
        plan.counts.by_field[target.connection, row["group_name"]] += 1
        yield _group_change(target, row, before=MEMBER, after=None)


def _group_change(target: Target, row: Mapping[str, Any], *, before: str | None, after: str | None) -> Change:
    return Change(
        target.connection, row["platform_id"], row["person_id"], row["email"], "group", row["group_name"], before, after
    )
