"""Experiment jobs: create (with a power calculation), show and end."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from connectors.errors import FixSettingsError
from connectors.records import ARMS, MEMBERSHIPS
from segmenter.errors import DefinitionError
from segmenter.lift.effects import EVERYONE
from segmenter.lift.randomization import HOLDOUT, Experiment, SampleRatio, check_experiment, sample_ratio
from segmenter.personalize.personas import UNCLASSIFIED
from segmenter.stats.power import least_lift, sample_size
from sync.experiments.arms import people_by_arm, randomize
from sync.experiments.definitions import keep_end, refuse_edited, was_started
from sync.session import Session, recorded
from sync.workspace.experiments import EXPERIMENTS, load_experiments, with_end, with_experiment
from sync.workspace.toml_reader import read_text, replace_text

USUAL = {"clicked": 0.03, "ordered": 0.01, "opened": 0.25}
"""Rates to plan with where no campaign has been measured yet; said to be guesses wherever they are used."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """What one persona's people, or everyone, can show.

    Attributes:
        people: By arm, the holdout among them.
        baseline: The rate of the metric that is planned with.
        least: The least rise over *baseline* that 4 of 5 such experiments show between variants; None: none at all.
        least_over_holdout: That of the smallest variant over the holdout; None also where there is none.
        needed: People per arm that a rise of the experiment's `mde` needs.
        measured: What the results say is missing, by arm; empty before a send.
    """

    persona: str
    people: Mapping[str, int]
    baseline: float
    least: float | None
    needed: int
    least_over_holdout: float | None = None
    measured: Mapping[str, int] = field(default_factory=dict)

    @property
    def missing(self) -> dict[str, int]:
        """People who are missing, by arm: what `lift` says; before a send, what is missing of `needed`."""
        return {arm: self.measured.get(arm, max(0, self.needed - people)) for arm, people in self.people.items()}

    @property
    def most_missing(self) -> int:
        """People that a variant is missing at most; the holdout's only where one variant is compared with it."""
        arms = [arm for arm in self.people if arm != HOLDOUT]
        return max((self.missing[arm] for arm in (arms if len(arms) > 1 else self.people)), default=0)


@dataclass(frozen=True, slots=True)
class ExperimentView:
    """An experiment as people see it.

    Attributes:
        sizes: By persona.
        everyone: All personas together.
        ratio: Of everybody who was dealt in; None where shares differ between personas.
        edited: People whose group on a platform is not what their arm says, by connection.
        verdict: What was measured, in sentences; empty before a send.
    """

    experiment: Experiment
    sizes: Sequence[Sizing]
    everyone: Sizing
    ratio: SampleRatio | None
    edited: Mapping[str, int] = field(default_factory=dict)
    verdict: Sequence[str] = ()

    def with_results(self, measured: Mapping[str, Mapping[str, int]], verdict: Sequence[str]) -> ExperimentView:
        """Return the same with what is missing by the results.

        Args:
            measured: By persona's slug ("" without one) and `EVERYONE`: contacts missing, by arm.
            verdict: Sentences.
        """
        sizes = [
            replace(size, measured=measured.get("" if size.persona == UNCLASSIFIED else size.persona, {}))
            for size in self.sizes
        ]
        everyone = replace(self.everyone, measured=measured.get(EVERYONE, {}))
        return replace(self, sizes=sizes, everyone=everyone, verdict=tuple(verdict))


def create_experiment(session: Session, wanted: Experiment) -> ExperimentView:
    """Add an experiment to experiments.toml and randomly assign people to its variants.

    Args:
        session: The open workspace; its settings are those from before.
        wanted: Without a salt, it gets one; without a baseline, a usual one.

    Returns:
        The experiment with the people that were assigned to each variant, and what they can detect.

    Raises:
        FixSettingsError: The definition is wrong, the name is taken, or nobody is assigned yet.
    """
    salt, baseline = wanted.salt or secrets.token_hex(8), wanted.baseline or USUAL[wanted.metric]
    experiment = replace(wanted, salt=salt, baseline=baseline)
    try:
        check_experiment(experiment)
    except DefinitionError as error:
        raise FixSettingsError(f"{error}.", fix="See `personasync experiment create --help`.") from error
    path = session.workspace.directory / EXPERIMENTS
    before = read_text(path) if path.exists() else ""
    text = with_experiment(before, experiment)
    if was_started(session, experiment.name):
        raise FixSettingsError(f"An experiment named {experiment.name!r} was run before.", fix="Choose another name.")
    replace_text(path, text)
    try:
        load_experiments(
            session.workspace.directory, segments=session.workspace.segments, personas=list(session.workspace.personas)
        )
    except FixSettingsError:
        if before:
            replace_text(path, before)
        else:
            path.unlink()
        raise
    session.reload()
    with recorded(session, "experiment create") as run:
        run.counts.update(experiment=experiment.name, allocated=randomize(session, experiment.begins))
    return show_experiment(session, experiment.name)


def experiments_document(experiments: Iterable[Experiment]) -> dict[str, Any]:
    """Return experiments as a JSON document, for a list of them."""
    return {
        "experiments": [
            {"name": each.name, "begins": each.begins, "ends": each.ends, "metric": each.metric} for each in experiments
        ]
    }


def show_experiment(session: Session, name: str) -> ExperimentView:
    """Return one experiment with its people, what they can show, and whether somebody edited its groups.

    Args:
        session: The open workspace.
        name: Of the experiment; "holdout" is the global one.

    Returns:
        People by variant, smallest detectable effect by persona, and edits by connection.

    Raises:
        FixSettingsError: There is no such experiment.
        EditedExperimentError: It was edited after its start.
    """
    experiment = find_experiment(session, name)
    refuse_edited(session, [experiment])
    people = people_by_arm(session, name)
    sizes, total = [], dict.fromkeys(experiment.groups, 0)
    for persona in sorted({key for key, _ in people}, key=lambda slug: slug or "~"):
        mine = {arm: people.get((persona, arm), 0) for arm in experiment.shares(persona)}
        sizes.append(_sizing(persona or UNCLASSIFIED, mine, experiment))
        total = {arm: n + mine.get(arm, 0) for arm, n in total.items()}
    everyone = _sizing(EVERYONE, total, experiment)
    return ExperimentView(experiment, sizes, everyone, _ratio(experiment, people), edited(session, experiment))


def find_experiment(session: Session, name: str) -> Experiment:
    """Return the experiment *name*; "holdout" is the global one.

    Args:
        session: The open workspace.
        name: Of the experiment.

    Returns:
        As experiments.toml defines it.

    Raises:
        FixSettingsError: There is none.
    """
    everybody = session.workspace.everybody
    experiment = everybody if name == HOLDOUT else session.workspace.experiments.get(name)
    if experiment is None and name == HOLDOUT:
        raise FixSettingsError("No global holdout is set.", fix="personasync.toml: [holdout] share = 0.05")
    if experiment is None:
        known = ", ".join(session.workspace.experiments) or "none yet"
        raise FixSettingsError(f"There is no experiment {name!r}.", fix=f"{EXPERIMENTS} has: {known}.")
    return experiment


def end_experiment(session: Session, name: str, at: datetime) -> Experiment:
    """End an experiment of experiments.toml: its arms take nobody in any more, and its figures are final.

    Args:
        session: The open workspace, which is read again.
        name: Of the experiment.
        at: Its end, UTC.

    Returns:
        The experiment with its end.

    Raises:
        FixSettingsError: There is none of that name, or it has ended.
    """
    experiment = find_experiment(session, name)
    if name == HOLDOUT:
        raise FixSettingsError("The global holdout has no end date.", fix="Set its share to 0 in personasync.toml.")
    if experiment.ends is not None and experiment.ends <= at:
        ended = f"{name} ended {experiment.ends:%Y-%m-%d %H:%M} UTC."
        raise FixSettingsError(ended, fix=f"See the result with `personasync lift --experiment {name}`.")
    path = session.workspace.directory / EXPERIMENTS
    replace_text(path, with_end(read_text(path), name, at))
    session.reload()
    experiment = find_experiment(session, name)
    keep_end(session, experiment)
    return experiment


def planned_baseline(experiment: Experiment) -> float:
    """Return the rate that an experiment is planned with: its own, else a usual one of its metric."""
    return USUAL[experiment.metric] if experiment.baseline is None else experiment.baseline


def _sizing(persona: str, people: Mapping[str, int], experiment: Experiment) -> Sizing:
    baseline = planned_baseline(experiment)
    arms, held = [people.get(arm, 0) for arm in experiment.arms], people.get(HOLDOUT, 0)
    over_holdout = least_lift(baseline, min(arms), held)
    least = least_lift(baseline, min(arms[1:]), arms[0]) if len(arms) > 1 else over_holdout
    return Sizing(persona, people, baseline, least, sample_size(baseline, experiment.mde), over_holdout)


def _ratio(experiment: Experiment, people: Mapping[tuple[str | None, str], int]) -> SampleRatio | None:
    if experiment.holdouts:
        return None
    shares = experiment.shares(None)
    totals = [sum(n for (_, arm), n in people.items() if arm == name) for name in shares]
    return sample_ratio(totals, list(shares.values()))


def edited(session: Session, experiment: Experiment) -> dict[str, int]:
    """Count people who were moved between the experiment's groups on a platform.

    Looked at are those who are in any of its groups there: being in another arm's group, or in two, is an edit.

    Args:
        session: The open workspace.
        experiment: The experiment.

    Returns:
        Connection -> people; connections without such people are left out.
    """
    warehouse = session.warehouse
    shown = warehouse.current(MEMBERSHIPS.name)
    shown = shown.filter(shown.member, shown.group_name.isin(list(experiment.groups.values())))
    links = session.links()
    keyed = shown.mutate(contact_key=shown.connection.concat(":", shown.platform_id)).inner_join(links, "contact_key")
    arms = warehouse.current(ARMS.name)
    arms = arms.filter(arms.experiment == experiment.name).select("person_id", meant="arm")
    joined = keyed.left_join(arms, "person_id").drop("person_id_right")
    group = joined.meant.cases(*experiment.groups.items(), else_="")
    other = joined.filter(joined.group_name != group)
    counts = other.group_by("connection").aggregate(n=other.person_id.nunique()).to_pyarrow().to_pylist()
    return {row["connection"]: int(row["n"]) for row in counts}
