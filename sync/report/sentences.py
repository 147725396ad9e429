"""Campaign figures as table rows and sentences of the report. Pure.

Rates are shares of the people that a campaign was delivered to, with 95% Wilson intervals. Differences between variants
are in the section on lift, where they are corrected for multiple comparisons (`segmenter.lift`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from segmenter.personalize.personas import UNCLASSIFIED
from segmenter.stats.proportions import wilson
from sync.results.campaign_result import METRICS, CampaignResult, Metric, ResultRow
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
    notes: Sequence[str]
    whole: Sequence[ShownRow] = ()


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


def show_campaign(result: CampaignResult) -> ShownCampaign:
    """Turn a campaign's counts into the lines and sentences of the page; *whole* is everyone, all variants together."""
    variants = sorted({row.variant for row in result.rows if row.variant})
    rows = [*result.rows, *everyone(result.rows)]
    pooled = [ResultRow(EVERYONE, None, **_summed(result.rows))] if result.rows else []
    return ShownCampaign(
        result.connection,
        result.name,
        result.subject,
        result.sent_at,
        variants,
        [_shown(row, result.currency) for row in rows],
        differences(result),
        [_shown(row, result.currency) for row in pooled],
    )


def everyone(rows: Sequence[ResultRow]) -> list[ResultRow]:
    """Return the sum over personas, one row a variant, where there is more than one persona."""
    if len({row.persona for row in rows}) < 2:  # noqa: PLR2004 - one persona is everyone already
        return []
    summed = []
    for variant in sorted({row.variant for row in rows}, key=lambda name: name or ""):
        part = [row for row in rows if row.variant == variant]
        summed.append(ResultRow(EVERYONE, variant, **_summed(part)))
    return summed


def _summed(rows: Sequence[ResultRow]) -> dict[str, Any]:
    columns = ("delivered", "tracked", "machine_only", *(metric.column for metric in METRICS))
    totals = {column: sum(int(getattr(row, column)) for row in rows) for column in columns}
    return {**totals, "revenue": sum(row.revenue for row in rows)}


def differences(result: CampaignResult) -> list[str]:
    """Name every total that differs between the platform's report and our count."""
    sentences: list[str] = []
    if result.partial:  # fewer by as many as consent withholds, which no sentence may tell
        return sentences
    for name in ("sent", "opened", "clicked", "unsubscribed", "complained"):
        stated, counted = result.totals.get(name), _counted(result, "delivered" if name == "sent" else name)
        machines = _counted(result, "machine_only") if name == "opened" else 0
        if stated is None or stated == counted:
            continue
        if machines and stated == counted + machines:
            sentences.append(
                f"{result.connection} reports {stated:,} opens; {machines:,} of them are machine opens "
                "(Apple MPP, scanners)."
            )
        else:
            ours_named = "delivered" if name == "sent" else name
            sentences.append(
                f"{result.connection} reports {stated:,} {name}, personasync counted {counted:,} {ours_named}."
            )
    return sentences


def _counted(result: CampaignResult, column: str) -> int:
    return sum(int(getattr(row, column)) for row in result.rows)


def _shown(row: ResultRow, currency: str) -> ShownRow:
    rates = []
    for metric in METRICS:
        responses = row.responses(metric)
        if not responses.people:
            rates.append(Rate("–", ""))
            continue
        interval = wilson(responses)
        rates.append(Rate(f"{responses.rate:.1%}", f"{interval.low:.1%} to {interval.high:.1%}"))
    revenue = f"{row.revenue:,.0f} {currency}".strip() if row.revenue else "–"
    return ShownRow(row.persona, row.variant, row.delivered, rates, revenue)
