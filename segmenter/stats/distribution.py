"""Distribution summaries kept with every run: deciles of numbers, counts of categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import ibis
from ibis import Table

from segmenter.traits.definitions import Trait

TENTHS = tuple(place / 10 for place in range(1, 10))
MOST_WORDS = 50  # of a text that many are told apart
NOTHING, OTHERS = "(nothing)", "(others)"

Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Distribution:
    """People by value (texts) or by bin (numbers), those without a value under `NOTHING`.

    Attributes:
        edges: Where the bins of a number begin, rising; empty for texts.
    """

    counts: Counts
    edges: tuple[float, ...] = ()

    @property
    def known(self) -> float:
        """Share of people with a value; 0 for nobody."""
        people = sum(self.counts.values())
        return 1 - self.counts.get(NOTHING, 0) / people if people else 0.0

    def matched(self, other: Counts) -> Counts:
        """Return *other* counted as this one is: words that are no longer told apart here count as others.

        Returns:
            Value -> people; the sum stays the same.
        """
        if OTHERS not in self.counts:
            return other
        counts: Counts = {}
        for value, count in other.items():
            name = value if value in self.counts else OTHERS
            counts[name] = counts.get(name, 0) + count
        return counts


def distributions(
    people: Table, traits: Sequence[Trait], known: Mapping[str, tuple[float, ...]]
) -> dict[str, Distribution]:
    """Return the distribution of each trait that is a number, a word or yes or no.

    Args:
        people: As `segmenter.traits.traits.traits` returns it, best kept: it is asked up to three times.
        traits: Which; dates are left out.
        known: Edges by trait, from an earlier time; of a trait that is not in it they are today's deciles.

    Returns:
        Trait -> counts by bin (numbers) or by word; people without a value are counted too.
    """
    numbers = [trait.name for trait in traits if trait.type == "number"]
    words = [trait.name for trait in traits if trait.type in {"text", "boolean"}]
    edges = {**_deciles(people, [name for name in numbers if name not in known]), **known}
    return {**_binned(people, {name: edges[name] for name in numbers}), **_worded(people, words)}


def _deciles(people: Table, names: Sequence[str]) -> dict[str, tuple[float, ...]]:
    if not names:
        return {}
    columns = {
        f"d_{n}_{place}": _finite(people[name]).quantile(tenth)
        for n, name in enumerate(names)
        for place, tenth in enumerate(TENTHS)
    }
    row = _row(people.aggregate(**columns))
    deciles = {name: [row[f"d_{n}_{place}"] for place in range(len(TENTHS))] for n, name in enumerate(names)}
    return {name: tuple(sorted({float(v) for v in values if v is not None})) for name, values in deciles.items()}


def _finite(column: Any) -> Any:
    return ibis.ifelse(column.isnan() | column.isinf(), ibis.null("float64"), column)


def _binned(people: Table, edges: Mapping[str, tuple[float, ...]]) -> dict[str, Distribution]:
    columns: dict[str, Any] = {}
    for n, (name, own) in enumerate(edges.items()):
        column = _finite(people[name])
        columns[f"n_{n}"] = people.count(where=column.isnull())
        for place, (low, high) in enumerate(pairwise((None, *own, None))):
            inside = column.notnull()
            inside = inside if low is None else inside & (column >= low)
            columns[f"b_{n}_{place}"] = people.count(where=inside if high is None else inside & (column < high))
    row = _row(people.aggregate(**columns)) if columns else {}
    histograms = {}
    for n, (name, own) in enumerate(edges.items()):
        counts = {label: row[f"b_{n}_{place}"] for place, label in enumerate(_labels(own))}
        counts[NOTHING] = row[f"n_{n}"]
        histograms[name] = Distribution({label: count for label, count in counts.items() if count}, own)
    return histograms


def _labels(edges: tuple[float, ...]) -> list[str]:
    if not edges:
        return ["any"]
    inner = [f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges)]
    return [f"below {edges[0]:.4g}", *inner, f"{edges[-1]:.4g} or more"]


def _worded(people: Table, names: Sequence[str]) -> dict[str, Distribution]:
    if not names:
        return {}
    parts = []
    for name in names:
        pairs = people.select(trait=ibis.literal(name), value=people[name].cast("string").fill_null(NOTHING))
        counted = pairs.group_by("trait", "value").aggregate(people=pairs.count())
        place: Any = ibis.row_number().over(order_by=[counted.people.desc(), counted.value])
        ranked = counted.mutate(value=ibis.ifelse(place < MOST_WORDS, counted.value, OTHERS))
        parts.append(ranked.group_by("trait", "value").aggregate(people=ranked.people.sum()))
    rows = (ibis.union(*parts) if len(parts) > 1 else parts[0]).to_pyarrow().to_pylist()
    tallies: dict[str, Counts] = {name: {} for name in names}
    for row in rows:
        tallies[row["trait"]][row["value"]] = int(row["people"])
    return {name: Distribution(counts) for name, counts in tallies.items()}


def _row(table: Table) -> dict[str, Any]:
    row: dict[str, Any] = table.to_pyarrow().to_pylist()[0]
    return row
