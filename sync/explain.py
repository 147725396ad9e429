"""Say why one person has their persona: what was decided, each segment that was tried, the values that decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.errors import FixSettingsError
from connectors.records import ASSIGNMENTS, CONTACTS, email_key, normalise_email
from segmenter.segments import Checked, Clause, explain_rule, matches
from sync.assign import measured
from sync.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Explanation:
    """One person's assignment: as plain data, and in sentences."""

    document: Mapping[str, Any]
    sentences: Sequence[str]


def explain(bench: Workbench, email: str) -> Explanation:
    """Explain the assignment of the person behind *email*.

    Raises:
        FixSettingsError: Nobody has that address, or nobody was assigned yet.
    """
    address = normalise_email(email)
    links = bench.control.links.mapping()
    person_id = links.get(email_key(address)) if address else None
    if person_id is None:
        raise FixSettingsError(
            f"Nobody here has the address {email!r}.", mend="Run `personasync pull`, or look for a typo."
        )
    assignments = bench.warehouse.current(ASSIGNMENTS.name)
    found = assignments.filter(assignments.person_id == person_id).to_pyarrow().to_pylist()
    if not found:
        raise FixSettingsError(f"{address} was not assigned yet.", mend="Run `personasync assign`.")
    assignment = found[0]
    newest = bench.control.runs.latest("assign", state="done")
    as_of = datetime.fromisoformat(newest.counts["as_of"]) if newest else assignment["as_of"]
    people = measured(bench, as_of)
    known = people.filter(people.person_id == person_id).to_pyarrow().to_pylist()
    traits = known[0] if known else {}
    tried = [
        (step, matches(step, traits, bench.workspace.steps), explain_rule(step.rule, traits))
        for step in bench.workspace.steps.steps
    ]
    contacts = _contacts(bench, [key for key, person in links.items() if person == person_id])
    return Explanation(
        {
            "email": address,
            "person_id": person_id,
            **{name: assignment[name] for name in ASSIGNMENTS.columns.names if name != "person_id"},
            "contacts": contacts,
            "tried": [_told(step, held, clauses) for step, held, clauses in tried],
            "traits": {name: value for name, value in traits.items() if name != "person_id"},
        },
        _sentences(bench, str(address), assignment, contacts, tried),
    )


def _contacts(bench: Workbench, keys: Sequence[str]) -> list[dict[str, Any]]:
    table = bench.warehouse.current(CONTACTS.name)
    key = table.connection.concat(":", table.platform_id)
    rows = table.filter(key.isin(list(keys))).select("connection", "platform_id", "email", "state", "consent")
    found: list[dict[str, Any]] = rows.order_by("connection", "platform_id").to_pyarrow().to_pylist()
    return found


def _told(step: Checked, held: bool, clauses: Sequence[Clause]) -> dict[str, Any]:  # noqa: FBT001 - a fact, no switch
    parts = [{"clause": clause.text, "held": clause.held, "values": dict(clause.values)} for clause in clauses]
    return {"segment": step.segment.name, "within": list(step.ancestors), "matches": held, "clauses": parts}


def _sentences(
    bench: Workbench,
    address: str,
    assignment: Mapping[str, Any],
    contacts: Sequence[Mapping[str, Any]],
    tried: Sequence[tuple[Checked, bool, Sequence[Clause]]],
) -> list[str]:
    names = {slug: persona.name for slug, persona in bench.workspace.personas.items()}
    if assignment["segment"] is None:
        lines = [f"{address} is unclassified: {assignment['reasons']}."]
    else:
        persona = names.get(assignment["persona"], "no persona")
        lines = [
            (
                f"{address} is in segment {assignment['segment']!r} ({persona}) since {assignment['since']:%Y-%m-%d}, "
                f"with confidence {assignment['confidence']:.2f}, by {assignment['source']}."
            ),
            f"Because: {assignment['reasons']}.",
        ]
    if assignment["runner_up"]:
        lines.append(f"Next best: {assignment['runner_up']}.")
    lines += [
        "",
        "Known as: "
        + "; ".join(f"{c['connection']} {c['platform_id']} ({c['state']}, {c['consent']})" for c in contacts),
    ]
    lines += ["", "Segments in the order in which they are tried, looked at now:"]
    for step, held, clauses in tried:
        lines.append(
            f"  {'yes' if held else 'no '}  {step.segment.name}"
            + (f" (within {step.ancestors[0]})" if step.ancestors else "")
        )
        lines += [f"         {'yes' if clause.held else 'no '}  {clause.text}  {_values(clause)}" for clause in clauses]
    return lines


def _values(clause: Clause) -> str:
    return ", ".join(
        f"{name} = {'unknown' if value is None else _short(value)}" for name, value in clause.values.items()
    )


def _short(value: Any) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
