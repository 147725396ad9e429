"""The scorer of segments that a Gaussian mixture found: it classifies everybody whose traits are known, as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from segmenter.classifier.linear import LinearModel, design_matrix
from segmenter.classifier.train import Fitted, OwnScorer
from segmenter.discover.cross_fit import mixtures_again
from segmenter.stats.item_matrix import Items, Matrix
from sync.monitor.stability import item_traits
from sync.session import Session
from sync.workspace.proposals import ACCEPTED, Form, ProposalFile, form_of, load, path_of


def accepted_file(session: Session, path: Path) -> ProposalFile | None:
    """Return the accepted proposal whose labels lie at *path*; None where they are other labels."""
    directory = session.workspace.directory
    name = path.name.removesuffix(ACCEPTED)
    if name == path.name or path.resolve() != path_of(directory, name, ACCEPTED).resolve():
        return None
    return load(directory, name)


def own_scorer(
    session: Session, file: ProposalFile, people: pa.Table, seed: int, weights: Matrix | None
) -> OwnScorer | None:
    """Return the scorer that a mixture's segments have themselves, and what fits it anew.

    Args:
        session: The open workspace.
        file: The accepted proposal.
        people: Traits of those it is judged on, a row a person.
        seed: Of the starts.
        weights: (people,) with which it is fitted anew; None: all alike.

    Returns:
        None where the segments were not found in traits by a mixture, or some were merged or let go: then a model of
        all traits is to be learned.

    Raises:
        FixSettingsError: The proposal's scorer was damaged.
    """
    made = file.proposal
    form, traits = form_of(session.workspace.directory, made.name), item_traits(session, made)
    if made.method != "mixture" or made.source != "model" or made.shape is None or form is None or traits is None:
        return None
    names = {part.number: part.name for part in file.segments if part.keep}
    labels = tuple(names.get(number, "") for number in form.segments)
    if not all(labels) or len(set(labels)) < len(labels):
        return None
    model = _named(form, labels)
    columns = [people[trait].cast("float64").to_numpy(zero_copy_only=False) for trait in traits]
    values = np.column_stack(columns)
    items = Items("metric", made.base, np.where(np.isfinite(values), values, np.nan))
    items = items if weights is None else items.weighted(weights)
    again = mixtures_again(items, len(labels), made.shape, form.temperature, np.random.default_rng(seed))
    return OwnScorer(model, design_matrix(people, model.features), again)


def _named(form: Form, labels: tuple[str, ...]) -> LinearModel:
    return LinearModel(**{**form.coefficients(), "labels": labels})


def calibrated_by(fitted: Fitted) -> str:
    """Return what made the confidences of a model probabilities, as its file says it."""
    temperature = f"temperature {fitted.model.temperature:.3f}"
    if fitted.model.kind == "mixture":
        return f"{temperature}, from simulated people whose group is known"
    return f"{temperature}, from {fitted.folds} held-out folds"
