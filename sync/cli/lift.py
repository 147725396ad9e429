"""Campaign and experiment lift per persona: `lift`, `offers`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from connectors.errors import FixSettingsError
from sync.cli.console import table
from sync.cli.experiments import RATIO_BROKEN
from sync.cli.names import completing, experiments
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of, session_of


@app.command("lift")
def lift_command(
    campaign: Annotated[
        str | None, typer.Argument(metavar="[CAMPAIGN]", help="Campaign name or id. Default: the newest campaign.")
    ] = None,
    *,
    workspace: WorkspaceOption = HERE,
    experiment: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Compare the variants of an experiment instead of a campaign's.",
            autocompletion=completing(experiments),
        ),
    ] = None,
    control: Annotated[
        str | None,
        typer.Option(metavar="VARIANT", help="The variant that others are compared with. Default: the first by name."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Show every metric for each persona, in tables, below the verdict.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure a campaign's or experiment's lift for each persona. With confidence intervals, vs holdout or control."""
    from sync.results import lift as job  # noqa: PLC0415 - heavy imports only where needed
    from sync.results.documents import lift_document  # noqa: PLC0415

    console = console_of(as_json=as_json)
    if experiment is not None and (campaign is not None or control is not None):
        raise FixSettingsError("An experiment defines its own variants.", fix="Remove CAMPAIGN and --control.")
    with session_of(workspace, reading=True) as session:
        if experiment is not None:
            lift = job.lift_of_experiment(session, experiment)
        else:
            lift = job.lift_of_campaign(session, campaign, control=control)
    console.result(lift_document(lift), *render_lift(lift, every=every))


def render_lift(lift: Any, *, every: bool = False) -> list[Any]:
    """Return the lift as text: the verdict, and with *every* what it stands on."""
    from segmenter.lift.text import NO_SENDS, verdict  # noqa: PLC0415

    lines: list[Any] = [f"{lift.about}{' (interim: the experiment has not ended)' if lift.early else ''}"]
    if lift.ratio is not None and lift.ratio.broken:
        return [*lines, RATIO_BROKEN, *lift.notes]
    if not lift.mailed:
        return [*lines, NO_SENDS, *lift.notes]
    lines += [*verdict(lift.comparisons, lift.primary), *lift.notes]
    return [*lines, "", *_details(lift)] if every else [*lines, "Each metric and persona: add --all."]


def _details(lift: Any) -> list[Any]:
    """Every metric of each pair of variants, for each persona, and revenue."""
    from segmenter.lift.text import sentences  # noqa: PLC0415

    lines: list[Any] = []
    for comparison in lift.comparisons:
        rows = [
            (
                effect.persona,
                effect.treated.people,
                effect.control.people,
                f"{effect.treated.rate:.1%}",
                f"{effect.control.rate:.1%}",
                f"{100 * effect.difference:+.1f}",
                f"{100 * effect.shrunken:+.1f}",
            )
            for effect in (comparison.everyone, *comparison.personas)
        ]
        asked = comparison.question
        headed = f"{asked.metric}: “{asked.treated}” vs “{asked.control}”"
        columns = ("Persona", asked.treated, asked.control, "Rate", "Against", "Points", "Expected next send")
        lines += [table(*columns, rows=rows, title=headed), *sentences(comparison), ""]
    return [*lines, *(spent(revenue) for revenue in lift.spend)]


def spent(revenue: Any) -> str:
    """Return the difference in revenue per person as text."""
    if revenue.interval.high == float("inf"):
        return f"Revenue: not enough orders to compare “{revenue.treated}” and “{revenue.control}”."
    sentence = (
        f"Revenue per person: {revenue.difference:+.2f} {revenue.currency}, “{revenue.treated}” vs "
        f"“{revenue.control}” (95% CI {revenue.interval.low:.2f} to {revenue.interval.high:.2f})"
    )
    sentence += (
        f"; adjusting for past spend (CUPED) removed {revenue.less:.0%} of the variance." if revenue.less else "."
    )
    left = f" {revenue.left_out:,} orders in other currencies are excluded." if revenue.left_out else ""
    return sentence + left


@app.command("offers")
def offers_command(
    *,
    workspace: WorkspaceOption = HERE,
    metric: Annotated[str, typer.Option(help="Metric: clicked, ordered or opened.")] = "clicked",
    as_json: JsonOption = False,
) -> None:
    """Show which offer works best for each persona. Compares randomized variants only, with confidence intervals."""
    from sync.experiments.job import USUAL  # noqa: PLC0415
    from sync.results import offers as job  # noqa: PLC0415 - heavy imports only where needed
    from sync.results.documents import offers_document  # noqa: PLC0415

    if metric not in USUAL:
        raise FixSettingsError(f"{metric!r} can't be compared.", fix=f"Use one of: {', '.join(USUAL)}.")
    console = console_of(as_json=as_json)
    with session_of(workspace, reading=True) as session:
        offer_results = job.offers(session, metric=metric)
    console.result(offers_document(offer_results, metric), *render_offers(offer_results, metric))


def render_offers(results: Any, metric: str) -> list[Any]:
    """Return the table of personas by offers, a sentence each, and what was never compared."""
    from segmenter.lift.text import apart_sentence, offer_sentence  # noqa: PLC0415 - heavy imports only where needed

    names = sorted({cell.offer for best in results.bests for cell in best.offers})
    rows = []
    for best in results.bests:
        rates = {cell.offer: f"{cell.rate:.1%} of {cell.responses.people:,}" for cell in best.offers}
        rows.append((best.persona, *(rates.get(name, "") for name in names)))
    title = f"Share who {metric}, of emails that compare offers"
    return [
        *([table("Persona", *names, rows=rows, title=title)] if rows else ["No offers have been compared yet."]),
        *(offer_sentence(best, metric) for best in results.bests),
        *(apart_sentence(persona, groups) for persona, groups in results.apart.items()),
        *results.notes,
    ]
