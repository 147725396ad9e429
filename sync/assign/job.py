"""The assign job: segment and persona of every person as of a date; only changes are stored.

An assignment that stays the same is not written again, so that reasons and dates on the platforms stay what they
were, and the cost of a daily run is that of its changes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import ibis
from ibis import Table

from connectors.errors import FixSettingsError
from connectors.limits import TEXT_BYTES
from connectors.records import ASSIGNMENTS
from segmenter.personalize import fields as template_fields
from segmenter.personalize.escaping import bytes_at_most
from segmenter.personalize.fields import Known, OwnedField, memberships_of
from segmenter.personalize.personas import NO_PERSONA, UNCLASSIFIED
from segmenter.rules import segments as by_segment
from segmenter.traits.next_best_offer import NEXT
from sync.active_people import withheld_active
from sync.assign.caps import caps_document, decide_within_caps
from sync.assign.evidence import EVIDENCE, keep_evidence
from sync.assign.exclusions import excluded_persons
from sync.assign.pins import definitions_in_force, touched_persons
from sync.experiments.arms import arm_groups, randomize
from sync.experiments.definitions import refuse_edited_running
from sync.fields import individual
from sync.fields import privacy_checks as creepiness
from sync.fields.platform_persona import PersonaValues
from sync.online import handoff as publishing
from sync.session import ConfiguredWorkspace, Session, recorded
from sync.traits import data_checks as fitness
from sync.traits.clv import value_people
from sync.traits.compute import measured, refreshed
from sync.traits.withhold import delete_withheld

NOBODY = "Run `personasync pull` first; if it finds none, check the connections with `personasync doctor`."


@dataclass(slots=True)
class Assigned:
    """What one run decided.

    Attributes:
        as_of: The moment that everybody was looked at, UTC.
        changed: Persons who are in another segment than before, or in none any more, or no longer in none.
        new: Persons who had no assignment before.
        rewritten: Assignments that were written: reasons and confidence move without the segment.
        segments: Persons by segment name.
        personas: Persons by the persona's name, "no persona" and "unclassified" among them.
        value_notes: What must be known of the value model, in sentences.
        allocated: Persons who came into an arm or the global holdout, by experiment.
        measured_anew: Persons whose traits were measured from all rows about them.
        measured_all_because: Why that was everybody; "": it was those of whom something changed.
        pinned: Persons whose segment was set by hand.
        excluded: Persons to whom nothing is written.
        caps: How full segments with a cap are: `sync.assign.caps.Cap` as plain values.
        withheld: People who are left out for a purpose, by purpose.
    """

    as_of: datetime
    persons: int = 0
    assigned: int = 0
    unclassified: int = 0
    changed: int = 0
    new: int = 0
    rewritten: int = 0
    segments: dict[str, int] = field(default_factory=dict)
    personas: dict[str, int] = field(default_factory=dict)
    allocated: dict[str, int] = field(default_factory=dict)
    value_notes: list[str] = field(default_factory=list)
    measured_anew: int = 0
    measured_all_because: str = ""
    pinned: int = 0
    excluded: int = 0
    caps: dict[str, dict[str, Any]] = field(default_factory=dict)
    withheld: dict[str, int] = field(default_factory=dict)


def assign(
    session: Session, *, as_of: datetime, override: frozenset[str] = frozenset(), full: bool = False
) -> Assigned:
    """Classify every person who had an active contact at *as_of* (UTC).

    Args:
        session: The open workspace.
        as_of: The moment that everybody is looked at.
        override: Guardrails to set aside.
        full: Measure everybody anew, not only those of whom something changed.

    Returns:
        People by segment and persona, and how many changed, are new, and were recalculated.

    Raises:
        GuardrailError: The data are too old or too bad to decide.
        FixSettingsError: There is nobody to assign.
        EditedExperimentError: A running experiment was edited after its start.
    """
    with recorded(session, "assign") as run:
        _begin(session, as_of, override)
        before = session.warehouse.current(ASSIGNMENTS.name)
        valued = value_people(session, as_of)
        definitions = definitions_in_force(session.workspace, session.control, as_of)
        with refreshed(session, as_of, full=full) as (people, done):
            if not people.count().to_pyarrow().as_py() and not session.withheld().profiling:
                raise FixSettingsError(f"There are no contacts to assign as of {as_of:%Y-%m-%d %H:%M}.", fix=NOBODY)
            accepted = fitness.refuse_unfit(session, people, definitions, as_of, override)
            run.counts[EVIDENCE] = keep_evidence(session)
            rows, caps = decide_within_caps(people, definitions, previous=before, as_of=as_of)
            fresh = changed(session.warehouse.memtable(rows), before)
            assigned = Assigned(as_of)
            assigned.value_notes = list(valued.notes)
            assigned.measured_anew, assigned.measured_all_because = done.persons, done.whole
            by_hand = touched_persons(session.control, publishing.read_at(session))
            ours = publishing.left_alone(session, fresh.to_pyarrow(), but=by_hand)
            assigned.changed, assigned.new = moved(session.warehouse.memtable(ours), before)
            assigned.rewritten = session.warehouse.append(ASSIGNMENTS.name, ours, recorded_at=session.now())
            _count(session, assigned, rows.select(["segment", "persona"]).to_pylist())
            assigned.caps, assigned.pinned = caps_document(caps), rows["source"].to_pylist().count("pinned")
            excluded = excluded_persons(session, as_of, people)
            assigned.excluded = len(excluded)
            assigned.allocated = randomize(session, as_of, without=excluded)
            run.counts.update({**asdict(assigned), "as_of": as_of.isoformat()})
            record = fitness.record(session, people, rows, definitions, as_of, run.run_id, accepted=accepted)
            run.counts[fitness.RECORD] = record
            publishing.publish_people(session, people, as_of, but=by_hand)
    return assigned


def _begin(session: Session, as_of: datetime, override: frozenset[str]) -> None:
    """Refuse what can't be decided, take over what the service decided, and delete what consent withholds."""
    refuse_edited_running(session)
    fitness.refuse_stale(session, as_of, override)
    publishing.import_service_results(session)
    delete_withheld(session)


def changed(decided: Table, before: Table) -> Table:
    """Return those of *decided* that differ from *before* in any way."""
    old = before.rename({f"old_{name}": name for name in before.columns if name != "person_id"}).mutate(known=True)
    joined = decided.left_join(old, "person_id")
    same = joined.known.fill_null(False)  # noqa: FBT003 - an expression
    for name in ASSIGNMENTS.columns.names:
        same &= joined[name].identical_to(joined[f"old_{name}"]) if name != "person_id" else same
    return joined.filter(~same).select(*ASSIGNMENTS.columns.names)


def moved(fresh: Table, before: Table) -> tuple[int, int]:
    """Return how many of *fresh* are in another segment than *before*, and how many were not there."""
    old = before.select("person_id", was="segment").mutate(known=True)
    pairs = fresh.left_join(old, "person_id")
    known = pairs.known.fill_null(False)  # noqa: FBT003 - an expression
    other = known & ~pairs.segment.identical_to(pairs.was)
    [row] = pairs.aggregate(moved=other.sum(), new=(~known).sum()).to_pyarrow().to_pylist()
    return int(row["moved"] or 0), int(row["new"] or 0)


def _count(session: Session, assigned: Assigned, rows: list[dict[str, str | None]]) -> None:
    names = {slug: persona.name for slug, persona in session.workspace.personas.items()}
    segments = Counter(row["segment"] for row in rows if row["segment"])
    personas = Counter(names.get(row["persona"] or "", NO_PERSONA if row["segment"] else UNCLASSIFIED) for row in rows)
    assigned.persons, assigned.withheld = len(rows), withheld_active(session)
    assigned.assigned = sum(segments.values())
    assigned.unclassified = assigned.persons - assigned.assigned
    assigned.segments = {s.name: segments[s.name] for s in session.workspace.segments}
    assigned.personas = dict(personas.most_common())


def individual_traits(session: Session, as_of: datetime | None) -> Table | None:
    """Return what fields show of people themselves at *as_of* (UTC), and whether it is creepy: `Known.people`.

    None where no field asks and consent decides nothing, or there is no moment.

    Args:
        session: The open workspace.
        as_of: UTC; None: nobody was assigned yet.

    Returns:
        ``person_id``, ``consent``, the traits that fields show, and ``creepy_TRAIT`` beside each.
    """
    asked = individual.asked(session)
    if as_of is None or (not asked and individual.everybody_gets_copy(session)):
        return None
    people = measured(session, as_of)
    traits = people.select("person_id", "consent", *individual.measured_for(session))
    for name in asked:
        if name in NEXT:
            best = individual.next_items(session, name, as_of).rename({name: "item"})
            traits = traits.left_join(best, "person_id").drop("person_id_right")
    return creepiness.with_privacy_reasons(session, traits.cache()).cache()


def fields_wanted(
    session: ConfiguredWorkspace,
    assignments: Table,
    copied: Table | None,
    people: Table | None,
    platform: PersonaValues,
) -> Table:
    """Return what fields shall show; see `segmenter.personalize.fields.values_wanted`.

    Args:
        session: The definitions.
        assignments: Whom to look at.
        copied: Whose copy people get instead of their own persona's (`sync.experiments.arms.copies`).
        people: Their own traits (`individual_traits`).
        platform: The platforms' own personas (`sync.fields.platform_persona`), on the connections whose field is
            written.

    Returns:
        Columns ``person_id, connection, name, value``; value "" clears the field.
    """
    around = memberships_of(session.workspace.steps)
    owned = [
        OwnedField(name, declared.name, declared.role, around if declared.role == "memberships" else None)
        for name in session.workspace.connections
        for declared in session.workspace.declared(name, session.manifest)
    ]
    for name, values in platform.items():
        own = session.workspace.platform_persona(name, session.manifest)
        owned += [OwnedField(name, own[0], "persona", values)] if own else []
    personas = list(session.workspace.personas.values())
    consent = session.workspace.consent
    held = creepiness.limits(session).held_back
    known = None if people is None else Known(people, consent.individual, consent.persona, held)
    values = template_fields.values_wanted(assignments, personas, session.workspace.fields, owned, copied, known)
    return _fitting(session, values)


def _fitting(session: ConfiguredWorkspace, values: Table) -> Table:
    """Cut what only explains to the text that a platform keeps: it would never show the rest, and change for ever."""
    for name in session.workspace.connections:
        most = session.workspace.spec(name, session.manifest).capabilities.longest_text
        if 0 < most < TEXT_BYTES:
            text: Any = values.value
            cut = ibis.ifelse(bytes_at_most(text.left(most)) <= most, text.left(most), text.left(most // 4))
            explains = (values.connection == name) & values["name"].isin(sorted(session.manifest.explaining))
            values = values.mutate(value=ibis.ifelse(explains & (bytes_at_most(text) > most), cut, text))
    return values


def memberships_wanted(session: Session, assignments: Table) -> Table:
    """Return the groups that every person should be in: segments (`segmenter.rules.segments.memberships`) and arms.

    Args:
        session: The open workspace.
        assignments: One row per person.

    Returns:
        Columns ``person_id``, ``group_name``, each pair once.
    """
    return by_segment.memberships(assignments, session.workspace.steps).union(arm_groups(session), distinct=True)
