"""`survey weight`: weights of respondents from quotas."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync.cli.console import table
from sync.cli.options import JsonOption, console_of, not_ours
from sync.cli.survey_options import (
    AnswersFile,
    LeaveOutOption,
    RespondentOption,
    SheetOption,
    WeightOption,
    check_outputs,
    survey_app,
)

if TYPE_CHECKING:
    from sync.surveys.quotas import Quotas
    from sync.surveys.weighting import WeightedSurvey


@survey_app.command("weight")
def survey_weight_command(
    file: AnswersFile,
    *,
    quotas: Annotated[
        Path, typer.Option("--quotas", metavar="FILE", help="What is wanted: shares or people of each cell (TOML).")
    ],
    most: Annotated[
        float, typer.Option("--most", min=1.5, max=100, help="Largest weight, in means; larger ones are trimmed.")
    ] = 5.0,
    weight: WeightOption = None,
    respondent: RespondentOption = None,
    leave_out: LeaveOutOption = None,
    sheet: SheetOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            callback=not_ours,
            metavar="FILE",
            help="Write respondent and weight, for --weight of the other commands.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Weight respondents to quotas (raking). Trimmed, with the design effect; needs no workspace."""
    from sync.surveys.weighting import WeightingWish, weighted_survey  # noqa: PLC0415 - heavy imports only where needed

    check_outputs(file, out)
    made = weighted_survey(file, WeightingWish(quotas, most, weight, respondent, leave_out), sheet=sheet)
    console_of(as_json=as_json).result(_document(made), *_lines(made), *_write(made, out))


def _write(made: WeightedSurvey, out: Path | None) -> list[str]:
    if out is None:
        return []
    from sync.export.write import write_rows  # noqa: PLC0415

    weights = [round(float(weight), 6) for weight in made.raked.weights]
    write_rows(out, ("respondent", "weight"), list(zip(made.respondents.names, weights, strict=True)))
    return [
        f"Wrote {out}: pass it on with --weight {out} to discover, survey design, crosstab, turf, maxdiff and conjoint."
    ]


def _lines(made: WeightedSurvey) -> list[Any]:
    rows = [
        (*row, "-" if not isfinite(mean) else f"{mean:.2f}", f"{share:.1%}")
        for row, mean, share in zip(quota_rows(made.quotas), made.mean_weights(), made.shares(), strict=True)
    ]
    heads = (*QUOTA_HEAD, "Mean weight", "Weighted share")
    return [table(*heads, rows=rows), *(f"Note: {note}" for note in made.notes)]


QUOTA_HEAD = ("Quota", "Cell", "Share wanted", "Wanted", "There", "Filled")


def quota_rows(quotas: Quotas) -> list[tuple[str, ...]]:
    """Return a row a cell, under `QUOTA_HEAD`."""
    return [
        (
            cell.quota,
            cell.name,
            f"{cell.share:.1%}",
            f"{cell.wanted:,.0f}",
            f"{cell.there:,}",
            "yes" if cell.filled else "no",
        )
        for cell in quotas.cells
    ]


def quota_document(quotas: Quotas) -> list[dict[str, Any]]:
    """Return a record a cell, for --json."""
    return [
        {
            "quota": cell.quota,
            "cell": cell.name,
            "share_wanted": cell.share,
            "wanted": cell.wanted,
            "there": cell.there,
            "filled": cell.filled,
        }
        for cell in quotas.cells
    ]


def _document(made: WeightedSurvey) -> dict[str, Any]:
    sample = made.raked.sample
    means, shares = made.mean_weights(), made.shares()
    return {
        "file": made.respondents.grid.file,
        "respondents": sample.people,
        "effective_base": sample.effective,
        "design_effect": sample.design_effect,
        "trimmed": made.raked.trimmed,
        "largest_gap": made.raked.off,
        "cells": [
            {**cell, "mean_weight": mean if isfinite(mean) else None, "weighted_share": share}
            for cell, mean, share in zip(quota_document(made.quotas), means, shares, strict=True)
        ],
        "notes": list(made.notes),
    }
