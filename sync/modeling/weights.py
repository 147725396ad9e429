"""Weights of respondents: how many people of the population each stands for, as a column or a file says."""

from __future__ import annotations

import numpy as np

from segmenter.stats.item_matrix import Matrix
from segmenter.stats.weighted import effective_size
from sync.surveys.respondents import names_in, read_weights, weight_column
from sync.surveys.spreadsheet import Grid


def weighted(grid: Grid, source: str | None, who: str | None) -> tuple[Grid, Matrix | None, set[str], tuple[str, ...]]:
    """Return the rows of *grid* that count, the weight of each, the column that holds them, and sentences about both.

    Args:
        grid: A row a respondent.
        source: Its column of weights, or a file of them; 0 leaves a respondent out. None: all rows, and no weights.
        who: The column that names the respondents; None: there is none.

    Raises:
        FixSettingsError: As `sync.surveys.respondents.read_weights`.
    """
    if source is None:
        return grid, None, set(), ()
    column = weight_column(grid, source)
    values = read_weights(grid, source, names_in(grid, who))
    kept = np.flatnonzero(values)
    left_out = len(values) - len(kept)
    notes = (f"{left_out:,} respondents have the weight 0 in {source!r}: they are excluded.",) if left_out else ()
    own = set() if column is None else {column}
    return grid.only(kept.tolist()), values[kept], own, (*notes, _sentence(values[kept], source))


def _sentence(weights: Matrix, source: str) -> str:
    """How the weights are used, and what they cost."""
    return (
        f"Weighted by {source!r}: {len(weights):,} people tell shares as exactly as {effective_size(weights):,.0f} "
        "without weights (effective sample size, Kish 1965). Segments are found, tested and described with the weights."
    )
