"""Segments by value: `segments`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from sync.cli.console import Console, table
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of, read_stores_of, session_of
from sync.cli.pipeline import AsOfOption, parse_moment


@app.command("segments")
def segments_command(
    *,
    workspace: WorkspaceOption = HERE,
    as_of: AsOfOption = None,
    history: Annotated[
        bool, typer.Option("--history", help="Show instead the size of each segment over time, and edits of its rule.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Rank segments by value: keep, merge or retire. With confidence intervals."""
    from sync.value import backtest  # noqa: PLC0415 - heavy imports only where needed
    from sync.value import ranking as job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    if history:
        _history(workspace, console)
        return
    with session_of(workspace, reading=True) as session, console.progress() as progress:
        segment_values = job.rank_segments(session, parse_moment(as_of), progress)
        _, sentence = job.focus(session)
    lines: list[Any] = [
        *backtest.warning_of(segment_values.tried),
        _table(segment_values),
        *_advice(segment_values),
        *backtest.forecast_sentences(segment_values.tried),
        *backtest.ranking_sentences(segment_values.tried),
        *segment_values.notes,
    ]
    console.result(
        {**job.ranking_document(segment_values), "focus": sentence or None}, *lines, *([sentence] if sentence else [])
    )


def _table(segment_values: Any) -> Any:
    rows = [
        (
            segment.name,
            segment.people,
            segment.reachable,
            f"{segment.mean_value:,.2f}" if segment_values.valued else "unknown",
            "not estimated" if segment.gain is None else f"{100 * segment.gain:+.2f} per 100",
            f"{segment.value:,.0f} ({segment.interval.low:,.0f} to {segment.interval.high:,.0f})"
            if segment_values.valued
            else "unknown",
            _places(segment.ranks) if segment_values.valued else "unknown",
            segment.naive,
        )
        for segment in segment_values.ranking
    ]
    rows += [(name, 0, 0, "–", "–", "–", "–", "–") for name in segment_values.empty]
    heads = (
        "Segment",
        "People",
        "Reachable",
        "Value per contact",
        "Response",
        f"Value in {segment_values.currency or 'money'}",
    )
    return table(*heads, "Rank (95% CI)", "Rank by past spend", rows=rows)


def _places(ranks: tuple[int, int]) -> str:
    best, worst = ranks
    return str(best) if best == worst else f"{best}–{worst}"


def _advice(segment_values: Any) -> list[str]:
    said = []
    for segment in segment_values.ranking:
        advice = segment_values.advice[segment.name]
        verb = f"merge with {advice.merge_with}" if advice.merge_with else advice.verdict
        said.append(f"{segment.name}: {verb} – {'; '.join(advice.reasons)}.")
    return said + [f"{name}: nobody matches its rule." for name in segment_values.empty]


def _history(workspace: Path, console: Console) -> None:
    """Sizes at each assign, and what changed in definitions."""
    from sync.assign.segment_history import segment_history  # noqa: PLC0415

    with read_stores_of(workspace) as stores:
        shown = segment_history(stores)
        names = [segment.name for segment in stores.workspace.segments]
    rows = [
        (f"{then.as_of:%Y-%m-%d %H:%M}", *(then.segments.get(name, 0) for name in names), then.unclassified)
        for then in shown.sizes
    ]
    lines: list[Any] = [table("As of (UTC)", *names, "unclassified", rows=rows)]
    for change in shown.changes:
        when = f"{change.at:%Y-%m-%d %H:%M} UTC" if change.at else "since the last assign"
        lines += [f"{change.segment}, changed {when}:", *(f"  {line}" for line in change.lines)]
    console.result(asdict(shown), *lines)
