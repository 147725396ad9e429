"""Convert a segmentation to a linear model, which also scores new people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from segmenter.classifier.linear import UNCALIBRATED, LinearModel, ModelKind
from segmenter.discover.latent_class import Classes
from segmenter.discover.markers import segment_means
from segmenter.stats.item_matrix import Items, Labels, Matrix, coded

LOG = "log1p("
CERTAIN = 1e-6  # least and largest probability of an answer in a class


def by_centres(items: Items, labels: Labels, names: Sequence[str], temperature: float = UNCALIBRATED) -> LinearModel:
    """Return the nearest of the segments' centres as a linear model.

    The form is z = (c x - |c|^2 / 2) / temperature in the scaled values (SCIENCE.md 4.5). Where a trait counts by its
    logarithm a feature is ``log1p(trait)``: no trait of anybody, so that such a form only compares (`logged`).

    Args:
        items: The base.
        labels: (people,) places in *names*.
        names: Of the segments, two or more.
        temperature: `segmenter.discover.bagged_confidence` finds it; without one the form tells labels only.

    Returns:
        A model of kind "kmeans" over the traits of *items*; it gives probabilities only with a *temperature*.
    """
    base = coded(items)
    centres = segment_means(base.values, labels, len(names))
    weights = centres / base.scale
    intercepts = -(centres**2).sum(axis=1) / 2 - (weights * base.shift).sum(axis=1)
    return _made(
        "kmeans", names, base.features, weights / temperature, intercepts / temperature, base.fill, temperature
    )


def logged(feature: str) -> str | None:
    """Return the trait whose logarithm *feature* is; None where it is the trait itself."""
    return feature[len(LOG) : -1] if feature.startswith(LOG) else None


def feature_matrix(features: Sequence[str], columns: Mapping[str, Matrix]) -> Matrix:
    """Return what a form reads, (people, features), of *columns*: trait -> (people,), NaN where nothing is known.

    Args:
        features: Names, some of them ``log1p(trait)``.
        columns: Has every trait that is named.

    Returns:
        A column per feature, NaN where the trait is; a negative value has the logarithm of 0.
    """
    vectors = []
    for feature in features:
        name = logged(feature)
        vectors.append(columns[feature] if name is None else np.log1p(np.maximum(columns[name], 0.0)))
    return np.column_stack(vectors)


def by_classes(items: Items, classes: Classes, names: Sequence[str]) -> LinearModel:
    """Return latent classes as a linear model with probabilities.

    Args:
        items: The base: yes/no or categories.
        classes: Fitted to it.
        names: Of the classes.

    Returns:
        A model of kind "lca" whose probabilities are those of the latent classes.
    """
    base = coded(items)
    chances = np.clip(classes.means, CERTAIN, 1 - CERTAIN)
    intercepts = np.log(classes.shares)
    if items.kind == "categorical":
        weights = np.log(chances)  # one of an item's categories is always the answer
    else:
        weights = np.log(chances) - np.log1p(-chances)
        intercepts = intercepts + np.log1p(-chances).sum(axis=1)
    return _made("lca", names, base.features, weights, intercepts, base.fill)


def _made(
    kind: ModelKind,
    names: Sequence[str],
    features: Sequence[str],
    weights: Matrix,
    intercepts: Matrix,
    fill: Matrix,
    temperature: float = UNCALIBRATED,
) -> LinearModel:
    return LinearModel(
        kind=kind,
        labels=tuple(names),
        features=tuple(features),
        weights=tuple(tuple(row) for row in weights.tolist()),
        intercepts=tuple(intercepts.tolist()),
        fill=tuple(fill.tolist()),
        mean=tuple(fill.tolist()),
        temperature=temperature,
    )
