"""Segment discovery, acceptance and migration commands: discover, migration, overlap."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from connectors.errors import FixSettingsError
from sync.cli.console import table
from sync.cli.names import completing, segments
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of, session_of
from sync.cli.pipeline import parse_moment

if TYPE_CHECKING:
    from segmenter.discover.propose import Proposal
    from segmenter.stats.alignment import Overlap
    from sync.modeling.accept import Accepted
    from sync.modeling.discover import Discovered
    from sync.modeling.inputs import Base
    from sync.session import Session

LIGHTS = {"green": "GREEN", "amber": "AMBER", "red": "RED"}
LEAST, MOST = 2, 12
SEED = 20_261_124
MONTH = timedelta(days=30)


@app.command("discover")
def discover_command(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A file of survey answers: CSV, TSV or XLSX.")
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
        str | None, typer.Option(metavar="COLUMN", help="The column of FILE that identifies the respondent.")
    ] = None,
    describe: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="A column of FILE that describes the segments but does not form them."),
    ] = None,
    within: Annotated[
        str | None,
        typer.Option(
            metavar="SEGMENT",
            help="Only people of this segment, to find sub-segments.",
            autocompletion=completing(segments),
        ),
    ] = None,
    max_segments: Annotated[int, typer.Option(help="The largest number of segments to try.", min=LEAST, max=MOST)] = 6,
    method: Annotated[
        str,
        typer.Option(
            help="auto (k-means, and for numbers Gaussian mixtures beside it), kmeans, or lca (latent class analysis, "
            "for survey answers)."
        ),
    ] = "auto",
    name: Annotated[str, typer.Option(help="The proposal's name.")] = "proposal",
    seed: Annotated[int, typer.Option(help="Random seed; the same seed gives the same segments.")] = SEED,
    accept: Annotated[
        str | None, typer.Option(metavar="NAME", help="Add the segments of an edited proposal to the workspace.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Find segments in traits or a survey and save a proposal. Edit the proposal, then accept it."""
    if accept is not None:
        _accept(workspace, accept, as_json=as_json)
        return 0
    from segmenter.discover.propose import SearchOptions  # noqa: PLC0415 - heavy imports only where needed
    from sync.modeling import discover as job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    _check(file, survey, trait or (), name)
    asked = SearchOptions(most=max_segments, method=_method(method))
    with session_of(workspace) as session:
        base = _base(
            session, file, survey, trait or (), item or (), respondent, describe or (), within, max_segments, seed, name
        )
        console.say(f"Analyzing {len(base.people):,} people and {len(base.items.names)} items; this may take a minute.")
        with console.progress() as progress:
            discovered = job.discover(session, base, asked, name=name, seed=seed, progress=progress)
    console.result(_document(discovered), *_told(discovered))
    return 0


def _check(file: Path | None, survey: str | None, traits: Any, name: str) -> None:
    if sum((file is not None, survey is not None, bool(traits))) > 1:
        raise FixSettingsError("FILE, --survey and --trait can't be combined.", fix="Use only one of them.")
    if not (name.isidentifier() and name.islower() and name[0] != "_" and len(name) <= 40):  # noqa: PLR2004 - as segments
        raise FixSettingsError(f"{name!r} is not a valid name.", fix="Use lower-case letters, digits and _.")


def _method(text: str) -> Literal["auto", "kmeans", "lca"]:
    if text == "auto":
        return "auto"
    if text == "kmeans":
        return "kmeans"
    if text == "lca":
        return "lca"
    raise FixSettingsError(f"Unknown method {text!r}.", fix="Use auto, kmeans or lca.")


def _base(
    session: Session,
    file: Path | None,
    survey: str | None,
    traits: Any,
    items: Any,
    respondent: str | None,
    describe: Any,
    within: str | None,
    max_segments: int,
    seed: int,
    name: str,
) -> Base:
    import numpy as np  # noqa: PLC0415

    from sync.modeling import inputs as bases  # noqa: PLC0415
    from sync.surveys.sensitive_items import why_item  # noqa: PLC0415

    def why(of: str, asked: str) -> str:
        return why_item(session.workspace, name, of, asked)

    if file is not None:
        if within is not None:
            raise FixSettingsError("--within works only with people of the workspace.", fix="Remove FILE or --within.")
        return bases.from_file(file, wanted=items, respondent=respondent, beside=describe, most=max_segments, why=why)
    if survey is not None:
        return bases.from_warehouse(session, survey, items, within, max_segments, why)
    return bases.from_traits(session, traits, within, max_segments, np.random.default_rng(seed))


def _accept(workspace: Path, name: str, *, as_json: bool) -> None:
    from sync.modeling.accept import accept_here  # noqa: PLC0415

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
    sentences = [f"segments.toml has {len(done.added)} new segments. Members: {done.labels}", *done.remarks]
    if done.tool is not None:
        sentences += _tool_lines(done)
    if done.survey:
        sentences.append(f"For a shorter survey, run: personasync survey design --proposal {name} --tool short")
    others = "people without answers" if done.tool else "everyone else"
    if done.persons:
        sentences += [
            f"To classify {others}, train a model on these labels: personasync fit --target discovered --labels {name}",
            f"Next, draft a persona for each segment: personasync personas draft --all --proposal {name}",
        ]
    else:
        sentences.append(
            "None of the members is a contact of this workspace, so `fit` and `personas` can't use them. To change "
            "that, run `personasync pull`, then `personasync discover` again with an email column as --respondent."
        )
    console.result(document, table("Segment", "People", rows=list(done.segments.items())), *sentences)


def _tool_lines(done: Accepted) -> list[str]:
    """What classifies people by their answers from now on, and where the answers come from."""
    tool = done.tool
    lines = [f"{tool.version}: it classifies everyone who answered all {len(tool.questions)} items."] if tool else []
    lines.append(f"personasync.toml has {len(done.traits)} new traits, one for each item.")
    if done.connection:
        lines.append(
            f"It also has the connection {done.connection!r}, which reads the answers: personasync pull, then "
            "personasync assign"
        )
    return lines


def _figures(proposal: Proposal) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for place, k in enumerate(proposal.test.ks):
        tried = proposal.tried.get(k)
        stable = None if tried is None else tried.stability
        rows.append(
            (
                k,
                f"{(stable.agreement if stable else proposal.test.agreement[place]):.2f}",
                f"{stable.median:.2f}" if stable else "",
                f"{proposal.test.quantile[place]:.2f}",
                " ".join(f"{segment:.2f}" for segment in stable.segments) if stable else "",
                " ".join(f"{agreement:.2f}" for agreement in tried.across) if tried else "",
                " ".join(f"{size:,}" for size in tried.sizes) if tried else "",
                f"{proposal.bic[k]:,.0f}" if k in proposal.bic else "",
                "proposed" if k == proposal.k else "; ".join(proposal.refused.get(k, ())),
            )
        )
    return rows


def _told(done: Discovered) -> list[Any]:
    proposal = done.proposal
    shown: list[Any] = [f"{LIGHTS[proposal.light]}: {proposal.sentence}", *done.notes, proposal.power]
    if done.file.segments:
        rows = [
            (
                p.name,
                p.size,
                f"{p.share:.0%}",
                f"{p.stability:.2f}",
                *("" if share is None else f"{share:.0%}" for share in (p.placed_again, p.membership)),
                "; ".join(p.markers[:4]),
            )
            for p in done.file.segments
        ]
        columns_ = ("Segment", "People", "Share", "Stability", "Placed again", "Membership", "Markers")
        shown.append(table(*columns_, rows=rows))
    columns = (
        "Number",
        "A",
        "median",
        "null 95%",
        "stability within (SLSw)",
        "stability across (SLSa)",
        "people",
        "BIC",
        "",
    )
    shown.append(table(*columns, rows=_figures(proposal), title="Statistics"))
    second = "" if proposal.second is None else f"; vs. correlations only p {proposal.second.p:.2f}"
    bic = f"; BIC of one segment {proposal.bic[1]:,.0f}" if 1 in proposal.bic else ""
    sure = "" if proposal.classes is None else f"; relative entropy {proposal.classes.entropy:.2f}"
    shown.append(f"vs. shuffled data p {proposal.test.p:.2f}{second}{bic}{sure}.")
    shown += [
        f"{trait.name} {'differs' if trait.differs else 'does not differ'} between segments ({trait.test} "
        f"{trait.statistic:.1f}, p {trait.adjusted:.2g} adjusted)."
        for trait in done.described
    ]
    if done.path is not None:
        shown.append(f"Edit {done.path}, then run: personasync discover --accept {done.file.proposal.name}")
    return shown


def _document(done: Discovered) -> dict[str, Any]:
    proposal = done.proposal
    return {
        "light": proposal.light,
        "sentence": proposal.sentence,
        "notes": list(done.notes),
        "power": proposal.power,
        "p": proposal.test.p,
        "p_against_correlations": None if proposal.second is None else proposal.second.p,
        "natural": proposal.natural,
        "method": proposal.method,
        "method_agreement": proposal.methods.agreement,
        "membership_error": None if proposal.sure is None else proposal.sure.error,
        "centred_p": proposal.centred_p,
        "bound": proposal.bound,
        "bic": dict(proposal.bic),
        "relative_entropy": None if proposal.classes is None else proposal.classes.entropy,
        "icl": None if proposal.classes is None else proposal.classes.icl,
        "tried": {
            k: {
                "agreement": clustering.stability.agreement,
                "median": clustering.stability.median,
                "noise": proposal.test.quantile[proposal.test.ks.index(k)],
                "segments": list(clustering.stability.segments),
                "across": list(clustering.across),
                "sizes": list(clustering.sizes),
                "refused": list(proposal.refused.get(k, ())),
            }
            for k, clustering in proposal.tried.items()
        },
        "segments": _segments_document(done),
        "describe": [
            {
                "name": descriptor.name,
                "test": descriptor.test,
                "statistic": descriptor.statistic,
                "p": descriptor.p,
                "adjusted": descriptor.adjusted,
            }
            for descriptor in done.described
        ],
        "path": None if done.path is None else str(done.path),
    }


def _segments_document(done: Discovered) -> list[dict[str, Any]]:
    return [
        {
            **part.model_dump(),
            "kept_its_name": done.kept.get(part.name, False),
            "mean_posterior": segment.posterior,
            "way_of_answering": segment.style,
        }
        for part, segment in zip(done.file.segments, done.proposal.segments, strict=True)
    ]


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
