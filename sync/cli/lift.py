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

    console = console_of(as_json=as_json)
    if experiment is not None and (campaign is not None or control is not None):
        raise FixSettingsError("An experiment defines its own variants.", fix="Remove CAMPAIGN and --control.")
    with session_of(workspace, reading=True) as session:
        if experiment is not None:
            found = job.lift_of_experiment(session, experiment)
        else:
            found = job.lift_of_campaign(session, campaign, control=control)
    console.result(lift_document(found), *render_lift(found, every=every))


def render_lift(found: Any, *, every: bool = False) -> list[Any]:
    """Return the lift as text: the verdict, and with *every* what it stands on."""
    from segmenter.lift.text import NO_SENDS, verdict  # noqa: PLC0415

    lines: list[Any] = [f"{found.about}{' (interim: the experiment has not ended)' if found.early else ''}"]
    if found.ratio is not None and found.ratio.broken:
        return [*lines, RATIO_BROKEN, *found.notes]
    if not found.mailed:
        return [*lines, NO_SENDS, *found.notes]
    lines += [*verdict(found.comparisons, found.primary), *found.notes]
    return [*lines, "", *_details(found)] if every else [*lines, "Each metric and persona: add --all."]


def _details(found: Any) -> list[Any]:
    """Every metric of each pair of variants, for each persona, and revenue."""
    from segmenter.lift.text import sentences  # noqa: PLC0415

    lines: list[Any] = []
    for comparison in found.comparisons:
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
    return [*lines, *(spent(one) for one in found.spend)]


def spent(one: Any) -> str:
    """Return the difference in revenue per person as text."""
    if one.interval.high == float("inf"):
        return f"Revenue: not enough orders to compare “{one.treated}” and “{one.control}”."
    told = (
        f"Revenue per person: {one.difference:+.2f} {one.currency}, “{one.treated}” vs "
        f"“{one.control}” (95% CI {one.interval.low:.2f} to {one.interval.high:.2f})"
    )
    told += f"; adjusting for past spend (CUPED) removed {one.less:.0%} of the variance." if one.less else "."
    left = f" {one.left_out:,} orders in other currencies are excluded." if one.left_out else ""
    return told + left


def lift_document(found: Any) -> dict[str, Any]:
    """Return the lift as a JSON document: rates and differences as shares."""
    from segmenter.lift.text import NO_SENDS, sentences, verdict  # noqa: PLC0415

    return {
        "about": found.about,
        "verdict": verdict(found.comparisons, found.primary) if found.mailed else [NO_SENDS],
        "primary": found.primary,
        "early": found.early,
        "mailed": found.mailed,
        "sample_ratio_p": None if found.ratio is None else found.ratio.p,
        "sample_ratio_broken": bool(found.ratio and found.ratio.broken),
        "comparisons": [
            {
                "metric": comparison.question.metric,
                "treated": comparison.question.treated,
                "control": comparison.question.control,
                "heterogeneity_p": comparison.common.p,
                "personas_differ": comparison.common.differ,
                "everyone": effect_document(comparison.everyone),
                "personas": [effect_document(effect) for effect in comparison.personas],
                "sentences": sentences(comparison),
            }
            for comparison in found.comparisons
        ],
        "revenue": [
            {
                "treated": one.treated,
                "control": one.control,
                "difference": one.difference,
                "interval": [one.interval.low, one.interval.high] if one.interval.high != float("inf") else None,
                "currency": one.currency,
                "variance_explained": one.less,
                "orders_left_out": one.left_out,
            }
            for one in found.spend
        ],
        "notes": list(found.notes),
    }


def effect_document(one: Any) -> dict[str, Any]:
    """Return one effect as a JSON document."""
    return {
        "persona": one.persona,
        "treated": {"people": one.treated.people, "converted": one.treated.converted},
        "control": {"people": one.control.people, "converted": one.control.converted},
        "difference": one.difference,
        "interval": [one.interval.low, one.interval.high],
        "p": one.p,
        "shrunken": one.shrunken,
        "stands": one.stands,
        "more_people_needed": one.more,
        "verdict": one.verdict,
    }


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

    if metric not in USUAL:
        raise FixSettingsError(f"{metric!r} can't be compared.", fix=f"Use one of: {', '.join(USUAL)}.")
    console = console_of(as_json=as_json)
    with session_of(workspace, reading=True) as session:
        offer_results = job.offers(session, metric=metric)
    console.result(offers_document(offer_results, metric), *render_offers(offer_results, metric))


def render_offers(found: Any, metric: str) -> list[Any]:
    """Return the table of personas by offers, a sentence each, and what was never compared."""
    from segmenter.lift.text import apart_sentence, offer_sentence  # noqa: PLC0415 - heavy imports only where needed

    names = sorted({cell.offer for best in found.bests for cell in best.offers})
    rows = []
    for best in found.bests:
        rates = {cell.offer: f"{cell.rate:.1%} of {cell.responses.people:,}" for cell in best.offers}
        rows.append((best.persona, *(rates.get(name, "") for name in names)))
    title = f"Share who {metric}, of emails that compare offers"
    return [
        *([table("Persona", *names, rows=rows, title=title)] if rows else ["No offers have been compared yet."]),
        *(offer_sentence(best, metric) for best in found.bests),
        *(apart_sentence(persona, groups) for persona, groups in found.apart.items()),
        *found.notes,
    ]


def offers_document(found: Any, metric: str) -> dict[str, Any]:
    """Return the offers as a JSON document: one entry for each persona and group of offers that were compared."""
    return {
        "metric": metric,
        "personas": [best_document(best) for best in found.bests],
        "never_compared": {persona: [list(group) for group in groups] for persona, groups in found.apart.items()},
        "notes": list(found.notes),
    }


def best_document(best: Any) -> dict[str, Any]:
    """Return one persona's offers that were compared with each other."""
    return {
        "persona": best.persona,
        "best": best.best.offer,
        "supported": best.supported,
        "p": best.p,
        "rival": best.rival,
        "difference": best.difference,
        "lead": [best.lead.low, best.lead.high],
        "early": best.early,
        "side_by_side": best.direct,
        "comparisons": [{"name": trial.name, "people": trial.people()} for trial in best.trials],
        "offers": [
            {
                "offer": cell.offer,
                "people": cell.responses.people,
                "converted": cell.responses.converted,
                "rate": cell.rate,
                "expected": cell.expected,
            }
            for cell in best.offers
        ],
    }
