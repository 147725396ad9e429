"""Answers of a file with the weight of each respondent, as `survey design` takes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from segmenter.stats.weighted import effective_size
from segmenter.surveys.survey_checks import SurveyFinding
from sync.surveys.answers import Read, SurveyColumns, answers_of
from sync.surveys.respondents import read_weights, weight_column
from sync.surveys.spreadsheet import read_grid


def weighted_answers(path: Path, columns: SurveyColumns, weight: str, *, sheet: str | None = None) -> Read:
    """Return the answers of the respondents whose weight is above 0, and findings about the weights.

    Args:
        path: CSV, TSV, XLSX or SPSS; one row per respondent.
        columns: Which column is what.
        weight: Its column, or a file, of weights.
        sheet: Of an XLSX; None: the first one.

    Returns:
        Answers with weights; without them where all are equal.

    Raises:
        FixSettingsError: As `sync.surveys.answers.answers_from_file` and `sync.surveys.respondents.read_weights`.
    """
    grid = read_grid(path, sheet=sheet)
    own = weight_column(grid, weight)
    read = answers_of(grid, replace(columns, exclude=[*columns.exclude, *([own] if own else [])]))
    weights = read_weights(grid, weight, read.sheet.respondents)
    kept = np.flatnonzero(weights)
    some, values = read.sheet.only(kept.tolist(), read.sheet.items), weights[kept]
    alike = bool((values == values[0]).all())
    said = [
        SurveyFinding(
            "weights",
            f"Weighted by {weight!r}: {len(values):,} respondents tell as much as {effective_size(values):,.0f} "
            "without weights (effective sample size, Kish 1965).",
            "Nothing, unless it is much smaller: then check the largest weights.",
        )
    ]
    if left_out := len(weights) - len(kept):
        message = f"{left_out:,} respondents have the weight 0 in {weight!r}: they are excluded."
        said.append(SurveyFinding("weights", message, "Give them a weight above 0 if they count."))
    return replace(read, sheet=replace(some, weights=None if alike else values), findings=[*said, *read.findings])
