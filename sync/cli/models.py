"""Model commands: `fit`, `classify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from connectors.errors import FixSettingsError
from sync.cli.fitted import fitted_text
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of, person_rows_of, session_of
from sync.cli.pipeline import AsOfOption, parse_moment
from sync.clock import clock_of
from sync.export.write import check_target, write_rows

TARGETS = ("rules", "survey", "declared", "discovered", "outcome")


@app.command("fit")
def fit_command(
    *,
    workspace: WorkspaceOption = HERE,
    target: Annotated[
        str,
        typer.Option(
            "--target", help="Where the training labels come from: rules, survey, declared, discovered or outcome."
        ),
    ] = "survey",
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            metavar="NAME",
            help="For discovered: an accepted proposal, or a CSV file with the columns segment and email. "
            "For outcome: a file with the columns outcome, email, and at (its date).",
        ),
    ] = None,
    trait: Annotated[
        list[str] | None, typer.Option(help="A trait to train on. Repeat for several. Default: all allowed traits.")
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option(
            "--scores",
            metavar="FILE",
            help="For outcome: write everybody's rank, probability and band (.csv, .xlsx, .parquet).",
        ),
    ] = None,
    weight: Annotated[
        str | None,
        typer.Option(
            "--weight",
            metavar="TRAIT",
            help="A number trait that says how many people of the population each person stands for; for segments of a "
            "survey also an item of it.",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Random seed of the cross-validation folds.")] = None,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
) -> int:
    """Train a classification model and validate it. It is validated on held-out people and used if good enough."""
    from sync.modeling import fit as job  # noqa: PLC0415 - only this command fits

    if target not in TARGETS:
        raise FixSettingsError(f"{target!r} is not a target.", fix=f"Use one of: {', '.join(TARGETS)}.")
    if scores is not None:
        if target != "outcome":
            raise FixSettingsError("--scores is for outcomes.", fix="Use `--target outcome`, or leave out --scores.")
        check_target(scores)
    console = console_of(as_json=as_json)
    with session_of(workspace) as session:
        made = job.fit(
            session,
            target,  # type: ignore[arg-type] # it is one of TARGETS
            as_of=parse_moment(as_of) or session.now(),
            labels=labels,
            only=trait,
            weight=weight,
            seed=job.SEED if seed is None else seed,
        )
    shown = fitted_text(made)
    if scores is not None and made.scores is not None:
        write_rows(scores, *made.scores)
        shown.append(f"Scores of {len(made.scores[1]):,} people are in {scores.name}.")
    console.result(made.document(), *shown)
    usable = made.file.gate.uses if target == "outcome" else made.in_use
    return 0 if usable else 3


@app.command("classify")
def classify_command(
    email: Annotated[str, typer.Argument(metavar="EMAIL")],
    *,
    workspace: WorkspaceOption = HERE,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
) -> None:
    """Classify one person now and show the result. Nothing is saved."""
    from sync.assign.explain import classify as job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with person_rows_of(workspace) as (stores, rows):
        explanation = job(stores, rows, email, as_of=parse_moment(as_of) or clock_of(workspace)())
    console.result(explanation.document, *explanation.sentences)
