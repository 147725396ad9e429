"""Counterfactuals: failing rule conditions, or the smallest change of one trait, that would change the segment."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from segmenter.classifier.linear import LARGEST, LinearModel, person_features, score_one, totals_of
from segmenter.rules.format_value import shown_one
from segmenter.rules.segments import Clause, Waterfall, explain_rule

ROUNDING = 1e-9
BEYOND = 1e-6  # past the border, as a share of the change: on it the first label wins


@dataclass(frozen=True, slots=True)
class Missing:
    """A segment that is tried before the person's own, and the clauses that keep the person out of it."""

    segment: str
    clauses: tuple[Clause, ...]

    def __str__(self) -> str:
        """Return it in words."""
        conditions = "; ".join(f"{c.text} ({_values(c.values)})" for c in self.clauses)
        return f"{self.segment} needs {conditions}"


def _values(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} is {shown_one(value)}" for name, value in values.items())


def nearest_rule(person: Mapping[str, Any], steps: Waterfall, segment: str | None) -> Missing | None:
    """Return the segment that would go before *segment* and lacks the fewest clauses; the first of equal ones.

    Args:
        person: Trait name -> value.
        steps: The rules.
        segment: The person's own by rule, None for none.

    Returns:
        None where no segment is tried before.
    """
    named, best = steps.by_name(), None
    for step in steps.steps:
        if step.segment.name == segment:
            break
        asked = (step.segment.name, *step.ancestors)
        failing = tuple(c for name in asked for c in explain_rule(named[name].rule, person) if not c.held)
        never = any(clause.text.upper() == "FALSE" for clause in failing)
        if failing and not never and (best is None or len(failing) < len(best.clauses)):
            best = Missing(step.segment.name, failing)
    return best


@dataclass(frozen=True, slots=True)
class Flip:
    """A change of one trait that gives the model another answer.

    Attributes:
        size: Of the change, as a share of the trait's usual size; 1 where a word is another.
    """

    trait: str
    before: Any
    after: Any
    segment: str
    size: float

    def __str__(self) -> str:
        """Return it in words."""
        after = self.after if isinstance(self.after, str) else f"{self.after:.4g}"
        return f"the model would assign {self.segment} if {self.trait} were {after} instead of {shown_one(self.before)}"


def smallest_flip(person: Mapping[str, Any], model: LinearModel) -> Flip | None:
    """Return the smallest change of a single trait that gives the model another segment.

    Sizes compare as shares of the larger of the trait's value and its mean. A trait that is not negative stays so.

    Args:
        person: Trait name -> value; None or missing: unknown.
        model: With two labels or more.

    Returns:
        None where no single trait can do it.
    """
    return min(_flips(person, model), key=lambda flip: flip.size, default=None)


def _flips(person: Mapping[str, Any], model: LinearModel) -> Iterator[Flip]:
    now = score_one(model, person).segment
    values, _ = person_features(model, person)
    options: dict[str, list[str]] = {}
    for place, (trait, option, _, log) in enumerate(model.reads):
        if option is not None:
            options.setdefault(trait, []).append(option)
            continue
        shown = _uncurved if log else float
        value, mean = shown(values[place]), shown(model.mean[place])
        usual = max(abs(value), abs(mean)) or 1.0
        steps = (shown(values[place] + step) - value for step in _steps(model, values, place, now))
        for after in _values_to_try(value, steps):
            score = score_one(model, {**person, trait: after})
            if score.segment != now and not (after < 0 <= min(value, mean)):
                yield Flip(trait, person.get(trait), after, score.segment, abs(after - value) / usual)
    for trait, named in options.items():
        for option in named:
            score = score_one(model, {**person, trait: option})
            if score.segment != now:
                yield Flip(trait, person.get(trait), option, score.segment, 1.0)


def _uncurved(logarithm: float) -> float:
    """The number whose ``log1p`` this is; where it would be one without end, the largest that a trait may be."""
    number = math.expm1(min(logarithm, math.log(LARGEST)))
    return float(round(number)) if math.isclose(number, round(number), rel_tol=ROUNDING, abs_tol=ROUNDING) else number


def _values_to_try(value: float, steps: Iterable[float]) -> Iterator[float]:
    """A little more than each step away; from a whole number, which counts something, the next whole ones.

    A step may end on a whole number, where two labels are equally likely: there the first of them wins, so it counts.
    """
    for step in steps:
        after, nearest = value + step * (1 + BEYOND), float(round(value + step))
        if after < 0 <= value + step + ROUNDING:  # beyond 0 nothing may be negative
            yield 0.0
        elif value.is_integer() and math.isclose(nearest, value + step, abs_tol=BEYOND):
            yield nearest
        if not value.is_integer():
            yield after
        else:
            yield float(math.ceil(after) if step > 0 else math.floor(after))


def _steps(model: LinearModel, values: list[float], place: int, now: str) -> Iterator[float]:
    """By how much one feature must change until another label's total is as large as the present one's."""
    totals = totals_of(model, values)
    slopes, bends = _slopes(model, values, place)
    own = model.labels.index(now)
    for other in range(len(totals)):
        lead, slope, bend = (part[own] - part[other] for part in (totals, slopes, bends))
        if other != own:
            yield from _roots(lead, slope, bend)


def _slopes(model: LinearModel, values: list[float], place: int) -> tuple[list[float], list[float]]:
    """By label how its total grows with one feature: the slope where it is now, and the square's part."""
    slopes, bends = [row[place] for row in model.weights], [0.0] * len(model.labels)
    for label, row in enumerate(model.curves):
        for weight, (first, second) in zip(row, model.products, strict=True):
            if first == second == place:
                slopes[label] += 2 * weight * values[place]
                bends[label] += weight
            elif place in {first, second}:
                slopes[label] += weight * values[second if first == place else first]
    return slopes, bends


def _roots(lead: float, slope: float, bend: float) -> Iterator[float]:
    """The steps at which lead + slope step + bend step^2 is 0."""
    if not bend:
        if slope:
            yield -lead / slope
        return
    inside = slope * slope - 4 * bend * lead
    if inside >= 0:
        half = -(slope + math.copysign(math.sqrt(inside), slope)) / 2  # no difference of two like numbers
        yield half / bend
        if half:
            yield lead / half
