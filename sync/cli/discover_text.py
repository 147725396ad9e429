"""Sentences and tables of `discover`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sync.cli.console import table

if TYPE_CHECKING:
    from segmenter.discover.propose import Proposal
    from sync.modeling.audit import AuditedPartition
    from sync.modeling.discover import Discovered

LIGHTS = {"green": "GREEN", "amber": "AMBER", "red": "RED"}


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


def discovered_lines(done: Discovered) -> list[Any]:
    """Return what `discover` prints: the light, notes, segments, and the figures of each number that was tried."""
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


def discovered_document(done: Discovered) -> dict[str, Any]:
    """Return what `discover --json` says of a run."""
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


def audit_lines(done: AuditedPartition) -> list[Any]:
    """Return what `discover --audit` prints of a partition: the light, what is against it, and its segments."""
    audit, solution = done.audit, done.audit.solution
    rows = [
        (name, size, f"{share:.0%}", f"{again:.2f}", "; ".join(marker.sentence() for marker in own[:4]))
        for name, size, share, again, own in zip(
            done.names,
            solution.sizes,
            solution.population,
            solution.stability.segments,
            solution.markers,
            strict=True,
        )
    ]
    first, *others = audit.sentences
    left_out = [f"{done.left_out:,} people without a segment are left out."] if done.left_out else []
    figures = (
        f"vs. shuffled data p {audit.test.p:.2f}; agreement with recalculated segments "
        f"{solution.stability.agreement:.2f}, median {solution.stability.median:.2f}."
    )
    shown = table("Segment", "People", "Share", "Found again (SLSw)", "Markers", rows=rows)
    return [f"{LIGHTS[audit.light]}: {first}", *others, *left_out, *done.notes, shown, figures]


def audit_document(done: AuditedPartition) -> dict[str, Any]:
    """Return what `discover --audit --json` says."""
    solution = done.audit.solution
    return {
        "light": done.audit.light,
        "sentences": list(done.audit.sentences),
        "p": done.audit.test.p,
        "agreement": solution.stability.agreement,
        "median": solution.stability.median,
        "left_out": done.left_out,
        "notes": list(done.notes),
        "segments": [
            {"name": name, "people": size, "share": share, "found_again": again}
            for name, size, share, again in zip(
                done.names, solution.sizes, solution.population, solution.stability.segments, strict=True
            )
        ],
    }
