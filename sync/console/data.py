"""Data and sync: freshness, quality, drift, the history of runs, and what platforms rejected in their own words."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from connectors.secret import hide
from sync.console.pages import Asked, ConsolePage, Desk
from sync.monitor.quality import Judged, judge_quality
from sync.ops.history import past, past_run, rejected, workspace_status

RUNS_SHOWN = 25
REJECTS_SHOWN = 50
MOST_RUNS = 10_000
SECTION = "/data"


def data_page(desk: Desk, asked: Asked) -> ConsolePage:
    """Return freshness and history, which need no calculation."""
    page = asked.number("page")
    with desk.reader.stores() as looked:
        status = workspace_status(looked)
        runs = past(looked, limit=min(RUNS_SHOWN * page + 1, MOST_RUNS), service=False)
    shown = runs[RUNS_SHOWN * (page - 1) : RUNS_SHOWN * page]
    values = {"status": status, "runs": shown, "page": page, "pages": page + (len(runs) > RUNS_SHOWN * page)}
    return ConsolePage(SECTION, "Data and sync", "data.html.j2", values)


def quality_page(desk: Desk, asked: Asked) -> ConsolePage:
    """Return what `quality` finds: missing, impossible and stale data, and drift."""
    del asked
    dated = desk.reader.figures(("quality",), judge_quality, Judged)
    values = {"judged": dated.answer, "calculated": dated.at}
    return ConsolePage(SECTION, "Data quality and drift", "quality.html.j2", values)


def run_page(desk: Desk, asked: Asked) -> ConsolePage:
    """Return one run, and a page of the changes that were not applied, with the platform's redacted answer."""
    page = asked.number("page")
    with desk.reader.stores() as looked:
        done = past_run(looked, asked.path["run"])
        outcomes = rejected(looked, done.run.run_id)
    part = outcomes[REJECTS_SHOWN * (page - 1) : REJECTS_SHOWN * page]
    rows: list[dict[str, Any]] = [
        {**asdict(outcome.change), "state": outcome.state, "code": outcome.code, "reason": hide(outcome.reason)}
        for outcome in part
    ]
    pages = max(-(-len(outcomes) // REJECTS_SHOWN), 1)
    values = {"done": done, "rows": rows, "count": len(outcomes), "page": page, "pages": pages}
    return ConsolePage(SECTION, f"Run {done.run.command}", "run.html.j2", values)
