"""Segment discovery, acceptance and migration commands: discover, migration, overlap."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync.cli.console import table
from sync.cli.discover_text import audit_document, audit_lines, discovered_document, discovered_lines
from sync.cli.names import completing, segments
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of, session_of
from sync.cli.pipeline import parse_moment
from sync.modeling.limits import LEAST, MOST, SEED, USUAL_MOST

if TYPE_CHECKING:
    from segmenter.discover.propose import SearchOptions
    from segmenter.stats.alignment import Overlap
    from sync.cli.console import Console
    from sync.modeling.inputs import Base
    from sync.session import Session

MONTH = timedelta(days=30)


@app.command("discover")
def discover_command(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A file of survey answers: CSV, TSV, XLSX or SPSS.")
    ] = None,
    *,
    workspace: WorkspaceOption = HERE,
    survey: Annotated[str | None, typer.Option(help="Use a survey from the warehouse instead of a file.")] = None,
    trait: Annotated[
        list[str] | None, typer.Option(help="A trait to use; repeat for several. Default: a standard set.")
    ] = None,
    item: Annotated[
        list[str] | None, typer.Option(help="A survey item to use; repeat for several. Default: all.")
    ] = None,
    respondent: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="The column of FILE that identifies the respondent. Default: email, respondent or id.",
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A column, item or trait to leave out; repeat for several.")
    ] = None,
    describe: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="A column of FILE that describes the segments but does not form them."),
    ] = None,
    weight: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="A column of FILE that says how many people each respondent stands for, or a file of weights as "
            "`survey weight --out` writes it; with --survey an item or a number trait, with --trait a number trait.",
        ),
    ] = None,
    within: Annotated[
        str | None,
        typer.Option(
            metavar="SEGMENT",
            help="Only people of this segment, to find sub-segments.",
            autocompletion=completing(segments),
        ),
    ] = None,
    max_segments: Annotated[int, typer.Option(help="The largest number of segments to try.", min=LEAST, max=MOST)] = (
        USUAL_MOST
    ),
    segments: Annotated[
        int | None,
        typer.Option("--segments", "-k", help="Judge this number of segments only.", min=LEAST, max=MOST),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="auto (k-means, and for numbers Gaussian mixtures beside it), kmeans, or lca (latent class analysis, "
            "for survey answers)."
        ),
    ] = "auto",
    audit: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Judge the segments of a file (column segment, and who) by the same tests; nothing is proposed.",
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="The proposal's name.")] = "proposal",
    seed: Annotated[int, typer.Option(help="Random seed; the same seed gives the same segments.")] = SEED,
    sheet: Annotated[
        str | None, typer.Option(metavar="NAME", help="Sheet of an XLSX file. Default: the first.")
    ] = None,
    accept: Annotated[
        str | None, typer.Option(metavar="NAME", help="Add the segments of an edited proposal to the workspace.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Find segments in traits or a survey and save a proposal. Edit the proposal, then accept it."""
    if accept is not None:
        _accept(workspace, accept, as_json=as_json)
        return 0
    from sync.modeling import discover as job  # noqa: PLC0415 - heavy imports only where needed
    from sync.modeling.audit import weights_told, with_kept_weights  # noqa: PLC0415
    from sync.modeling.discover_request import SegmentsAsked, base_of, check_request  # noqa: PLC0415

    console = console_of(as_json=as_json)
    asked = SegmentsAsked(
        name,
        file,
        survey,
        trait or (),
        item or (),
        respondent,
        exclude or (),
        describe or (),
        weight,
        within,
        max_segments,
        segments,
        method,
        seed,
        sheet,
    )
    check_request(asked)
    options = asked.options()
    asked = replace(asked, exclude=[*asked.exclude, *_partition_in(file, audit)])
    with session_of(workspace) as session:
        asked, made = with_kept_weights(session.workspace.directory, audit, asked)
        base = weights_told(made, base_of(session, asked))
        console.say(f"Analyzing {len(base.people):,} people and {len(base.items.names)} items; this may take a minute.")
        if audit is not None:
            return _audit(session, console, audit, base, options, seed)
        with console.progress() as progress:
            discovered = job.discover(session, base, options, name=name, seed=seed, progress=progress)
    console.result(discovered_document(discovered), *discovered_lines(discovered))
    return 0


def _partition_in(file: Path | None, audit: Path | None) -> list[str]:
    """The column of the segments that are audited, where it stands among the answers."""
    from sync.modeling.audit import segment_column  # noqa: PLC0415 - heavy imports only where needed

    if audit is None or file is None or file.resolve() != audit.resolve():
        return []
    return [segment_column(audit)]


def _audit(session: Session, console: Console, file: Path, base: Base, asked: SearchOptions, seed: int) -> int:
    from sync.modeling.audit import audit_file  # noqa: PLC0415 - heavy imports only where needed
    from sync.modeling.inputs import known_persons  # noqa: PLC0415

    persons = known_persons(session.control, base.people, session.workspace.connections) if base.file else {}
    audited = audit_file(file, base, asked, persons, seed=seed)
    console.result(audit_document(audited), *audit_lines(audited))
    return 0


def _accept(workspace: Path, name: str, *, as_json: bool) -> None:
    from sync.modeling.accept import accept_here  # noqa: PLC0415
    from sync.modeling.accept_text import accepted_sentences  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with session_of(workspace) as session:
        done = accept_here(session, name)
    document = {
        "segments": dict(done.segments),
        "added": list(done.added),
        "labels": str(done.labels),
        "tool": None if done.tool is None else done.tool.version,
        "traits": list(done.traits),
        "connection": done.connection or None,
        "persons": done.persons,
        "remarks": list(done.remarks),
    }
    console.result(
        document, table("Segment", "People", rows=list(done.segments.items())), *accepted_sentences(done, name)
    )


@app.command("migration")
def migration_command(
    *,
    workspace: WorkspaceOption = HERE,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="TIME", help="Start, ISO 8601 (UTC unless a time zone is given). Default: 30 days ago."
        ),
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="End, ISO 8601. Default: now.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show how people moved between segments over time."""
    from sync.monitor import migration as job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with session_of(workspace) as session:
        before, after = parse_moment(start) or session.now() - MONTH, parse_moment(end) or session.now()
        overlap = job.migration(session, before, after)
    document = {"from": before, "to": after, "stayed": overlap.stayed(), **_cells(overlap)}
    console.result(
        document, _matrix(overlap), f"{overlap.stayed():.1%} of {int(overlap.counts.sum()):,} people stayed."
    )


@app.command("overlap")
def overlap_command(
    first: Annotated[str, typer.Argument(help='A proposal, or "assigned" for the current segments.')],
    second: Annotated[str, typer.Argument(help='A proposal, or "assigned" for the current segments.')] = "assigned",
    *,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Compare two segmentations of the same people. Each is a proposal, or the current segments."""
    from segmenter.monitor.structure import SAME_SEGMENTS  # noqa: PLC0415
    from segmenter.stats.alignment import kept_names  # noqa: PLC0415
    from sync.monitor import migration as job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with session_of(workspace) as session:
        overlap = job.meeting(session, first, second)
    same, anew = kept_names(overlap), overlap.agreement() < SAME_SEGMENTS
    document = {
        "first": first,
        "second": second,
        "agreement": overlap.agreement(),
        "segment_anew": anew,
        "same": same,
        **_cells(overlap),
    }
    sentences = [f"{new} of {second} is {old} of {first}." for new, old in same.items()]
    if anew:
        sentences.append(
            "The agreement is too low for these to be the same segments: review the newer ones "
            "before you keep using the older."
        )
    console.result(document, _matrix(overlap), f"Agreement (adjusted Rand) {overlap.agreement():.2f}.", *sentences)


def _cells(overlap: Overlap) -> dict[str, Any]:
    jaccard = overlap.jaccard()
    return {
        "cells": [
            {"from": row, "to": column, "people": int(overlap.counts[i, j]), "jaccard": float(jaccard[i, j])}
            for i, row in enumerate(overlap.rows)
            for j, column in enumerate(overlap.columns)
            if overlap.counts[i, j]
        ]
    }


def _matrix(overlap: Overlap) -> Any:
    rows = [
        (row or "unclassified", *(int(people) for people in overlap.counts[i])) for i, row in enumerate(overlap.rows)
    ]
    return table("", *(column or "unclassified" for column in overlap.columns), rows=rows)
