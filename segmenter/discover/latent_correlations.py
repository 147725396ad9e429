"""Copies of data with the same margins and the same correlations, but no groups: the second null.

Normals whose order is that of the copy (NORTA; Cario & Nelson 1997). Skewed and tied columns and yes/no answers
correlate less than the normals behind them, so these are calibrated: the correlation of two columns g(Z) and h(Z') is
sum a_m b_m r^m over the Hermite coefficients of g and h, r being the correlation of the normals (Mehler 1866). For two
yes/no columns that r is the tetrachoric correlation (Pearson 1900).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.random import Generator

from segmenter.stats.item_matrix import Items, Matrix, coded
from segmenter.stats.weighted import column_means

TERMS = 80  # of the series: what is left out matters beyond r = .95 only
GRID = np.linspace(-0.995, 0.995, 399)
LEAST_ROOT = 1e-6
ENDS = 8.0  # standard deviations beyond which there is no normal


def copier(items: Items) -> Callable[[Items, Generator], Items]:
    """Return what makes copies with each column's own values and the data's correlations, without groups.

    Args:
        items: Numbers or yes/no; answers that are missing stay so. Their correlations are looked at once.

    Returns:
        Takes *items* and what draws the copy; returns as many people. Correlations of what distances are measured in
        (`coded`) are those of *items*, but for the chance of the order within ties, and for correlations that no
        normals have. Weights stay with their places, and have nothing to do with the copy's values.
    """
    margins = items.margins()
    ordered = coded(replace(items, values=margins, weights=None)).observed
    root = _root(latent_correlations(coded(items).observed, ordered, items.weights))

    def copied(_: Items, rng: Generator) -> Items:
        drawn = _normals(ordered.shape, rng) @ root.T
        copy = np.full_like(margins, np.nan)
        for place, column in enumerate(margins.T):
            known = ~np.isnan(column)
            order = drawn[known, place].argsort().argsort()
            copy[known, place] = np.sort(column[known])[order]
        return replace(items, values=copy)

    return copied


def latent_correlations(values: Matrix, margins: Matrix | None = None, weights: Matrix | None = None) -> Matrix:
    """Return the correlations of the normals behind *values*, (columns, columns).

    Args:
        values: (people, columns); NaN is missing, and a pair is compared where both are known.
        margins: (people, columns) with the distributions of the population; None: those of *values*.
        weights: (people,) of the correlations; None: all alike.

    Returns:
        Within 0.995; 1 on the diagonal. It need not be positive definite.
    """
    coefficients = np.array(
        [_hermite(np.sort(column[~np.isnan(column)])) for column in (values if margins is None else margins).T]
    )
    observed = pairwise_correlations(values, weights)
    powers = GRID[None, :] ** np.arange(1, TERMS + 1)[:, None]
    latent = np.eye(values.shape[1])
    for a in range(len(latent)):
        curves = (coefficients[a] * coefficients[a + 1 :]) @ powers
        for b, curve in enumerate(curves, a + 1):
            latent[a, b] = latent[b, a] = np.interp(observed[a, b], np.maximum.accumulate(curve), GRID)
    return latent


def pairwise_correlations(values: Matrix, weights: Matrix | None = None) -> Matrix:
    """Return Pearson's correlations over the people who have both values, (columns, columns); 0 where one is constant.

    Args:
        values: (people, columns); NaN is missing.
        weights: (people,) above 0; None: all alike.
    """
    known = ~np.isnan(values)
    filled = np.where(known, values - column_means(values, weights), 0.0)
    each = np.ones((len(values), 1)) if weights is None else weights[:, None] / weights.mean()
    own = filled * each
    people = known.T.astype(float) @ (known * each)
    people = np.where(people > 0, people, 1.0)
    means = (own.T @ known) / people  # of the row's column among people who have both
    squares = (own * filled).T @ known / people - means**2
    covariance = own.T @ filled / people - means * means.T
    spread = np.sqrt(np.maximum(squares * squares.T, 0.0))
    matrix: Matrix = np.divide(covariance, spread, out=np.zeros_like(covariance), where=spread > 0)
    np.fill_diagonal(matrix, 1.0)
    return np.clip(matrix, -1.0, 1.0)


def _hermite(ordered: Matrix) -> Matrix:
    """Coefficients of z -> the value at its quantile, standardised, in normalised Hermite polynomials, (TERMS,).

    Exact for the steps that a sample's quantiles are: the integral of the density times He_m is -density * He_(m-1).
    """
    from scipy.special import ndtri  # noqa: PLC0415 - only where segments are found

    people = len(ordered)
    steps = np.flatnonzero(np.diff(ordered)) + 1  # ties are one step
    z = np.clip(ndtri(steps / people), -ENDS, ENDS)
    jumps = np.diff(ordered)[steps - 1] / (ordered.std() or 1.0)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    coefficients = np.empty(TERMS)
    before, here = np.zeros_like(z), np.ones_like(z)  # h_(m-2), h_(m-1)
    for m in range(1, TERMS + 1):
        coefficients[m - 1] = (jumps * density * here).sum() / np.sqrt(m)
        before, here = here, (z * here - np.sqrt(m - 1) * before) / np.sqrt(m)
    return coefficients


def _normals(shape: tuple[int, ...], rng: Generator) -> Matrix:
    """Normals whose correlations are 0 in this very sample, so that the copy adds no chance of its own to them."""
    drawn = rng.standard_normal(shape)
    if shape[0] <= 2 * shape[1]:  # too few people to take the chance out
        return drawn
    drawn -= drawn.mean(axis=0)
    matrix: Matrix = np.linalg.solve(np.linalg.cholesky(np.cov(drawn, rowvar=False)), drawn.T).T
    return matrix


def _root(correlations: Matrix) -> Matrix:
    """A root of the nearest matrix that normals can have: roots below 0 are taken out, the diagonal is 1 again."""
    roots, axes = np.linalg.eigh(correlations)
    root = axes * np.sqrt(np.maximum(roots, LEAST_ROOT))
    matrix: Matrix = root / np.sqrt((root**2).sum(axis=1, keepdims=True))
    return matrix
