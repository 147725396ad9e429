"""Label groups: labels that were merged into one segment, or retired.

A segment's chance is the sum of those of its labels, added in their order, for one person as for everybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, NamedTuple

from segmenter.classifier.linear import FEWEST, LinearModel
from segmenter.errors import DefinitionError
from segmenter.late_ibis import ibis

if TYPE_CHECKING:
    from ibis import Table


@dataclass(frozen=True, slots=True)
class Meaning:
    """Which labels go together.

    Attributes:
        segments: The segment of each label; None where it was retired: its people are in no segment.
        groups: Places of the labels that are one, in the order of the first; each retired one stands alone.
    """

    segments: tuple[str | None, ...]
    groups: tuple[tuple[int, ...], ...]

    def segment(self, group: int) -> str | None:
        """Return the segment that a group is."""
        return self.segments[self.groups[group][0]]


def meaning_of(labels: Sequence[str], means: Mapping[str, str | None]) -> Meaning:
    """Return what *labels* mean; one that *means* does not name is a segment of its own name.

    Args:
        labels: The model's labels, in its order.
        means: Label -> segment name; None: the label was retired and means nobody's segment.

    Returns:
        The segment of each label, and which labels share one.

    Raises:
        DefinitionError: Everything means the same.
    """
    segments = tuple(means.get(label, label) for label in labels)
    groups: dict[str | int, list[int]] = {}
    for place, segment in enumerate(segments):
        groups.setdefault(place if segment is None else segment, []).append(place)
    if len(groups) < FEWEST:
        raise DefinitionError("all its labels map to one segment", where=f"a model of {', '.join(labels)}")
    return Meaning(segments, tuple(tuple(places) for places in groups.values()))


class Meant(NamedTuple):
    """The best and the second best group of one person.

    Attributes:
        segment: None: it was retired.
        confidence: Chance of the whole group.
        lead: The likeliest label of the group; `rival`: of the second one.
    """

    segment: str | None
    confidence: float
    runner_up: str | None
    second: float
    lead: int
    rival: int


def meant_one(chances: Sequence[float], meaning: Meaning) -> Meant:
    """Return what the *chances* of the labels mean for one person; of equal groups the first one wins.

    Args:
        chances: Probability of each label, in the model's order; they add up to 1.
        meaning: Of the same labels.

    Returns:
        The likeliest segment and the runner-up (None: retired), each with the summed chance of its labels.
    """
    sums = [reduce(add, (chances[place] for place in group)) for group in meaning.groups]
    best = sums.index(max(sums))
    others = {group: chance for group, chance in enumerate(sums) if group != best}
    second = max(others, key=lambda group: others[group])
    lead, rival = (max(meaning.groups[group], key=lambda place: chances[place]) for group in (best, second))
    return Meant(meaning.segment(best), sums[best], meaning.segment(second), sums[second], lead, rival)


def meant(table: Table, model: LinearModel, meaning: Meaning, prefix: str) -> Table:
    """Put into ``segment`` and ``runner_up`` the likeliest label of each group, its whole chance beside it.

    Args:
        table: What `segmenter.classifier.expression.scored` made.
        model: The model.
        meaning: Of its labels.
        prefix: Before the names of its columns.

    Returns:
        *told* with the columns ``segment``, ``confidence``, ``runner_up`` and ``second`` after *prefix*; null: retired.
    """
    sums = {f"{prefix}s{g}": _sum(table, prefix, group) for g, group in enumerate(meaning.groups)}
    table = table.mutate(**sums).view()
    places = range(len(meaning.groups))
    top = ibis.greatest(*(table[f"{prefix}s{g}"] for g in places))
    best = ibis.cases(*((table[f"{prefix}s{g}"] == top, ibis.literal(g, "int64")) for g in places))
    table = table.mutate(**{f"{prefix}best": best, f"{prefix}confidence": top}).view()

    def others(g: int) -> Any:
        return ibis.ifelse(table[f"{prefix}best"] == g, -1.0, table[f"{prefix}s{g}"])

    second = ibis.greatest(*(others(g) for g in places))
    follower = ibis.cases(*((others(g) == second, ibis.literal(g, "int64")) for g in places))
    table = table.mutate(**{f"{prefix}second": second, f"{prefix}next": follower}).view()

    def named(chosen: Any) -> Any:
        return ibis.cases(
            *((chosen == g, _likeliest(table, model, prefix, group)) for g, group in enumerate(meaning.groups))
        )

    table = table.mutate(
        **{f"{prefix}segment": named(table[f"{prefix}best"]), f"{prefix}runner_up": named(table[f"{prefix}next"])}
    )
    return table.drop(*sums, f"{prefix}best", f"{prefix}next").view()


def _sum(table: Table, prefix: str, group: Sequence[int]) -> Any:
    return reduce(add, (table[f"{prefix}p{place}"] for place in group))


def _likeliest(table: Table, model: LinearModel, prefix: str, group: Sequence[int]) -> Any:
    if len(group) == 1:
        return ibis.literal(model.labels[group[0]])
    top = ibis.greatest(*(table[f"{prefix}p{place}"] for place in group))
    return ibis.cases(*((table[f"{prefix}p{place}"] == top, model.labels[place]) for place in group))


def as_segments(labels: Any, model: LinearModel, meaning: Meaning) -> Any:
    """Return a column of labels as one of segments, null for retired ones.

    Args:
        labels: An Ibis column of text.
        model: The model that the labels are of.
        meaning: Of the model's labels.

    Returns:
        An Ibis column of segment names; null too for what is not a label of the model.
    """
    nothing = ibis.null("string")
    named = zip(model.labels, meaning.segments, strict=True)
    return ibis.cases(*((labels == label, nothing if name is None else name) for label, name in named), else_=nothing)
