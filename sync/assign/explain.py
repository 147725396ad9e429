"""Explanation of one assignment: the decision, each source, and what would change it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from connectors.errors import FixSettingsError
from connectors.records import ASSIGNMENTS, email_key, normalise_email
from segmenter.assign.counterfactuals import nearest_rule, smallest_flip
from segmenter.assign.decide import decide_one
from segmenter.assign.definitions import Definitions
from segmenter.classifier.linear import score_one
from segmenter.personalize.fields import probability_one
from segmenter.privacy.purposes import ConsentPurpose, PurposeStanding
from segmenter.rules.segments import Checked, Clause, explain_rule, left_out_one, matches, rule_answer
from sync.assign.caps import closed_for_one, free_places
from sync.assign.exclusions import exclusion_reason, named_persons
from sync.assign.explain_text import about, by_hand, changing, full_lines, purpose_lines, tried_lines
from sync.assign.person_rows import PersonRows
from sync.assign.pins import definitions_in_force, pin_of
from sync.assign.sources import definitions_of
from sync.control.reading import ReadableControl
from sync.control.rows import Pin
from sync.session import Looked

Standings = Mapping[ConsentPurpose, PurposeStanding]
PERSON_ID = re.compile(r"p-[0-9a-f]{16}-[0-9a-f]{8}")
"""As `sync.control.person_ids` makes them; no address looks like it."""
NOT_READ = (
    "The webhook service assigned this. The segments tried and what would change it are "
    "available after the next `personasync pull`."
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """One person's assignment: as plain data, and in sentences."""

    document: Mapping[str, Any]
    sentences: Sequence[str]


@dataclass(frozen=True, slots=True)
class ExplainedPerson:
    """Who is asked about.

    Attributes:
        assignment: The one in force; None where there is none yet.
        keys: Contact keys of the person.
    """

    address: str
    person_id: str
    keys: Sequence[str]
    assignment: Mapping[str, Any] | None


def explain(stores: Looked, rows: PersonRows, email: str) -> Explanation:
    """Explain the assignment of the person behind *email*.

    Args:
        stores: The open workspace.
        rows: What its warehouse says of one person.
        email: An address of the person, in any case; or the person's id.

    Returns:
        The decision with its confidence, reasons and traits.

    Raises:
        FixSettingsError: Nobody has that address, or nobody was assigned yet.
    """
    person = _found(stores, rows, email)
    standings = rows.standings(person.person_id, person.keys)
    if not standings["profiling"].allowed:
        return _unprofiled(stores, person, rows.contacts(person.keys), standings)
    if person.assignment is None:
        raise FixSettingsError(f"{person.address} has not been assigned yet.", fix="Run `personasync assign`.")
    newest = stores.control.runs.latest("assign", state="done")
    decided_at: datetime = person.assignment["as_of"]
    as_of = max(datetime.fromisoformat(newest.counts["as_of"]), decided_at) if newest else decided_at
    facts = person.assignment, as_of, rows.traits(person.person_id, as_of)
    return explained(stores, person, rows.contacts(person.keys), *facts, standings)


def classify(stores: Looked, rows: PersonRows, email: str, *, as_of: datetime) -> Explanation:
    """Decide about the person behind *email* again, as of a moment (UTC), and explain it. Nothing is saved.

    Args:
        stores: The open workspace.
        rows: What its warehouse says of one person.
        email: Any address of the person.
        as_of: UTC; nothing after it counts.

    Raises:
        FixSettingsError: Nobody has that address, or the person had no active contact at that moment.
    """
    person = _found(stores, rows, email)
    standings = rows.standings(person.person_id, person.keys)
    if not standings["profiling"].allowed:
        return _unprofiled(stores, person, rows.contacts(person.keys), standings)
    traits = rows.traits(person.person_id, as_of)
    if not traits:
        raise FixSettingsError(f"{person.address} has no active contact as of {as_of:%Y-%m-%d %H:%M} UTC.")
    definitions = definitions_in_force(stores.workspace, stores.control, as_of)
    before = person.assignment["segment"] if person.assignment else None
    full = closed_for_one(definitions, before, free_places(definitions, stores.control))
    decided = decide_one(traits, definitions, previous=person.assignment, as_of=as_of, full=full)
    return explained(stores, person, rows.contacts(person.keys), decided, as_of, traits, standings)


def _unprofiled(
    stores: Looked, person: ExplainedPerson, contacts: Sequence[Mapping[str, Any]], standings: Standings
) -> Explanation:
    """Of somebody who may not be profiled only the contacts are told, and what their data may be used for."""
    from sync.active_people import not_profiled  # noqa: PLC0415 - it loads the libraries of tables

    now = stores.control.pins.now()
    nothing = {**not_profiled(person.person_id, now), "reasons": f"not profiled: {standings['profiling'].reason}"}
    return explained(stores, person, contacts, nothing, now, {}, standings)


def _found(stores: Looked, rows: PersonRows, email: str) -> ExplainedPerson:
    if PERSON_ID.fullmatch(email.strip()):
        return _found_by_id(stores, rows, email.strip())
    address = normalise_email(email)
    key = email_key(address) if address else ""
    person_id = stores.control.links.of_keys([key]).get(key)
    if person_id is None:
        raise FixSettingsError(
            f"No contact has the email address {email!r}.",
            fix="Run `personasync pull`, or check the address for a typo.",
        )
    keys = list(stores.control.links.of_persons([person_id]))
    return ExplainedPerson(str(address), person_id, keys, rows.assignment(person_id))


def _found_by_id(stores: Looked, rows: PersonRows, person_id: str) -> ExplainedPerson:
    keys = list(stores.control.links.of_persons([person_id]))
    if not keys:
        raise FixSettingsError(f"There is no person {person_id!r}.", fix="See `personasync members`.")
    known = sorted(contact["email"] for contact in rows.contacts(keys) if contact["email"])
    return ExplainedPerson(known[0] if known else person_id, person_id, keys, rows.assignment(person_id))


def explained(
    stores: Looked,
    person: ExplainedPerson,
    contacts: Sequence[Mapping[str, Any]],
    assignment: Mapping[str, Any],
    as_of: datetime,
    traits: Mapping[str, Any],
    standings: Standings,
    *,
    past: bool = False,
) -> Explanation:
    """Explain an assignment by the traits and the definitions that it was made from.

    Args:
        stores: The definitions, and the control store.
        person: Who it is about.
        contacts: Of the person.
        assignment: Columns of `ASSIGNMENTS`.
        as_of: The moment that the traits are about, UTC.
        traits: Empty where they are not known.
        standings: What each purpose allows; empty where that is not known.
        past: Whether today's pins, exclusions and caps say nothing.
    """
    definitions, persona = definitions_of(stores.workspace), _persona_name(stores, assignment)
    hand, full = (ByHand(None, None), []) if past else _of_today(stores, person, definitions, assignment, traits)
    tried = _tried(traits, definitions) if traits else []
    missing, flip = _changes(traits, definitions) if traits else (None, None)
    changes = changing(missing, flip, source=assignment["source"], own=assignment["segment"]) if traits else []
    ends = _ends(assignment, definitions, as_of)
    return Explanation(
        {
            **_shown(person, assignment),
            "holds_until": ends,
            **_of_hand(hand, full),
            "purposes": {purpose: asdict(standing) for purpose, standing in standings.items()},
            "chances": _chances(traits, definitions) if traits else {},
            "would_change": {"rules": missing and asdict(missing), "model": flip and asdict(flip)},
            "contacts": contacts,
            "tried": [_told(step, held, clauses) for step, held, clauses in tried],
            "traits": {name: value for name, value in traits.items() if name != "person_id"},
        },
        [
            *about(person.address, assignment, persona, ends),
            *by_hand(hand.pin, assignment, hand.excluded),
            *full_lines(full),
            *([*changes, "", _known_as(contacts), *tried_lines(tried)] if traits else _not_read(standings)),
            *purpose_lines(standings),
        ],
    )


def _shown(person: ExplainedPerson, assignment: Mapping[str, Any]) -> dict[str, Any]:
    columns = {name: assignment[name] for name in ASSIGNMENTS.names}
    who = {"email": person.address, "person_id": person.person_id}
    return {**who, **columns, **who, "confidence": probability_one(assignment)}


def _of_hand(hand: ByHand, full: list[dict[str, Any]]) -> dict[str, Any]:
    return {"pin": hand.document, "excluded": hand.excluded, "full": full}


def _persona_name(stores: Looked, assignment: Mapping[str, Any]) -> str:
    persona = stores.workspace.personas.get(assignment["persona"])
    return persona.name if persona else "no persona"


def _not_read(standings: Standings) -> list[str]:
    return [NOT_READ] if not standings or standings["profiling"].allowed else [""]


def _of_today(
    stores: Looked,
    person: ExplainedPerson,
    definitions: Definitions,
    assignment: Mapping[str, Any],
    traits: Mapping[str, Any],
) -> tuple[ByHand, list[dict[str, Any]]]:
    full = _full(stores.control, definitions, assignment, traits) if traits else []
    return _by_hand(stores, person, traits), full


def _known_as(contacts: Sequence[Mapping[str, Any]]) -> str:
    return "Contacts: " + "; ".join(
        f"{c['connection']} {c['platform_id']} ({c['state']}, {c['consent']})" for c in contacts
    )


def _tried(traits: Mapping[str, Any], definitions: Definitions) -> list[tuple[Checked, bool, Sequence[Clause]]]:
    """Each segment in the order in which it is tried, whether it matches, and the clauses of its rule."""
    return [
        (step, matches(step, traits, definitions.steps), explain_rule(step.rule, traits))
        for step in definitions.steps.steps
    ]


def _ends(assignment: Mapping[str, Any], definitions: Definitions, as_of: datetime) -> datetime | None:
    """When the assignment expires, UTC; None where there is no segment, or a pin without an end."""
    lasts = assignment["segment"] and assignment["source"] != "pinned"
    return assignment["expires_at"] or (as_of + definitions.holding.expiry if lasts else None)


@dataclass(frozen=True, slots=True)
class ByHand:
    """What somebody decided about a person by hand.

    Attributes:
        excluded: Why nothing is written to them; None: it is.
    """

    pin: Pin | None
    excluded: str | None

    @property
    def document(self) -> dict[str, Any] | None:
        """The pin as plain values; None where there is none."""
        return asdict(self.pin) if self.pin else None


def _by_hand(stores: Looked, person: ExplainedPerson, traits: Mapping[str, Any]) -> ByHand:
    control, workspace = stores.control, stores.workspace
    named = named_persons(workspace, control)
    excluded = exclusion_reason(workspace, named, person.person_id, traits)
    return ByHand(pin_of(control, person.person_id, control.pins.now()), excluded)


def _full(
    control: ReadableControl, definitions: Definitions, assignment: Mapping[str, Any], traits: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Segments with a cap whose rule the person meets, in which others have the places."""
    newest = control.runs.latest("assign", state="done")
    caps = newest.counts.get("caps", {}) if newest else {}
    segments = []
    for name, names in definitions.capped.items():
        step = definitions.steps.by_name()[name]
        if assignment["segment"] in names or name not in caps or not matches(step, traits, definitions.steps):
            continue
        if caps[name]["people"] >= caps[name]["cap"]:
            trait, _ = definitions.rankings[name]
            segments.append({"segment": name, **caps[name], "this_person": traits.get(trait)})
    return segments


def _changes(traits: Mapping[str, Any], definitions: Definitions) -> tuple[Any, Any]:
    """The nearest rule and the smallest change of a trait, of the sources that are asked."""
    own = rule_answer(traits, definitions.steps)[0]
    missing = nearest_rule(traits, definitions.steps, own) if "rules" in definitions.order else None
    scorer = definitions.model if "model" in definitions.order else None
    asked = scorer and not (scorer.learned_from_rules and left_out_one(traits, definitions.steps))
    return missing, smallest_flip(traits, scorer.model) if scorer and asked else None


def _chances(traits: Mapping[str, Any], definitions: Definitions) -> dict[str, dict[str, float]]:
    """What each model in use thinks of each segment, by its version."""
    scorers = [scorer for source in definitions.order for scorer in definitions.scorers.get(source, ())]
    scored = [(scorer, score_one(scorer.model, traits)) for scorer in scorers]
    return {
        scorer.version: dict(zip(scorer.model.labels, score.probabilities, strict=True)) for scorer, score in scored
    }


def _told(step: Checked, held: bool, clauses: Sequence[Clause]) -> dict[str, Any]:  # noqa: FBT001 - a fact, no switch
    parts = [{"clause": clause.text, "held": clause.held, "values": dict(clause.values)} for clause in clauses]
    return {"segment": step.segment.name, "within": list(step.ancestors), "matches": held, "clauses": parts}
