"""BIC of latent classes by their number, where only that is asked: all starts in one matrix product.

StepMix fits the classes that are reported, one start after the other. Here no class is kept: all starts run side by
side, each until it gains no more.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from segmenter.discover.em_bootstrap import class_totals, one_hot_answers
from segmenter.discover.latent_class import LARGEST_SEED, NEAR_ENOUGH, STEPS
from segmenter.stats.item_matrix import Items, Labels
from segmenter.stats.kmeans import Rows


def class_bic(items: Items, most: int, *, starts: int, rng: Generator) -> dict[int, float]:
    """Return -2 LL + parameters ln n for 1 to *most* latent classes.

    Args:
        items: Yes and no, or categories; a missing answer counts as not asked.
        most: Classes at most.
        starts: Random beginnings of each number.
        rng: Chance.
    """
    answers, owner = one_hot_answers(items)
    rows = Rows.of(answers, items.counts)
    free = len(owner) - len(items.names)  # chances of a class: those of an item add up to 1
    bic = {}
    for k in range(1, most + 1):
        own = np.random.default_rng(int(rng.integers(LARGEST_SEED)))
        fit = _log_likelihood(rows, owner, k, 1 if k == 1 else starts, own)
        bic[k] = float(-2 * fit + (k - 1 + k * free) * np.log(rows.counts.sum()))
    return bic


def _log_likelihood(rows: Rows, owner: Labels, k: int, starts: int, rng: Generator) -> float:
    """The largest that EM reaches from random *starts*, of all people."""
    members = rng.dirichlet(np.ones(k), size=(starts, len(rows.counts))).transpose(2, 0, 1)
    reached, still = np.full(starts, -np.inf), np.arange(starts)
    for _ in range(STEPS):
        totals = class_totals(rows.values, owner, members * rows.counts)
        top = totals.max(axis=0)
        members = np.exp(totals - top)
        whole = members.sum(axis=0)
        members /= whole
        fit = (top + np.log(whole)) @ rows.counts
        on = fit - reached[still] >= NEAR_ENOUGH * rows.counts.sum()
        reached[still] = fit
        members, still = members[:, on], still[on]
        if not len(still):
            break
    return float(reached.max())
