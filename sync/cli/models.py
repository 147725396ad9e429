"""Model commands: `fit`, `classify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from connectors.errors import FixSettingsError
from sync.cli.console import table
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of, person_rows_of, session_of
from sync.cli.pipeline import AsOfOption, parse_moment
from sync.clock import clock_of

TARGETS = ("rules", "survey", "declared", "discovered")


@app.command("fit")
def fit_command(
    *,
    workspace: WorkspaceOption = HERE,
    target: Annotated[
        str,
        typer.Option("--target", help="Where the training labels come from: rules, survey, declared or discovered."),
    ] = "survey",
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            metavar="NAME",
            help="For discovered: an accepted proposal, or a CSV file with the columns segment and email.",
        ),
    ] = None,
    trait: Annotated[
        list[str] | None, typer.Option(help="A trait to train on. Repeat for several. Default: all allowed traits.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Random seed of the cross-validation folds.")] = None,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
) -> int:
    """Train a classification model and validate it. It is validated on held-out people and used if good enough."""
    from sync.modeling import fit as job  # noqa: PLC0415 - only this command fits

    if target not in TARGETS:
        raise FixSettingsError(f"{target!r} is not a target.", fix=f"Use one of: {', '.join(TARGETS)}.")
    console = console_of(as_json=as_json)
    with session_of(workspace) as session:
        made = job.fit(
            session,
            target,  # type: ignore[arg-type] # it is one of TARGETS
            as_of=parse_moment(as_of) or session.now(),
            labels=labels,
            only=trait,
            seed=job.SEED if seed is None else seed,
        )
    console.result(made.document(), *_fitted(made))
    return 0 if made.file.gate.passed else 3


def _fitted(made: Any) -> list[Any]:
    """The quality figures of a fitted model, as text."""
    file, chosen = made.file, made.fitted.chosen
    rows = [
        (
            kind,
            f"{q.hit:.1%}",
            f"{q.balanced:.1%}",
            *(f"{x:.3f}" for x in (q.kappa, q.ece, q.brier, q.log_loss)),
            f"{q.press_q:.0f}",
        )
        for kind, q in made.fitted.quality.items()
    ]
    curve = [
        (f"{p.confidence:.0%}", f"{p.coverage:.0%}", "-" if p.hit is None else f"{p.hit:.0%}") for p in chosen.curve
    ]
    people = ", ".join(f"{name} {count:,}" for name, count in file.training.people.items())
    shown: list[Any] = [
        f"Trained on {chosen.people:,} people ({people}) and {len(file.model.features)} features.",
        (
            f"Chance level: largest segment {chosen.largest_share:.1%}, proportional "
            f"{chosen.proportional_chance:.1%} (Brier {chosen.brier_of_shares:.3f})."
        ),
        table("model", "hit rate", "balanced", "kappa", "ECE", "Brier", "log loss", "Press's Q", rows=rows),
        table("min. confidence", "coverage", "hit rate", rows=curve),
    ]
    since = f"from {file.training.traits_from:%Y-%m-%d}" if file.training.traits_from else "the whole history"
    shown.append(f"Calibrated by {file.calibration}; traits of {since}; data {file.training.data_digest[:12]}.")
    if file.training.target == "rules":
        shown.append(
            "It classifies only people for whom a rule's trait is unknown; people who match no rule stay unclassified."
        )
    if file.training.target == "discovered" and not file.training.found_again:
        shown.append(
            "These segments were discovered on all people, including those held out: the figures above are optimistic."
        )
    if file.training.purpose:
        shown.append(f"It uses sensitive traits, for this purpose: {file.training.purpose}")
    if made.left_out:
        shown.append(
            f"{len(made.left_out):,} traits were not asked: {chosen.people:,} people allow no more features. "
            "To choose them yourself, name them with --traits."
        )
    if file.training.dropped:
        shown.append(f"Dropped as uninformative: {', '.join(file.training.dropped)}.")
    if file.gate.passed:
        shown.append(f"In use: {file.version} ({made.path.name}). `personasync assign` uses it from now on.")
    else:
        shown += [*file.gate.sentences, f"Saved as {made.path.name}, but not in use."]
    return shown


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
