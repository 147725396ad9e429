"""Search for segments of other shapes than round ones: Gaussian mixtures, chosen by evidence (BIC) and stability.

k-means cuts what is long and shares out what is wide. A mixture with covariances tells such groups apart, where the
data are numbers that vary freely: on answers of few steps a normal distribution is no model, and its evidence none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from segmenter.discover.choose_k import FRAGILE, TRUSTED
from segmenter.discover.latent_correlations import copier
from segmenter.discover.membership import placed_again
from segmenter.discover.null_models import COPIES
from segmenter.discover.segment_size import smallest
from segmenter.discover.stability import CountStability, Effort, agreements, stability
from segmenter.stats.item_matrix import Items, Labels, Matrix, coded
from segmenter.stats.kmeans import Rows
from segmenter.stats.mixtures import (
    SHAPES,
    Mixture,
    Shape,
    best_mixture,
    parameters_of,
    refitted,
    starts_of,
)

STRONG = 10.0  # difference of the BIC that is strong evidence (Kass & Raftery 1995)
STEPS, OFTEN = 20, 0.1  # different values that numbers which vary freely have at least; share of one value at most
WIDE = 40  # features: beyond, covariances of their own have too many numbers
A_PARAMETER = 3  # people for each number of a mixture at least
TRIED = 3  # mixtures whose stability is looked at, the likeliest first

Fits = Mapping[tuple[int, Shape], Mixture]


@dataclass(frozen=True, slots=True)
class FoundMixture:
    """A mixture that the data speak for.

    Attributes:
        mixture: Fitted to ``coded(items).values`` of everybody who answered everything; groups by falling size.
        labels: (people,) likeliest group of everybody.
        stability: Of refits to bootstrap samples.
        evidence: Difference of the BIC to one group.
    """

    mixture: Mixture
    labels: Labels
    stability: CountStability
    evidence: float


def vary_freely(items: Items) -> bool:
    """Return whether *items* are numbers for which a normal distribution can be a model: no answers of few steps."""
    if items.kind != "metric":
        return False
    for column in items.values.T:
        values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
        if len(values) < STEPS or counts.max() > OFTEN * counts.sum():
            return False
    return True


def mixture_fits(
    values: Matrix, most: int, shapes: Sequence[Shape], rng: Generator, counts: Matrix | None = None
) -> dict[tuple[int, Shape], Mixture]:
    """Fit mixtures of 1 to *most* groups; a shape whose BIC rose twice in a row is not asked for more groups.

    Args:
        values: (people, features), scaled.
        most: Groups at most.
        shapes: Of their covariances.
        rng: Chance of the starts.
        counts: (people,) how many each counts as; None: everybody once.

    Returns:
        By number of groups and shape; those that lost a group are left out.
    """
    fits: dict[tuple[int, Shape], Mixture] = {}
    rising, best = dict.fromkeys(shapes, 0), dict.fromkeys(shapes, np.inf)
    for k in range(1, most + 1):
        starts = starts_of(values, k, rng, counts) if k > 1 else [np.zeros(len(values), np.int64)]
        for shape in shapes:
            few = parameters_of(shape, k, values.shape[1]) * A_PARAMETER > len(values)
            if rising[shape] > 1 or (few and k > 1):
                continue
            mixture = best_mixture(values, k, shape, starts, counts=counts)
            if mixture is not None:
                fits[k, shape] = mixture
            better = mixture is not None and mixture.bic < best[shape]
            rising[shape] = 0 if better else rising[shape] + 1
            best[shape] = min(best[shape], mixture.bic) if mixture is not None else best[shape]
    return fits


def bic_by_number(fits: Fits) -> dict[int, float]:
    """Return the least BIC of each number of groups."""
    return {k: min(fit.bic for (other, _), fit in fits.items() if other == k) for k in sorted({k for k, _ in fits})}


def shapes_for(items: Items) -> tuple[Shape, ...]:
    """Return the shapes that may be fitted to *items*: all, where these are free and complete enough; else none."""
    complete = items.complete()
    if not vary_freely(items) or complete.mean() < 0.5 or len(items.names) > WIDE:  # noqa: PLR2004 - half
        return ()
    return SHAPES


def evidence_for_groups(fits: Fits) -> tuple[Mixture, float]:
    """Return the likeliest mixture of two groups or more, and by how much its BIC is below that of one group."""
    alone = min(fit.bic for (k, _), fit in fits.items() if k == 1)
    likeliest = min((fit for (k, _), fit in fits.items() if k > 1), key=lambda fit: fit.bic)
    return likeliest, alone - likeliest.bic


def find_mixture(items: Items, tested: Items, fits: Fits, effort: Effort, rng: Generator) -> FoundMixture | None:
    """Return the likeliest mixture whose groups are stable and large enough; None where there is none.

    Args:
        items: Everybody.
        tested: Those of them to whom *fits* were fitted.
        fits: As `mixture_fits` returns them.
        effort: Bootstrap samples of *tested*.
        rng: Draws them.
    """
    alone = min(fit.bic for (k, _), fit in fits.items() if k == 1)
    likely = sorted((fit for (k, _), fit in fits.items() if k > 1), key=lambda fit: fit.bic)
    for fit in likely[:TRIED]:
        if fit.bic > alone - STRONG:
            return None
        mixture, labels = _for_everybody(items, fit)
        if np.bincount(labels, items.counts, minlength=mixture.k).min() < smallest(items.effective):
            continue
        complete = tested.rows(tested.complete())
        stable = _stability(Rows.of(scaled_like(items, tested), complete.counts), mixture, effort, rng)
        if stable is not None and min(stable.agreement, stable.median) >= FRAGILE and min(stable.segments) >= TRUSTED:
            return FoundMixture(mixture, labels, stable, alone - fit.bic)
    return None


def scaled_like(items: Items, some: Items) -> Matrix:
    """Return complete rows of *some* as ``coded(items)`` scales them, (people, features)."""
    base = coded(items)
    values = some.values[some.complete()]
    logs = [feature != name for feature, name in zip(base.features, items.names, strict=True)]
    scaled: Matrix = (np.where(logs, np.log1p(np.maximum(values, 0.0)), values) - base.shift) / base.scale
    return scaled


def _for_everybody(items: Items, fit: Mixture) -> tuple[Mixture, Labels]:
    """The mixture that EM reaches from *fit* among all, and the group of everybody, by falling size."""
    values = coded(items).values
    complete, counts = values[items.complete()], items.rows(items.complete()).counts
    mixture = refitted(complete, np.ones(len(complete)) if counts is None else counts, fit) or fit
    sizes = np.bincount(mixture.labels(values), items.counts, minlength=mixture.k)
    mixture = mixture.in_order(np.argsort(-sizes, kind="stable"))
    return mixture, mixture.labels(values)


def _stability(rows: Rows, mixture: Mixture, effort: Effort, rng: Generator) -> CountStability | None:
    reference = mixture.labels(rows.values)
    weights = rows.bootstrap(effort.samples, rng)
    other = starts_of(rows.values, mixture.k, rng)[-1]
    refits = list(_refits(rows.values, weights, mixture, other))
    if len(refits) < max(2, effort.samples // 2):  # most refits lose a group
        return None
    labels, drawn = (np.array(part) for part in zip(*refits, strict=True))
    again = placed_again(rows, reference, labels, drawn, mixture.k)
    return replace(stability(rows, reference, labels, mixture.k), again=again)


def _refits(values: Matrix, weights: Matrix, mixture: Mixture, other: Labels) -> Iterator[tuple[Labels, Matrix]]:
    """Labels by the likelier of two refits to each sample: from the mixture, and from where a start leads anew."""
    rival = best_mixture(values, mixture.k, mixture.shape, [other])
    for sample in weights:
        reached = [refitted(values, sample, start) for start in (mixture, rival) if start is not None]
        fitted = [fit for fit in reached if fit is not None]
        if fitted:
            yield max(fitted, key=lambda fit: fit.log_likelihood).labels(values), sample


def beats_correlations(tested: Items, shaped: FoundMixture, rng: Generator) -> bool:
    """Return whether groups are more evident than in copies with the same margins and correlations, by far.

    Each of `COPIES` copies is fitted the same way; the data's evidence must be above all by `STRONG`.
    """
    complete = tested.rows(tested.complete())
    copied = copier(complete)
    for _ in range(COPIES):
        values = coded(copied(complete, rng)).values
        undivided = [np.zeros(len(values), np.int64)]
        alone = [best_mixture(values, 1, shape, undivided, counts=complete.counts) for shape in ("equal", "tied")]
        starts = starts_of(values, shaped.mixture.k, rng, complete.counts)
        fitted = shaped.mixture
        many = best_mixture(values, fitted.k, fitted.shape, starts, finalists=1, counts=complete.counts)
        least = min(mixture.bic for mixture in alone if mixture is not None)
        if many is not None and least - many.bic > shaped.evidence - STRONG:
            return False
    return True


def method_agreement(first: Labels, second: Labels) -> float:
    """Return the adjusted Rand index of two labelings of the same people."""
    k = int(max(first.max(), second.max())) + 1
    return float(agreements(np.array([first, second]), np.ones(len(first)), k)[0])
