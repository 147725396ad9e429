"""Segment ranking by value, with rank intervals (bootstrap).

V_j = N_j r_j (CLV_j + L_j m - c): people, reachable share, mean value of a person's coming orders, incremental orders
per contact, what an order earns, what a contact costs. L_j is the shrunken lift of the best
arm, and 0 where that is below 0, since nobody has to be mailed. Ranks have intervals by Mogstad, Romano, Shaikh &
Wilhelm 2024 ("Inference for ranks", section 3): a segment surely stands below those that beat it by more than chance
explains, and above those that it beats; the quantile is that of the largest of its comparisons, by bootstrap over
people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmenter.stats.proportions import Interval

Array = NDArray[np.float64]
DRAWS = 2000
LEVEL = 0.95
BINS = 512  # of a segment's values in the bootstrap
EXACT = 64  # of the largest values stand for themselves: they carry the variance


@dataclass(frozen=True, slots=True)
class SegmentResponse:
    """Incremental response per contact of a segment, as measured.

    Attributes:
        gain: Orders a contact more than without (or with the other arms).
        variance: Of *gain*.
        against: What it was compared with, in words: "holdout".
        of: Whom it was measured on; segments that share a persona share one measurement.
    """

    gain: float
    variance: float
    against: str
    of: str = ""


@dataclass(frozen=True, slots=True)
class SegmentPeople:
    """One segment with its people.

    Attributes:
        values: What each person's coming orders are worth; 0 for who never ordered.
        reachable: Whether each is marketable, and email arrives.
        spent: What each spent so far.
        response: None where no campaign measured it.
    """

    name: str
    values: Array
    reachable: NDArray[np.bool_]
    spent: Array
    response: SegmentResponse | None = None


@dataclass(frozen=True, slots=True)
class Costs:
    """Margin per order, and cost per contact; in money."""

    earned: float = 0.0
    contact: float = 0.0


@dataclass(frozen=True, slots=True)
class RankedSegment:
    """One segment's place.

    Attributes:
        mean_value: A person's, pulled towards the mean of all segments the further the noisier it is.
        gain: Incremental orders a contact, pulled likewise and not below 0; None where nothing was measured.
        value: V_j.
        interval: 95%, of *value*.
        ranks: 95%, of its place; 1 is the most valuable.
        tie: Number of the group of segments that can't be told apart, from 1.
        naive: Its place by what its reachable people spent so far.
    """

    name: str
    people: int
    reachable: int
    mean_value: float
    gain: float | None
    value: float
    interval: Interval
    ranks: tuple[int, int]
    tie: int
    naive: int


def rank(
    segments: Sequence[SegmentPeople], costs: Costs, rng: np.random.Generator, *, beside: Sequence[SegmentResponse] = ()
) -> list[RankedSegment]:
    """Rank segments that have people, the most valuable first.

    Args:
        segments: With their people.
        costs: In money.
        rng: For the bootstrap.
        beside: What was measured on people of no segment; it tells what is common to all.

    Returns:
        Value per contact with 95% intervals of value and rank, ties, and the rank by past spend alone.
    """
    return rank_and_sum(segments, costs, rng, beside=beside)[0]


def rank_and_sum(
    segments: Sequence[SegmentPeople], costs: Costs, rng: np.random.Generator, *, beside: Sequence[SegmentResponse] = ()
) -> tuple[list[RankedSegment], Interval]:
    """Rank segments as `rank` does, and return the 95% interval of their values' sum beside it.

    The sum is that of each bootstrap draw: segments that share a measured response err together, so the sum of their
    intervals would not be its interval.

    Returns:
        The ranking, the most valuable first, and the interval of the sum; 0 to 0 without people.
    """
    filled = [segment for segment in segments if len(segment.values)]
    if not filled:
        return [], Interval(0.0, 0.0)
    drawn = _draws(filled, beside, rng)
    values = _worth(drawn, costs, np.arange(1))[0]
    draws = _worth(drawn, costs, np.arange(1, DRAWS + 1))
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    ranks, apart = rank_intervals(values, draws)
    ties = _ties(values, apart)
    naive = _places(np.array([float(s.spent[s.reachable].sum()) for s in filled]))
    made = [
        RankedSegment(
            segment.name,
            len(segment.values),
            int(segment.reachable.sum()),
            float(drawn.means[0, j]),
            float(drawn.gains[0, j]) if any(s.response for s in filled) else None,
            float(values[j]),
            Interval(float(low[j]), float(high[j])),
            (int(ranks[j, 0]), int(ranks[j, 1])),
            int(ties[j]),
            int(naive[j]),
        )
        for j, segment in enumerate(filled)
    ]
    ends = np.quantile(draws.sum(axis=1), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    ordered = sorted(made, key=lambda segment: (-segment.value, segment.name))
    return ordered, Interval(float(ends[0]), float(ends[1]))


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Row 0 as measured, rows 1 to `DRAWS` bootstrapped; one column a segment."""

    reached: Array
    means: Array
    gains: Array


def _worth(drawn: _Drawn, costs: Costs, rows: NDArray[np.int64]) -> Array:
    worth = drawn.means[rows] + drawn.gains[rows] * costs.earned - costs.contact
    return np.asarray(drawn.reached[rows] * worth)


def _draws(segments: Sequence[SegmentPeople], beside: Sequence[SegmentResponse], rng: np.random.Generator) -> _Drawn:
    """Draw the people again: who is in which segment, who is reachable, and what they are worth."""
    sizes = np.array([len(s.values) for s in segments], dtype=np.float64)
    reachable = np.array([float(s.reachable.sum()) for s in segments])
    total = int(sizes.sum())
    chances = np.append(reachable, total - reachable.sum()) / total
    reached = rng.multinomial(total, chances, size=DRAWS)[:, :-1].astype(np.float64)
    means = np.stack([_mean_draws(s.values, rng) for s in segments], axis=1)
    errors = np.array([float(s.values.var(ddof=1)) / len(s.values) if len(s.values) > 1 else 0.0 for s in segments])
    alone = np.array([len(s.values) <= 1 for s in segments])
    measured = np.array([s.values.mean() for s in segments])[None, :]
    if alone.any() and not alone.all():
        errors[alone] = float(np.mean([s.values.var() for s in segments if len(s.values) > 1]))
    return _Drawn(
        np.vstack([reachable, reached]),
        shrunken_draws(np.vstack([measured, means]), errors),
        np.maximum(_gains([s.response for s in segments], beside, rng), 0.0),
    )


def _mean_draws(values: Array, rng: np.random.Generator) -> Array:
    """Means of `DRAWS` bootstrap samples of *values*, shape (draws,).

    Beyond some hundred people, neighbours in size are drawn as one: a multinomial over bins in place of people.
    """
    ordered = np.sort(values)
    if len(ordered) <= BINS + EXACT:
        bins, counts = ordered, np.ones(len(ordered))
    else:
        parts = [*np.array_split(ordered[:-EXACT], BINS), *ordered[-EXACT:, None]]
        bins = np.array([part.mean() for part in parts])
        counts = np.array([float(len(part)) for part in parts])
    drawn = rng.multinomial(len(ordered), counts / counts.sum(), size=DRAWS)
    return np.asarray(drawn @ bins / len(ordered))


def _gains(
    responses: Sequence[SegmentResponse | None], beside: Sequence[SegmentResponse], rng: np.random.Generator
) -> Array:
    """Gains (row 0 measured, then drawn), pulled to their common one; a measurement that several share counts once.

    A segment that nobody measured takes the common gain; its draws differ from it as those of segments do.
    """
    draws = np.zeros((DRAWS + 1, len(responses)))
    named = {response.of or str(place): response for place, response in enumerate(responses) if response is not None}
    if not named:
        return draws
    everybody = [
        *named.values(),
        *(segment_response for segment_response in beside if segment_response.of not in named),
    ]
    gains = np.array([r.gain for r in everybody])
    errors = np.array([max(r.variance, 1e-12) for r in everybody])
    drawn = np.vstack([gains, rng.normal(gains, np.sqrt(errors), size=(DRAWS, len(everybody)))])
    pulled = dict(zip(named, shrunken_draws(drawn, errors).T, strict=False))
    between = _between(gains, errors) or 0.0
    common = (drawn / (between + errors)).sum(axis=1) / (1 / (between + errors)).sum()
    for place, response in enumerate(responses):
        if response is not None:
            draws[:, place] = pulled[response.of or str(place)]
        else:
            draws[:, place] = common + np.append(0.0, rng.normal(0.0, np.sqrt(between), DRAWS))
    return draws


def shrunken_draws(draws: Array, variances: Array) -> Array:
    """Pull each row's values towards their common mean, the further the noisier they are.

    DerSimonian & Laird 1986 for the variance between groups, which row 0 (as measured) decides for all rows.

    Args:
        draws: Shape (rows, groups).
        variances: Of each group's value, shape (groups,); 0 where it is known exactly.
    """
    between = _between(draws[0], variances)
    if between is None:
        return draws
    weights = 1 / (between + variances)
    kept = between / (between + variances)
    common = (draws * weights).sum(axis=1, keepdims=True) / weights.sum()
    return np.asarray(common + kept * (draws - common))


def _between(values: Array, variances: Array) -> float | None:
    """The variance of the true values between groups; None where there is nothing to pull."""
    if len(values) < 2 or not (variances > 0).all():  # noqa: PLR2004 - one group is its own mean
        return None
    weights = 1 / variances
    centre = (weights * values).sum() / weights.sum()
    q = float((weights * (values - centre) ** 2).sum())
    spread = weights.sum() - (weights**2).sum() / weights.sum()
    return max(0.0, (q - (len(values) - 1)) / float(spread))


def rank_intervals(values: Array, draws: Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the interval of each place, and who is surely above whom.

    Args:
        values: As measured, shape (segments,).
        draws: The same by bootstrap, shape (draws, segments).

    Returns:
        Best and worst place, shape (segments, 2), 1 is the most valuable; a matrix: row j surely above column k.
    """
    segments = len(values)
    ranks = np.empty((segments, 2), dtype=np.int64)
    apart = np.zeros((segments, segments), dtype=bool)
    centred = draws - values
    for j in range(segments):
        differences = centred[:, [j]] - centred
        error = differences.std(axis=0)
        usable = error > 0
        largest = (np.abs(differences[:, usable]) / error[usable]).max(axis=1) if usable.any() else np.zeros(1)
        reach = np.quantile(largest, LEVEL) * error
        above = values - values[j] > reach
        below = values[j] - values > reach
        apart[j] = below
        ranks[j] = 1 + above.sum(), segments - below.sum()
    return ranks, apart


def _ties(values: Array, apart: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Number the groups from the top: a segment joins the group whose first one does not surely stand above it."""
    ties = np.zeros(len(values), dtype=np.int64)
    first, group = None, 0
    for j in np.argsort(-values, kind="stable"):
        if first is None or apart[first, j]:
            first, group = j, group + 1
        ties[j] = group
    return ties


def _places(scores: Array) -> NDArray[np.int64]:
    """Places from 1, the largest score first; equal scores share the better place."""
    return np.asarray([1 + int((scores > score).sum()) for score in scores], dtype=np.int64)


def most_valuable(ranking: Sequence[RankedSegment], number: int, before: Sequence[str] = ()) -> list[str]:
    """Return the *number* most valuable segments; among those that can't be told apart, who was chosen before stays.

    Args:
        ranking: As `rank` returns it.
        number: How many.
        before: Names that were chosen the last time.

    Returns:
        Names, the best first; fewer where there are not so many.
    """
    kept = sorted(
        ranking,
        key=lambda ranked_segment: (
            ranked_segment.tie,
            ranked_segment.name not in before,
            -ranked_segment.value,
            ranked_segment.name,
        ),
    )
    return [segment.name for segment in kept[:number]]
