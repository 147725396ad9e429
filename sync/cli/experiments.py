"""A/B test commands: create, show, list, end."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from connectors.errors import FixSettingsError
from sync.cli.console import table
from sync.cli.names import completing, experiments, personas
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of, session_of
from sync.cli.pipeline import parse_moment

group = typer.Typer(name="experiment", help="A/B tests and holdouts: create, show, list, end.")
app.add_typer(group)

RATIO_BROKEN = (
    "Sample ratio mismatch: the variants' sizes don't match their planned shares. Draw no "
    "conclusions until this is explained."
)
NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Name: lower-case letters, digits and underscores.", autocompletion=completing(experiments)
    ),
]


@group.command("create")
def experiment_create_command(
    name: NameArgument,
    *,
    workspace: WorkspaceOption = HERE,
    arm: Annotated[
        list[str],
        typer.Option(
            "--arm",
            metavar="ARM[=SHARE]",
            help="A variant, like new=50%; without shares all are equal. Repeat for each variant.",
        ),
    ],
    holdout: Annotated[
        str, typer.Option(metavar="SHARE", help="Holdout: share of people who get no email, like 10%.")
    ] = "0",
    holdout_of: Annotated[
        list[str] | None,
        typer.Option(
            "--holdout-of", metavar="PERSONA=SHARE", help="A different holdout for one persona, like champions=5%."
        ),
    ] = None,
    persona: Annotated[
        list[str] | None,
        typer.Option(help="Only this persona; repeat for several.", autocompletion=completing(personas)),
    ] = None,
    generic: Annotated[
        list[str] | None, typer.Option(metavar="ARM", help="The variant that gets the fallback copy.")
    ] = None,
    placebo: Annotated[
        list[str] | None, typer.Option(metavar="ARM", help="The variant that gets the copy of a random persona.")
    ] = None,
    metric: Annotated[str, typer.Option(help="Primary metric: clicked, ordered or opened.")] = "clicked",
    mde: Annotated[str, typer.Option(metavar="SHARE", help="Minimum detectable effect (absolute), like 1%.")] = "1%",
    baseline: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Baseline rate for the sample size, like 3%.")
    ] = None,
    ends: Annotated[
        str | None, typer.Option(metavar="TIME", help="Planned end, ISO 8601; results before it count as interim.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Create an A/B test and show the lift it can detect. People are randomly assigned to variants by a stable hash."""
    from segmenter.lift.randomization import Experiment  # noqa: PLC0415 - heavy imports only where needed
    from sync.experiments import job  # noqa: PLC0415
    from sync.results.documents import experiment_document  # noqa: PLC0415
    from sync.results.new_experiment import (  # noqa: PLC0415
        arms_of,
        baseline_of,
        name_and_share,
        parse_share,
        share_or_none,
    )

    console = console_of(as_json=as_json)
    if metric not in job.USUAL:
        raise FixSettingsError(f"{metric!r} can't be the primary metric.", fix=f"Use one of: {', '.join(job.USUAL)}.")
    with session_of(workspace) as session:
        wanted = Experiment(
            name=name,
            salt="",
            arms=arms_of(arm),
            begins=session.now(),
            ends=parse_moment(ends),
            holdout=share_or_none(holdout),
            personas=tuple(persona or ()),
            holdouts={slug: parse_share(text) for slug, text in map(name_and_share, holdout_of or ())},
            metric=metric,
            mde=parse_share(mde),
            generic=tuple(generic or ()),
            placebo=tuple(placebo or ()),
        )
        rate, known = baseline_of(session, metric, baseline)
        experiment_view = job.create_experiment(session, replace(wanted, baseline=rate))
    shown = render_experiment(experiment_view, known=known)
    console.result(experiment_document(experiment_view), *shown, *next_steps(experiment_view))


@group.command(name="show")
def experiment_show_command(
    name: NameArgument, *, workspace: WorkspaceOption = HERE, as_json: JsonOption = False
) -> None:
    """Show an experiment. Lists people by persona and variant, the detectable lift, and edited groups."""
    from sync.results.documents import experiment_document  # noqa: PLC0415 - heavy imports only where needed
    from sync.results.experiment_sizes import measured_experiment  # noqa: PLC0415 - ditto

    console = console_of(as_json=as_json)
    with session_of(workspace, reading=True) as session:
        experiment_view = measured_experiment(session, name)
    console.result(experiment_document(experiment_view), *render_experiment(experiment_view))


@group.command(name="list")
def experiment_list_command(*, workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """List the experiments of the workspace."""
    from sync.experiments.job import experiments_document  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    with session_of(workspace, reading=True) as session:
        entries = list(session.workspace.experiments.values())
    rows = [(e.name, f"{e.begins:%Y-%m-%d}", f"{e.ends:%Y-%m-%d}" if e.ends else "open", e.metric) for e in entries]
    empty = "No experiments yet. Create one with `personasync experiment create`."
    shown = table("Name", "Begins", "Ends", "Metric", rows=rows) if rows else empty
    console.result(experiments_document(entries), shown)


@group.command("end")
def experiment_end_command(
    name: NameArgument,
    *,
    workspace: WorkspaceOption = HERE,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="End, ISO 8601. Default: now.")] = None,
    as_json: JsonOption = False,
) -> None:
    """End an experiment: nobody else is assigned, and its results are final."""
    from sync.experiments import job  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    with session_of(workspace) as session:
        ended = job.end_experiment(session, name, parse_moment(at) or session.now())
    sentence = (
        f"{name} ends {ended.ends:%Y-%m-%d %H:%M} UTC. See the result with `personasync lift --experiment {name}`."
    )
    console.result({"experiment": name, "ends": ended.ends}, sentence)


def render_experiment(view: Any, *, known: str = "") -> list[Any]:
    """Return an experiment as text; *known* is where its baseline is from."""
    from segmenter.lift.text import RATES, in_points  # noqa: PLC0415 - heavy imports only where needed

    experiment = view.experiment
    arms = list(experiment.groups)
    sizes = [*view.sizes, *([view.everyone] if len(view.sizes) > 1 else [])]
    rows = [
        (
            size.persona,
            *(size.people.get(arm, 0) for arm in arms),
            _least(size),
            f"{size.needed:,}",
            f"{size.most_missing:,}",
        )
        for size in sizes
    ]
    columns = ("Persona", *arms, "Detectable lift", "Needed per variant", "Missing per variant")
    lines: list[Any] = [table(*columns, rows=rows)]
    if view.sizes:
        lines.append(
            f"Planned with a {RATES[experiment.metric]} of {view.everyone.baseline:.1%}{f' ({known})' if known else ''}"
            ": "
            f"a rise of {in_points(experiment.mde)} is detected with 80% power by {view.everyone.needed:,} contacts "
            "per variant."
        )
        lines += [*_vs_holdout(view), *view.verdict]
    else:
        lines.append("Nobody is assigned yet: run `personasync assign`, which randomly assigns people to the variants.")
    if view.ratio is not None and view.ratio.broken:
        lines.append(
            "Sample ratio mismatch: the variants' sizes don't match their planned shares. Draw no "
            "conclusions until this is explained."
        )
    lines += [
        f"{n:,} people are in a different group on {name} than their variant requires."
        for name, n in view.edited.items()
    ]
    return lines


def _vs_holdout(result: Any) -> list[str]:
    """What variants can show against the holdout, where they are compared with each other first."""
    experiment, everyone = result.experiment, result.everyone
    if "holdout" not in everyone.people or len(experiment.arms) < 2:  # noqa: PLR2004 - one variant is compared with it anyway
        return []
    held, missing = everyone.people["holdout"], everyone.missing["holdout"]
    least = everyone.least_over_holdout
    rise = "no rise" if least is None else f"a rise of {100 * least:.1f} pp"
    return [f"Each variant vs the holdout of {held:,}: {rise} is detectable; the holdout is missing {missing:,}."]


def _least(size: Any) -> str:
    return "none" if size.least is None else f"{100 * size.least:.1f} pp"


def next_steps(view: Any) -> list[str]:
    """Return what to do after an experiment was created."""
    groups = ", ".join(view.experiment.groups.values())
    return [f"`setup`, `plan` and `apply` create the groups {groups}; then send each variant its email."]
