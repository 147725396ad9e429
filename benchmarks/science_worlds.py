"""Simulated surveys and traits with known truth, for `benchmarks/science.py`: groups, noise, structure without groups.

Each world makes the columns of a file, as text, and the group of each person. What makes segments hard is varied one
at a time: overlap, sizes, spread, elongation, correlation, skew, missing answers and types of answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.random import Generator

Values = Any
Columns = dict[str, list[str]]
MISSING, LOYAL = 0.08, 0.7  # share of empty cells; of answers that are those of the group
Kind = Literal["groups", "mainstream", "noise", "structureless"]


@dataclass(frozen=True, slots=True)
class World:
    """A way to make people.

    Attributes:
        kind: "groups" there are; "mainstream": one of them has most people; "noise": columns without relation;
            "structureless": related columns, but one group.
        make: Takes the number of people; returns columns, and the group of each.
    """

    name: str
    kind: Kind
    make: Callable[[int, Generator], tuple[Columns, Values]]


def numbers(values: Values) -> Columns:
    """Return columns of numbers as a file has them; NaN is an empty cell."""
    return {f"v{j}": ["" if np.isnan(v) else f"{v:.6g}" for v in column] for j, column in enumerate(values.T)}


def words(codes: Values) -> Columns:
    """Return columns of answers a, b, c and so on."""
    return {f"q{j}": ["abcdefgh"[int(code)] for code in column] for j, column in enumerate(codes.T)}


def yes_no(said: Values) -> Columns:
    """Return columns of yes and no."""
    return {f"item{j}": ["yes" if answer else "no" for answer in column] for j, column in enumerate(said.T)}


def _group(people: int, shares: Values, rng: Generator) -> Values:
    return rng.choice(len(shares), size=people, p=np.array(shares) / sum(shares))


def _round(people: int, rng: Generator, *, apart: float, shares: Values = (1, 1, 1), features: int = 5) -> Any:
    group = _group(people, shares, rng)
    return apart * np.eye(max(features, len(shares)))[group][:, :features] + rng.normal(size=(people, features)), group


def _far(people: int, rng: Generator) -> Any:
    values, group = _round(people, rng, apart=4.0)
    return numbers(values), group


def _overlap(people: int, rng: Generator) -> Any:
    values, group = _round(people, rng, apart=2.5)
    return numbers(values), group


def _five(people: int, rng: Generator) -> Any:
    values, group = _round(people, rng, apart=4.0, shares=(1, 1, 1, 1, 1), features=8)
    return numbers(values), group


def _mainstream(people: int, rng: Generator) -> Any:
    values, group = _round(people, rng, apart=5.0, shares=(70, 15, 15))
    return numbers(values), group


def _unequal(people: int, rng: Generator) -> Any:
    values, group = _round(people, rng, apart=5.0, shares=(60, 25, 15))
    return numbers(values), group


def _spreads(people: int, rng: Generator) -> Any:
    group = _group(people, (1, 1, 1), rng)
    centres = np.array([[-2.0, 0, 0, 0], [2.5, 0, 0, 0], [0, 5.0, 0, 0]])
    values = centres[group] + rng.normal(size=(people, 4)) * np.array([0.5, 1.0, 3.0])[group][:, None]
    return numbers(values), group


def _long(people: int, rng: Generator) -> Any:
    """Three groups, each four times as long in a direction of its own."""
    group = _group(people, (1, 1, 1), rng)
    stretched = rng.normal(size=(people, 3)) * np.where(np.eye(3)[group] > 0, 4.0, 1.0)
    return numbers(stretched + np.array([[0, 6.0, 0], [0, 0, 6.0], [6.0, 0, 0]])[group]), group


def _parallel(people: int, rng: Generator) -> Any:
    group = _group(people, (1, 1, 1), rng)
    values = rng.multivariate_normal([0.0, 0.0], [[1.0, 0.7], [0.7, 1.0]], people)
    return numbers(values + (group[:, None] - 1) * np.array([1.6, -1.6])), group


def _skewed(people: int, rng: Generator) -> Any:
    values, group = _round(people, rng, apart=4.0)
    return numbers(np.exp(values / 1.5)), group


def _missing(people: int, rng: Generator) -> Any:
    values, group = _round(people, rng, apart=4.5)
    return numbers(np.where(rng.random(values.shape) < MISSING, np.nan, values)), group


def _answers(people: int, rng: Generator) -> Any:
    group = _group(people, (1, 1, 1, 1), rng)
    chance = np.full((4, 12), 0.15)
    for j in range(4):
        chance[j, 3 * j : 3 * j + 3] = 0.85
    return yes_no(rng.random((people, 12)) < chance[group]), group


def _scale(people: int, rng: Generator) -> Any:
    values, group = _round(people, rng, apart=3.0, features=9)
    values[:, 3:6] += 3.0 * np.eye(3)[group]
    values[:, 6:] += 3.0 * np.eye(3)[group]
    return numbers(np.clip(np.round(values * 0.8 + 2.2), 1, 5)), group


def _categories(people: int, rng: Generator) -> Any:
    group = _group(people, (1, 1, 1), rng)
    liked = (group[:, None] + np.arange(8)[None, :]) % 3
    return words(np.where(rng.random((people, 8)) < LOYAL, liked, rng.integers(0, 4, (people, 8)))), group


def _alone(make: Callable[[int, Generator], Columns]) -> Callable[[int, Generator], tuple[Columns, Values]]:
    def world(people: int, rng: Generator) -> tuple[Columns, Values]:
        return make(people, rng), np.zeros(people, np.int64)

    return world


def _factor(people: int, rng: Generator, features: int = 6) -> Any:
    return 0.5**0.5 * (rng.normal(size=(people, 1)) + rng.normal(size=(people, features)))


def _bands(people: int, rng: Generator) -> Any:
    """One long even band: a factor spread evenly, with noise around it."""
    return rng.uniform(-2.5, 2.5, (people, 1)) * np.array([1.0, 0.8, -0.6]) + 0.5 * rng.normal(size=(people, 3))


def _yes_sayers(people: int, rng: Generator) -> Any:
    lean = rng.normal(0.0, 1.5, (people, 1))
    return rng.random((people, 10)) < 1 / (1 + np.exp(-lean))


WORLDS = (
    World("round, far apart", "groups", _far),
    World("round, overlapping", "groups", _overlap),
    World("five groups", "groups", _five),
    World("sizes 60/25/15", "groups", _unequal),
    World("mainstream 70/15/15", "mainstream", _mainstream),
    World("spreads .5/1/3", "groups", _spreads),
    World("long, each its own way", "groups", _long),
    World("parallel, correlation .7", "groups", _parallel),
    World("skewed amounts", "groups", _skewed),
    World("8% missing", "groups", _missing),
    World("yes/no answers", "groups", _answers),
    World("scales of 1 to 5", "groups", _scale),
    World("categories", "groups", _categories),
    World("independent normals", "noise", _alone(lambda n, rng: numbers(rng.normal(size=(n, 6))))),
    World("independent amounts", "noise", _alone(lambda n, rng: numbers(rng.lognormal(0, 1, (n, 5))))),
    World("independent counts", "noise", _alone(lambda n, rng: numbers(rng.poisson(2.0, (n, 6)).astype(float)))),
    World(
        "independent yes/no", "noise", _alone(lambda n, rng: yes_no(rng.random((n, 10)) < rng.uniform(0.2, 0.8, 10)))
    ),
    World("independent scales", "noise", _alone(lambda n, rng: numbers(rng.integers(1, 6, (n, 8)).astype(float)))),
    World("independent categories", "noise", _alone(lambda n, rng: words(rng.integers(0, 4, (n, 8))))),
    World("one factor", "structureless", _alone(lambda n, rng: numbers(_factor(n, rng)))),
    World("one factor, amounts", "structureless", _alone(lambda n, rng: numbers(np.exp(_factor(n, rng, 4))))),
    World("one factor, counts", "structureless", _alone(lambda n, rng: numbers(np.floor(np.exp(_factor(n, rng) + 1))))),
    World("one even band", "structureless", _alone(lambda n, rng: numbers(_bands(n, rng)))),
    World("yes-sayers", "structureless", _alone(lambda n, rng: yes_no(_yes_sayers(n, rng)))),
)
