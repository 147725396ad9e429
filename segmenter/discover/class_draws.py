"""Latent classes that EM reaches from given segments of answers, and people drawn from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from segmenter.discover.em_bootstrap import class_totals, one_hot_answers
from segmenter.stats.item_matrix import Items, Labels, Matrix

STEPS = 200
NEAR_ENOUGH = 1e-6  # change of a person's mean log-likelihood at which EM stops
KEPT = 0.5  # share of the people who must stay in their segment while EM runs; else it found other groups


@dataclass(frozen=True, slots=True)
class ClassGroups:
    """Shares and answers of each class.

    Attributes:
        shares: (k,).
        chances: (k, columns) of each answer; the columns of one item add up to 1.
        owner: (columns,) the item of each column.
        binary: Whether items are yes and no, told by the first half of the columns.
    """

    shares: Matrix
    chances: Matrix
    owner: Labels
    binary: bool

    def drawn(self, people: int, rng: Generator) -> tuple[Matrix, Labels]:
        """Return *people* drawn, (people, features of `coded`), and the class of each."""
        groups = rng.choice(len(self.shares), size=people, p=self.shares).astype(np.int64)
        if self.binary:
            yes = self.chances[groups, : self.chances.shape[1] // 2]
            return (rng.random(yes.shape) < yes).astype(np.float64), groups
        values = np.zeros((people, self.chances.shape[1]))
        for item in range(int(self.owner.max()) + 1):
            columns = np.flatnonzero(self.owner == item)
            summed = self.chances[:, columns].cumsum(axis=1)[groups]
            answer = (rng.random((people, 1)) * summed[:, -1:] > summed).sum(axis=1)
            values[np.arange(people), columns[np.minimum(answer, len(columns) - 1)]] = 1.0
        return values, groups


def classes_from(items: Items, labels: Labels, k: int) -> ClassGroups:
    """Return the latent classes that EM reaches from segments of answers; these themselves where EM leaves them.

    Args:
        items: Yes and no, or categories; a missing answer counts as not asked.
        labels: (people,) segment of each.
        k: Segments.
    """
    answers, owner = one_hot_answers(items)
    counts = np.ones(len(labels)) if items.counts is None else items.counts
    begun = np.zeros((k, 1, len(labels)))
    begun[labels, 0, np.arange(len(labels))] = 1.0
    members, before = begun, -np.inf
    for _ in range(STEPS):
        totals = class_totals(answers, owner, members * counts)
        top = totals.max(axis=0)
        grown = np.exp(totals - top)
        fit = float(np.average((top + np.log(grown.sum(axis=0)))[0], weights=counts))
        members = grown / grown.sum(axis=0)
        if fit - before < NEAR_ENOUGH:
            break
        before = fit
    if (members[:, 0].argmax(axis=0) == labels).mean() < KEPT:
        members = begun
    members = members * counts
    sums = members[:, 0] @ answers
    same_item = (owner[:, None] == owner[None, :]).astype(np.float64)
    return ClassGroups(
        members[:, 0].sum(axis=1) / counts.sum(),
        sums / np.maximum(sums @ same_item, 1e-12),
        owner,
        items.kind == "binary",
    )
