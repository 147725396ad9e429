"""Gather the report's figures from the stores, draw them, and write the page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from connectors.records import ASSIGNMENTS, CAMPAIGNS, CONTACTS, DELIVERIES, ORDERS
from segmenter.lift import campaign_results
from sync.charts import click_chart
from sync.lifting import engagements
from sync.report import (
    BEFORE,
    CLICKED,
    EVERYONE,
    UNCLASSIFIED,
    CampaignResult,
    Freshness,
    PersonaShare,
    Report,
    ResultRow,
    lifts,
    show_campaign,
)
from sync.workbench import Workbench, recorded

CAMPAIGNS_SHOWN = 12  # the newest; older ones stay in the warehouse


@dataclass(frozen=True, slots=True)
class Written:
    """Where the page is, what it says in short, and the figures under it."""

    path: Path
    summary: Sequence[str]
    campaigns: Sequence[CampaignResult]


def write_report(bench: Workbench) -> Written:
    """Write ``.personasync/reports/report-<time>.html`` and return what it says."""
    with recorded(bench, "report") as run:
        measured = campaigns(bench)
        personas = persona_shares(bench)
        summary = summarise(personas, measured)
        newest = bench.control.runs.latest("assign", state="done")
        report = Report(
            workspace=bench.workspace.name,
            made_at=bench.now(),
            as_of=datetime.fromisoformat(newest.counts["as_of"]) if newest else None,
            summary=summary,
            personas=personas,
            campaigns=[show_campaign(result, chart=click_chart(result)) for result in measured],
            health=freshness(bench),
            sync=_sync_sentences(bench),
        )
        path = bench.workspace.state_dir / "reports" / f"report-{bench.now():%Y%m%d-%H%M%S}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(report), "utf-8")
        run.counts.update(report=path.name, campaigns=len(measured))
    return Written(path, summary, measured)


def render(report: Report) -> str:
    """Return the page as HTML; everything that stems from data is escaped."""
    environment = Environment(loader=PackageLoader("sync"), autoescape=select_autoescape(), trim_blocks=True)
    return environment.get_template("report.html.j2").render(report=report)


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
        name=row["name"] or row["campaign_id"],
        subject=row["subject"] or "",
        sent_at=row["sent_at"],
        currency=row["currency"] or "",
        rows=sorted(results, key=lambda result: (result.persona == BEFORE, result.persona, result.variant or "")),
        totals={name: row[name] for name in ("sent", "opened", "clicked", "unsubscribed", "complained")},
    )


def persona_shares(bench: Workbench) -> list[PersonaShare]:
    """Return each persona with its persons, the largest first, the unclassified last."""
    assignments = bench.warehouse.current(ASSIGNMENTS.name)
    slugs = assignments.select(slug=assignments.persona.fill_null(UNCLASSIFIED))
    counted = slugs.group_by("slug").aggregate(persons=slugs.count()).to_pyarrow()
    persons = {row["slug"]: int(row["persons"]) for row in counted.to_pylist()}
    total = max(sum(persons.values()), 1)
    shares = [
        PersonaShare(p.name, persons.get(slug, 0), persons.get(slug, 0) / total, p.story, tuple(p.segments))
        for slug, p in bench.workspace.personas.items()
    ]
    shares.sort(key=lambda share: -share.persons)
    if persons.get(UNCLASSIFIED):
        story = "No segment fits them, or too little is known. They get the fallback copy."
        shares.append(PersonaShare("Unclassified", persons[UNCLASSIFIED], persons[UNCLASSIFIED] / total, story))
    return shares


def summarise(personas: Sequence[PersonaShare], measured: Sequence[CampaignResult]) -> list[str]:
    """Return the report in a few sentences."""
    told = []
    persons = sum(persona.persons for persona in personas)
    if not persons:
        return ["Nobody is classified yet: run `personasync assign`."]
    largest = personas[0]
    told.append(f"{persons:,} persons; the largest persona is {largest.name} with {largest.share:.0%}.")
    for result in measured:
        compared = lifts(result, CLICKED)
        overall = [sentence for sentence in compared if sentence.lower().startswith(EVERYONE)] or compared[:1]
        told.extend(f"{result.name}: {sentence}" for sentence in overall)
    if not measured:
        told.append("No campaign has been imported yet.")
    return told


def freshness(bench: Workbench) -> list[Freshness]:
    """Return when each stream was last read to its end, and how many contacts it holds."""
    contacts = bench.warehouse.current(CONTACTS.name)
    counted = contacts.filter(contacts.state == "active").group_by("connection").aggregate(rows=lambda t: t.count())
    rows = {row["connection"]: int(row["rows"]) for row in counted.to_pyarrow().to_pylist()}
    found = []
    for name in bench.workspace.connections:
        for stream in ("contacts", "memberships", "orders", "survey_answers", "campaigns", "activity"):
            moved = bench.control.cursors.moved_at(name, stream)
            if moved is not None or stream == "contacts":
                found.append(Freshness(name, stream, rows.get(name, 0) if stream == "contacts" else None, moved))
    return found


def _sync_sentences(bench: Workbench) -> list[str]:
    applied = next((run for run in bench.control.runs.newest(50) if run.command.startswith("apply ")), None)
    if applied is None:
        return ["Nothing has been written to the platforms yet."]
    outcomes = (
        ", ".join(f"{count:,} {name}" for name, count in applied.counts.get("outcomes", {}).items())
        or "nothing to send"
    )
    return [f"Last apply {applied.started_at:%Y-%m-%d %H:%M} UTC: {outcomes}."]
