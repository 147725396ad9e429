"""Weights of the people whom `fit` learns from: a number trait, or an item of the survey that tells their segments."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segmenter.assign.definitions import Definitions
from segmenter.classifier.model_file import WeightsPart
from segmenter.stats.item_matrix import Matrix
from segmenter.stats.weighted import effective_size
from sync.modeling.known_segments import Target
from sync.session import Session
from sync.surveys.kept_weights import KeptWeights
from sync.surveys.warehouse_weights import (
    answers_an_item,
    check_weight_trait,
    weights_in_warehouse,
    weights_of_trait,
)
from sync.workspace.proposals import ProposalPart, WeightsFrom


@dataclass(frozen=True, slots=True)
class FitWeights:
    """How many people of the population each person stands for.

    Attributes:
        source: The trait or item; "": all count alike.
        kind: Which of these.
        by_person: Person id -> weight, above 0.
        notes: Sentences about them.
    """

    source: str = ""
    kind: WeightsFrom = "trait"
    by_person: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def own(self) -> frozenset[str]:
        """The trait that holds the weights: it teaches nothing."""
        return frozenset({self.source}) if self.source and self.kind == "trait" else frozenset()

    def counting(self, truth: Mapping[str, str]) -> dict[str, str]:
        """Return *truth* without the people whose weight is 0."""
        return {person: said for person, said in truth.items() if not self.source or person in self.by_person}

    def values(self, people: pa.Table) -> Matrix | None:
        """Return the weight of each of the *people*, a row each; None: all count alike."""
        if not self.source:
            return None
        return np.array([self.by_person[person] for person in people["person_id"].to_pylist()])

    def size(self, people: pa.Table) -> int:
        """Return the size of a sample without weights that tells as much as *people*."""
        values = self.values(people)
        return people.num_rows if values is None else int(effective_size(values) + 1e-9)

    def part(self, people: pa.Table) -> WeightsPart | None:
        """Return what a model's file keeps of the weights of *people*."""
        values = self.values(people)
        if values is None:
            return None
        kept = KeptWeights.of(self.source, self.kind, people["person_id"].to_pylist(), values)
        return WeightsPart(
            source=kept.source,
            kind="item" if kept.kind == "item" else "trait",
            digest=kept.digest,
            effective=kept.effective,
            design_effect=kept.design_effect,
        )


def fit_weights(
    session: Session,
    source: str | None,
    people: pa.Table,
    truth: Collection[str],
    surveys: Collection[str],
    made: ProposalPart | None,
) -> FitWeights:
    """Return how much each person counts whose segment is known.

    Args:
        session: The open workspace.
        source: A number trait, or an item of one of *surveys*; 0 leaves a person out. None: all count alike.
        people: Everybody's traits, a row a person.
        truth: Person ids of those whose segment is known.
        surveys: Surveys that tell the segments.
        made: The proposal that tells them, where it is one.

    Raises:
        FixSettingsError: There is no such trait or item; a weight is missing, no number or below 0; or all are 0.
    """
    if source is None:
        return FitWeights(notes=() if made is None or not made.weight else (_each_once(made),))
    known = people.filter(pc.is_in(people["person_id"], pa.array(list(truth), pa.string()))).sort_by("person_id")
    names: list[str] = known["person_id"].to_pylist()
    survey = next((name for name in sorted(surveys) if answers_an_item(session, name, source)), None)
    if survey is None:
        values = weights_of_trait(check_weight_trait(session, source), names, known[source].to_pylist())
    else:
        values = weights_in_warehouse(session, survey, source, "item", names)
    by_person = {name: float(value) for name, value in zip(names, values, strict=True) if value > 0}
    left_out = len(names) - len(by_person)
    notes = [f"{left_out:,} people have the weight 0 in {source!r}: they are excluded."] if left_out else []
    if made is not None and made.weight and made.weight != source:
        notes.append(f"{made.name!r} was found with other weights ({made.weight_from} {made.weight}).")
    return FitWeights(source, "trait" if survey is None else "item", by_person, tuple(notes))


def surveys_of(session: Session, definitions: Definitions, target: Target, made: ProposalPart | None) -> set[str]:
    """Return the surveys whose answers tell the segments: of the typing tools, or of the proposal *made*."""
    if made is not None:
        return {made.survey} - {""}
    read = {name for tool in definitions.tools for name in tool.model.traits} if target == "survey" else set()
    return {trait.survey for trait in session.workspace.catalogue.surveyed.values() if trait.name in read}


def _each_once(made: ProposalPart) -> str:
    where = f"{made.weight_from} {made.weight}"
    return f"{made.name!r} was found with weights ({where}); here each person counts once. Name weights with --weight."
