"""Text of `explain`: the assignment, its reasons, and the counterfactual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from segmenter.assign.counterfactuals import Flip, Missing
from segmenter.personalize.fields import probability_one
from segmenter.privacy.purposes import ConsentPurpose, PurposeStanding
from segmenter.rules.segments import Checked, Clause
from sync.assign.pins import until_text
from sync.control.rows import Pin

RIGHT = "calibrated: about this share of people with the same confidence are correct"
MEANING = {
    "pinned": "hand",
    "declared": "what they say of themselves",
    "survey": f"{RIGHT}, or stays in the same segment when the survey's segments are rebuilt",
    "rules": "its rule ({share:.0%} of the rule's traits are known)",
    "model": RIGHT,
}
"""What the confidence of each source means; rules and declarations have none."""


def about(address: str, assignment: Mapping[str, Any], persona: str, ends: datetime | None) -> list[str]:
    """Return the assignment, its source, its reasons and its expiry."""
    lines = [_first(address, assignment, persona)]
    if assignment["segment"] is not None:
        lines.append(f"Reasons: {assignment['reasons']}.")
    if assignment["runner_up"]:
        lines.append(f"Runner-up: {assignment['runner_up']}.")
    if assignment["version"] is not None:
        lines.append(f"Assigned by version {assignment['version']} as of {assignment['as_of']:%Y-%m-%d %H:%M} UTC.")
    if assignment["pending_since"] is not None:
        lines.append(
            f"Pending change since {assignment['pending_since']:%Y-%m-%d}: "
            f"{assignment['pending'] or 'unclassified'}. It takes effect if it persists (hysteresis)."
        )
    if assignment["expires_at"] is not None:
        lines.append(f"No source confirms it any more: it is kept until {assignment['expires_at']:%Y-%m-%d}.")
    elif ends is not None:
        lines.append(f"It is valid until {ends:%Y-%m-%d} without further confirmation.")
    return lines


def _first(address: str, assignment: Mapping[str, Any], persona: str) -> str:
    if assignment["segment"] is None:
        return f"{address} is unclassified: {assignment['reasons']}."
    sure = probability_one(assignment)
    detail = (
        f"by {MEANING[assignment['source']].format(share=assignment['confidence'])}"
        if sure is None
        else f"with confidence {sure:.2f}, by {assignment['source']} ({MEANING[assignment['source']]})"
    )
    return (
        f"{address} is in segment {assignment['segment']!r} ({persona}) since {assignment['since']:%Y-%m-%d}, {detail}."
    )


def by_hand(pin: Pin | None, assignment: Mapping[str, Any], excluded: str | None) -> list[str]:
    """Return what somebody decided about the person by hand: a pin, an exclusion."""
    lines = []
    if pin is not None:
        lines.append(
            f"Pinned to {pin.segment!r} by {pin.set_by} on {pin.set_at:%Y-%m-%d} until {until_text(pin.until)}: "
            f"{pin.reason}."
        )
        if assignment["version"] != pin.version:
            lines.append("The pin takes effect at the next `personasync assign`.")
    elif assignment["source"] == "pinned":
        lines.append("The pin has ended: rules and models decide at the next `personasync assign`.")
    if excluded:
        lines.append(f"Nothing is written to this person: {excluded} in personasync.toml.")
    return lines


def full_lines(full: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the segments whose rule the person meets and that are full."""
    return [
        f"Segment {row['segment']!r} is full: cap {row['cap']:,}, by {row['by']}"
        + (f"; the last place went to {_short(row['last'])}" if row["last"] is not None else "")
        + (f", this person has {_short(row['this_person'])}" if row["this_person"] is not None else "")
        + "."
        for row in full
    ]


def changing(missing: Missing | None, flip: Flip | None, *, source: str | None, own: str | None) -> list[str]:
    """Return the counterfactual: what would change the segment."""
    changes = {
        "pinned": ["the end of the pin, or `personasync unpin`"],
        "declared": ["a different self-declared value"],
        "survey": ["a different survey answer, or a self-declared value"],
    }.get(source or "")
    if changes is None:
        changes = [str(missing)] if missing else []
        changes += [str(flip)] if flip and source != "rules" else []
        if not changes and own is not None:
            changes = ["no segment comes before this one; the assignment changes when one of its own conditions fails"]
    return ["", "What would change it:", *(f"  {change}" for change in changes)] if changes else []


NO_RULE = "FALSE"  # what a segment without a rule is asked


def tried_lines(tried: Sequence[tuple[Checked, bool, Sequence[Clause]]]) -> list[str]:
    """Return each segment with its conditions, the current values, and whether they are true."""
    lines = ["", "Segments in evaluation order, with current values:"]
    for step, held, clauses in tried:
        within = f" (within {step.ancestors[0]})" if step.ancestors else ""
        if step.segment.rule.strip().upper() == NO_RULE:
            lines.append(f"  no   {step.segment.name}{within}: no rule; people are assigned by other sources")
            continue
        lines.append(f"  {'yes' if held else 'no '}  {step.segment.name}{within}")
        lines += [f"         {'yes' if clause.held else 'no '}  {clause.text}  {_values(clause)}" for clause in clauses]
    return lines


def _values(clause: Clause) -> str:
    return ", ".join(
        f"{name} = {'unknown' if value is None else _short(value)}" for name, value in clause.values.items()
    )


def _short(value: Any) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def purpose_lines(standings: Mapping[ConsentPurpose, PurposeStanding]) -> list[str]:
    """Say what a person's data may be used for, and which answer or basis allows it.

    Args:
        standings: By purpose.
    """
    listed = [
        f"  {purpose}: {'yes' if standing.allowed else 'no'} ({standing.reason}; legal basis: {standing.basis})"
        for purpose, standing in standings.items()
    ]
    return ["", "What the data may be used for:", *listed] if listed else []
