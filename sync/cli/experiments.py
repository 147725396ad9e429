"""Experiments: create, show, end. And what came of them, or of a campaign: lift."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from connectors.errors import FixSettingsError
from sync.cli.console import table
from sync.cli.names import completing, experiments, personas
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, bench_of, console_of
from sync.cli.pipeline import moment, share

group = typer.Typer(name="experiment", help="Arms and holdouts: who gets what, so that the difference can be told.")
app.add_typer(group)

RATIO_BROKEN = "The counts of the arms are not what their shares promise: conclude nothing before that is explained."
NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Lower case letters, digits, underscores.", autocompletion=completing(experiments)
    ),
]


@group.command()
def create(
    name: NameArgument,
    *,
    workspace: WorkspaceOption = HERE,
    arm: Annotated[
        list[str],
        typer.Option("--arm", metavar="ARM[=SHARE]", help="An arm; without a share all are equal. Repeat it."),
    ],
    holdout: Annotated[str, typer.Option(metavar="SHARE", help="People who get no mail, like 10%.")] = "0",
    holdout_of: Annotated[
        list[str] | None, typer.Option("--holdout-of", metavar="PERSONA=SHARE", help="Another one for a persona.")
    ] = None,
    persona: Annotated[
        list[str] | None,
        typer.Option(help="Only this persona; repeat it for more.", autocompletion=completing(personas)),
    ] = None,
    generic: Annotated[list[str] | None, typer.Option(metavar="ARM", help="This arm gets the fallback copy.")] = None,
    placebo: Annotated[
        list[str] | None, typer.Option(metavar="ARM", help="This arm gets the copy of a random persona.")
    ] = None,
    metric: Annotated[str, typer.Option(help="What decides: clicked, ordered or opened.")] = "clicked",
    worth: Annotated[str, typer.Option(metavar="SHARE", help="The least rise worth knowing, like 1%.")] = "1%",
    base: Annotated[str | None, typer.Option(metavar="SHARE", help="The rate to plan with, like 3%.")] = None,
    ends: Annotated[str | None, typer.Option(metavar="TIME", help="ISO 8601; until then looks count as early.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Deal people into arms by a stable hash, and say first what lift they could show."""
    from segmenter.lift.randomization import Experiment  # noqa: PLC0415 - heavy imports only where needed
    from sync.experiments import job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    if metric not in job.USUAL:
        raise FixSettingsError(f"{metric!r} can't decide.", mend=f"Write one of: {', '.join(job.USUAL)}.")
    with bench_of(workspace) as bench:
        wanted = Experiment(
            name=name,
            salt="",
            arms=arms_of(arm),
            begins=bench.now(),
            ends=moment(ends),
            holdout=share_or_none(holdout),
            personas=tuple(persona or ()),
            holdouts={slug: share(text) for slug, text in map(_pair, holdout_of or ())},
            metric=metric,
            worth=share(worth),
            generic=tuple(generic or ()),
            placebo=tuple(placebo or ()),
        )
        found = job.create(bench, wanted, base=None if base is None else share(base))
    console.result(document(found), *shown(found), *next_steps(found))


@group.command(name="show")
def show_one(name: NameArgument, *, workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """Show an experiment: people by persona and arm, the lift they can show, and whether its groups were edited."""
    from sync.experiments import job  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench:
        found = job.show(bench, name)
    console.result(document(found), *shown(found))


@group.command(name="list")
def list_all(*, workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """List the experiments of the workspace."""
    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench:
        found = list(bench.workspace.experiments.values())
    rows = [(e.name, f"{e.begins:%Y-%m-%d}", f"{e.ends:%Y-%m-%d}" if e.ends else "open", e.metric) for e in found]
    listed = [{"name": e.name, "begins": e.begins, "ends": e.ends, "metric": e.metric} for e in found]
    empty = "There is no experiment yet: `personasync experiment create` makes one."
    console.result({"experiments": listed}, table("Name", "Begins", "Ends", "Metric", rows=rows) if rows else empty)


@group.command()
def end(
    name: NameArgument,
    *,
    workspace: WorkspaceOption = HERE,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="ISO 8601. Default: now.")] = None,
    as_json: JsonOption = False,
) -> None:
    """End an experiment: nobody is dealt in any more, and its figures count as final."""
    from sync.experiments import job  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench:
        ended = job.end(bench, name, moment(at) or bench.now())
    told = f"{name} ends {ended.ends:%Y-%m-%d %H:%M} UTC. `personasync lift --experiment {name}` tells its result."
    console.result({"experiment": name, "ends": ended.ends}, told)


def arms_of(texts: list[str]) -> dict[str, float]:
    """Return arms with shares; where no arm names one, all are equal.

    Raises:
        FixSettingsError: Some arms name a share and some do not, or an arm is named twice.
    """
    pairs = [_pair(text) if "=" in text else (text, "") for text in texts]
    if len({name for name, _ in pairs}) < len(pairs):
        raise FixSettingsError("An arm is named twice.", mend="Give each arm its own name.")
    if not any(text for _, text in pairs):
        return {name: 1 / len(pairs) for name, _ in pairs}
    if not all(text for _, text in pairs):
        raise FixSettingsError("Some arms have a share and some have none.", mend="Write --arm old=50% --arm new=50%.")
    return {name: share(text) for name, text in pairs}


def share_or_none(text: str) -> float:
    """Return a share that may be nothing."""
    return 0.0 if text.strip().rstrip("%") in {"0", "0.0"} else share(text)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise FixSettingsError(f"{text!r} is no pair.", mend="Write it like name=10%.")
    return name, value


def document(found: Any) -> dict[str, Any]:
    """Return an experiment for scripts."""
    one = found.experiment
    return {
        "experiment": one.name,
        "arms": dict(one.arms),
        "holdout": one.holdout,
        "groups": one.groups,
        "metric": one.metric,
        "begins": one.begins,
        "ends": one.ends,
        "people": {size.persona: dict(size.people) for size in found.sizes},
        "least_lift": {size.persona: size.least for size in found.sizes},
        "needed_per_arm": {size.persona: size.needed for size in found.sizes},
        "sample_ratio_p": None if found.ratio is None else found.ratio.p,
        "edited_on_platforms": dict(found.edited),
    }


def shown(found: Any) -> list[Any]:
    """Return an experiment for people."""
    from segmenter.lift.text import counted  # noqa: PLC0415 - heavy imports only where needed

    one = found.experiment
    arms = list(one.groups)
    rows = [
        (size.persona, *(size.people.get(arm, 0) for arm in arms), _least(size), f"{size.needed:,}")
        for size in found.sizes
    ]
    lines: list[Any] = [table("Persona", *arms, "Least lift seen", "Needed an arm", rows=rows)]
    if found.sizes:
        known = "a guess, no campaign was measured yet" if found.guessed else "as you said"
        lines.append(
            f"Planned with a rate of {found.sizes[0].base:.1%} ({known}): a rise of {counted(one.worth)} shows "
            f"in 4 of 5 experiments with {found.sizes[0].needed:,} people an arm."
        )
    else:
        lines.append("Nobody is assigned yet: run `personasync assign`, which deals people in.")
    if found.ratio is not None and found.ratio.broken:
        lines.append(
            "The counts of the arms are not what their shares promise: conclude nothing before that is explained."
        )
    lines += [f"{n:,} people are in another group on {name} than their arm says." for name, n in found.edited.items()]
    return lines


def _least(size: Any) -> str:
    return "none" if size.least is None else f"{100 * size.least:.1f} points"


def next_steps(found: Any) -> list[str]:
    """Return what to do after an experiment was created."""
    groups = ", ".join(found.experiment.groups.values())
    return [
        f"Next: `personasync setup`, `plan` and `apply` put people into the groups {groups}; send each arm its mail."
    ]
