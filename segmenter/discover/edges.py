"""What is on the edge: a figure so near its limit that other random draws may decide otherwise.

Stability is a mean over bootstrap samples, and its limit in shuffled data the 95% quantile of some copies: both have a
standard error. Within `NEAR` of them nothing is decided for sure, and the proposal says so, whichever way it fell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot

from segmenter.discover.candidates import Solution
from segmenter.discover.choose_k import BREAK, FRAGILE, REPRODUCIBLE, TRUSTED, VALID, ChosenK
from segmenter.discover.null_models import LEVEL, SMALL, NullTest

EDGE, SEED = "On the edge", "Another --seed may decide otherwise."
NEAR = 2.0
"""Standard errors: other seeds end on the other side of the limit in one of 40 cases at most."""


@dataclass(frozen=True, slots=True)
class _Figure:
    name: str
    value: float
    limit: float
    error: float

    @property
    def near(self) -> bool:
        return abs(self.value - self.limit) < NEAR * self.error

    @property
    def text(self) -> str:
        return f"{self.name} {self.value:.2f} (limit {self.limit:.2f}, standard error {self.error:.2f})"


def edge_of_noise(test: NullTest) -> str:
    """Return the sentence for data that are barely told apart from shuffled copies, or barely not; else "".

    Copies differ by the same draws, so a lead is judged by its standard error; who is behind, by how many are ahead.
    """
    if test.p > LEVEL + SMALL:
        rivals = round(test.p * (test.copies + 1)) - 1
        few = f"only {rivals} of {test.copies} shuffled copies is as stable (p = {test.p:.2f}, limit {LEVEL:.2f})"
        return f"{EDGE}: {few}. {SEED}" if test.p <= 2 * LEVEL + SMALL else ""
    figure = _Figure("lead over the most stable shuffled copy", test.lead, 0.0, test.lead_error)
    return _sentence([figure]) if figure.near else ""


def edge_of_choice(solutions: Mapping[int, Solution], test: NullTest, chosen: ChosenK) -> str:
    """Return the sentence for a number of segments that barely passed, or for the one that barely did not.

    Args:
        solutions: By number of segments.
        test: Against shuffled data.
        chosen: The number that is proposed; None: none is.

    Returns:
        One sentence with the figures and their limits; "" where no other draw would decide otherwise.
    """
    if chosen.k is not None:
        stable = solutions[chosen.k].stability
        graded = [
            *_figures(solutions, chosen.k, test),
            _Figure("agreement", min(stable.agreement, stable.median), REPRODUCIBLE, stable.error),
            _Figure("SLSw", min(stable.segments), VALID, stable.segment_error),
        ]
        near = [figure for figure in graded if figure.near]
        return _sentence(near) if near else ""
    for k in sorted(solutions, key=lambda number: len(chosen.refused[number])):
        failing = [figure for figure in _figures(solutions, k, test) if figure.value < figure.limit and figure.near]
        if failing and len(failing) == len(chosen.refused[k]):  # nothing else is against it
            return _sentence(failing)
    return ""


def _figures(solutions: Mapping[int, Solution], k: int, test: NullTest) -> list[_Figure]:
    """What a number of segments has to reach."""
    stable, place = solutions[k].stability, test.ks.index(k)
    figures = [
        _Figure("agreement", min(stable.agreement, stable.median), FRAGILE, stable.error),
        _Figure("SLSw", min(stable.segments), TRUSTED, stable.segment_error),
    ]
    if test.errors:
        figures.append(
            _Figure("agreement vs. shuffled data", test.agreement[place], test.quantile[place], test.errors[place])
        )
    if (before := solutions.get(k - 1)) is not None:
        earlier = before.stability
        fall = min(earlier.agreement - stable.agreement, earlier.median - stable.median)
        figures.append(_Figure("rise of the agreement", -fall, -BREAK, hypot(stable.error, earlier.error)))
    return figures


def _sentence(near: list[_Figure]) -> str:
    return f"{EDGE}: {'; '.join(figure.text for figure in near)}. {SEED}"
