"""Plan diff: wanted values minus current values, owned fields and groups only.

Tables and policies in, a `Plan` out: the tables' engine is asked for their rows. Nothing here reads a clock, a file or
a platform, and nothing here writes, so the same tables give the same plan. What a person may not receive, or a platform
can't take, is skipped with its reason instead of being planned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

import ibis
from ibis import Table

from connectors.records import MEMBER, Change
from segmenter.personalize.personas import NO_PERSONA, UNCLASSIFIED
from segmenter.privacy.purposes import NOT_PROFILED
from segmenter.traits.people import NO_CONSENT, STRICTEST_FIRST, consent_counts
from sync.plan.counting import count_contacts
from sync.plan.left_out import BY_CONSENT
from sync.plan.state import Counts, State, Target

SAMPLES = 10  # named samples per list: enough to recognise a mistake, few enough to read


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
class Skipped:
    """A skipped contact, with the reason."""

    connection: str
    platform_id: str
    email: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class ForeignMember:
    """A member of one of our groups whom others put there; never taken out."""

    connection: str
    platform_id: str
    email: str | None
    group: str


@dataclass(slots=True)
class Plan:
    """Everything that an apply would do, and everything that it would not, with reasons."""

    as_of: datetime | None
    changes: list[Change]
    skipped: list[Skipped]
    counts: Counts
    foreign: list[ForeignMember] = field(default_factory=list)


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
        plan.skipped.extend(_skipped(contacts, target, plan.counts))
        allowed = contacts.filter(contacts.blocked.isnull()).drop("blocked")
        plan.counts.contacts[target.connection] = int(contacts.count().execute())
        plan.counts.allowed[target.connection] = int(allowed.count().execute())
        changes = [*_field_changes(allowed, state, target, plan.counts), *_group_changes(allowed, state, target, plan)]
        changes = [change for change in changes if not _refused(change, state, plan)]
        changes.sort(key=lambda change: (change.platform_id, change.kind, change.name))
        count_contacts(changes, state, target, plan.counts)
        plan.changes.extend(changes)
    return plan


def _refused(change: Change, state: State, plan: Plan) -> bool:
    """Skip a change that the platform has refused, as long as nothing is different now."""
    key = (change.connection, change.platform_id, change.kind, change.name, change.after or "")
    reason = state.refused.get(key)
    if reason is None:
        return False
    plan.skipped.append(Skipped(change.connection, change.platform_id, change.email, reason))
    plan.counts.skipped[change.connection, reason] += 1
    plan.counts.refused[change.connection, reason] += 1
    plan.counts.by_field[change.connection, change.name] -= 1
    return True


def consents(state: State) -> Table:
    """Return each person's consent: the strictest of their contacts decides, also of those that are gone.

    Returns:
        Columns ``person_id``, ``consent``.
    """
    return strictest_consents(state.contacts, state.links)


def strictest_consents(contacts: Table, links: Table) -> Table:
    """Return each person's consent, given contacts and who is who; see `consents`.

    Args:
        contacts: Rows in force.
        links: Columns ``contact_key``, ``person_id``.
    """
    linked = _linked(contacts.filter(consent_counts(contacts)), links)
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


def _skipped(contacts: Table, target: Target, counts: Counts) -> Iterator[Skipped]:
    rows = contacts.filter(contacts.blocked.notnull()).select("platform_id", "email", "blocked").order_by("platform_id")
    for row in rows.to_pyarrow().to_pylist():
        counts.skipped[target.connection, row["blocked"]] += 1
        yield Skipped(target.connection, row["platform_id"], row["email"], row["blocked"])


def _personas(assignments: Table) -> Mapping[str, int]:
    nobody = ibis.ifelse(assignments.segment.isnull(), UNCLASSIFIED, NO_PERSONA)
    nobody = ibis.ifelse(assignments.reasons == NOT_PROFILED, ibis.literal("not profiled"), nobody)
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
    shown = _with_confirmed(shown, state, target)
    columns = [
        (shown[f"wanted_{place}"].fill_null(""), shown[f"shown_{place}"].fill_null(""))
        for place in range(len(target.fields))
    ]
    differing = shown.filter(reduce(or_, (wanted != old for wanted, old in columns))).drop("properties")
    differing = _with_ours(differing, state, target)
    for batch in differing.to_pyarrow_batches():
        for row in batch.to_pylist():
            yield from _changes_of(row, target, counts)


def _with_confirmed(rows: Table, state: State, target: Target) -> Table:
    """Let fields show what the platform confirmed since it was last read."""
    if state.confirmed is None:
        return rows
    mine = (state.confirmed.connection == target.connection) & (state.confirmed.kind == "field")
    confirmed = state.confirmed.filter(mine)
    wide = confirmed.group_by("platform_id").aggregate(
        **{
            f"confirmed_{place}": confirmed.value.max(where=confirmed.name == name)
            for place, name in enumerate(target.fields)
        }
    )
    rows = rows.left_join(wide, "platform_id").drop("platform_id_right")
    return rows.mutate(
        **{
            f"shown_{place}": rows[f"confirmed_{place}"].fill_null(rows[f"shown_{place}"])
            for place, _ in enumerate(target.fields)
        }
    ).drop(*(f"confirmed_{place}" for place, _ in enumerate(target.fields)))


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
    keys = ["group_name", "platform_id"]
    shown = shown.select(*keys)
    if state.confirmed is not None:
        mine = (state.confirmed.connection == target.connection) & (state.confirmed.kind == "group")
        confirmed = state.confirmed.filter(mine, state.confirmed.name.isin(target.groups))
        named = confirmed.select("platform_id", "value", group_name="name")
        entered = named.filter(named.value == MEMBER).select(*keys)
        shown = shown.anti_join(named, keys).union(entered)
    person = allowed.select("person_id", "platform_id", "email")
    wanted = state.groups.filter(state.groups.group_name.isin(target.groups)).inner_join(person, "person_id")
    entering = wanted.anti_join(shown, keys).select("group_name", "platform_id", "person_id", "email")
    leaving = shown.inner_join(person, "platform_id").anti_join(wanted, keys)
    ours = state.ours.filter(state.ours.connection == target.connection).select(*keys)
    taken = leaving.semi_join(ours, keys)
    plan.foreign.extend(_foreign(leaving.anti_join(ours, keys), target, plan.counts))
    for row in entering.to_pyarrow().to_pylist():
        plan.counts.by_field[target.connection, row["group_name"]] += 1
        yield _group_change(target, row, before=None, after=MEMBER)
    for row in taken.to_pyarrow().to_pylist():
        plan.counts.by_field[target.connection, row["group_name"]] += 1
        yield _group_change(target, row, before=MEMBER, after=None)


def _foreign(rows: Table, target: Target, counts: Counts) -> Iterator[ForeignMember]:
    """Count the memberships that others made, and yield some."""
    counts.foreign[target.connection] = int(rows.count().execute())
    if not counts.foreign[target.connection]:
        return
    some = rows.select("group_name", "platform_id", "email").order_by("group_name", "email", "platform_id")
    for row in some.limit(SAMPLES).to_pyarrow().to_pylist():
        yield ForeignMember(target.connection, row["platform_id"], row["email"], row["group_name"])


def _group_change(target: Target, row: Mapping[str, Any], *, before: str | None, after: str | None) -> Change:
    return Change(
        target.connection, row["platform_id"], row["person_id"], row["email"], "group", row["group_name"], before, after
    )
