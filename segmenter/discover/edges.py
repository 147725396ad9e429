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
from segmenter.discover.null_models import CLOSE, LEVEL, NEAR, SMALL, SURELY, NullTest

EDGE, SEED = "On the edge", "Another --seed may decide otherwise."


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


def edge_of_noise(test: NullTest, copies: str = "shuffled copies") -> str:
    """Return the sentence for data that are barely told apart from *copies* without segments, or barely not; else "".

    Other seeds draw other copies, of which few can be ahead: with 76, three turn the answer. That three are is
    likelier than one in 40 where one was ahead already, or where the best was less than `CLOSE` behind; and that
    fewer are, where p is at most `SURELY`.
    """
    if test.p > SURELY + SMALL or (not test.rivals and test.lead >= CLOSE):
        return ""
    said = f"{test.rivals} of {test.copies} {copies} {'is' if test.rivals == 1 else 'are'} as stable"
    if not test.rivals:
        said = f"the best of {test.copies} {copies} is {max(test.lead, 0.0):.1f} standard deviations behind"
    return f"{EDGE}: {said} (p = {test.p:.2f}, limit {LEVEL:.2f}). {SEED}"


def edge_of_natural(second: NullTest, k: int, copies: str) -> str:
    """Return the sentence for *k* segments that barely are called natural, or barely not; else "".

    Args:
        second: Against copies with the same correlations.
        k: Segments.
        copies: What these copies are called.
    """
    if edge := edge_of_noise(second, copies):
        return edge
    place = second.ks.index(k)
    if not second.beaten or not second.tighter[place] or not second.errors:
        return ""
    name, error = f"agreement vs. {copies}", second.errors[place]
    figure = _Figure(name, second.agreement[place], second.quantile[place], error)
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
