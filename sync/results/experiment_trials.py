"""Trials of an experiment: per persona, who received which variant and responded to that delivery."""

from __future__ import annotations

from collections import defaultdict

from segmenter.lift.network import SIDES, Pattern, Trial
from segmenter.lift.outcomes import TRACKED_METRICS
from segmenter.lift.randomization import Experiment, sample_ratio
from sync.experiments.arms import people_by_arm
from sync.experiments.definitions import EditedExperimentError, refuse_edited
from sync.results.engagements import latest_moment, untracked_table
from sync.results.experiment_mailings import ExperimentMailings, experiment_mailings, persona_name
from sync.session import Session


def trials_of(session: Session, experiment: Experiment, metric: str) -> tuple[list[Trial], list[str]]:
    """Return an experiment's trials, one a persona, and what of it was left out, in sentences.

    People assigned after an email was sent are excluded from it. Arms with nobody's own copy are no offers.
    """
    if len(offers_of(experiment)) < SIDES:
        return [], []
    try:
        refuse_edited(session, [experiment])
    except EditedExperimentError as error:
        return [], [f"{experiment.name} is excluded. {error}"]
    if _allocated_wrongly(session, experiment):
        return [], [f"{experiment.name} is excluded: sample ratio mismatch."]
    mailed = experiment_mailings(session, experiment, offers_of(experiment), in_fields=bool(experiment.generic))
    early = experiment.ends is None or latest_moment(session) < experiment.ends
    trials = [
        Trial(experiment.name, persona_name(session, persona), tuple(mine), early)
        for persona, mine in sorted(_patterns(session, mailed, metric).items())
    ]
    return trials, mailed.excluded()


def offers_of(experiment: Experiment) -> list[str]:
    """Return the arms of an experiment that are offers: those that show their own copy."""
    return [arm for arm in experiment.arms if arm not in experiment.placebo]


def _allocated_wrongly(session: Session, experiment: Experiment) -> bool:
    if experiment.holdouts:
        return False
    people: dict[str, int] = defaultdict(int)
    for (_, arm), n in people_by_arm(session, experiment.name).items():
        people[arm] += n
    shares = experiment.shares(None)
    return sample_ratio([people[arm] for arm in shares], list(shares.values())).broken


def _patterns(session: Session, mailed: ExperimentMailings, metric: str) -> dict[str, list[Pattern]]:
    """Count people, by persona, to whom the same happened over all mailings."""
    compared = mailed.got_by(())
    if not compared:
        return {}
    mine = mailed.answers.inner_join(
        mailed.mails(session, compared).rename(mail="campaign_id"), ["persona", "arm", "connection", "mail"]
    )
    untracked = untracked_table(session) if metric in TRACKED_METRICS else None
    mine = mine if untracked is None else mine.anti_join(untracked, "person_id")
    state = mine[metric].cast("int64") + 1
    places = [f"state_{place}" for place in range(max(len(each.compared) for each in mailed.of_persona.values()))]
    people = mine.group_by("person_id", "persona", "arm").aggregate(
        **{name: state.max(where=mine.place == place).fill_null(0) for place, name in enumerate(places)}
    )
    alike = people.group_by("persona", "arm", *places).aggregate(n=people.count())
    patterns: dict[str, list[Pattern]] = defaultdict(list)
    for row in alike.to_pyarrow().to_pylist():
        states = tuple(int(row[name]) for name in places)
        patterns[row["persona"]].append(Pattern(row["arm"], states, int(row["n"])))
    return patterns
