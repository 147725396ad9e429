"""Data quality and drift command: `quality`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sync.cli.console import table
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, bench_of, console_of

if TYPE_CHECKING:
    from sync.monitor.quality import Judged


@app.command()
def quality(*, workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """Check data quality and drift. Finds missing, impossible, stale and duplicate data, and drift."""
    from sync.monitor import quality as job  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench:
        found = job.judge(bench)
    console.result(_document(found), *_shown(found))


def _shown(found: Judged) -> list[Any]:
    rows = [
        (
            one.light,
            one.name,
            "decides" if one.name in found.deciding else "",
            f"{one.share_missing:.0%}",
            one.impossible,
        )
        for one in found.traits
        if one.name in found.deciding or one.impossible
    ]
    shown: list[Any] = [table("Light", "Trait", "", "Missing", "Impossible", rows=rows)]
    if found.drifts:
        moved = [
            (name, f"{one.psi:.3f}", f"{one.threshold:.3f}", "drift" if one.alarm else "", f"{one.share_new:.1%}")
            for name, one in found.drifts.items()
        ]
        shown.append(table("Compared with the reference", "PSI", "Alert above", "", "New values", rows=moved))
    else:
        shown.append("No drift data yet: the first `assign` with these definitions becomes the reference.")
    shown.extend(found.stale)
    shown.extend(f"{one.table}: {_fault(one.what, one.example)}. {one.mend}" for one in found.faults)
    shown.extend(found.concept)
    shown.extend(_structural(found))
    shown.append(f"Overall: {found.light}.")
    return shown


def _structural(found: Judged) -> list[str]:
    told = []
    for one in found.structural:
        kept = (
            f"Segments of {one.proposal!r} are still stable: agreement of a new clustering {one.found.agreement:.2f}."
        )
        told += one.sentences() or [kept]
    return told


def _fault(what: str, example: str) -> str:
    return f"{what}, for example {example}" if example else what


def _document(found: Judged) -> dict[str, Any]:
    return {
        "light": found.light,
        "traits": [{**asdict(one), "light": one.light, "decides": one.name in found.deciding} for one in found.traits],
        "stale": list(found.stale),
        "faults": [asdict(one) for one in found.faults],
        "drift": {
            # of one value nothing can move: its threshold is infinite, which JSON has no number for
            name: {**asdict(one), "threshold": min(one.threshold, 1e9), "alarm": one.alarm}
            for name, one in found.drifts.items()
        },
        "concept": list(found.concept),
        "structural": [
            {
                "proposal": one.proposal,
                **asdict(one.found),
                "moved": one.found.moved,
                "dissolved": one.found.dissolved,
                "one_more": one.found.one_more,
                "segment_anew": one.found.segment_anew,
            }
            for one in found.structural
        ],
    }
