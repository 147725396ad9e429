"""What an experiment still misses once it has been mailed: the same figures as `lift` gives."""

from __future__ import annotations

from collections.abc import Mapping

from segmenter.lift.effects import EVERYONE
from segmenter.lift.randomization import HOLDOUT
from segmenter.lift.text import verdict
from sync.experiments.job import ExperimentView, show_experiment
from sync.results.experiment_mailings import persona_name
from sync.results.lift import lift_of_experiment
from sync.session import Session


def measured_experiment(session: Session, name: str) -> ExperimentView:
    """Return an experiment with its people; once it has any, with what its metric still misses and the verdict.

    Args:
        session: The open workspace.
        name: Of the experiment.

    Returns:
        As `show_experiment` gives it, with the results.

    Raises:
        FixSettingsError: There is no such experiment.
    """
    view = show_experiment(session, name)
    return view.with_results(*measured_sizes(session, name)) if view.sizes else view


def measured_sizes(session: Session, name: str) -> tuple[Mapping[str, Mapping[str, int]], list[str]]:
    """Return what the metric that was planned with still misses, and the verdict on it.

    Args:
        session: The open workspace.
        name: Of an experiment with people in it.

    Returns:
        By persona's slug ("" without one) and `EVERYONE`: contacts missing per variant, 0 where `lift` has an answer.
        Then the verdict in sentences. Both empty before anybody got an email, and while the variants' sizes are wrong.
    """
    lift = lift_of_experiment(session, name)
    if not lift.mailed or lift.broken:
        return {}, []
    slugs = {persona_name(session, slug): slug for slug in ["", *session.workspace.personas]}
    sizes: dict[str, dict[str, int]] = {}
    asked = [comparison for comparison in lift.comparisons if comparison.question.metric == lift.primary]
    between_arms = any(comparison.question.control != HOLDOUT for comparison in asked)
    for comparison in asked:
        arms = [comparison.question.treated, comparison.question.control]
        if between_arms and HOLDOUT in arms:
            arms = [HOLDOUT]  # the variants are compared with each other first
        for effect in (comparison.everyone, *comparison.personas):
            key = effect.persona if effect.persona == EVERYONE else slugs.get(effect.persona, effect.persona)
            if effect.verdict != "nobody":
                mine = sizes.setdefault(key, {})
                mine |= {arm: max(mine.get(arm, 0), effect.more) for arm in arms}
    return sizes, verdict(lift.comparisons, lift.primary)
