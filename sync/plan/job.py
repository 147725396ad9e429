"""The plan job: gather state, compute the diff, check guardrails, save the plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from dataclasses import field as default
from datetime import datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Any

import pyarrow as pa
from ibis import Table

from connectors.errors import FixSettingsError
from connectors.records import CONTACTS, MEMBERSHIPS, Change
from segmenter.personalize.creepiness import Concern
from sync.active_people import shown_assignments, withheld_active
from sync.assign.exclusions import excluded_persons
from sync.assign.job import fields_wanted, individual_traits, memberships_wanted
from sync.breach import Breach
from sync.experiments.arms import copies, ended_groups
from sync.experiments.definitions import refuse_edited_running
from sync.fields import privacy_checks as creepiness
from sync.fields.platform_persona import PersonaValues, co_owned_fields, platform_personas
from sync.fields.pushed_segments import PLANNED, as_shown, shown_instead, skipped_sentences, small_segments
from sync.plan.cost import PlanCost, plan_cost
from sync.plan.diff import SAMPLES, Plan, make_plan
from sync.plan.file import write_plan
from sync.plan.guardrails import GuardrailLimits, broken_limits, how_to_override
from sync.plan.left_out import BY_PURPOSE, left_out_sentences, withheld_sentences
from sync.plan.standing_rejections import standing_rejections
from sync.plan.state import State, Target
from sync.pull.job import properties_read
from sync.session import Session, recorded
from sync.value.ranking import focus


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan that was saved: where, what it would do, and whether it may be applied.

    Attributes:
        cost: What it costs on the platforms.
        focus: Which segments `[value] focus` leaves out, in a sentence; "": none.
        skipped_segments: Segments with too few people to be pushed, and how many.
        notes: What is skipped and how that changes, in sentences.
        withheld: People who are left out for a purpose, by purpose.
    """

    plan_id: str
    path: Path
    plan: Plan
    breaches: Sequence[Breach]
    cost: PlanCost
    focus: str
    concerns: Sequence[Concern]
    skipped_segments: Mapping[str, int]
    notes: Sequence[str]
    withheld: Mapping[str, int] = default(default_factory=dict)

    @property
    def summary(self) -> dict[str, Any]:
        """The plan in numbers and samples, as the file holds it and people read it."""
        counts = self.plan.counts
        return {
            "as_of": self.plan.as_of.isoformat() if self.plan.as_of else None,
            "changes": len(self.plan.changes),
            "focus": self.focus or None,
            "contacts": dict(counts.contacts),
            "changed_contacts": dict(counts.changed),
            "replaced_contacts": dict(counts.replaced),
            "moved_contacts": dict(counts.moved),
            "explained_contacts": dict(counts.explained),
            "by_field": _named(+counts.by_field),
            "personas": dict(counts.by_persona),
            "skipped_segments": dict(self.skipped_segments),
            "notes": list(self.notes),
            "memberships_taken_back": dict(counts.removed),
            "values_of_others": _named(counts.kept),
            "memberships_of_others": dict(counts.foreign),
            "memberships_of_others_samples": [asdict(membership) for membership in self.plan.foreign],
            "skipped": _named(counts.skipped),
            "left_out": [*left_out_sentences(counts.skipped), *withheld_sentences(self.withheld)],
            "withheld": dict(self.withheld),
            "refused": _named(counts.refused),
            "samples": [_sample(change) for change in _spread(self.plan.changes)],
            "skipped_samples": [
                {"connection": p.connection, "email": p.email, "id": p.platform_id, "reason": p.reason}
                for p in self.plan.skipped[:SAMPLES]
            ],
            "requests": {name: dict(requests) for name, requests in self.cost.requests.items()},
            "prices": {name: asdict(price) for name, price in self.cost.prices.items()},
            "creepy": [
                {"sentence": concern.sentence(), **{k: v for k, v in asdict(concern).items() if k != "example"}}
                for concern in self.concerns
            ],
            "creepy_samples": {concern.place: concern.example for concern in self.concerns if concern.example},
            "minutes": round(self.cost.seconds / 60, 2),
            "breaches": [{"guardrail": breach.guardrail, "message": breach.message} for breach in self.breaches],
            "fix": how_to_override([breach.guardrail for breach in self.breaches]),
        }


def plan(session: Session) -> Planned:
    """Decide what would change on the platforms now, and save it under ``.personasync/plans``.

    Returns:
        The plan with its path, requests and seconds, broken guardrails, and what is skipped and why.

    Raises:
        EditedExperimentError: A running experiment was edited after its start.
    """
    with recorded(session, "plan") as run:
        as_of = _assigned_at(session)
        refuse_edited_running(session)
        pushed, sentence = focus(session)
        people = individual_traits(session, as_of)
        own = platform_personas(session)
        skipped, notes = _skipped(session, pushed)
        state = gather_state(session, pushed, people, own.values)
        state = replace(state, skipped_segments=frozenset(skipped), excluded=_excluded(session, as_of))
        decided = make_plan(state, targets(session, own.values), as_of=as_of)
        notes += [f"{problem.message} {problem.fix}" for problem in own.skipped]
        notes += _undefined_sentences(session, decided.changes)
        notes += pin_notes(session, state.assigned, as_of)
        concerns = creepiness.of_people(session, state.assignments, people)
        breaches = broken_guardrails(session, decided)
        cost = plan_cost(session, decided.changes)
        plan_id = f"{session.now():%Y%m%d-%H%M%S}-{run.run_id[-6:]}"
        path = session.workspace.state_dir / "plans" / f"{plan_id}.jsonl"
        known = (breaches, cost, sentence, concerns, skipped, notes, withheld_active(session))
        planned = Planned(plan_id, path, decided, *known)
        write_plan(
            path,
            plan_id=plan_id,
            created_at=session.now(),
            basis=basis(session),
            summary=planned.summary,
            changes=decided.changes,
        )
        relative = path.relative_to(session.workspace.directory).as_posix()
        summary = {key: value for key, value in planned.summary.items() if "samples" not in key}
        session.control.plans.record(
            plan_id, run_id=run.run_id, path=relative, changes=len(decided.changes), summary=summary
        )
        run.counts.update(plan=plan_id, changes=len(decided.changes), **{PLANNED: pushed})
    return planned


def _assigned_at(session: Session) -> datetime:
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


def pin_notes(session: Session, assigned: Table, as_of: datetime | None) -> list[str]:
    """Say how many people are pinned, and whether pins changed since everybody was assigned."""
    pinned = int(assigned.filter(assigned.source == "pinned").count().execute())
    notes = [f"{_people(pinned)} pinned to a segment by hand; `personasync pins` lists them."] if pinned else []
    known = {segment.name for segment in session.workspace.segments}
    gone = sorted({pin.segment for pin in session.control.pins.in_force(session.now())} - known)
    if gone:
        notes.append(f"Pins to {', '.join(gone)} are without effect: there is no such segment. See `personasync pins`.")
    if as_of is not None and session.control.pins.touched_since(as_of):
        notes.append("Pins were set or have ended since the last assign: run `personasync assign`, then `plan`.")
    return notes


def _people(count: int) -> str:
    return "1 person is" if count == 1 else f"{count:,} people are"


def _skipped(session: Session, pushed: Sequence[str] | None) -> tuple[dict[str, int], list[str]]:
    """Return the segments in focus that too few people are in, and a sentence for each; empty ones need none."""
    small = small_segments(session.workspace, session.control)
    skipped = {name: people for name, people in small.items() if people and (pushed is None or name in pushed)}
    instead = shown_instead(session.workspace, session.control, pushed)
    return skipped, skipped_sentences(skipped, instead, session.workspace.personalize.min_audience)


def _undefined_sentences(session: Session, changes: Sequence[Change]) -> list[str]:
    """Say of each group that no definition names any more how many leave it."""
    leaving = Counter(
        (change.connection, change.name) for change in changes if change.kind == "group" and change.after is None
    )
    return [
        f"{name}: {leaving[name, group]:,} contacts leave {group!r}, which is no longer defined."
        for name in session.workspace.connections
        for group in session.undefined_groups(name)
        if leaving[name, group]
    ]


def basis(session: Session, *, own: str = "") -> dict[str, str]:
    """Return what a plan made now would stand on. A plan with another basis is stale.

    Args:
        session: The open workspace.
        own: A plan whose own applies do not count.

    Returns:
        What it stands on -> run id or digest; "" where there is no such run.
    """
    newest = {what: session.control.runs.latest(what) for what in ("pull", "assign")}
    wrote = session.control.runs.last_write(but=f"apply {own}")
    return {
        **{what: run.run_id if run else "" for what, run in newest.items()},
        "apply": wrote.run_id if wrote else "",
        "definition of segments or personas": session.workspace.digest,
    }


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


def broken_guardrails(session: Session, decided: Plan) -> list[Breach]:
    """Return the guardrails that *decided* breaks."""
    settings = session.workspace.guardrails
    limits = GuardrailLimits(
        max_changed=settings.max_changed,
        max_removed=settings.max_removed,
        max_unclassified=settings.max_unclassified,
        max_data_age=timedelta(hours=settings.max_data_age_hours),
    )
    pulled_at = {name: session.control.cursors.read_at(name, "contacts") for name in session.workspace.connections}
    return [
        *broken_limits(decided.counts, limits, pulled_at=pulled_at, now=session.now()),
    ]


def _named(counts: Counter[tuple[str, str]]) -> dict[str, int]:
    return {f"{first}: {second}": count for (first, second), count in sorted(counts.items())}


def _spread(changes: Sequence[Change]) -> list[Change]:
    """Some changes of every connection and name, not just the first ones."""
    seen: Counter[tuple[str, str]] = Counter()
    shown = []
    for change in changes:
        seen[change.connection, change.name] += 1
        if seen[change.connection, change.name] <= 2:  # noqa: PLR2004 - two examples of a kind tell enough
            shown.append(change)
    return shown


def _sample(change: Change) -> dict[str, str | None]:
    return {
        "connection": change.connection,
        "contact": change.email or change.platform_id,
        change.kind: change.name,
        "before": change.before,
        "after": change.after,
    }
