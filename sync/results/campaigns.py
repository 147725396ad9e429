"""Newest campaigns with their results per persona and variant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from connectors.records import ASSIGNMENTS, CAMPAIGNS, DELIVERIES, ORDERS
from segmenter.lift.exposures import BEFORE_ANY, ORDER_WINDOW_DAYS, campaign_results
from segmenter.lift.outcomes import TRACKED_METRICS
from segmenter.personalize.personas import UNCLASSIFIED
from sync.results.campaign_result import CampaignResult, ResultRow
from sync.results.engagements import engagements, untracked_table
from sync.session import Session

CAMPAIGNS_SHOWN = 12  # the newest; older ones stay in the warehouse


def newest_campaigns(session: Session) -> list[CampaignResult]:
    """Return the newest campaigns with their figures per persona and variant, newest first.

    Returns:
        Sent ones only, at most `CAMPAIGNS_SHOWN`; sub-mails of A/B tests are in their parent.
    """
    rows: dict[tuple[str, str], list[ResultRow]] = defaultdict(list)
    names = {slug: persona.name for slug, persona in session.workspace.personas.items()}
    for row in counted_campaigns(session, ORDER_WINDOW_DAYS):
        rows[row["connection"], row["campaign_id"]].append(_result_row(row, names))
    known = session.warehouse.current(CAMPAIGNS.name)
    sent = known.filter(known.sent_at.notnull(), known.parent_id.isnull())
    sent = sent.order_by(known.sent_at.desc(), "connection", "campaign_id")
    shown = sent.limit(CAMPAIGNS_SHOWN).to_pyarrow().to_pylist()
    partial = session.withheld_rows() is not None
    return [_campaign(row, rows[row["connection"], row["campaign_id"]], partial=partial) for row in shown]


def counted_campaigns(session: Session, order_window_days: int) -> list[dict[str, Any]]:
    """Return the people of every campaign, by variant and persona: rows of `campaign_results`."""
    return session.warehouse.read_once.get(
        ("counted campaigns", order_window_days), lambda: _counted(session, order_window_days)
    )


def _counted(session: Session, order_window_days: int) -> list[dict[str, Any]]:
    warehouse = session.warehouse
    counted = campaign_results(
        deliveries=warehouse.current(DELIVERIES.name),
        engagements=engagements(session),
        orders=warehouse.current(ORDERS.name),
        assignments=warehouse.history(ASSIGNMENTS.name),
        links=session.links(),
        campaigns=warehouse.current(CAMPAIGNS.name),
        order_window_days=order_window_days,
        untracked=untracked_table(session),
    )
    # in one order, so that sums round alike and the same people give the same figures
    ordered = counted.order_by("connection", "campaign_id", "variant", "persona")
    rows: list[dict[str, Any]] = ordered.to_pyarrow().to_pylist()
    return rows


def pooled_rate(session: Session, metric: str) -> float | None:
    """Return the response rate of the newest campaigns together; None where nobody was reached, or responded.

    Args:
        session: The open workspace.
        metric: "clicked", "ordered" or "opened".
    """
    rows = [row for result in newest_campaigns(session) for row in result.rows]
    asked = "tracked" if metric in TRACKED_METRICS else "delivered"
    people, responded = (sum(int(getattr(row, name)) for row in rows) for name in (asked, metric))
    return responded / people if 0 < responded < people else None


def _result_row(row: dict[str, Any], names: dict[str, str]) -> ResultRow:
    slug = row["persona"] or UNCLASSIFIED
    names_of_counts = (
        "delivered",
        "tracked",
        "opened",
        "machine_only",
        "clicked",
        "ordered",
        "unsubscribed",
        "complained",
    )
    counts = {name: int(row[name]) for name in names_of_counts}
    return ResultRow(names.get(slug, slug), row["variant"], **counts, revenue=float(row["revenue"] or 0))


def _campaign(row: dict[str, Any], results: Sequence[ResultRow], *, partial: bool) -> CampaignResult:
    return CampaignResult(
        connection=row["connection"],
        campaign_id=row["campaign_id"],
        name=row["name"] or row["campaign_id"],
        subject=row["subject"] or "",
        sent_at=row["sent_at"],
        currency=row["currency"] or "",
        rows=sorted(results, key=lambda result: (result.persona == BEFORE_ANY, result.persona, result.variant or "")),
        totals={name: row[name] for name in ("sent", "opened", "clicked", "unsubscribed", "complained")},
        partial=partial,
    )
