"""Stability of accepted segments: whether k-means finds them again in today's data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from connectors.records import SURVEY_ANSWERS
from segmenter.classifier.linear import LinearModel, score_rows
from segmenter.discover.to_linear import feature_matrix
from segmenter.errors import DefinitionError
from segmenter.minimum import PEOPLE
from segmenter.monitor.structure import Before, Structure, structure
from segmenter.rules.segments import memberships
from segmenter.stats.item_matrix import rebuilt_items
from sync.active_people import assigned_people
from sync.monitor.weighted import weight_trait, weights_of_today
from sync.session import Session
from sync.traits.compute import measured
from sync.workspace.proposals import ACCEPTED, FOLDER, ProposalFile, ProposalPart, form_of, load

MOST_PEOPLE = 1_000  # more make the verdict surer than it has to be, and cost seconds
SEED = 20_261_126


@dataclass(frozen=True, slots=True)
class Held:
    """The stability check of one accepted proposal.

    Attributes:
        weights: What to know about its weights, as a sentence; "" for none.
    """

    proposal: str
    result: Structure
    weights: str = ""

    def sentences(self) -> list[str]:
        """Return the change and its fix, and what is to know about the weights; none while the segments are stable.

        Returns:
            A sentence with its fix, perhaps one about the weights; or none.
        """
        fix = f"Run `personasync discover --name {self.proposal}` again, and check `personasync overlap`."
        sentences = self.result.sentences()
        changed = f"Segments of {self.proposal!r}: {'; '.join(sentences)}. {fix}"
        return [changed, *filter(None, [self.weights])] if sentences else []


def item_traits(session: Session, made: ProposalPart) -> list[str] | None:
    """Return the traits that hold what segments were found on; None where one is missing, or not a number.

    Args:
        session: The open workspace.
        made: The proposal, as its file describes it.

    Returns:
        Trait names, in the order of the proposal's items.
    """
    catalogue = session.workspace.catalogue
    if made.source == "model":
        names = list(made.base)
    else:
        own = {trait.item: trait.name for trait in catalogue.surveyed.values() if trait.survey == made.survey}
        names = [own.get(item, "") for item in made.base]
    traits = [name for name in names if name in catalogue.traits and catalogue.traits[name].type == "number"]
    return traits if len(traits) == len(names) else None


def held(session: Session) -> list[Held]:
    """Check every accepted k-means proposal on today's people; those with too few are skipped.

    Of a survey the people who answered since are looked at where they are enough: who made the segments confirms them.

    Returns:
        One per proposal that could be checked.

    Raises:
        FixSettingsError: A proposal's file is damaged.
    """
    directory = session.workspace.directory
    names = sorted(path.name.removesuffix(ACCEPTED) for path in (directory / FOLDER).glob(f"*{ACCEPTED}"))
    checks = []
    for name in names:
        file = load(directory, name)
        before, traits = _before(file), item_traits(session, file.proposal)
        if before is not None and traits is not None:
            check = _structure(session, file.proposal, before, traits)
            checks += [check] if check is not None else []
    return checks


def _before(file: ProposalFile) -> Before | None:
    made = file.proposal
    if made.method != "kmeans" or made.k is None or made.least_agreement is None:
        return None
    stability = min(part.stability for part in file.segments)
    return Before(made.people, made.k, made.least_agreement, stability, made.following)


def _structure(session: Session, made: ProposalPart, before: Before, traits: Sequence[str]) -> Held | None:
    form = form_of(session.workspace.directory, made.name)
    people = _people(session, made, traits, PEOPLE * before.k)
    if form is None or people.num_rows < PEOPLE * before.k:
        return None
    people, weights, said = weights_of_today(session, made, people, PEOPLE * before.k)
    rng = np.random.default_rng(SEED)
    chosen = np.sort(rng.permutation(people.num_rows)[:MOST_PEOPLE])
    people = people.take(chosen)
    columns = {
        item: people[trait].cast("float64").to_numpy(zero_copy_only=False)
        for item, trait in zip(made.base, traits, strict=True)
    }
    try:
        items = rebuilt_items(columns, most=before.k + 1)
    except DefinitionError:
        return None  # a trait that is the same for everybody, or that hardly anybody has: `quality` tells that itself
    items = items if weights is None else items.weighted(weights[chosen])
    model = LinearModel(**form.coefficients())
    old = score_rows(model, feature_matrix(model.features, columns)).best
    return Held(made.name, structure(items, old.astype(np.int64), before, rng), said)


def _people(session: Session, made: ProposalPart, traits: Sequence[str], enough: int) -> pa.Table:
    """People with at least half of the base traits known."""
    table = measured(session, session.now())
    if made.within is not None:
        groups = memberships(assigned_people(session), session.workspace.steps)
        table = table.semi_join(groups.filter(groups.group_name == made.within), "person_id")
    known: Any = sum(table[trait].notnull().cast("int64") for trait in traits)
    also = {weight_trait(session, made)} - {None, *traits}
    table = table.filter(known * 2 >= len(traits)).select("person_id", *traits, *also)
    if made.source == "survey":
        since = _answered_since(session, made)
        fresh = table.semi_join(since, "person_id").order_by("person_id").to_pyarrow()
        if fresh.num_rows >= enough:
            return fresh
    people: pa.Table = table.order_by("person_id").to_pyarrow()
    return people


def _answered_since(session: Session, made: ProposalPart) -> Any:
    answers = session.warehouse.current(SURVEY_ANSWERS.name)
    moment = datetime.fromisoformat(made.made_at)
    links = session.links()
    later = answers.filter(answers.survey == made.survey, answers["at"] > moment)
    return later.inner_join(links, "contact_key").select("person_id").distinct()
