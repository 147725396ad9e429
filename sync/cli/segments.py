"""Segments by value: `segments`."""

from __future__ import annotations

from typing import Any

from sync.cli.console import table
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of, session_of
from sync.cli.pipeline import AsOfOption, parse_moment


@app.command("segments")
def segments_command(
    *, workspace: WorkspaceOption = HERE, as_of: AsOfOption = None, as_json: JsonOption = False
) -> None:
    """Rank segments by value: keep, merge or retire. With confidence intervals."""
    from sync.value import backtest  # noqa: PLC0415 - heavy imports only where needed
    from sync.value import ranking as job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with session_of(workspace, reading=True) as session:
        segment_values = job.rank_segments(session, parse_moment(as_of))
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
