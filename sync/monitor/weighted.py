"""Weights in `quality`: of the people whose segments are looked for again, and what is said of a weighted model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from segmenter.stats.item_matrix import Matrix
from sync.session import Session
from sync.surveys.warehouse_weights import numbers_of_item
from sync.workspace.models import model_in_use
from sync.workspace.proposals import ProposalPart


class WeightsOfToday(NamedTuple):
    """People with the weights that a proposal was found with.

    Attributes:
        people: Those who count.
        values: (people,) above 0; None: all count alike.
        said: What to know about them, as a sentence; "" for a proposal without weights.
    """

    people: pa.Table
    values: Matrix | None = None
    said: str = ""


def weight_trait(session: Session, made: ProposalPart) -> str | None:
    """Return the trait that held a proposal's weights, if it still is a number trait; None: no trait holds them."""
    trait = session.workspace.catalogue.traits.get(made.weight) if made.weight_from == "trait" else None
    return None if trait is None or trait.type != "number" else trait.name


def weights_of_today(session: Session, made: ProposalPart, people: pa.Table, least: int) -> WeightsOfToday:
    """Return the *people* with the weights that a proposal was found with, where the warehouse has them.

    Args:
        session: The open workspace.
        made: The proposal.
        people: A row a person: ``person_id``, and the trait of `weight_trait`.
        least: With fewer people who have a weight above 0, all count alike.
    """
    if not made.weight:
        return WeightsOfToday(people)
    where, trait = f"{made.weight_from} {made.weight}", weight_trait(session, made)
    alike = f"Stability of {made.name!r} counts each person once, though it was found with weights ({where})"
    if trait is not None:
        known: list[float | None] = people[trait].to_pylist()
    elif made.weight_from == "item":
        known = numbers_of_item(session, made.survey, made.weight, people["person_id"].to_pylist())
    else:
        why = "the trait is gone" if made.weight_from == "trait" else "quality reads no file of answers"
        return WeightsOfToday(people, said=f"{alike}: {why}.")
    values = np.array([np.nan if value is None else float(value) for value in known])
    counting = np.flatnonzero(np.isfinite(values) & (values > 0))
    if len(counting) < least:
        said = f"{alike}: {len(counting):,} of {len(values):,} people have one above 0, and {least:,} are needed."
        return WeightsOfToday(people, said=said)
    said = f"Stability of {made.name!r} is weighted as it was found ({where})"
    if left_out := len(values) - len(counting):
        said += f"; {left_out:,} people without a weight above 0 are left out"
    return WeightsOfToday(people.take(counting), values[counting], f"{said}.")


def weighted_model(session: Session) -> list[str]:
    """Return what to know of the model in use if it was fitted with weights.

    Args:
        session: The open workspace.

    Returns:
        A sentence; none where there is no such model.

    Raises:
        FixSettingsError: The model's file is damaged, or its traits changed.
    """
    workspace = session.workspace
    if "model" not in workspace.classify.order:
        return []
    file = model_in_use(workspace.state_dir, workspace.catalogue)
    if file is None or file.training.weights is None:
        return []
    drift = "The drift of traits and segments counts each person once: `assign` decides on each of them."
    return [f"Model {file.version}: {file.training.weighted_by} {drift}"]
