"""`discover --audit`: a partition from a file, joined to the base by respondent, and judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from connectors.errors import FixSettingsError
from segmenter.discover.audit import Audit, audit_partition
from segmenter.discover.propose import SearchOptions
from segmenter.surveys.answers import is_no_answer
from sync.modeling.discover_request import SegmentsAsked
from sync.modeling.inputs import Base
from sync.surveys.answers import usual_respondent
from sync.surveys.kept_weights import changed_weights, kept_source, not_weighted, same_answers
from sync.surveys.spreadsheet import Grid, read_grid
from sync.workspace.proposals import ProposalPart, proposal_of

SEGMENT = "segment"
FEWEST = 2


@dataclass(frozen=True, slots=True)
class AuditedPartition:
    """A partition from a file, and the verdict.

    Attributes:
        names: Of its segments, in the order of the verdict's.
        left_out: People of the base without a segment.
        notes: What to know of the base.
    """

    audit: Audit
    names: tuple[str, ...]
    left_out: int
    notes: tuple[str, ...] = ()


def segment_column(path: Path) -> str:
    """Return the column of *path* that holds the segments.

    Raises:
        FixSettingsError: There is none of that name.
    """
    return read_grid(path).needed(SEGMENT)


def with_kept_weights(
    directory: Path, path: Path | None, asked: SegmentsAsked
) -> tuple[SegmentsAsked, ProposalPart | None]:
    """Return what is asked for with the weights of the proposal whose members *path* lists, and that proposal.

    Args:
        directory: The workspace's folder.
        path: The partition to audit; None: there is none.
        asked: Weights that it names come first.

    Returns:
        The same and None where *path* is of no proposal, or of one without weights.

    Raises:
        FixSettingsError: The proposal can't be read, or its file of weights is gone.
    """
    file = None if path is None else proposal_of(directory, path)
    if file is None or not file.proposal.weight:
        return asked, None
    made = file.proposal
    if asked.weight is None and same_answers(directory, made, asked.file, asked.survey, sheet=asked.sheet):
        asked = replace(asked, weight=kept_source(directory, made))
    return asked, made


def weights_told(made: ProposalPart | None, base: Base) -> Base:
    """Return the base with a note where its weights are not those that the audited proposal was found with."""
    if made is None:
        return base
    said = not_weighted(made) if base.weights is None else changed_weights(made, base.weights.digest)
    return replace(base, notes=(*base.notes, said)) if said else base


def audit_file(
    path: Path, base: Base, asked: SearchOptions, persons: Mapping[str, str] | None = None, *, seed: int
) -> AuditedPartition:
    """Judge the segments that *path* gives to the people of *base*.

    Args:
        path: Has a column ``segment``, and one that says who: a usual name, else the rows in the order of the base.
        base: Items and people.
        asked: Effort of the tests.
        persons: Person ids of respondents whom the workspace knows: an accepted proposal lists them so.
        seed: Of the tests.

    Raises:
        FixSettingsError: It lacks a column, gives one respondent two segments, or knows nobody or one segment only.
    """
    given = _segments(read_grid(path))
    segments = [given.get(who) or given.get((persons or {}).get(who, ""), "") for who in base.people]
    known = [place for place, segment in enumerate(segments) if segment]
    names = tuple(sorted({segments[place] for place in known}))
    if len(names) < FEWEST:
        raise FixSettingsError(
            f"{path.name} gives {len(known):,} of {len(base.people):,} people a segment, {len(names)} different ones.",
            fix="It needs two segments or more, and the respondents of the answers (--respondent names their column).",
        )
    labels = np.array([names.index(segments[place]) for place in known], dtype=np.int64)
    items = base.items.rows(np.array(known))
    verdict = audit_partition(items, labels, names, asked, np.random.default_rng(seed))
    return AuditedPartition(verdict, names, len(base.people) - len(known), base.notes)


def _segments(grid: Grid) -> dict[str, str]:
    who, segments = usual_respondent(grid), grid.column(grid.needed(SEGMENT))
    people = grid.column(who) if who else [f"row {number}" for number in grid.numbers]
    given: dict[str, str] = {}
    for person, segment, number in zip(people, segments, grid.numbers, strict=True):
        if is_no_answer(segment):
            continue
        if given.setdefault(person, segment) != segment:
            raise FixSettingsError(
                f"{grid.file}, row {number}: {person!r} is in {given[person]!r} already.", fix="Keep one of the rows."
            )
    return given
