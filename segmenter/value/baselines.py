"""Baseline rankings (past spend, past orders, recency) against the value model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmenter.stats.proportions import Interval

Array = NDArray[np.float64]
TOP = 0.1
DRAWS = 1000
BATCH = 100  # draws at once: bounds the memory
MANY = 10_000  # from so many people on, those far from the top need not be drawn one by one


@dataclass(frozen=True, slots=True)
class Capture:
    """Share of revenue in one ranking's top (gains).

    Attributes:
        share: Of all that came after, held by the top of this ranking.
        behind: The model's share minus this one's; 0 for the model itself.
        interval: 95%, by bootstrap over people, of *behind*.
    """

    share: float
    behind: float
    interval: Interval


def top_share(score: Array, outcome: Array, *, top: float = TOP) -> float:
    """Return the share of the sum of *outcome* that the *top* share of people by *score* hold; 0 if all is 0.

    Ties are broken by position, so callers put people in an order that says nothing.
    """
    total = float(outcome.sum())
    first = np.argsort(-score, kind="stable")[: _top_count(len(score), top)]
    return float(outcome[first].sum()) / total if total else 0.0


def _top_count(people: int, top: float) -> int:
    return max(1, round(people * top))


def compare_rankings(
    model: Array, naive: Mapping[str, Array], outcome: Array, rng: np.random.Generator, *, top: float = TOP
) -> dict[str, Capture]:
    """Return the capture of the model (under "model") and of each naive ranking, with the difference's interval.

    Args:
        model: What the model expects, one value a person.
        naive: Scores by name: past orders, past spend, recency. Larger is better.
        outcome: What each person did afterwards.
        rng: For the bootstrap.
        top: Share of people that count as the top.

    Returns:
        Share of the outcome that the top makes (0 to 1), the model's lead over it, and the lead's 95% interval.
    """
    scores = {"model": model, **naive}
    ranks = np.stack([np.argsort(-score, kind="stable") for score in scores.values()])
    draws = np.concatenate([_drawn(ranks, outcome, rng, top) for _ in range(DRAWS // BATCH)])
    captures = {}
    ours = top_share(model, outcome, top=top)
    for place, (name, score) in enumerate(scores.items()):
        share = top_share(score, outcome, top=top)
        low, high = np.quantile(draws[:, 0] - draws[:, place], [0.025, 0.975])
        captures[name] = Capture(share, ours - share, Interval(float(low), float(high)))
    return captures


def _drawn(ranks: NDArray[np.int64], outcome: Array, rng: np.random.Generator, top: float) -> Array:
    """Shares of `BATCH` bootstrap samples: (draw, ranking). A sample is how often each person was drawn."""
    wanted = float(_top_count(len(outcome), top))
    matters = _matters(ranks, outcome, round(wanted))
    times = _times(len(outcome), int(matters.sum()), rng)
    ours = outcome[matters]
    total = times @ ours
    shares = []
    place = np.cumsum(matters) - 1
    for order in ranks:
        first, drawn = _first(times, place[order[matters[order]]], wanted)
        before = np.cumsum(drawn, axis=1) - drawn
        counted = np.clip(wanted - before, 0.0, drawn)  # the last one in may count in part
        shares.append(np.divide(counted @ ours[first], total, out=np.zeros(BATCH), where=total > 0))
    return np.stack(shares, axis=1)


def _matters(ranks: NDArray[np.int64], outcome: Array, wanted: int) -> NDArray[np.bool_]:
    """Who can change a share: who did something, and who is near the top of a ranking. Everybody among few people."""
    if len(outcome) < MANY:
        return np.ones(len(outcome), dtype=bool)
    matters: NDArray[np.bool_] = outcome != 0
    matters[np.unique(ranks[:, : _holding(wanted)])] = True
    return matters


def _holding(wanted: float) -> int:
    """How many of the first people hold the *wanted* number in every sample, to seven standard errors."""
    return math.ceil(wanted + 8 * math.sqrt(wanted))


def _times(people: int, counted: int, rng: np.random.Generator) -> Array:
    """How often each of *counted* people was drawn, a row a sample, where *people* are drawn with replacement.

    Counted, not drawn as a multinomial: that draws a number for each person with each sample. How many of a sample
    are among the others is one binomial number.
    """
    sizes = rng.binomial(people, counted / people, size=BATCH)
    drawn = (np.bincount(rng.integers(counted, size=size), minlength=counted) for size in sizes)
    return np.stack(list(drawn)).astype(np.float64)


def _first(times: Array, order: NDArray[np.int64], wanted: float) -> tuple[NDArray[np.int64], Array]:
    """The people who come first, as many as hold the *wanted* number in every sample, and how often each was drawn."""
    many = _holding(wanted)
    while True:
        drawn = times[:, order[:many]]
        if many >= len(order) or drawn.sum(axis=1).min() >= wanted:
            return order[:many], drawn
        many = 2 * many
