"""Profile of the workspace's own traits (properties, survey items): what makes their values doubtful.

A finding is no proof: it names what a person should look at before the trait makes segments or teaches a model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from segmenter.traits.definitions import Trait

ENOUGH = 20  # people with a value: fewer show nothing
FAR_OUT = 3.0  # interquartile ranges beyond a quartile (Tukey 1977: "far out")
MOST_CATEGORIES = 200  # more different texts are names or free text
RARE = 0.002  # share of people, of a category that is nobody's real answer
LONE = 3  # people: as many are rare in a small base too
MOSTLY_DIFFERENT = 0.5  # different values by people, from which a text is a name
NAMED = 3
SHOWN = 24  # characters of an example

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TraitFinding:
    """Doubtful values of one trait.

    Attributes:
        kind: impossible, outlier, rare, constant.
        what: What is doubtful, without a full stop.
        people: Whom it is about.
        fix: What to do.
    """

    trait: str
    kind: str
    what: str
    people: int
    fix: str


def own_findings(people: pa.Table, trait: Trait) -> Iterator[TraitFinding]:
    """Yield what is doubtful about the values of one trait.

    Args:
        people: One row per person, with a column of the trait's name.
        trait: One of the workspace's own.

    Yields:
        Values outside its limits, far from all others, of hardly anybody, or the same for everybody.
    """
    known = people[trait.name].combine_chunks().drop_null()
    if trait.type == "number":
        numbers = known.cast(pa.float64()).to_numpy(zero_copy_only=False)
        yield from _numbers(numbers[np.isfinite(numbers)], trait)
    elif trait.type == "text":
        yield from _texts(known, trait)
    if len(known) >= ENOUGH and pc.count_distinct(known).as_py() == 1:
        value = _value(known[0].as_py())
        fix = "It tells nobody apart; leave it out, or map another property."
        yield TraitFinding(trait.name, "constant", f"everybody has the same value, {value}", len(known), fix)


def _numbers(values: Floats, trait: Trait) -> Iterator[TraitFinding]:
    least, most = trait.limits.least, trait.limits.most
    outside = np.zeros(len(values), bool)
    if least is not None:
        outside |= values < least
    if most is not None:
        outside |= values > most
    if outside.any():
        span = f"{'' if least is None else f'{least:g}'} to {'' if most is None else f'{most:g}'}".strip()
        what = f"{_examples(values[outside])} outside what is possible ({span})"
        fix = f"Fix it in the source, or state least and most in [traits.{trait.name}]."
        yield TraitFinding(trait.name, "impossible", what, int(outside.sum()), fix)
    inside = values[~outside]
    far = far_out(inside)
    if far.any():
        low, high = np.quantile(inside, [0.25, 0.75])
        what = f"{_examples(inside[far])} far from all others (half of them from {low:,.6g} to {high:,.6g})"
        fix = f"Check it in the source; if such values can't be, state least and most in [traits.{trait.name}]."
        yield TraitFinding(trait.name, "outlier", what, int(far.sum()), fix)


def far_out(values: Floats) -> NDArray[np.bool_]:
    """Return which values lie more than three interquartile ranges beyond a quartile, also on a logarithmic scale.

    The logarithm keeps sums of money, which are skewed, from being called outliers; below 0 it is that of the opposite.

    Args:
        values: Finite numbers.

    Returns:
        Shape of *values*; nobody where half of the values are the same, or fewer than 20 are known.
    """
    if len(values) < ENOUGH:
        return np.zeros(len(values), bool)
    far = np.ones(len(values), bool)
    for scaled in (values, np.sign(values) * np.log1p(np.abs(values))):
        low, high = np.quantile(scaled, [0.25, 0.75])
        reach = FAR_OUT * (high - low)
        far &= (scaled < low - reach) | (scaled > high + reach) if reach > 0 else np.zeros(len(values), bool)
    return far


def _examples(values: Floats) -> str:
    named = [f"{value:,.6g}" if abs(value) >= 10_000 else f"{value:g}" for value in np.unique(values)[:NAMED]]  # noqa: PLR2004 - years have no comma
    people = len(values)
    more = " and others" if len(np.unique(values)) > NAMED else ""
    return f"{people:,} {'person has' if people == 1 else 'people have'} {', '.join(named)}{more},"


def _texts(known: pa.Array, trait: Trait) -> Iterator[TraitFinding]:
    counted = {entry["values"]: entry["counts"] for entry in pc.value_counts(known).to_pylist()}
    if trait.limits.allowed:
        wrong = {value: count for value, count in counted.items() if value not in trait.limits.allowed}
        if wrong:
            what = f"{_named(wrong)}: not among the allowed values"
            fix = f"Fix it in the source, or add it to `allowed` in [traits.{trait.name}]."
            yield TraitFinding(trait.name, "impossible", what, sum(wrong.values()), fix)
        return
    if len(known) < ENOUGH or len(counted) > MOST_CATEGORIES or len(counted) > MOSTLY_DIFFERENT * len(known):
        return  # names, addresses, free text
    limit = max(LONE, RARE * len(known))
    rare = {value: count for value, count in counted.items() if count <= limit}
    if rare and len(rare) < len(counted):
        what = f"{len(rare)} of {len(counted)} values have {int(limit)} people or fewer: {_named(rare)}"
        fix = f"Merge or fix them in the source, or list the possible values as `allowed` in [traits.{trait.name}]."
        yield TraitFinding(trait.name, "rare", what, sum(rare.values()), fix)


def _named(counted: dict[str, int]) -> str:
    rarest = sorted(counted.items(), key=lambda item: (item[1], item[0]))
    named = ", ".join(f"{_value(value)} ({count:,})" for value, count in rarest[:NAMED])
    return named + (f" and {len(rarest) - NAMED} more" if len(rarest) > NAMED else "")


def _value(value: object) -> str:
    """A value that names nobody: no address, and not much of a text."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if "@" in text:
        return "an address"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def expected_twins(columns: list[list[object]]) -> float:
    """Return how many pairs of people would agree in everything by chance, if properties were independent.

    Args:
        columns: The values of a property each, of the same people.

    Returns:
        Pairs; a property of one value counts as agreeing always.
    """
    people = len(columns[0]) if columns else 0
    agree = 1.0
    for column in columns:
        _, counts = np.unique([str(value) for value in column], return_counts=True)
        agree *= float((counts * (counts - 1)).sum()) / max(people * (people - 1), 1)
    return agree * people * (people - 1) / 2
