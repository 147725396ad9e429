"""MaxDiff surveys drawn from known utilities."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from segmenter.surveys.maxdiff import ChoiceTasks


def simulated(utilities: np.ndarray, sets: int, options: int, generator: Generator) -> ChoiceTasks:
    """Sets of random items, answered by people with these utilities (people, items): the best, and the worst."""
    people, items = utilities.shape
    person = np.repeat(np.arange(people), sets)
    shown = np.array([generator.permutation(items)[:options] for _ in person])
    worth = utilities[person[:, None], shown]
    best = np.argmax(worth + generator.gumbel(size=worth.shape), axis=1)
    against = -worth + generator.gumbel(size=worth.shape)
    against[np.arange(len(person)), best] = -np.inf
    worst = np.argmax(against, axis=1)
    rows = np.arange(len(person))
    return ChoiceTasks(
        tuple(f"i{item}" for item in range(items)),
        tuple(f"p{row}" for row in range(people)),
        person,
        shown,
        shown[rows, best],
        shown[rows, worst],
    )
