"""Segments by value: `segments`."""

from __future__ import annotations

from typing import Any

from sync.cli.console import table
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of, session_of


@app.command("segments")
def segments_command(*, workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """Rank segments by value: keep, merge or retire. With confidence intervals."""
    from sync.value import ranking as job  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    with session_of(workspace, reading=True) as session:
        segment_values = job.rank_segments(session)
        _, told = job.focus(session)
    lines: list[Any] = [
        _table(segment_values),
        *_advice(segment_values),
        *job.tried_sentences(segment_values.tried),
        *segment_values.notes,
    ]
    console.result({**job.ranking_document(segment_values), "focus": told or None}, *lines, *([told] if told else []))


def _table(found: Any) -> Any:
    rows = [
        (
            one.name,
            one.people,
            one.reachable,
            f"{one.mean_value:,.2f}" if found.valued else "unknown",
            "not estimated" if one.gain is None else f"{100 * one.gain:+.2f} per 100",
            f"{one.value:,.0f} ({one.interval.low:,.0f} to {one.interval.high:,.0f})" if found.valued else "unknown",
            _places(one.ranks) if found.valued else "unknown",
            one.naive,
        )
        for one in found.ranking
    ]
    rows += [(name, 0, 0, "–", "–", "–", "–", "–") for name in found.empty]
    heads = ("Segment", "People", "Reachable", "Value per contact", "Response", f"Value in {found.currency or 'money'}")
    return table(*heads, "Rank (95% CI)", "Rank by past spend", rows=rows)


def _places(ranks: tuple[int, int]) -> str:
    best, worst = ranks
    return str(best) if best == worst else f"{best}–{worst}"


def _advice(found: Any) -> list[str]:
    said = []
    for one in found.ranking:
        advice = found.advice[one.name]
        verb = f"merge with {advice.merge_with}" if advice.merge_with else advice.verdict
        said.append(f"{one.name}: {verb} – {'; '.join(advice.reasons)}.")
    return said + [f"{name}: nobody matches its rule." for name in found.empty]
