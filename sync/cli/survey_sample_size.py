"""`survey sample-size`: how many people must answer."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connectors.errors import FixSettingsError
from sync.cli.console import table
from sync.cli.options import JsonOption, console_of
from sync.cli.survey_options import survey_app

if TYPE_CHECKING:
    from segmenter.surveys.sample_plan import SampleAim, SamplePlan

MOST_SEGMENTS = 30


@survey_app.command("sample-size")
def survey_sample_size_command(
    *,
    margin: Annotated[
        float, typer.Option("--margin", min=0.001, max=0.5, help="Margin of error of a share, such as 0.05.")
    ] = 0.05,
    share: Annotated[
        float, typer.Option("--share", min=0.001, max=0.999, help="Expected share; 0.5 is the worst case.")
    ] = 0.5,
    segment: Annotated[
        list[str] | None,
        typer.Option("--segment", metavar="NAME=SHARE", help="A segment, and its part of all. Repeat for each."),
    ] = None,
    difference: Annotated[
        float | None,
        typer.Option("--difference", min=0.001, max=0.999, help="Difference of shares between segments to detect."),
    ] = None,
    effect: Annotated[
        float | None,
        typer.Option("--effect", min=0.01, max=5, help="Difference of means to detect, in standard deviations."),
    ] = None,
    population: Annotated[
        int | None, typer.Option("--population", min=1, help="People of whom these are a sample. Default: far more.")
    ] = None,
    level: Annotated[float, typer.Option("--level", min=0.5, max=0.9999, help="Level of confidence.")] = 0.95,
    power: Annotated[
        float, typer.Option("--power", min=0.5, max=0.9999, help="Chance to detect the difference.")
    ] = 0.8,
    design_effect: Annotated[
        float, typer.Option("--design-effect", min=1, max=100, help="How much weights enlarge the variance.")
    ] = 1.0,
    response: Annotated[
        float | None, typer.Option("--response", min=0.0001, max=1, help="Share of the invited who answer.")
    ] = None,
    respondents: Annotated[
        int | None, typer.Option("--respondents", min=1, help="A given number: what it allows.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Plan the number of respondents. Margins of error, segments, differences; needs no workspace."""
    from segmenter.surveys.sample_plan import SampleAim, plan_sample  # noqa: PLC0415 - heavy imports only where needed

    aim = SampleAim(
        margin,
        share,
        level,
        power,
        difference,
        effect,
        _segments(segment or ()),
        population,
        design_effect,
        response,
        respondents,
    )
    _check(aim)
    plan = plan_sample(aim)
    console_of(as_json=as_json).result({**asdict(aim), **asdict(plan)}, *_lines(aim, plan))


def _segments(texts: Any) -> dict[str, float]:
    segments: dict[str, float] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            part = float(number)
        except ValueError:
            part = 0.0
        if not name or name in segments or not 0 < part < 1:
            raise FixSettingsError(
                f"--segment {text!r} is not NAME=SHARE.", fix="Write --segment small=0.1, each name once."
            )
        segments[name] = part
    return segments


def _check(aim: SampleAim) -> None:
    if sum(aim.segments.values()) > 1 + 1e-9:
        raise FixSettingsError("The segments are more than everybody.", fix="Their shares add up to 1 at most.")
    if len(aim.segments) > MOST_SEGMENTS:
        raise FixSettingsError("These are too many segments.", fix=f"Name at most {MOST_SEGMENTS}.")
    if (aim.difference is not None or aim.effect is not None) and len(aim.segments) < 2:  # noqa: PLR2004 - a pair
        raise FixSettingsError(
            "A difference needs two segments at least.", fix="Name them: --segment a=0.5 --segment b=0.5."
        )
    if aim.difference is not None and aim.difference > max(aim.share, 1 - aim.share):
        raise FixSettingsError(
            f"No two shares differ by {aim.difference:g} if one is {aim.share:g}.", fix="Plan a smaller difference."
        )
    if aim.respondents is not None and aim.population is not None and aim.respondents > aim.population:
        raise FixSettingsError("More respondents than people.", fix="Check --respondents and --population.")


def _lines(aim: SampleAim, plan: SamplePlan) -> list[Any]:
    allowed = f"With {plan.respondents:,}"
    rows = [(each.what, each.respondents, each.limit) for each in plan.requirements]
    shown: list[Any] = [table("To tell", "Respondents", allowed, rows=rows)]
    given = "given" if aim.respondents is not None else "planned"
    people = f"{plan.respondents:,} respondents {given}"
    invited = "" if plan.invited is None else f"; invite {plan.invited:,} at a response rate of {aim.response:.1%}"
    shown.append(f"{people}{invited}.")
    if plan.limited:
        shown.append(f"Warning: that is more than the population of {aim.population:,}; ask for less.")
    pairs = len(aim.segments) * (len(aim.segments) - 1) // 2
    if pairs > 1 and (aim.difference is not None or aim.effect is not None):
        shown.append(f"The {pairs} pairs of segments share the false alarms of {1 - aim.level:.0%} (Bonferroni).")
    shown.append(
        f"{aim.level:.0%} confidence, power {aim.power:.0%}, expected share {aim.share:.0%}, design effect "
        f"{aim.design_effect:g}" + ("." if aim.population is None else f", finite population of {aim.population:,}.")
    )
    return shown
