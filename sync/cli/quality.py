"""Data quality and drift command: `quality`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sync.cli.console import table
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of, session_of

if TYPE_CHECKING:
    from sync.monitor.quality import Judged


@app.command("quality")
def quality_command(*, workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """Check data quality and drift. Finds missing, impossible, stale and duplicate data, and drift."""
    from sync.monitor import quality as job  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    with session_of(workspace, reading=True) as session:
        judged = job.judge_quality(session)
    console.result(_document(judged), *_shown(judged))


def _shown(judged: Judged) -> list[Any]:
    from sync.value.backtest import forecast_sentences, warning_of  # noqa: PLC0415 - heavy imports only where needed

    rows = [
        (
            trait.light,
            trait.name,
            "decides" if trait.name in judged.deciding else "",
            f"{trait.share_missing:.0%}",
            trait.impossible,
        )
        for trait in judged.traits
        if trait.name in judged.deciding or trait.impossible
    ]
    shown: list[Any] = [table("Light", "Trait", "", "Missing", "Impossible", rows=rows)]
    if judged.drifts:
        moved = [
            (
                name,
                f"{drift.psi:.3f}",
                f"{drift.threshold:.3f}",
                "drift" if drift.alarm else "",
                f"{drift.share_new:.1%}",
            )
            for name, drift in judged.drifts.items()
        ]
        shown.append(table("Compared with the reference", "PSI", "Alert above", "", "New values", rows=moved))
    else:
        shown.append("No drift data yet: the first `assign` with these definitions becomes the reference.")
    shown.extend(judged.stale)
    shown.extend(f"{fault.table}: {_fault(fault.what, fault.example)}. {fault.fix}" for fault in judged.faults)
    shown.extend(judged.concept)
    shown.extend(f"{finding.trait}: {finding.what}. {finding.fix}" for finding in judged.own)
    shown.extend(_structural(judged))
    shown.extend([*warning_of(judged.value), *forecast_sentences(judged.value)])
    lights = (("assign", judged.assign_light), ("discover, fit and personas", judged.model_light))
    shown.append(
        " ".join(f"For {use}: {light}." for use, light in (*lights, ("segments by value", judged.value_light)))
    )
    shown.append(f"Overall: {judged.light}.")
    return shown


def _structural(judged: Judged) -> list[str]:
    sentences = []
    for check in judged.structural:
        agreement = f"agreement of a new clustering {check.result.agreement:.2f}"
        kept = f"Segments of {check.proposal!r} are still stable: {agreement}."
        sentences += check.sentences() or [kept, *filter(None, [check.weights])]
    return [*sentences, *judged.weighted]


def _fault(what: str, example: str) -> str:
    return f"{what}, for example {example}" if example else what


def _document(judged: Judged) -> dict[str, Any]:
    from sync.value.backtest import backtest_document  # noqa: PLC0415 - as above

    return {
        "light": judged.light,
        "lights": {"assign": judged.assign_light, "models": judged.model_light, "value": judged.value_light},
        "value_forecast": backtest_document(judged.value)["forecast"],
        "own_traits": [asdict(finding) for finding in judged.own],
        "traits": [
            {**asdict(trait), "light": trait.light, "decides": trait.name in judged.deciding} for trait in judged.traits
        ],
        "stale": list(judged.stale),
        "faults": [asdict(fault) for fault in judged.faults],
        "drift": {
            # of one value nothing can move: its threshold is infinite, which JSON has no number for
            name: {**asdict(drift), "threshold": min(drift.threshold, 1e9), "alarm": drift.alarm}
            for name, drift in judged.drifts.items()
        },
        "concept": list(judged.concept),
        "structural": [
            {
                "proposal": check.proposal,
                **asdict(check.result),
                "moved": check.result.moved,
                "dissolved": check.result.dissolved,
                "one_more": check.result.one_more,
                "segment_anew": check.result.segment_anew,
                "weights": check.weights,
            }
            for check in judged.structural
        ],
        "weighted_model": list(judged.weighted),
    }
