"""Campaign figures as table rows and sentences of the report. Pure.

Rates are shares of the people that a campaign was delivered to, with 95% Wilson intervals; differences between
variants carry Newcombe's interval (`segmenter.lift`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from segmenter.lift.text import RATES, points
from segmenter.personalize.personas import UNCLASSIFIED
from segmenter.stats.proportions import newcombe, wilson
from sync.results.campaign_result import CLICKED, METRICS, CampaignResult, Metric, ResultRow
from sync.results.freshness import Freshness

EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class PersonaShare:
    """A persona's name, size and share, as its card shows them."""

    name: str
    persons: int
    share: float
    story: str = ""
    segments: tuple[str, ...] = ()
    slug: str = UNCLASSIFIED


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate as the report shows it."""

    shown: str
    interval: str


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A line of a campaign's table."""

    persona: str
    variant: str | None
    delivered: int
    rates: Sequence[Rate]
    revenue: str


@dataclass(frozen=True, slots=True)
class ShownCampaign:
    """A campaign as the page shows it."""

    connection: str
    name: str
    subject: str
    sent_at: datetime | None
    variants: Sequence[str]
    rows: Sequence[ShownRow]
    lifts: Sequence[str]
    notes: Sequence[str]
    chart: str = ""
    chart_text: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Summary, sync status and metrics of the page."""

    workspace: str
    made_at: datetime
    as_of: datetime | None
    summary: Sequence[str]
    health: Sequence[Freshness]
    sync: Sequence[str] = field(default_factory=tuple)
    metrics: Sequence[Metric] = METRICS


def show_campaign(result: CampaignResult, *, chart: str = "") -> ShownCampaign:
    """Turn a campaign's counts into the lines and sentences of the page."""
    variants = sorted({row.variant for row in result.rows if row.variant})
    rows = [*result.rows, *everyone(result.rows)]
    return ShownCampaign(
        result.connection,
        result.name,
        result.subject,
        result.sent_at,
        variants,
        [_shown(row, result.currency) for row in rows],
        lifts(result),
        differences(result),
        chart,
        _chart_text(result, rows),
    )


def everyone(rows: Sequence[ResultRow]) -> list[ResultRow]:
    """Return the sum over personas, one row a variant, where there is more than one persona."""
    if len({row.persona for row in rows}) < 2:  # noqa: PLR2004 - one persona is everyone already
        return []
    summed = []
    for variant in sorted({row.variant for row in rows}, key=lambda name: name or ""):
        part = [row for row in rows if row.variant == variant]
        columns = ("delivered", "machine_only", *(metric.column for metric in METRICS))
        totals = {column: sum(int(getattr(row, column)) for row in part) for column in columns}
        summed.append(ResultRow(EVERYONE, variant, **totals, revenue=sum(row.revenue for row in part)))
    return summed


def lifts(result: CampaignResult, metric: Metric = CLICKED) -> list[str]:
    """Compare a campaign's two variants: one sentence for everyone, one for each persona, with 95% intervals.

    Args:
        result: The campaign with its rows by persona and variant.
        metric: What counts as a response.

    Returns:
        Empty where there are not exactly two variants.
    """
    variants = sorted({row.variant for row in result.rows if row.variant})
    if len(variants) != 2:  # noqa: PLR2004 - a difference has two sides
        return []
    rows = {(row.persona, row.variant): row for row in [*everyone(result.rows), *result.rows]}
    names = sorted({persona for persona, _ in rows}, key=lambda name: (name != EVERYONE, name))
    found = []
    for persona in names:
        pair = [rows.get((persona, variant)) for variant in variants]
        if pair[0] is not None and pair[1] is not None:
            found.append(_compared(persona, pair[1], pair[0], metric))
    return found


def _compared(persona: str, treated: ResultRow, control: ResultRow, metric: Metric) -> str:
    who = persona[:1].upper() + persona[1:]
    if not treated.delivered or not control.delivered:
        return f"{who}: nothing to compare, one variant reached nobody."
    found = newcombe(treated.responses(metric), control.responses(metric))
    difference = points(treated.responses(metric).rate - control.responses(metric).rate)
    interval = f"95% CI {100 * found.low:.1f} to {100 * found.high:.1f}"
    effect = f"{difference} pp, “{treated.variant}” vs “{control.variant}” ({interval})"
    if found.low <= 0 <= found.high:
        return f"{who}: no significant difference in {RATES[metric.column]}: {effect}."
    return f"{who}: {RATES[metric.column]} {effect}."


def differences(result: CampaignResult) -> list[str]:
    """Name every total that differs between the platform's report and our count."""
    found = []
    for name in ("sent", "opened", "clicked", "unsubscribed", "complained"):
        stated, counted = result.totals.get(name), _counted(result, "delivered" if name == "sent" else name)
        machines = _counted(result, "machine_only") if name == "opened" else 0
        if stated is None or stated == counted:
            continue
        if machines and stated == counted + machines:
            found.append(
                f"{result.connection} reports {stated:,} opens; {machines:,} of them are machine opens "
                "(Apple MPP, scanners)."
            )
        else:
            ours_named = "delivered" if name == "sent" else name
            found.append(
                f"{result.connection} reports {stated:,} {name}, personasync counted {counted:,} {ours_named}."
            )
    return found


def _counted(result: CampaignResult, column: str) -> int:
    return sum(int(getattr(row, column)) for row in result.rows)


def _shown(row: ResultRow, currency: str) -> ShownRow:
    rates = []
    for metric in METRICS:
        if not row.delivered:
            rates.append(Rate("–", ""))
            continue
        responses = row.responses(metric)
        interval = wilson(responses)
        rates.append(Rate(f"{responses.rate:.1%}", f"{interval.low:.1%} to {interval.high:.1%}"))
    revenue = f"{row.revenue:,.0f} {currency}".strip() if row.revenue else "–"
    return ShownRow(row.persona, row.variant, row.delivered, rates, revenue)


def _chart_text(result: CampaignResult, rows: Sequence[ResultRow]) -> str:
    told = ", ".join(
        f"{row.persona}{f' ({row.variant})' if row.variant else ''} {row.responses(CLICKED).rate:.1%}"
        for row in rows
        if row.delivered
    )
    return f"Click rate in {result.name}: {told}."
