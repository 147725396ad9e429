"""Convert a segmentation to a linear model, which also scores new people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from segmenter.classifier.linear import UNCALIBRATED, LinearModel, ModelKind, logged
from segmenter.discover.latent_class import Classes
from segmenter.discover.markers import segment_means
from segmenter.stats.item_matrix import Items, Labels, Matrix, coded
from segmenter.stats.mixtures import Mixture

CERTAIN = 1e-6  # least and largest probability of an answer in a class


def by_centres(items: Items, labels: Labels, names: Sequence[str], temperature: float = UNCALIBRATED) -> LinearModel:
    """Return the nearest of the segments' centres as a linear model.

    The form is z = (c x - |c|^2 / 2) / temperature in the scaled values (SCIENCE.md 4.5). Where a trait counts by its
    logarithm a feature is ``log1p(trait)``.

    Args:
        items: The base.
        labels: (people,) places in *names*.
        names: Of the segments, two or more.
        temperature: `segmenter.discover.bagged_confidence` finds it; without one the form tells labels only.

    Returns:
        A model of kind "kmeans" over the traits of *items*; it gives probabilities only with a *temperature*.
    """
    base = coded(items)
    centres = segment_means(base.observed, labels, len(names), items.weights)
    weights = centres / base.scale
    intercepts = -(centres**2).sum(axis=1) / 2 - (weights * base.shift).sum(axis=1)
    return _made(
        "kmeans", names, base.features, weights / temperature, intercepts / temperature, base.fill, temperature
    )


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


def by_mixture(items: Items, mixture: Mixture, names: Sequence[str], temperature: float = UNCALIBRATED) -> LinearModel:
    """Return the posterior of a Gaussian mixture as a model: z = ln(share) + ln(density), divided by *temperature*.

    ln(density) is -(ln|S| + (s - m)' P (s - m)) / 2 with P the inverse of S and s the scaled values. What all groups
    have in common changes no posterior and is left out: with one covariance for all, no product is left.

    Args:
        items: The base, which says how values are scaled.
        mixture: Fitted to ``coded(items).values``.
        names: Of its groups.
        temperature: Above 1 less sure; see `segmenter.discover.membership`.

    Returns:
        A model of kind "mixture" over the traits of *items*.
    """
    base = coded(items)
    precisions = np.linalg.inv(mixture.covariances)
    shift = base.shift / base.scale
    middles = mixture.means + shift  # of x / scale
    pulls = np.einsum("kij,kj->ki", precisions, middles)
    volumes = np.linalg.slogdet(mixture.covariances)[1]
    intercepts = np.log(mixture.shares) - volumes / 2 - (pulls * middles).sum(axis=1) / 2
    squares = -(precisions - precisions[0]) / 2 / np.outer(base.scale, base.scale)
    places = [(i, j) for i in range(len(shift)) for j in range(i, len(shift)) if np.any(squares[:, i, j])]
    curves = [[float(row[i, j]) * (1 if i == j else 2) / temperature for i, j in places] for row in squares]
    model = _made(
        "mixture", names, base.features, pulls / base.scale / temperature, intercepts / temperature, base.fill,
        temperature,
    )  # fmt: skip
    return replace(model, products=tuple(places), curves=tuple(map(tuple, curves)) if places else ())


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
