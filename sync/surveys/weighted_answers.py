"""Answers with the weight of each respondent, as `survey design` takes them: of a file, or of the warehouse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmenter.stats.weighted import effective_size
from segmenter.surveys.survey_checks import SurveyFinding
from sync.session import Session
from sync.surveys.answers import Read, SurveyColumns, answers_in_warehouse, answers_of
from sync.surveys.kept_weights import changed_weights, weights_digest
from sync.surveys.respondents import read_weights, weight_column
from sync.surveys.spreadsheet import read_grid
from sync.surveys.warehouse_weights import kind_of_weights, weights_in_warehouse
from sync.workspace.proposals import ProposalPart


def weighted_answers(
    path: Path, columns: SurveyColumns, weight: str, *, sheet: str | None = None, made: ProposalPart | None = None
) -> Read:
    """Return the answers of the respondents whose weight is above 0, and findings about the weights.

    Args:
        path: CSV, TSV, XLSX or SPSS; one row per respondent.
        columns: Which column is what.
        weight: Its column, or a file, of weights.
        sheet: Of an XLSX; None: the first one.
        made: A proposal that was found with these weights; a finding tells where they have changed.

    Returns:
        Answers with weights; without them where all are equal.

    Raises:
        FixSettingsError: As `sync.surveys.answers.answers_from_file` and `sync.surveys.respondents.read_weights`.
    """
    grid = read_grid(path, sheet=sheet)
    own = weight_column(grid, weight)
    read = answers_of(grid, _without(columns, own))
    return _counted(read, weight, read_weights(grid, weight, read.sheet.respondents), made)


def weighted_answers_in_warehouse(
    session: Session, survey: str, columns: SurveyColumns, weight: str, *, made: ProposalPart | None = None
) -> Read:
    """Return the answers that were pulled, of the respondents whose weight is above 0, and findings about the weights.

    Args:
        session: The open workspace.
        survey: Its name.
        columns: Which items are meant.
        weight: An item of the survey, else a trait, that holds the weights.
        made: A proposal that was found with these weights; a finding tells where they have changed.

    Returns:
        As `weighted_answers`.

    Raises:
        FixSettingsError: As `sync.surveys.answers.answers_in_warehouse` and
            `sync.surveys.warehouse_weights.weights_in_warehouse`.
    """
    kind = kind_of_weights(session, survey, weight)
    own = weight if kind == "item" else None
    read = answers_in_warehouse(session.warehouse, survey, _without(columns, own))
    return _counted(read, weight, weights_in_warehouse(session, survey, weight, kind, read.sheet.respondents), made)


def _without(columns: SurveyColumns, own: str | None) -> SurveyColumns:
    """The same, but for the column that holds the weights."""
    return columns if own is None else replace(columns, exclude=[*columns.exclude, own])


def _counted(read: Read, weight: str, weights: NDArray[np.float64], made: ProposalPart | None) -> Read:
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
    changed = "" if made is None else changed_weights(made, weights_digest(some.respondents, values))
    if changed:
        said.append(SurveyFinding("weights", changed, "Run `personasync discover` again if the new ones are right."))
    return replace(read, sheet=replace(some, weights=None if alike else values), findings=[*said, *read.findings])
