"""Which method's segments are proposed: those of k-means, or of a Gaussian mixture where these are better founded.

k-means is kept where both agree: it is the simpler one. Where they do not, the mixture's segments are proposed if they
are stable and more evident than in copies with the same margins and correlations. Whichever it is, methods that
disagree make the proposal amber.
"""

from __future__ import annotations

from dataclasses import dataclass

from numpy.random import Generator

from segmenter.discover.mixture_search import (
    STRONG,
    Fits,
    FoundMixture,
    beats_correlations,
    evidence_for_groups,
    find_mixture,
    method_agreement,
)
from segmenter.discover.stability import Effort
from segmenter.stats.item_matrix import Items, Labels, coded
from segmenter.stats.mixtures import Mixture

AGREE = 0.7
"""Agreement (adjusted Rand index) of two methods below which they disagree."""
SAME = 0.9  # agreement from which the simpler one, k-means, is kept
SHAPED = {
    "equal": "of one spread",
    "tied": "of one covariance",
    "diagonal": "of different spreads",
    "full": "of different covariances",
}


@dataclass(frozen=True, slots=True)
class MethodChoice:
    """What the mixtures say.

    Attributes:
        shaped: The mixture whose segments are proposed; None: those of k-means, if any.
        agreement: Adjusted Rand index of the likeliest mixture and of k-means; None where one has no segments.
        notes: What to know of it, a sentence each.
    """

    shaped: FoundMixture | None = None
    agreement: float | None = None
    notes: tuple[str, ...] = ()


def choose_method(
    items: Items, tested: Items, fits: Fits, round_ones: Labels | None, effort: Effort, rng: Generator
) -> MethodChoice:
    """Compare the segments of k-means with those of the mixtures.

    Args:
        items: Everybody.
        tested: Those of them to whom *fits* were fitted.
        fits: Mixtures; empty where none can be fitted.
        round_ones: (people,) the segments of k-means; None: it proposes none.
        effort: Bootstrap samples of *tested*.
        rng: Draws them.
    """
    if all(k == 1 for k, _ in fits):
        return MethodChoice()
    likeliest, evidence = evidence_for_groups(fits)
    if evidence < STRONG:
        note = "One group of correlated numbers explains the data as well as several do (BIC): k-means cuts it up."
        return MethodChoice(notes=() if round_ones is None else (note,))
    agreement = None if round_ones is None else method_agreement(likeliest.labels(coded(items).values), round_ones)
    if agreement is not None and agreement >= SAME:
        return MethodChoice(agreement=agreement)
    shaped = find_mixture(items, tested, fits, effort, rng)
    if shaped is None or not beats_correlations(tested, shaped, rng):
        return MethodChoice(None, agreement, _disagree(likeliest, agreement, "and it is not well founded itself"))
    agreement = None if round_ones is None else method_agreement(shaped.labels, round_ones)
    if agreement is not None and agreement >= SAME:
        return MethodChoice(agreement=agreement)
    return MethodChoice(shaped, agreement, _differ(shaped.mixture, agreement))


def _disagree(mixture: Mixture, agreement: float | None, why: str) -> tuple[str, ...]:
    if agreement is None or agreement >= AGREE:
        return ()
    note = (
        f"Methods disagree: the likeliest mixture ({mixture.k} groups {SHAPED[mixture.shape]}) agrees with these "
        f"segments by {agreement:.2f} only (adjusted Rand index, at least {AGREE}), {why}."
    )
    return (note,)


def _differ(mixture: Mixture, agreement: float | None) -> tuple[str, ...]:
    if agreement is None:
        return ("Methods disagree: k-means finds no such segments. These are those of a Gaussian mixture.",)
    if agreement >= AGREE:
        return ()
    note = (
        f"Methods disagree: k-means agrees with these segments by {agreement:.2f} only (adjusted Rand index, at least "
        f"{AGREE}). They are those of a Gaussian mixture ({mixture.k} groups {SHAPED[mixture.shape]}), which explains "
        "the data better."
    )
    return (note,)
