"""TURF (total unduplicated reach and frequency): the few items that reach most people.

Somebody is reached by a set of items who likes at least one of them. The best set of each size is found by counting all
sets, or by branch and bound: what an item adds can only shrink when others are there (reach is submodular), so the
gains of the best items bound what any set can still add. Where neither ends, the set is the best that was found, at
least as good as adding items one by one, each the one that adds most; that reaches at least 1 - 1/e of the best
(Nemhauser, Wolsey & Fisher 1978, Mathematical Programming 14, 265-294).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import comb
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Search = Literal["all sets", "branch and bound", "greedy"]

MOST_SETS = 50_000
"""Sets of one size that are counted one by one."""
MOST_NODES = 20_000
CLOSE = 1e-12


@dataclass(frozen=True, slots=True)
class ItemSet:
    """Some items.

    Attributes:
        items: Their places, in order.
        reach: Share of people who like at least one, weighted, 0 to 1.
        frequency: How many of them a person who is reached likes, on average; 0 for nobody.
    """

    items: tuple[int, ...]
    reach: float
    frequency: float


@dataclass(frozen=True, slots=True)
class BestSet:
    """The best set of one size, how it was found, and the next best ones where all sets were counted."""

    best: ItemSet
    search: Search
    others: tuple[ItemSet, ...] = ()

    @property
    def proven(self) -> bool:
        """Whether no other set of this size reaches more."""
        return self.search != "greedy"


@dataclass(frozen=True, slots=True)
class TurfOptions:
    """Effort, and what every set has to contain.

    Attributes:
        always: Items that are in every set.
        shown: Next best sets to name.
        most_sets: Sets that are counted one by one.
        most_nodes: Steps of branch and bound.
    """

    always: tuple[int, ...] = ()
    shown: int = 5
    most_sets: int = MOST_SETS
    most_nodes: int = MOST_NODES


def best_sets(likes: NDArray[np.bool_], weights: NDArray[np.float64], size: int, options: TurfOptions) -> list[BestSet]:
    """Find the best set of each size, from that of the items that are always there (at least 1) to *size*.

    Args:
        likes: (people, items).
        weights: (people,) at least 0, not all 0.
        size: Items at most; no more than there are.
        options: Effort, and items that are always there.

    Returns:
        The smallest first.
    """
    people = _counted(likes, weights)
    return [_best(people, many, options) for many in range(max(1, len(options.always)), size + 1)]


def best_set(likes: NDArray[np.bool_], weights: NDArray[np.float64], size: int, options: TurfOptions) -> BestSet:
    """Find the best set of one size.

    Args:
        likes: (people, items).
        weights: (people,) at least 0, not all 0.
        size: Items of the set.
        options: Effort, and items that are always there.

    Returns:
        The set, and how it was found.
    """
    return _best(_counted(likes, weights), size, options)


def _counted(likes: NDArray[np.bool_], weights: NDArray[np.float64]) -> _People:
    patterns, place = np.unique(likes, axis=0, return_inverse=True)
    return _People(patterns, np.bincount(place.ravel(), weights, minlength=len(patterns)) / weights.sum())


def held_out_reach(
    likes: NDArray[np.bool_],
    weights: NDArray[np.float64],
    size: int,
    options: TurfOptions,
    rng: np.random.Generator,
    splits: int = 5,
) -> float:
    """Return the reach, among people who took no part in the choice, of the best set of *size*.

    The best of many sets is best also by chance, so it reaches fewer of others. People are halved at random; the set of
    one half is measured on the other.

    Args:
        likes: (people, items), at least two people.
        weights: (people,) at least 0.
        size: Items of the set.
        options: As of `best_sets`; the sets of halves are found by branch and bound, with a tenth of the effort.
        rng: Halves people.
        splits: How often.

    Returns:
        Mean share, 0 to 1; NaN where a half has no weight.
    """
    effort = TurfOptions(options.always, 0, 0, max(options.most_nodes // 10, 1))
    reached = []
    for _ in range(splits):
        order = rng.permutation(len(weights))
        halves = order[::2], order[1::2]
        for own, other in (halves, halves[::-1]):
            if not (weights[own].any() and weights[other].any()):
                return float("nan")
            items = list(best_set(likes[own], weights[own], size, effort).best.items)
            reached.append(float(np.average(likes[other][:, items].any(axis=1), weights=weights[other])))
    return float(np.mean(reached))


@dataclass(frozen=True, slots=True)
class _People:
    """Different sets of liked items, (patterns, items), and the share of people with each."""

    patterns: NDArray[np.bool_]
    share: NDArray[np.float64]

    def of(self, items: Sequence[int]) -> ItemSet:
        liked = self.patterns[:, list(items)].sum(axis=1)
        reach = float(self.share[liked > 0].sum())
        return ItemSet(tuple(sorted(items)), reach, float(self.share @ liked) / reach if reach else 0.0)


def _best(people: _People, size: int, options: TurfOptions) -> BestSet:
    free = [item for item in range(people.patterns.shape[1]) if item not in options.always]
    add = size - len(options.always)
    if add == 0 or comb(len(free), add) <= options.most_sets:
        sets = (people.of((*options.always, *more)) for more in combinations(free, add))
        ranked = sorted(sets, key=lambda chosen: (-round(chosen.reach, 12), -chosen.frequency, chosen.items))
        return BestSet(ranked[0], "all sets", tuple(ranked[1 : options.shown + 1]))
    search = _BranchAndBound(people, options.most_nodes)
    items, proven = search.run(options.always, free, add)
    return BestSet(people.of(items), "branch and bound" if proven else "greedy")


@dataclass(slots=True)
class _BranchAndBound:
    people: _People
    most_nodes: int
    nodes: int = 0
    best: tuple[int, ...] = ()
    reach: float = -1.0
    chosen: list[int] = field(default_factory=list)

    def run(self, always: Sequence[int], free: Sequence[int], add: int) -> tuple[tuple[int, ...], bool]:
        """Return the best set that was found, and whether it is proven; the first one found is the greedy one."""
        open_ = self.people.share.copy()
        open_[self.people.patterns[:, list(always)].any(axis=1)] = 0.0
        self.chosen = list(always)
        self._search(np.array(free, dtype=np.int64), open_, 1 - float(open_.sum()), add)
        return self.best, self.nodes <= self.most_nodes

    def _search(self, free: NDArray[np.int64], open_: NDArray[np.float64], reach: float, add: int) -> None:
        self.nodes += 1
        gains = open_ @ self.people.patterns[:, free]
        order = np.argsort(-gains, kind="stable")
        free, gains = free[order], gains[order]
        if add == 1:
            if reach + gains[0] > self.reach + CLOSE:
                self.reach, self.best = float(reach + gains[0]), (*self.chosen, int(free[0]))
            return
        for place in range(len(free) - add + 1):
            if reach + gains[place : place + add].sum() <= self.reach + CLOSE:
                return  # nor can any later one, whose gains are smaller
            if self.best and self.nodes > self.most_nodes:
                return
            item = int(free[place])
            self.chosen.append(item)
            left = np.where(self.people.patterns[:, item], 0.0, open_)
            self._search(free[place + 1 :], left, reach + float(gains[place]), add - 1)
            self.chosen.pop()
