"""Reason texts of assignments, as parts that Python and the SQL engine join alike.

A part is text, or a value of one person: a Python string for one, an Ibis expression for everybody.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from segmenter.late_ibis import ibis

NAMES = {"survey": "the survey", "model": "the model"}
NOBODY_ASKED = "no source had an answer"

Parts = Sequence[Any]


def declared_reason(trait: str, value: Any) -> Parts:
    """Declared: the person named their segment."""
    return [f"self-declared: {trait} is ", value]


def not_a_segment(trait: str, value: Any) -> Parts:
    """Declared, but not the name of a segment or persona."""
    return [f"{trait} says '", value, "', which is not a segment or persona"]


def not_known(source: str, known: Any, traits: int, needed: float) -> Parts:
    """Too many traits are missing to score a person."""
    return [f"{NAMES[source]} needs {percent_one(needed)} of its {traits} traits, ", known, " known"]


def left_out_by_rules(source: str) -> Parts:
    """The model was trained on the rules, and the person matches no rule."""
    return [f"{NAMES[source]} was trained on the rules, and this person matches no rule"]


def let_go(source: str, label: Any) -> Parts:
    """The model predicts a retired segment."""
    return [f"{NAMES[source]} says ", label, ", which was retired"]


def full(segment: Any) -> Parts:
    """A source's answer is a segment that has as many people as it may have."""
    return [segment, " is full"]


def not_sure(source: str, best: Any, confidence: Any, second: Any, chance: Any) -> Parts:
    """The confidence is below the threshold."""
    return [f"low confidence of {NAMES[source]}: ", best, " ", confidence, ", ", second, " ", chance]


def percent_one(share: float) -> str:
    """Return a share as ``62%``; half is rounded up."""
    return f"{math.floor(share * 100 + 0.5)}%"


def percent(share: Any) -> Any:
    """Return an Ibis share as `percent_one` does."""
    return (share * 100.0 + 0.5).floor().cast("int64").cast("string").concat("%")


def put_together(parts: Parts) -> str:
    """Return the sentence about one person."""
    return "".join(parts)


def sentence_expression(parts: Parts) -> Any:
    """Return the sentence about everybody."""
    values: list[Any] = [ibis.literal(part) if isinstance(part, str) else part for part in parts]
    first, *others = values
    return first.concat(*others) if others else first
