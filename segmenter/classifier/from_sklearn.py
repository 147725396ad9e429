"""Convert fitted scikit-learn and StepMix models to `LinearModel`.

Formulas: SCIENCE.md 4.5. The estimators are only read, so neither library is imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter.classifier.linear import LinearModel, ModelKind

Array = NDArray[np.float64]

SURE = 1e-12
"""Least and largest probability of a yes in a latent class: a certain answer would have an infinite weight."""


def from_discriminant(
    kind: ModelKind,
    fitted: Any,
    features: Sequence[str],
    *,
    fill: Sequence[float],
    mean: Sequence[float],
    scaler: Any = None,
) -> LinearModel:
    """Return a fitted ``LinearDiscriminantAnalysis`` or multinomial ``LogisticRegression``.

    Args:
        kind: "lda" or "logit".
        fitted: The estimator; its classes are segment names.
        features: What its columns are, in order.
        fill: What stood for unknown features.
        mean: Of each feature in the data it saw, for reasons.
        scaler: The fitted ``StandardScaler`` that stood before it, if any.
    """
    coefficients, intercepts = np.asarray(fitted.coef_, float), np.asarray(fitted.intercept_, float)
    if len(coefficients) == 1:  # of two classes only the second one's lead is kept
        coefficients = np.vstack([np.zeros_like(coefficients), coefficients])
        intercepts = np.array([0.0, *intercepts])
    weights, intercepts = _unscaled(coefficients, intercepts, scaler)
    return _made(kind, [str(label) for label in fitted.classes_], features, weights, intercepts, fill, mean)


def from_kmeans(
    fitted: Any,
    labels: Sequence[str],
    features: Sequence[str],
    *,
    fill: Sequence[float],
    mean: Sequence[float],
    scaler: Any = None,
) -> LinearModel:
    """Return a fitted ``KMeans``: of |x - c|^2 only 2 c x - |c|^2 differs between centres. *labels* name them."""
    centres = np.asarray(fitted.cluster_centers_, float)
    weights, intercepts = _unscaled(centres, -(centres**2).sum(axis=1) / 2, scaler)
    return _made("kmeans", labels, features, weights, intercepts, fill, mean)


def from_latent_classes(
    fitted: Any, labels: Sequence[str], features: Sequence[str], *, fill: Sequence[float], mean: Sequence[float]
) -> LinearModel:
    """Return a fitted ``StepMix`` of binary measurement: each answer adds its log odds. *labels* name the classes."""
    yes = np.clip(np.asarray(fitted.get_parameters()["measurement"]["pis"], float), SURE, 1 - SURE)
    shares = np.asarray(fitted.get_parameters()["weights"], float)
    weights = np.log(yes) - np.log1p(-yes)
    intercepts = np.log(np.clip(shares, SURE, 1)) + np.log1p(-yes).sum(axis=1)
    return _made("lca", labels, features, weights, intercepts, fill, mean)


def at_temperature(model: LinearModel, temperature: float) -> LinearModel:
    """Return *model* with every total divided by *temperature*: above 1 it is less sure, its labels stay."""
    factor = model.temperature / temperature
    return LinearModel(
        kind=model.kind,
        labels=model.labels,
        features=model.features,
        weights=tuple(tuple(weight * factor for weight in row) for row in model.weights),
        intercepts=tuple(intercept * factor for intercept in model.intercepts),
        fill=model.fill,
        mean=model.mean,
        temperature=temperature,
        products=model.products,
        curves=tuple(tuple(weight * factor for weight in row) for row in model.curves),
    )


def _unscaled(weights: Array, intercepts: Array, scaler: Any) -> tuple[Array, Array]:
    if scaler is None:
        return weights, intercepts
    scale, mean = np.asarray(scaler.scale_, float), np.asarray(scaler.mean_, float)
    scaled: Array = weights / scale
    return scaled, intercepts - (scaled * mean).sum(axis=1)


def _made(
    kind: ModelKind,
    labels: Sequence[str],
    features: Sequence[str],
    weights: Array,
    intercepts: Array,
    fill: Sequence[float],
    mean: Sequence[float],
) -> LinearModel:
    return LinearModel(
        kind,
        tuple(labels),
        tuple(features),
        tuple(tuple(row) for row in weights.tolist()),
        tuple(intercepts.tolist()),
        tuple(float(value) for value in fill),
        tuple(float(value) for value in mean),
    )
