"""Which offer speaks to which persona: people and responders of every cell over all campaigns, and each row's best.

An offer is what a variant or an arm was called; the same name in two campaigns is the same offer. The best of a persona
is supported only where its offers differ at all (chi-squared over the row, Benjamini-Hochberg over personas) and the
best beats the others together; the winner of a race that nobody won is a matter of chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from segmenter.stats.multiplicity import Measured, heterogeneity, shrunken, standing
from segmenter.stats.proportions import Interval, Responses, newcombe


@dataclass(frozen=True, slots=True)
class Offer:
    """One cell of the table.

    Attributes:
        expected: Its rate, pulled towards that of all the persona's offers: what to expect next time.
    """

    persona: str
    offer: str
    responses: Responses
    expected: float


@dataclass(frozen=True, slots=True)
class Best:
    """The best offer of one persona.

    Attributes:
        lead: Its rate less that of all the persona's other offers together, 95%.
        p: That the persona's offers do not differ.
        supported: Whether it may be said.
    """

    persona: str
    offers: tuple[Offer, ...]
    best: Offer
    lead: Interval
    p: float
    supported: bool


def best_offers(cells: Mapping[tuple[str, str], Responses]) -> list[Best]:
    """Return each persona's offers, the best first, and whether the best is supported.

    Args:
        cells: Responses by persona and offer; those that reached nobody take no part.
    """
    rows: dict[str, dict[str, Responses]] = {}
    for (persona, offer), found in cells.items():
        if found.people:
            rows.setdefault(persona, {})[offer] = found
    told = {persona: _p(list(row.values())) for persona, row in rows.items()}
    stands = dict(zip(told, standing(list(told.values())), strict=True))
    return [_best(persona, row, told[persona], stands=stands[persona]) for persona, row in sorted(rows.items())]


def _best(persona: str, row: Mapping[str, Responses], p: float, *, stands: bool) -> Best:
    measured = [Measured(one.rate, _variance(one)) for one in row.values()]
    expected = shrunken(measured, heterogeneity(measured))
    cells = [Offer(persona, name, one, rate) for (name, one), rate in zip(row.items(), expected, strict=True)]
    cells.sort(key=lambda cell: (-cell.expected, -cell.responses.rate, cell.offer))
    others = sum((cell.responses for cell in cells[1:]), Responses(0, 0))
    lead = newcombe(cells[0].responses, others)
    return Best(persona, tuple(cells), cells[0], lead, p, stands and lead.low > 0)


def _variance(found: Responses) -> float:
    """Of the rate; half a responder more and less keeps that of a rate of 0 or 1 above 0."""
    rate = (found.converted + 0.5) / (found.people + 1)
    return rate * (1 - rate) / found.people


def _p(row: list[Responses]) -> float:
    """Chi-squared over the row; 1 where there is one offer, or nobody or everybody responded."""
    pooled = sum(row, Responses(0, 0))
    if len(row) < 2 or pooled.converted in {0, pooled.people}:  # noqa: PLR2004 - a race of one
        return 1.0
    from scipy.stats import chi2  # noqa: PLC0415 - half a second that most commands need not wait

    statistic = sum(
        (one.converted - one.people * pooled.rate) ** 2 / (one.people * pooled.rate * (1 - pooled.rate)) for one in row
    )
    return float(chi2.sf(statistic, len(row) - 1))
