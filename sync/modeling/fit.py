"""The `fit` job: train a classifier on company data, for segments from rules, surveys, declarations or labels."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.errors import FixSettingsError
from segmenter.assign.definitions import Definitions
from segmenter.classifier.features import candidates, features_among
from segmenter.classifier.linear import LinearModel, design_matrix
from segmenter.classifier.model_file import FORMAT, GatePart, ModelFile, Training, coefficients_of, trait_digests
from segmenter.classifier.thresholds import Thresholds
from segmenter.classifier.train import Fitted, Labeller, OwnScorer, Sample, fit_classifier
from segmenter.errors import DefinitionError
from segmenter.minimum import A_FEATURE
from segmenter.privacy.sensitive import why_sensitive
from segmenter.traits.definitions import Trait
from sync.assign.sources import definitions_of
from sync.modeling.fit_weights import FitWeights, fit_weights, surveys_of
from sync.modeling.known_segments import (
    Target,
    check_labels,
    known_segments,
    proposal_of_labels,
    segments_again,
    segments_by_rules,
)
from sync.modeling.outcomes import Outcomes, are_segments, everybody_scored, late_features, read_outcomes
from sync.modeling.own_scorer import calibrated_by, own_scorer
from sync.modeling.trait_base import USUAL
from sync.session import Session, recorded
from sync.traits.compute import measured
from sync.workspace.models import save_model
from sync.workspace.settings import Workspace

MOST_PEOPLE = 50_000  # more teach a linear model nothing, and cost minutes
SEED = 20_261_101


class Learners(NamedTuple):
    """The people whom a model learns from.

    Attributes:
        people: Their traits, a row a person.
        truth: Person id -> segment, for each of them.
        weights: How much each of them counts.
        again: Recalculates the segments in each fold; see `segmenter.classifier.train`.
        own: The segments' own scorer, which is taken where there is one.
    """

    people: pa.Table
    truth: Mapping[str, str]
    weights: FitWeights
    again: Labeller | None = None
    own: OwnScorer | None = None


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A model that was fitted and saved.

    Attributes:
        path: Its file.
        in_use: Whether `assign` asks it from now on.
        left_out: Traits that were not asked, since so few people allow fewer features.
        outcomes: What the file of outcomes said; None for other targets.
        late: Traits of an outcome's model that may have been known only after it.
        scores: For outcomes that may be ranked, banded or classified: column names and everybody's row; else None.
        notes: Sentences about the weights.
    """

    file: ModelFile
    fitted: Fitted
    path: Path
    in_use: bool
    left_out: tuple[str, ...] = ()
    outcomes: Outcomes | None = None
    late: tuple[str, ...] = ()
    scores: tuple[Sequence[str], list[list[Any]]] | None = None
    notes: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the model as scripts read it."""
        return {
            "path": str(self.path),
            "in_use": self.in_use,
            "notes": list(self.notes),
            **self.file.model_dump(mode="json", exclude={"model", "catalogue"}),
        }


def fit(
    session: Session,
    target: Target,
    *,
    as_of: datetime,
    labels: Path | None = None,
    only: Sequence[str] | None = None,
    weight: str | None = None,
    seed: int = SEED,
) -> FittedModel:
    """Fit a model on everybody whose segment *target* tells, and save it; it is in use if it passes the gate.

    Args:
        session: The open workspace.
        target: Where the truth comes from.
        as_of: The moment for which traits are measured, UTC.
        labels: For "discovered": the name of an accepted proposal, or a CSV file with the columns ``segment`` and
            ``person_id`` or ``email``. For "outcome": a file as `sync.modeling.outcomes.read_outcomes` reads it.
        only: Traits to learn from; None: all that may be.
        weight: A number trait, or an item of the survey that tells the segments: how many people of the population each
            person stands for. None: all count alike.
        seed: Of the folds, and of the people that are drawn where there are very many.

    Raises:
        FixSettingsError: There are too few people, nothing to learn from, the target tells nothing, or a weight is
            missing or below 0.
    """
    with recorded(session, "fit") as run:
        check_labels(target, labels)
        definitions = definitions_of(session.workspace, with_model=False)
        people = measured(session, as_of).to_pyarrow()
        outcomes = read_outcomes(session, labels, as_of) if labels and target == "outcome" else None
        truth = (
            dict(outcomes.truth) if outcomes else known_segments(session, definitions, people, target, as_of, labels)
        )
        asked = None if outcomes else labels
        learners = _learners(session, definitions, people, truth, target, asked, weight, own=not only, seed=seed)
        made = train(
            session,
            learners,
            target,
            as_of=as_of,
            but=_but(definitions, target) | learners.weights.own,
            only=only,
            seed=seed,
            dated=outcomes is not None and outcomes.dated,
        )
        run.counts.update(version=made.file.version, passed=made.file.gate.passed)
        return with_scores(session, made, outcomes, people) if outcomes else made


def _learners(
    session: Session,
    definitions: Definitions,
    people: pa.Table,
    truth: Mapping[str, str],
    target: Target,
    labels: Path | None,
    weight: str | None,
    *,
    own: bool,
    seed: int,
) -> Learners:
    """Whom the model learns from; with *own*, the segments' own scorer is taken where there is one."""
    if not truth:
        raise FixSettingsError(f"No segment comes from {target}.", fix="Check [classify] in personasync.toml.")
    file = None if labels is None else proposal_of_labels(session, labels)
    made = None if file is None else file.proposal
    weights = fit_weights(session, weight, people, truth, surveys_of(session, definitions, target, made), made)
    counting = weights.counting(truth)
    drawn = _drawn(people, counting, np.random.default_rng(seed))
    if file is None:
        return Learners(drawn, counting, weights)
    anew = weights.values(drawn) if file.proposal.weight else None
    again = segments_again(session, file, drawn, seed, anew)
    scorer = own_scorer(session, file, drawn, seed, anew) if own else None
    return Learners(drawn, counting, weights, again, scorer)


def with_scores(session: Session, made: FittedModel, outcomes: Outcomes, people: pa.Table) -> FittedModel:
    """Return a model of outcomes with what must be known of it, and everybody's scores where a use passes.

    Args:
        session: The open workspace.
        made: The model.
        outcomes: What it learned from.
        people: Everybody's traits, a row a person.
    """
    late = late_features(made.fitted.model.traits, session.workspace.catalogue, dated=outcomes.dated)
    scores = everybody_scored(session, people, made.fitted) if made.file.gate.uses else None
    return replace(made, outcomes=outcomes, scores=scores, late=tuple(sorted(late)))


def _but(definitions: Definitions, target: Target) -> frozenset[str]:
    """The traits that the target is made of."""
    if target == "rules":
        return frozenset(name for step in definitions.steps.steps for name in step.rule.names)
    if target == "declared" and definitions.declared:
        return frozenset({definitions.declared})
    return frozenset(name for tool in definitions.tools for name in tool.model.traits)


def _drawn(people: pa.Table, truth: Mapping[str, str], rng: np.random.Generator) -> pa.Table:
    known = people.filter(pc.is_in(people["person_id"], pa.array(list(truth), pa.string()))).sort_by("person_id")
    if known.num_rows <= MOST_PEOPLE:
        return known
    return known.take(np.sort(rng.choice(known.num_rows, MOST_PEOPLE, replace=False)))


def train(
    session: Session,
    learners: Learners,
    target: Target,
    *,
    as_of: datetime,
    but: Collection[str] = (),
    only: Sequence[str] | None = None,
    seed: int = SEED,
    dated: bool = False,
) -> FittedModel:
    """Fit on these people, and save the model.

    Args:
        session: The open workspace.
        learners: Whom it learns from.
        target: Where the truth comes from.
        as_of: The moment of the traits, UTC.
        but: Traits that it may not read.
        only: Traits to learn from; None: all others.
        seed: Of the folds.
        dated: Whether outcomes are known to have come after *as_of*.

    Raises:
        FixSettingsError: There are too few people, or nothing to learn from.
    """
    people, weights = learners.people, learners.weights
    traits, left_out = _learnable(session.workspace, people, but, only, weights.size(people))
    outcome = target == "outcome"
    sample = _sample(session, people, learners.truth, traits, outcome=outcome, dated=dated)
    sample = replace(sample, weights=weights.values(people))
    settings = session.workspace.classify
    try:
        fitted = fit_classifier(
            sample,
            rng=np.random.default_rng(seed),
            thresholds=Thresholds(settings.min_confidence, settings.min_margin, settings.min_known),
            labeller=learners.again,
            rules=segments_by_rules(session, people, as_of) if target != "rules" else None,
            own=learners.own,
        )
    except DefinitionError as error:
        raise FixSettingsError(f"No model was fitted: {error}", fix="Wait for more data, or merge groups.") from error
    training = _training(session, fitted, sample, target, as_of=as_of, seed=seed, again=learners.again is not None)
    file = _file(session, fitted, training.model_copy(update={"weights": weights.part(people)}))
    in_use = fitted.gate.passed and (not outcome or are_segments(session.workspace, fitted.model.labels))
    path = save_model(session.workspace.state_dir, file, in_use=in_use)
    return FittedModel(file, fitted, path, in_use, left_out, notes=weights.notes)


def _sample(
    session: Session, people: pa.Table, truth: Mapping[str, str], traits: Sequence[Trait], *, outcome: bool, dated: bool
) -> Sample:
    features = features_among(people, traits)
    labels = np.array([truth[person] for person in people["person_id"].to_pylist()], dtype=str)
    late = late_features(features, session.workspace.catalogue, dated=dated) if outcome else frozenset[str]()
    return Sample(features, design_matrix(people, features), labels, outcome, late)


def _learnable(
    workspace: Workspace, people: pa.Table, but: Collection[str], only: Sequence[str] | None, size: int
) -> tuple[list[Trait], tuple[str, ...]]:
    """The traits to learn from, and the names of those that are left out because there are too few people."""
    traits = candidates(workspace.catalogue, but, workspace.sensitive)
    if only is not None:
        _check_named(only, [trait.name for trait in traits])
        return [trait for trait in traits if trait.name in only], ()
    learnable = _as_many_as(people, traits, size // A_FEATURE, own=workspace.traits)
    return learnable, tuple(trait.name for trait in traits if trait not in learnable)


def _as_many_as(people: pa.Table, traits: Sequence[Trait], most: int, *, own: Collection[str]) -> list[Trait]:
    """The traits that *most* features allow: the workspace's *own*, the usual ones, then those that are known for most.

    What the people's segments are plays no part: the figures of held-out people stay true.
    """
    if len(features_among(people, traits)) <= most:
        return list(traits)
    known = {trait.name: people.num_rows - people[trait.name].null_count for trait in traits}
    telling = [trait for trait in traits if pc.count_distinct(people[trait.name]).as_py() > 1]
    first = (*own, *USUAL)
    chosen: list[Trait] = []
    for trait in sorted(telling, key=lambda trait: (trait.name not in first, -known[trait.name])):
        if len(features_among(people, [*chosen, trait])) <= most:
            chosen.append(trait)
    return [trait for trait in traits if trait in chosen]


def _check_named(only: Sequence[str], known: Sequence[str]) -> None:
    for name in only:
        if name not in known:
            raise FixSettingsError(
                f"{name!r} can't be a feature: there is no such trait, or it is sensitive, a date, a survey "
                "answer, what the target is made of, or the weight.",
                fix=f"Possible features: {', '.join(known)}.",
            )


def _training(
    session: Session, fitted: Fitted, sample: Sample, target: Target, *, as_of: datetime, seed: int, again: bool
) -> Training:
    model = fitted.model
    sensitive = any(why_sensitive(name, session.workspace.catalogue) for name in model.traits)
    counted = b"" if sample.counts is None else sample.counts.tobytes()
    data = hashlib.sha256(sample.rows.tobytes() + "\n".join(sample.truth.tolist()).encode() + counted).hexdigest()
    return Training(
        target=target,
        as_of=as_of,
        traits_from=_window(session, model, as_of),
        people=dict(sorted(Counter(sample.truth.tolist()).items())),
        dropped=fitted.dropped,
        data_digest=data,
        seed=seed,
        folds=fitted.folds,
        found_again=again,
        purpose=session.workspace.sensitive.text if sensitive else "",
    )


def _file(session: Session, fitted: Fitted, training: Training) -> ModelFile:
    model, named = fitted.model, repr(fitted.model).encode() + training.data_digest.encode()
    return ModelFile(
        format=FORMAT,
        version=f"{model.kind}-{training.as_of:%Y%m%d}-{hashlib.sha256(named).hexdigest()[:8]}",
        made_at=session.now(),
        model=coefficients_of(model),
        catalogue=trait_digests(session.workspace.catalogue, model.traits),
        training=training,
        calibration=calibrated_by(fitted),
        quality={kind: asdict(quality) for kind, quality in fitted.quality.items()},
        gate=GatePart(passed=fitted.gate.passed, sentences=fitted.gate.sentences, uses=fitted.gate.uses),
    )


def _window(session: Session, model: LinearModel, as_of: datetime) -> datetime | None:
    windows = [session.workspace.catalogue.traits[name].window for name in model.traits]
    longest = [window for window in windows if window is not None]
    return as_of - timedelta(days=max(longest)) if len(longest) == len(windows) else None
