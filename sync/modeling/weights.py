"""Weights of people: how many of the population each stands for, as a column, a file, an item or a trait says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from segmenter.stats.item_matrix import Matrix
from sync.session import Session
from sync.surveys.kept_weights import KeptWeights
from sync.surveys.respondents import names_in, read_weights, weight_column
from sync.surveys.spreadsheet import Grid
from sync.surveys.warehouse_weights import kind_of_weights, weights_in_warehouse, weights_of_trait
from sync.workspace.proposals import WeightsFrom

Places = NDArray[np.intp]


class Weighted(NamedTuple):
    """People who count.

    Attributes:
        places: Their places among all that were asked for.
        values: (people,) the weight of each, above 0; None: there are none.
        own: The column or item that holds the weights, which makes no segments.
        notes: Sentences about both.
        kept: What a proposal keeps of the weights.
    """

    places: list[int]
    values: Matrix | None = None
    own: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    kept: KeptWeights | None = None


def weighted(grid: Grid, source: str | None, who: str | None) -> Weighted:
    """Return which rows of *grid* count, and how much.

    Args:
        grid: A row a respondent.
        source: Its column of weights, or a file of them; 0 leaves a respondent out. None: all rows, and no weights.
        who: The column that names the respondents; None: there is none.

    Raises:
        FixSettingsError: As `sync.surveys.respondents.read_weights`.
    """
    if source is None:
        return Weighted(list(range(len(grid.rows))))
    column, names = weight_column(grid, source), names_in(grid, who)
    kind: WeightsFrom = "file" if column is None else "column"
    return _counted(source, kind, names, read_weights(grid, source, names), column)


def weighted_people(session: Session, survey: str, source: str | None, people: Sequence[str]) -> Weighted:
    """Return which *people* who answered a survey that was pulled count, and how much.

    Args:
        session: The open workspace.
        survey: Its name.
        source: An item of it, else a trait, that holds weights; 0 leaves a person out. None: no weights.
        people: Person ids.

    Raises:
        FixSettingsError: As `sync.surveys.warehouse_weights.weights_in_warehouse`.
    """
    if source is None:
        return Weighted(list(range(len(people))))
    kind = kind_of_weights(session, survey, source)
    values = weights_in_warehouse(session, survey, source, kind, people)
    return _counted(source, kind, people, values, source if kind == "item" else None)


def weighted_by_trait(people: pa.Table, source: str | None, most: int, rng: np.random.Generator) -> Weighted:
    """Return which *people* count, and how much; where there are too many, some that are drawn.

    Args:
        people: A row a person: ``person_id``, and the trait *source*.
        source: The trait that holds weights; 0 leaves a person out. None: no weights.
        most: People at most.
        rng: Draws them, with the same chance whatever their weights.

    Raises:
        FixSettingsError: As `sync.surveys.warehouse_weights.weights_of_trait`.
    """
    if source is None or not people.num_rows:
        return Weighted(_drawn(np.arange(people.num_rows), most, rng).tolist())
    names = people["person_id"].to_pylist()
    values = weights_of_trait(source, names, people[source].to_pylist())
    places = _drawn(np.flatnonzero(values), most, rng)
    return _counted(source, "trait", names, values, source, who="people", places=places)


def _drawn(places: Places, most: int, rng: np.random.Generator) -> Places:
    return places if len(places) <= most else places[np.sort(rng.permutation(len(places))[:most])]


def _counted(
    source: str,
    kind: WeightsFrom,
    names: Sequence[str],
    weights: Matrix,
    own: str | None,
    *,
    who: str = "respondents",
    places: Places | None = None,
) -> Weighted:
    counting = np.flatnonzero(weights)
    chosen: list[int] = (counting if places is None else places).tolist()
    left_out, values = len(weights) - len(counting), weights[chosen]
    notes = (f"{left_out:,} {who} have the weight 0 in {source!r}: they are excluded.",) if left_out else ()
    kept = KeptWeights.of(source, kind, [names[place] for place in chosen], values)
    about = (*notes, _sentence(len(values), kept))
    return Weighted(chosen, values, frozenset() if own is None else frozenset({own}), about, kept)


def _sentence(people: int, kept: KeptWeights) -> str:
    """How the weights are used, and what they cost."""
    return (
        f"Weighted by {kept.source!r}: {people:,} people tell shares as exactly as {kept.effective:,.0f} "
        "without weights (effective sample size, Kish 1965). Segments are found, tested and described with the weights."
    )
