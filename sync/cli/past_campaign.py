"""A past campaign from a file: `campaign`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connectors.errors import FixSettingsError
from sync.cli.console import table
from sync.cli.options import JsonOption, app, console_of

if TYPE_CHECKING:
    from segmenter.lift.past_campaign import AmountLift, PastCampaign
    from sync.results.past_campaign import JudgedFile


@app.command("campaign")
def past_campaign_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, Excel or Parquet, one row per person.")],
    *,
    campaign: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which campaign, if the file has a column campaign.")
    ] = None,
    arm: Annotated[str, typer.Option(metavar="COLUMN", help="Column of the arm (variant).")] = "arm",
    control: Annotated[
        str | None,
        typer.Option(metavar="ARM", help="Arm to compare with. Default: control or holdout, else the first."),
    ] = None,
    outcome: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Yes/no outcome. Repeat for several; the first decides."),
    ] = None,
    amount: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Money after the campaign. Repeat for several.")
    ] = None,
    before: Annotated[str | None, typer.Option(metavar="COLUMN", help="Money before the campaign (CUPED).")] = None,
    covariate: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="What was known before. Repeat for several. Default: all other columns."),
    ] = None,
    sent: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="When the email was sent; without one, when the campaign began."),
    ] = None,
    happened: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="When the outcome happened: earlier than --sent is an error.")
    ] = None,
    share: Annotated[
        list[str] | None,
        typer.Option(metavar="ARM=SHARE", help="Planned share of an arm. Repeat for each. Default: equal shares."),
    ] = None,
    mde: Annotated[float, typer.Option(help="Least rise of a rate worth knowing, 0 to 1.")] = 0.01,
    as_json: JsonOption = False,
) -> int:
    """Measure a past campaign from a file. Checks, lift, groups, best arm and power; needs no workspace."""
    from sync.results import past_campaign as job  # noqa: PLC0415 - heavy imports only where needed

    if not 0 < mde < 1:
        raise FixSettingsError(
            f"--mde {mde:g} is not a share.", fix="Use a number between 0 and 1, like 0.01 for 1 pp."
        )
    measured = job.measure_past_campaign(
        job.CampaignFile(
            file,
            campaign,
            arm,
            control,
            tuple(outcome or ()),
            tuple(amount or ()),
            before,
            tuple(covariate or ()),
            sent,
            happened,
            _shares(share or ()),
            mde,
        )
    )
    console_of(as_json=as_json).result(_document(measured), *_shown(measured))
    return 3 if measured.result.broken else 0


def _shares(texts: Any) -> dict[str, float]:
    shares = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            shares[name] = float(number)
        except ValueError as error:
            raise FixSettingsError(f"--share {text!r} is not ARM=SHARE.", fix="Write --share control=0.1.") from error
    return shares


def _shown(measured: JudgedFile) -> list[Any]:
    from segmenter.lift.text import offer_sentence, verdict  # noqa: PLC0415

    result = measured.result
    people = ", ".join(f"{name} {count:,}" for name, count in result.people.items())
    lines: list[Any] = [f"{measured.about}: {sum(result.people.values()):,} people ({people}).", *_checks(result)]
    if result.broken:
        return [*lines, "The arms were not alike from the start: draw no conclusions until this is explained."]
    lines += [table("Outcome", "Arm", "Rate", "Control", "Lift in pp (95% CI)", "", "Verdict", rows=_rates(result))]
    lines += [*verdict(result.everyone, measured.primary), *(_money(amount) for amount in result.amounts)]
    lines += [table("Outcome", "Arm", "Least lift shown", "People per arm for --mde", rows=_power(result))]
    lines += [*_groups(result), *(offer_sentence(best, measured.primary) for best in result.bests), *measured.notes]
    return lines


def _checks(result: PastCampaign) -> list[str]:
    from segmenter.lift.text import p_text  # noqa: PLC0415

    mismatch = "MISMATCH with the planned shares (equal ones, unless --share says others)"
    ratio = f"Sample ratio: {p_text(result.ratio.p)}, {mismatch if result.ratio.broken else 'as planned'}."
    if not result.balance:
        return [ratio, "Balance: the file has no covariates."]
    off = [f"{row.covariate} ({p_text(row.p)}, {row.largest:.2f} sd)" for row in result.balance if row.broken]
    largest = max(result.balance, key=lambda row: row.largest)
    alike = (
        f"Balance: {len(result.balance)} covariates, largest difference {largest.largest:.3f} sd ({largest.covariate})"
    )
    return [ratio, f"{alike}; NOT BALANCED: {', '.join(off)}." if off else f"{alike}; no significant imbalance."]


def _rates(result: PastCampaign) -> list[tuple[str, ...]]:
    from segmenter.lift.text import p_text  # noqa: PLC0415

    rows: list[tuple[str, ...]] = []
    for comparison in result.everyone:
        effect = comparison.everyone
        low, high = 100 * effect.interval.low, 100 * effect.interval.high
        span = f"{100 * effect.difference:+.2f} ({low:+.2f} to {high:+.2f})"
        rates = (f"{effect.treated.rate:.2%}", f"{effect.control.rate:.2%}")
        rows.append((effect.metric, comparison.question.treated, *rates, span, p_text(effect.p), effect.verdict))
    return rows


def _money(amount: AmountLift) -> str:
    span = f"95% CI {amount.interval.low:+.3f} to {amount.interval.high:+.3f}"
    adjusted = f", CUPED removed {amount.less:.0%} of the variance" if amount.less else ""
    stands = "" if amount.stands else "; not significant after correction for multiple comparisons"
    means = f"{amount.means[0]:.3f} vs {amount.means[1]:.3f}"
    return (
        f"{amount.metric} per person: {means}, {amount.difference:+.3f} “{amount.treated}” vs “{amount.control}” "
        f"({span}{adjusted}){stands}."
    )


def _power(result: PastCampaign) -> list[tuple[str, ...]]:
    return [
        (
            power.metric,
            power.treated,
            "more than 100%" if power.least is None else f"{100 * power.least:.2f} pp over {power.base:.2%}",
            f"{power.needed:,}",
        )
        for power in result.power
    ]


def _groups(result: PastCampaign) -> list[str]:
    """Where effects differ between groups, all covariates, outcomes and arms considered."""
    from segmenter.lift.text import p_text  # noqa: PLC0415

    lines = []
    for name, comparisons in result.within.items():
        for comparison in comparisons:
            if comparison.common.differ:
                asked = comparison.question
                parts = ", ".join(
                    f"{effect.persona} {100 * effect.difference:+.1f} pp ({100 * effect.interval.low:+.1f} to "
                    f"{100 * effect.interval.high:+.1f})"
                    for effect in comparison.personas
                )
                lines.append(
                    f"The effect of “{asked.treated}” on {asked.metric} differs by {name} "
                    f"(Q = {comparison.common.q:.1f}, {p_text(comparison.common.p)}): {parts}."
                )
    tests = sum(len(comparisons) for comparisons in result.within.values())
    if result.within and not lines:
        return [f"No significant difference between groups in {tests} tests of {len(result.within)} covariates (Holm)."]
    return lines


def _document(measured: JudgedFile) -> dict[str, Any]:
    from sync.results.documents import best_document, effect_document  # noqa: PLC0415

    result = measured.result
    return {
        "about": measured.about,
        "primary": measured.primary,
        "people": dict(result.people),
        "sample_ratio_p": result.ratio.p,
        "sample_ratio_broken": result.ratio.broken,
        "balance": [asdict(row) for row in result.balance],
        "broken": result.broken,
        "everyone": [_comparison(c, effect_document) for c in result.everyone],
        "amounts": [asdict(amount) for amount in result.amounts],
        "within": {
            name: [_comparison(c, effect_document) for c in comparisons] for name, comparisons in result.within.items()
        },
        "power": [asdict(power) for power in result.power],
        "best": [best_document(best) for best in result.bests],
        "notes": list(measured.notes),
    }


def _comparison(comparison: Any, effect_document: Any) -> dict[str, Any]:
    return {
        "metric": comparison.question.metric,
        "treated": comparison.question.treated,
        "control": comparison.question.control,
        "heterogeneity_p": comparison.common.p,
        "differ": comparison.common.differ,
        "everyone": effect_document(comparison.everyone),
        "groups": [effect_document(effect) for effect in comparison.personas],
    }
