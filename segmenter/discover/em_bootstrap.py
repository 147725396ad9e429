"""EM for latent classes on many bootstrap samples at once, for their stability.

StepMix fits the classes that are reported; it fits one sample at a time, and a stability needs hundreds.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from segmenter.stats.item_matrix import Items, Labels, Matrix, coded
from segmenter.stats.kmeans import CELLS

STEPS = 150
NEAR_ENOUGH = 1e-5  # change of the mean log-likelihood of a person
TINY = 1e-9


def one_hot_answers(items: Items) -> tuple[Matrix, Labels]:
    """Return each answer as a column of 0 and 1 (all 0 where it is missing), and the item of each column."""
    if items.kind == "binary":
        both = np.concatenate([items.values, 1 - items.values], axis=1)
        return np.where(np.isnan(both), 0.0, both), np.tile(np.arange(len(items.names)), 2)
    owner = np.repeat(np.arange(len(items.names)), [len(answers) for answers in items.categories])
    missing = np.isnan(items.values)[:, owner]
    return np.where(missing, 0.0, coded(items).values), owner


def class_labels(answers: Matrix, owner: Labels, weights: Matrix, k: int, *, starts: int, rng: Generator) -> Labels:
    """Return the likeliest class of every row by the best of *starts* fits a sample, (samples, rows).

    Args:
        answers: (rows, columns), see `one_hot_answers`.
        owner: (columns,) the item of each column.
        weights: (samples, rows).
        k: Classes.
        starts: Fits from different beginnings.
        rng: Chance.
    """
    at_once = max(1, CELLS // max(1, k * starts * len(answers)))
    parts = [
        _batch(answers, owner, weights[first : first + at_once], k, starts, rng)
        for first in range(0, len(weights), at_once)
    ]
    return np.concatenate(parts)


def _batch(answers: Matrix, owner: Labels, weights: Matrix, k: int, starts: int, rng: Generator) -> Labels:
    samples, rows = weights.shape
    repeated = np.repeat(weights, starts, axis=0)
    likely = rng.dirichlet(np.ones(k), size=(len(repeated), rows)).transpose(2, 0, 1)
    fit = np.full(len(repeated), -np.inf)
    for _ in range(STEPS):
        totals = class_totals(answers, owner, likely * repeated)
        top = totals.max(axis=0)
        grown = np.exp(totals - top)
        whole = grown.sum(axis=0)
        likely = grown / whole
        before, fit = fit, ((top + np.log(whole)) * repeated).sum(axis=1) / repeated.sum(axis=1)
        if (fit - before).max() < NEAR_ENOUGH:
            break
    best = fit.reshape(samples, starts).argmax(axis=1) + np.arange(samples) * starts
    labels: Labels = likely[:, best].argmax(axis=0).astype(np.int64)
    return labels


def class_totals(answers: Matrix, owner: Labels, members: Matrix) -> Matrix:
    """Return the log of class share times probability of the row's answers, (k, runs, rows), after one M-step.

    Args:
        answers: (rows, columns), see `one_hot_answers`.
        owner: (columns,) the item of each column.
        members: (k, runs, rows) weight times chance of each class.
    """
    k, runs, rows = members.shape
    sums = members.reshape(k * runs, rows) @ answers
    same_item = (owner[:, None] == owner[None, :]).astype(np.float64)
    chances = (sums + TINY) / (sums @ same_item + TINY)
    shares = members.sum(axis=2) / members.sum(axis=(0, 2))
    totals: Matrix = (np.log(np.maximum(chances, TINY)) @ answers.T).reshape(k, runs, rows)
    totals += np.log(np.maximum(shares, TINY))[:, :, None]
    return totals
