"""`survey quality`: who of a survey is to be looked at."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connectors.errors import FixSettingsError
from sync.cli.console import table
from sync.cli.options import JsonOption, console_of, not_ours
from sync.cli.survey_options import AnswersFile, ExcludeOption, RespondentOption, SheetOption, check_outputs, survey_app
from sync.cli.survey_weight import QUOTA_HEAD, quota_document, quota_rows

if TYPE_CHECKING:
    from sync.surveys.quality import QualityOfFile

SHOWN = 20
MOST_SHIFTS = 10
LIST_HEAD = (
    "respondent", "row", "exclude", "flags", "speed", "longest_run", "least_spread", "failed", "missing", "same_as",
)  # fmt: skip


@survey_app.command("quality")
def survey_quality_command(
    file: AnswersFile,
    *,
    duration: Annotated[
        str | None, typer.Option("--duration", metavar="COLUMN", help="Column of the interview's duration.")
    ] = None,
    speed: Annotated[
        float, typer.Option("--speed", min=0.05, max=0.95, help="Speeders took less than this part of the median.")
    ] = 0.5,
    attention: Annotated[
        list[str] | None,
        typer.Option("--attention", metavar="COLUMN=ANSWER", help="An attention item, and the answer that passes."),
    ] = None,
    block: Annotated[
        list[str] | None,
        typer.Option(
            "--block",
            metavar="COLUMNS",
            help="Items on one scale, such as q1,q2,q3 or brand_*. Default: six or more in a row on one scale.",
        ),
    ] = None,
    exclude: ExcludeOption = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="COLUMN", help="Show the flagged of each group of this column.")
    ] = None,
    quotas: Annotated[
        Path | None,
        typer.Option("--quotas", metavar="FILE", help="Show which quotas are filled, as `survey weight` reads them."),
    ] = None,
    respondent: RespondentOption = None,
    sheet: SheetOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", callback=not_ours, metavar="FILE", help="Write the list of flagged respondents, to be edited."
        ),
    ] = None,
    kept: Annotated[
        Path | None,
        typer.Option(
            "--kept", callback=not_ours, metavar="FILE", help="Write the answers of all others to a new file."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Flag respondents to look at: speeders, straight-liners and more. Removes nobody; needs no workspace."""
    from sync.surveys.quality import QualityWish, quality_of_file  # noqa: PLC0415 - heavy imports only where needed

    check_outputs(file, out, kept)
    wish = QualityWish(respondent, duration, speed, _attention(attention or ()), block or (), exclude or (), by, quotas)
    judged = quality_of_file(file, wish, sheet=sheet)
    wrote = _write(judged, out, kept)
    console_of(as_json=as_json).result(_document(judged), *_lines(judged, speed), *wrote)


def _attention(texts: Any) -> dict[str, str]:
    items = {}
    for text in texts:
        name, equals, answer = text.partition("=")
        if not equals or not name.strip() or not answer.strip():
            raise FixSettingsError(
                f"--attention {text!r} is not COLUMN=ANSWER.", fix="Write --attention check1=4, the answer that passes."
            )
        items[name.strip()] = answer.strip()
    return items


def _write(judged: QualityOfFile, out: Path | None, kept: Path | None) -> list[str]:
    from sync.export.write import write_rows  # noqa: PLC0415

    wrote = []
    if out is not None:
        write_rows(out, LIST_HEAD, _listed(judged))
        wrote.append(
            f"Wrote {out}: set exclude to no for whom you keep, then pass it on with --leave-out to the other commands."
        )
    if kept is not None:
        rows = [row for row, flag in zip(judged.grid.rows, judged.flagged, strict=True) if not flag]
        write_rows(kept, judged.grid.headers, rows)
        wrote.append(f"Wrote {kept}: {len(rows):,} of {len(judged.grid.rows):,} respondents, those without a flag.")
    return wrote


def _listed(judged: QualityOfFile) -> list[tuple[Any, ...]]:
    return [
        (
            judged.names[row],
            judged.grid.numbers[row],
            "yes",
            ", ".join(each.flags),
            _finite(each.speed),
            each.longest_run,
            _finite(each.least_spread),
            ", ".join(each.failed),
            round(each.missing, 3),
            each.like,
        )
        for row, each in enumerate(judged.quality.respondents)
        if each.flags
    ]


def _finite(value: float) -> float | None:
    return round(value, 3) if isfinite(value) else None


def _lines(judged: QualityOfFile, speed: float) -> list[Any]:
    people, flagged = len(judged.names), int(judged.flagged.sum())
    if not people:
        return ["Nobody answered."]
    meanings = judged.meanings(speed)
    rows = [(flag, many, f"{many / people:.1%}", meanings[flag]) for flag, many in judged.quality.counts().items()]
    shown: list[Any] = [
        table("Flag", "Respondents", "Share", "Because", rows=rows),
        f"{flagged:,} of {people:,} respondents ({flagged / people:.1%}) have a flag. Nobody was removed.",
        *(f"Note: {note}" for note in judged.notes),
    ]
    if judged.items:
        shown.append("Blocks on one scale: " + "; ".join(f"{own[0]} to {own[-1]}" for own in judged.items) + ".")
    if flagged and judged.shifts:
        rows_ = [
            (s.item, f"{s.everybody:.2f}", f"{s.kept:.2f}", f"{s.effect:+.2f}") for s in judged.shifts[:MOST_SHIFTS]
        ]
        shown.append(table("Largest changes", "Mean of all", "Without flagged", "In sd", rows=rows_))
    if judged.groups:
        groups = [(name, many, away, f"{away / many:.1%}") for name, (many, away) in judged.groups.items()]
        shown.append(table("Group", "Respondents", "Flagged", "Share", rows=groups))
    if judged.quotas is not None:
        shown += [table(*QUOTA_HEAD, rows=quota_rows(judged.quotas)), *judged.quotas.sentences()]
    if flagged:
        listed = [(row[0], row[1], row[3], "" if row[4] is None else f"{row[4]:.2f}") for row in _listed(judged)]
        shown.append(table("Respondent", "Row", "Flags", "Duration / median", rows=listed[:SHOWN]))
        if flagged > SHOWN:
            shown.append(f"{flagged - SHOWN:,} more; --out FILE lists them all.")
    return shown


def _document(judged: QualityOfFile) -> dict[str, Any]:
    return {
        "file": judged.grid.file,
        "respondents": len(judged.names),
        "flagged": int(judged.flagged.sum()),
        "flags": judged.quality.counts(),
        "median_duration": _finite(judged.quality.median),
        "blocks": [
            {"items": list(own), "straight_by_chance": block.by_chance}
            for own, block in zip(judged.items, judged.quality.blocks, strict=True)
        ],
        "shifts": [
            {"item": s.item, "mean": s.everybody, "mean_without": s.kept, "effect": s.effect} for s in judged.shifts
        ],
        "groups": {name: {"respondents": many, "flagged": away} for name, (many, away) in judged.groups.items()},
        "quotas": None if judged.quotas is None else quota_document(judged.quotas),
        "list": [dict(zip(LIST_HEAD, row, strict=True)) for row in _listed(judged)],
        "notes": list(judged.notes),
    }
