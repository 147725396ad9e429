"""Judge a wished number of segments by the tests of `discover`, before anything is built on them.

Whoever wishes for four segments gets four from any algorithm, also from noise. So the same questions come first: is the
data more than shuffled copies of it, do the classes (BIC) want more than one group, and is each segment found again
when the people are resampled?
"""

from __future__ import annotations

from dataclasses import dataclass

from numpy.random import Generator
from threadpoolctl import threadpool_limits

from segmenter.discover.candidates import Solution, solutions
from segmenter.discover.choose_k import FRAGILE, TRUSTED, Light, light_of
from segmenter.discover.latent_class import latent_classes
from segmenter.discover.null_models import NullTest, null_test, shuffled
from segmenter.discover.propose import SearchOptions, sampled
from segmenter.discover.verdict_text import why_noise
from segmenter.stats.item_matrix import Items, Labels

BIC_STARTS = 5  # of the classes that are only asked whether they beat one group


@dataclass(frozen=True, slots=True)
class JudgedNumber:
    """Segments of a wished number, and whether they are any.

    Attributes:
        k: Segments.
        labels: (people,) 0 is the largest.
        light: "red": the data do not have them.
        sentence: The light in words, with the figures.
        test: Against shuffled copies, of this number only.
        solution: Their stability, sizes and markers.
    """

    k: int
    labels: Labels
    light: Light
    sentence: str
    test: NullTest
    solution: Solution


def judge(items: Items, k: int, asked: SearchOptions, rng: Generator) -> JudgedNumber:
    """Find *k* segments as `propose` does, and say whether they are more than noise and stable.

    Args:
        items: Answers or numbers; scaled as everywhere (`segmenter.stats.item_matrix.coded`).
        k: Wished number, two or more.
        asked: Effort of the tests; its range of numbers is not used.
        rng: The same state gives the same segments.

    Returns:
        The segments whatever the light is; "red" where nobody should build on them.
    """
    with threadpool_limits(1):  # many small fits: threads would wait for each other
        tested = items.rows(sampled(len(items.values), asked.tested(items)))
        test = null_test(tested, (k,), shuffled, asked.test, rng)
        solution = solutions(items, (k,), "kmeans", asked.report, rng)[k]
        reason = _why_not(tested, solution, test, rng)
    light = "red" if reason else light_of(solution, notes=())
    return JudgedNumber(k, solution.labels, light, reason or _stands(solution, test), test, solution)


def _why_not(tested: Items, solution: Solution, test: NullTest, rng: Generator) -> str:
    """The sentence for segments that the data do not have; "" where they do."""
    k, stable = solution.k, solution.stability
    if not test.candidate(k):
        return why_noise(test)
    fits = {number: latent_classes(tested, number, starts=BIC_STARTS, rng=rng).bic for number in sorted({1, 2, k})}
    if fits[1] == min(fits.values()):
        return "No segments: one group explains the data best (BIC)."
    if min(stable.agreement, stable.median) < FRAGILE or min(stable.segments) < TRUSTED:
        return (
            f"{k} segments are not stable: repeated segmentations agree by {min(stable.agreement, stable.median):.2f} "
            f"(at least {FRAGILE:.2f}), the least stable segment by {min(stable.segments):.2f} (SLSw, at least "
            f"{TRUSTED:.2f})."
        )
    return ""


def _stands(solution: Solution, test: NullTest) -> str:
    stable = solution.stability
    return (
        f"{solution.k} segments pass the tests of discover: more stable than shuffled data (p = {test.p:.2f}), "
        f"agreement {min(stable.agreement, stable.median):.2f}, least stable segment {min(stable.segments):.2f} (SLSw)."
    )
