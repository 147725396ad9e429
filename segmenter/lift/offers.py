"""Best offer per persona, from randomized comparisons and network meta-analysis.

An offer is what a variant or an arm was called. The best of a persona is supported only where it beats each other
offer that it was compared with. The p-value of that is the largest of the single ones (Berger 1982, intersection-union
test): where two are equally good, one is called best in 5%, where more are, in fewer. Over personas Holm's procedure
keeps it at 5% that any is called best that is not. Before the end of what is compared, p-values hold at every look.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from math import log, sqrt
from statistics import NormalDist

import numpy as np

from segmenter.lift.effects import LEAST_EACH
from segmenter.lift.network import SIDES, Contrast, Network, Trial, networks
from segmenter.stats.multiplicity import Estimate, heterogeneity, holm, shrunken_estimates
from segmenter.stats.proportions import Interval, Responses
from segmenter.stats.sequential import InterimLook, always_valid

EXPECTED = 0.01
"""Tau of the mSPRT: the standard deviation of expected effects."""
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Offer:
    """One cell of the table.

    Attributes:
        responses: Deliveries, and those that were answered.
        rate: What it would have been had all the offers been in the same mailings.
        expected: That rate, pulled towards that of all the persona's offers: what to expect next time.
    """

    persona: str
    offer: str
    responses: Responses
    rate: float
    expected: float


@dataclass(frozen=True, slots=True)
class Best:
    """The best of offers that were compared for one persona.

    Attributes:
        offers: The best first.
        rival: The offer that is hardest to tell from the best.
        lead: Of the best over *rival*, 95%.
        p: That the best is none.
        supported: Whether it may be said.
        trials: The comparisons that carry it: those of the best with *rival*, else all that connect them.
        direct: Whether one of them had both side by side.
        early: Whether the end of one has not come.
    """

    persona: str
    offers: tuple[Offer, ...]
    best: Offer
    rival: str
    difference: float
    lead: Interval
    p: float
    trials: tuple[Trial, ...]
    direct: bool
    early: bool
    supported: bool = False


def best_offers(trials: Sequence[Trial]) -> list[Best]:
    """Return the best of each persona's offers that were compared with each other, and whether it is supported.

    Returns:
        Each persona's network of connected comparisons once; supported after Holm's correction.
    """
    personas = sorted({trial.persona for trial in trials})
    results = [
        _best(persona, network)
        for persona in personas
        for network in networks([trial for trial in trials if trial.persona == persona])
    ]
    stands = holm([result.p for result in results])
    return [
        replace(result, supported=sure and result.lead.low > 0) for result, sure in zip(results, stands, strict=True)
    ]


def never_compared(
    trials: Sequence[Trial], personas: Collection[str], offers: Collection[str]
) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Return, for each persona, groups of offers of which none was ever compared with one of another group.

    Args:
        trials: What was compared.
        personas: Names.
        offers: All that there are, tried on this persona or not.

    Returns:
        Groups by persona, the most tried first; nothing for a persona for whom every offer was compared.
    """
    partitions = {}
    for persona in personas:
        groups = [network.offers for network in networks([trial for trial in trials if trial.persona == persona])]
        known = {name for group in groups for name in group}
        groups += [(name,) for name in sorted(set(offers) - known)]
        if len(groups) >= SIDES:
            partitions[persona] = tuple(groups)
    return partitions


def _best(persona: str, network: Network) -> Best:
    early = any(trial.early for trial in network.trials)
    cells = _cells(persona, network)
    best, others = cells[0], cells[1:]
    contrasts = {option.offer: network.contrast(best.offer, option.offer) for option in others}
    p_values = {name: _p(contrast, network, (best.offer, name), early=early) for name, contrast in contrasts.items()}
    rival = max(p_values, key=lambda name: (p_values[name], -contrasts[name].difference))
    lead = contrasts[rival]
    side_by_side = [trial for trial in network.trials if {best.offer, rival} <= trial.people().keys()]
    return Best(
        persona,
        cells,
        best,
        rival,
        lead.difference,
        _interval(lead, early=early) if network.enough else Interval(-1.0, 1.0),
        p_values[rival],
        tuple(side_by_side) or network.trials,
        bool(side_by_side),
        early,
    )


def _cells(persona: str, network: Network) -> tuple[Offer, ...]:
    # effects are against the plain mean; taken from the mean of all people, the rates of a single mailing are its own
    people = [network.responses[name].people for name in network.offers]
    rates = network.base + network.effects - np.average(network.effects, weights=people)
    measured = [
        Estimate(float(rate), float(variance))
        for rate, variance in zip(rates, np.diag(network.covariance), strict=True)
    ]
    expected = shrunken_estimates(measured, heterogeneity(measured))
    cells = [
        Offer(persona, name, network.responses[name], min(max(contrast.difference, 0.0), 1.0), min(max(rate, 0.0), 1.0))
        for name, contrast, rate in zip(network.offers, measured, expected, strict=True)
    ]
    effects = dict(zip(network.offers, network.effects, strict=True))
    return tuple(sorted(cells, key=lambda cell: (-effects[cell.offer], cell.offer)))


def _p(contrast: Contrast, network: Network, pair: tuple[str, str], *, early: bool) -> float:
    """Two-sided; 1 where too few answered, or too few did not, for an approximation that can be believed.

    The variance under no difference supposes that all offers of the network are alike: where poor ones are among them
    it is too small for two good ones, so the larger variance counts.
    """
    both = sum((network.responses[name] for name in pair), Responses(0, 0))
    variance = max(contrast.variance, contrast.null_variance)
    few = min(both.converted, both.people - both.converted) < 2 * LEAST_EACH
    if few or not network.enough or variance <= 0.0:
        return 1.0
    if early:
        return always_valid([InterimLook(contrast.difference, variance)], tau=EXPECTED)
    return 2 * (1 - NormalDist().cdf(abs(contrast.difference) / sqrt(variance)))


def _interval(contrast: Contrast, *, early: bool) -> Interval:
    variance = max(contrast.variance, 0.0)
    half = NormalDist().inv_cdf(0.5 + LEVEL / 2) * sqrt(variance)
    if early and variance > 0.0:
        # all differences that `always_valid` would not refuse
        both = variance + EXPECTED**2
        half = sqrt(2 * variance * both / EXPECTED**2 * log(sqrt(both / variance) / (1 - LEVEL)))
    return Interval(contrast.difference - half, contrast.difference + half)
