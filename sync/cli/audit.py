"""Proxy audit command: do segments and traits predict a sensitive attribute?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync.cli.console import table
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of, not_ours, session_of

if TYPE_CHECKING:
    from sync.monitor.proxy_audit import Audited

BLOCKED = 3  # as a guardrail that refuses


@app.command("audit")
def audit_command(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV, TSV or XLSX with an `email` column and a column for the sensitive flag.",
            dir_okay=False,
        ),
    ],
    *,
    flag: Annotated[
        str | None, typer.Option("--flag", metavar="COLUMN", help="The column that holds the flag.")
    ] = None,
    sheet: Annotated[str | None, typer.Option("--sheet", help="Sheet of an XLSX file. Default: the first.")] = None,
    letter_file: Annotated[
        Path | None,
        typer.Option(
            "--letter",
            callback=not_ours,
            metavar="FILE",
            help="Also write the audit as a letter (Markdown) to this file.",
        ),
    ] = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> int:
    """Check whether segments predict a sensitive attribute. Runs a proxy audit; the attribute is never stored."""
    from sync.monitor import proxy_audit as job  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    with session_of(workspace, reading=True) as session:
        audited = job.audit(session, file, flag=flag, sheet=sheet)
        if letter_file is not None:
            from sync.export.write import write_text  # noqa: PLC0415
            from sync.monitor import audit_letter  # noqa: PLC0415

            write_text(letter_file, audit_letter.letter(audited, audit_letter.letter_facts(session)))
    rows = [_separation("segment alone", separation) for separation in audited.by_segment]
    rows += [_separation("segment and traits", separation) for separation in audited.by_everything]
    offers = [
        (
            offer.segment,
            ", ".join(f"{group} {rate:.0%}" for group, rate in offer.rates.items()),
            f"{offer.ratio:.2f}",
            offer.verdict,
        )
        for offer in audited.offers
    ]
    console.result(
        _document(audited),
        f"{audited.people:,} people matched with {audited.flag!r}; {audited.strangers:,} rows match no contact.",
        table("Predicted from", "Group", "People", "AUC", "", rows=rows),
        table("Segment", "Share of each group", "Lowest / highest", "", rows=offers),
        SENTENCES[audited.verdict],
        *([f"Wrote the letter to {letter_file}."] if letter_file else []),
    )
    return BLOCKED if audited.verdict == "block" else 0


SENTENCES = {
    "ok": (
        "Segments and traits don't predict this flag (AUC up to .65), and every group is equally "
        "represented in each segment."
    ),
    "warn": (
        "Warning: segments or traits partly predict this flag (AUC above .65), or in a segment "
        "one group's share is below four fifths of another's. Remove the traits that predict it, "
        "or have counsel review the purpose."
    ),
    "block": "Do not use: segments and traits predict this flag (AUC above .80) and act as a proxy for it.",
}


def _separation(source: str, separation: Any) -> tuple[str, str, int, str, str]:
    return source, separation.group, separation.people, f"{separation.auc:.2f}", separation.verdict


def _document(audited: Audited) -> dict[str, Any]:
    document = asdict(audited)
    for name in ("by_segment", "by_everything", "offers"):
        document[name] = [{**asdict(part), "verdict": part.verdict} for part in getattr(audited, name)]
    for offer, entry in zip(audited.offers, document["offers"], strict=True):
        entry["ratio"] = offer.ratio
    return {**document, "verdict": audited.verdict}
