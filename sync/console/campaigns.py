"""Campaigns and experiments: results, verdicts, and a new experiment with what it can detect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from connectors.errors import FixSettingsError
from segmenter.lift.randomization import HOLDOUT, Experiment
from segmenter.lift.text import RATES, in_points
from sync.console.pages import Asked, ConsolePage, Desk, Elsewhere
from sync.console.tasks import Finished
from sync.design.hues import hues_of
from sync.experiments.job import USUAL, ExperimentView, create_experiment, end_experiment
from sync.report.sections import shown_lifts
from sync.report.sentences import show_campaign
from sync.results.campaign_result import METRICS, CampaignResult
from sync.results.campaigns import newest_campaigns
from sync.results.experiment_sizes import measured_experiment
from sync.results.lift import Lift, lift_of_campaign, lift_of_experiment
from sync.results.new_experiment import arms_of, baseline_of, parse_share, share_or_none
from sync.session import Progress, Session

SECTION = "/campaigns"
VARIANTS = 6


def campaigns_page(desk: Desk, asked: Asked) -> ConsolePage:
    """Return the newest campaigns and all experiments."""
    del asked
    dated = desk.reader.figures(("campaigns",), newest_campaigns, list[CampaignResult])
    workspace = desk.reader.workspace()
    values = {
        "campaigns": [(result, show_campaign(result)) for result in dated.answer],
        "calculated": dated.at,
        "metrics": METRICS,
        "experiments": list(workspace.experiments.values())[::-1],
        "holdout": workspace.everybody,
        "now": desk.reader.now(),
    }
    return ConsolePage(SECTION, "Campaigns and experiments", "campaigns.html.j2", values)


def campaign_page(desk: Desk, asked: Asked) -> ConsolePage:
    """Return one campaign: each persona and variant, and the lift where it was sent in variants."""
    wanted = asked.path["connection"], asked.path["campaign"]
    result, lift, why = desk.reader.ask(("campaign", *wanted), partial(_campaign, wanted=wanted), slow=True)
    values = {
        "result": result,
        "shown": show_campaign(result),
        "metrics": METRICS,
        "lifts": shown_lifts([lift], _hues(desk)) if lift else [],
        "why": why,
    }
    return ConsolePage(SECTION, result.name, "campaign.html.j2", values)


def _campaign(session: Session, wanted: tuple[str, str]) -> tuple[CampaignResult, Lift | None, str]:
    every = newest_campaigns(session)
    result = next((each for each in every if (each.connection, each.campaign_id) == wanted), None)
    if result is None:
        raise FixSettingsError("There is no such campaign among the newest.", fix="See the list of campaigns.")
    try:
        return result, lift_of_campaign(session, result.campaign_id), ""
    except FixSettingsError as error:
        return result, None, str(error)


def _hues(desk: Desk) -> Mapping[str, int]:
    known = desk.reader.workspace().personas
    hues = hues_of(known)
    return {persona.name: hues[slug] for slug, persona in reversed(list(known.items()))}


def experiment_page(desk: Desk, asked: Asked) -> ConsolePage:
    """Return one experiment: its people, what they can detect, and the verdict."""
    name = asked.path["experiment"]
    view, lift = desk.reader.ask(("experiment", name), partial(_experiment, name=name), slow=True)
    values = {
        "view": view,
        "sizes": [*view.sizes, *([view.everyone] if len(view.sizes) > 1 else [])],
        "lifts": shown_lifts([lift], _hues(desk)) if lift else [],
        "running": view.experiment.ends is None or view.experiment.ends > desk.reader.now(),
        "rate": RATES[view.experiment.metric],
        "mde": in_points(view.experiment.mde),
        "holdout": HOLDOUT,
    }
    return ConsolePage(SECTION, f"Experiment {name}", "experiment.html.j2", values)


def _experiment(session: Session, name: str) -> tuple[ExperimentView, Lift | None]:
    view = measured_experiment(session, name)
    return view, lift_of_experiment(session, name) if view.sizes else None


def new_experiment_page(desk: Desk, asked: Asked) -> ConsolePage:
    """Return the form of a new experiment."""
    del asked
    workspace = desk.reader.workspace()
    values = {"personas": workspace.personas, "metrics": list(USUAL), "variants": VARIANTS}
    return ConsolePage(SECTION, "New experiment", "new_experiment.html.j2", values)


def create_experiment_task(desk: Desk, asked: Asked) -> Elsewhere:
    """Create an experiment and randomly assign people to its variants."""
    arms = [text.strip() for text in asked.fields("arm") if text.strip()]
    if asked.field("metric") not in USUAL:
        raise FixSettingsError("Choose a metric.", fix="Go back, and choose one of the list.")
    ends = asked.field("ends").strip()
    wanted = Experiment(
        name=asked.field("name").strip(),
        salt="",
        arms=arms_of(arms),
        begins=desk.reader.now(),
        ends=_day(ends) if ends else None,
        holdout=share_or_none(asked.field("holdout") or "0"),
        personas=tuple(asked.fields("persona")),
        holdouts={slug: parse_share(share) for slug, share in _own_holdouts(desk, asked).items()},
        metric=asked.field("metric"),
        mde=parse_share(asked.field("mde") or "1%"),
        generic=_named_arm(asked, "generic"),
        placebo=_named_arm(asked, "placebo"),
    )
    given = asked.field("baseline").strip() or None

    def work(session: Session, progress: Progress) -> Finished:
        progress("Randomly assigning people to variants", 0, None)
        rate, known = baseline_of(session, wanted.metric, given)
        view = create_experiment(session, replace(wanted, baseline=rate, begins=session.now()))
        least = view.everyone.least
        said = [f"Planned with a {RATES[wanted.metric]} of {view.everyone.baseline:.1%} ({known})."]
        said.append(
            f"It detects a rise of {in_points(least)}." if least else "It has too few people to detect any rise."
        )
        said.append("Next: run `personasync setup`, make a plan and apply it; then send each variant its email.")
        people = list(view.everyone.people.items())
        return Finished(said, people, f"{SECTION}/experiments/{wanted.name}", "See the experiment")

    return Elsewhere(f"/tasks/{desk.tasks.start(f'Create experiment {wanted.name}', SECTION, work).task_id}")


def _named_arm(asked: Asked, field: str) -> tuple[str, ...]:
    """The variant that a field names; a name that is none of them is refused when the experiment is checked."""
    name = asked.field(field).strip()
    return (name,) if name else ()


def _own_holdouts(desk: Desk, asked: Asked) -> Mapping[str, str]:
    """Shares of personas that have a holdout of their own, by slug."""
    given = {slug: asked.field(f"holdout_of_{slug}").strip() for slug in desk.reader.workspace().personas}
    return {slug: share for slug, share in given.items() if share}


def _day(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise FixSettingsError(f"{text!r} is not a date.", fix="Write a date like 2027-01-31.") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def end_experiment_task(desk: Desk, asked: Asked) -> Elsewhere:
    """End an experiment now: nobody else is assigned, and its results are final."""
    name = asked.path["experiment"]
    if asked.field("name").strip() != name:
        raise FixSettingsError("The name that was typed is another one, so the experiment goes on.", fix="Go back.")

    def work(session: Session, progress: Progress) -> Finished:
        del progress
        ended = end_experiment(session, name, session.now())
        return Finished(
            [f"{name} ended {ended.ends:%Y-%m-%d %H:%M} UTC."], (), f"{SECTION}/experiments/{name}", "See the result"
        )

    return Elsewhere(f"/tasks/{desk.tasks.start(f'End experiment {name}', SECTION, work).task_id}")
