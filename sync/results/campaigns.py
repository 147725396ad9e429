"""Newest campaigns with their results per persona and variant, and the freshness of each stream."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from connectors.records import ASSIGNMENTS, CAMPAIGNS, CONTACTS, DELIVERIES, ORDERS
from segmenter.lift.exposures import BEFORE_ANY, campaign_results
from segmenter.personalize.personas import UNCLASSIFIED
from sync.results.campaign_result import CampaignResult, Freshness, ResultRow
from sync.results.lift import engagements
from sync.session import Workbench

CAMPAIGNS_SHOWN = 12  # the newest; older ones stay in the warehouse


def campaigns(bench: Workbench) -> list[CampaignResult]:
    """Return the newest campaigns with their figures per persona and variant, newest first."""
    warehouse = bench.warehouse
    counted = campaign_results(
        deliveries=warehouse.current(DELIVERIES.name),
        engagements=engagements(bench),
        orders=warehouse.current(ORDERS.name),
        assignments=warehouse.history(ASSIGNMENTS.name),
        links=warehouse.memtable(bench.control.links.load()),
        campaigns=warehouse.current(CAMPAIGNS.name),
    )
    rows: dict[tuple[str, str], list[ResultRow]] = defaultdict(list)
    names = {slug: persona.name for slug, persona in bench.workspace.personas.items()}
    for row in counted.to_pyarrow().to_pylist():
        rows[row["connection"], row["campaign_id"]].append(_result_row(row, names))
    known = warehouse.current(CAMPAIGNS.name)
    sent = known.filter(known.sent_at.notnull(), known.parent_id.isnull()).order_by(known.sent_at.desc())
    shown = sent.limit(CAMPAIGNS_SHOWN).to_pyarrow().to_pylist()
    return [_campaign(row, rows[row["connection"], row["campaign_id"]]) for row in shown]


def _result_row(row: dict[str, Any], names: dict[str, str]) -> ResultRow:
    slug = row["persona"] or UNCLASSIFIED
    names_of_counts = ("delivered", "opened", "machine_only", "clicked", "ordered", "unsubscribed", "complained")
    counts = {name: int(row[name]) for name in names_of_counts}
    return ResultRow(names.get(slug, slug), row["variant"], **counts, revenue=float(row["revenue"] or 0))


def _campaign(row: dict[str, Any], results: Sequence[ResultRow]) -> CampaignResult:
    return CampaignResult(
        connection=row["connection"],
        campaign_id=row["campaign_id"],
        name=row["name"] or row["campaign_id"],
        subject=row["subject"] or "",
        sent_at=row["sent_at"],
        currency=row["currency"] or "",
        rows=sorted(results, key=lambda result: (result.persona == BEFORE_ANY, result.persona, result.variant or "")),
        totals={name: row[name] for name in ("sent", "opened", "clicked", "unsubscribed", "complained")},
    )


def freshness(bench: Workbench) -> list[Freshness]:
    """Return when each stream was last read to its end, and how many contacts it holds."""
    contacts = bench.warehouse.current(CONTACTS.name)
    counted = contacts.filter(contacts.state == "active").group_by("connection").aggregate(rows=lambda t: t.count())
    rows = {row["connection"]: int(row["rows"]) for row in counted.to_pyarrow().to_pylist()}
    found = []
    for name in bench.workspace.connections:
        for stream in ("contacts", "memberships", "orders", "survey_answers", "campaigns", "activity"):
            moved = bench.control.cursors.read_at(name, stream)
            if moved is not None or stream == "contacts":
                found.append(Freshness(name, stream, rows.get(name, 0) if stream == "contacts" else None, moved))
    return found
