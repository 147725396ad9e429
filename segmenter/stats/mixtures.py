"""Gaussian mixtures of four shapes, fitted by EM (Dempster, Laird & Rubin 1977) and compared by their BIC.

Shapes are those of Banfield & Raftery 1993: "equal" (EEI: axes of their own lengths, the same in all groups), "tied"
(EEE: one covariance), "diagonal" (VVI), "full" (VVV). Starts are k-means on the values and on their principal axes at
unit variance, where groups that are parallel and long lie apart (Scrucca & Raftery 2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.random import Generator

from segmenter.stats.item_matrix import Labels, Matrix
from segmenter.stats.kmeans import kmeans
from segmenter.stats.weighted import as_whole

Shape = Literal["equal", "tied", "diagonal", "full"]
SHAPES: tuple[Shape, ...] = ("equal", "tied", "diagonal", "full")

STEPS = 200
SHORT, FINALISTS = 10, 2  # steps of every start, of which the best go on (Biernacki, Celeux & Govaert 2003)
NEAR_ENOUGH = 1e-5  # change of the mean log-likelihood of a person at which EM stops
FLOOR = 1e-5  # least variance of a group along any axis, as a share of that of everybody: a point is no group
FLAT = 1e-8  # share of the largest variance below which an axis is none
LEAST_PEOPLE = 2.0  # by which a group of fewer people (summed chances) is no longer divided
LONG = float(np.log(2 * np.pi))
SEEDED, SINGLE = 8, 3  # runs of k-means that a start is the best of; starts of one run each


@dataclass(frozen=True, slots=True)
class Mixture:
    """A fitted mixture.

    Attributes:
        shares: (k,), adding up to 1.
        means: (k, features).
        covariances: (k, features, features); the same k times where the shape says so.
        log_likelihood: Of all people it was fitted to.
        bic: -2 LL + parameters ln n.
    """

    shape: Shape
    shares: Matrix
    means: Matrix
    covariances: Matrix
    log_likelihood: float
    bic: float

    @property
    def k(self) -> int:
        """How many groups."""
        return len(self.shares)

    def totals(self, values: Matrix) -> Matrix:
        """Return log(share times density) of each group, (people, k)."""
        return _totals(values, self.shares, self.means, _roots(self.covariances))

    def posteriors(self, values: Matrix) -> Matrix:
        """Return the chance of each group, (people, k)."""
        return _chances(self.totals(values))[0]

    def labels(self, values: Matrix) -> Labels:
        """Return the likeliest group of each person, (people,)."""
        labels: Labels = self.totals(values).argmax(axis=1).astype(np.int64)
        return labels

    def drawn(self, people: int, rng: Generator) -> tuple[Matrix, Labels]:
        """Return *people* drawn from the mixture, (people, features), and the group of each."""
        groups = rng.choice(self.k, size=people, p=self.shares).astype(np.int64)
        roots = np.linalg.cholesky(self.covariances)
        normal = rng.standard_normal((people, self.means.shape[1]))
        return self.means[groups] + np.einsum("nij,nj->ni", roots[groups], normal), groups

    def in_order(self, order: Labels) -> Mixture:
        """Return the same with the groups in *order*, places of the present one."""
        return replace(self, shares=self.shares[order], means=self.means[order], covariances=self.covariances[order])


def parameters_of(shape: Shape, k: int, features: int) -> int:
    """Return how many numbers a mixture is free to choose."""
    spread = {
        "equal": features,
        "tied": features * (features + 1) // 2,
        "diagonal": k * features,
        "full": k * features * (features + 1) // 2,
    }[shape]
    return k - 1 + k * features + spread


def best_mixture(
    values: Matrix,
    k: int,
    shape: Shape,
    starts: Sequence[Labels],
    *,
    finalists: int = FINALISTS,
    counts: Matrix | None = None,
) -> Mixture | None:
    """Return the likeliest of the mixtures that EM reaches from *starts*; None where a group always lost its people.

    Args:
        values: (people, features), scaled alike.
        k: Groups.
        shape: Of their covariances.
        starts: Groups of each person to begin with, (people,).
        finalists: Starts that go on to their end, the likeliest after some steps.
        counts: (people,) how many each counts as; None: everybody once.
    """
    counted = np.ones(len(values)) if counts is None else counts
    begun = [_em(values, counted, _indicators(start, k), shape, steps=SHORT) for start in starts]
    first = sorted((fit for fit in begun if fit is not None), key=lambda fit: -fit.log_likelihood)[:finalists]
    fitted = [_em(values, counted, fit.posteriors(values), shape) for fit in first]
    reached = [mixture for mixture in fitted if mixture is not None]
    return max(reached, key=lambda mixture: mixture.log_likelihood) if reached else None


def refitted(values: Matrix, weights: Matrix, mixture: Mixture) -> Mixture | None:
    """Return what EM makes of *mixture* on the same people with other *weights*; None where a group is lost."""
    return _em(values, weights, mixture.posteriors(values), mixture.shape)


def starts_of(values: Matrix, k: int, rng: Generator, counts: Matrix | None = None) -> list[Labels]:
    """Return groups of everybody to begin with: of k-means on the values, and on their principal axes.

    Args:
        values: (people, features).
        k: Groups.
        rng: Chance.
        counts: (people,) how many each counts as; None: everybody once. The axes are those of everybody alike.
    """
    everybody = np.ones((1, len(values))) if counts is None else as_whole(counts)[0][None]
    axes = whitened(values)
    bases = ((values, SEEDED), (axes, SEEDED), *((axes, 1),) * SINGLE)
    return [kmeans(base, everybody, k, starts=runs, rng=rng).labels(base)[0] for base, runs in bases]


def whitened(values: Matrix) -> Matrix:
    """Return the principal components of *values* at unit variance; those without variance are left out."""
    centred = values - values.mean(axis=0)
    roots, axes = np.linalg.eigh(np.cov(centred, rowvar=False).reshape(values.shape[1], -1))
    kept = roots > FLAT * roots.max()
    axes_at_unit: Matrix = centred @ (axes[:, kept] / np.sqrt(roots[kept]))
    return axes_at_unit


def _indicators(labels: Labels, k: int) -> Matrix:
    chances = np.zeros((len(labels), k))
    chances[np.arange(len(labels)), labels] = 1.0
    return chances


def _em(values: Matrix, weights: Matrix, chances: Matrix, shape: Shape, *, steps: int = STEPS) -> Mixture | None:
    people, before = weights.sum(), -np.inf
    least = FLOOR * values.var(axis=0)
    shares = means = covariances = fit = np.empty(0)
    for _ in range(steps):
        members = chances * weights[:, None]
        if members.sum(axis=0).min() < LEAST_PEOPLE:
            return None
        shares, means, covariances = _maximised(values, members, shape, least)
        chances, fit = _chances(_totals(values, shares, means, _roots(covariances)))
        now = float((fit * weights).sum() / people)
        if abs(now - before) < NEAR_ENOUGH:
            break
        before = now
    likelihood = float((fit * weights).sum())
    bic = -2 * likelihood + parameters_of(shape, len(shares), values.shape[1]) * float(np.log(people))
    return Mixture(shape, shares, means, covariances, likelihood, bic)


def _maximised(values: Matrix, members: Matrix, shape: Shape, least: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    sizes = members.sum(axis=0)
    means = members.T @ values / sizes[:, None]
    k, features = means.shape
    if shape in {"equal", "diagonal"}:
        spread = members.T @ (values**2) / sizes[:, None] - means**2
        if shape == "equal":
            spread = np.repeat((sizes @ spread / sizes.sum())[None], k, axis=0)
        covariances = np.zeros((k, features, features))
        covariances[:, np.arange(features), np.arange(features)] = np.maximum(spread, 0.0) + least
    else:
        products = np.stack([(values * members[:, [j]]).T @ values for j in range(k)]) / sizes[:, None, None]
        covariances = products - means[:, :, None] * means[:, None, :]
        if shape == "tied":
            tied = np.einsum("k,kij->ij", sizes, covariances) / sizes.sum()
            covariances = np.repeat(tied[None], k, axis=0)
        covariances = covariances + np.diag(least)
    return sizes / sizes.sum(), means, covariances


def _roots(covariances: Matrix) -> Matrix:
    """Inverse of each Cholesky factor, (k, features, features)."""
    roots: Matrix = np.linalg.inv(np.linalg.cholesky(covariances))
    return roots


def _totals(values: Matrix, shares: Matrix, means: Matrix, roots: Matrix) -> Matrix:
    k, features = means.shape
    stretched = values @ roots.reshape(k * features, features).T
    stretched -= np.einsum("kij,kj->ki", roots, means).ravel()
    far = (stretched**2).reshape(len(values), k, features).sum(axis=2)
    volume = np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)
    totals: Matrix = np.log(shares) + volume - (far + features * LONG) / 2
    return totals


def _chances(totals: Matrix) -> tuple[Matrix, Matrix]:
    top = totals.max(axis=1, keepdims=True)
    grown = np.exp(totals - top)
    whole = grown.sum(axis=1, keepdims=True)
    return grown / whole, (top + np.log(whole))[:, 0]
