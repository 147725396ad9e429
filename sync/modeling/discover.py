"""The `discover` job: propose segments from traits or a survey, and save the proposal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from connectors.errors import FixSettingsError
from segmenter.classifier.linear import FEWEST, LinearModel
from segmenter.discover.markers import Descriptor, descriptors, reversed_items
from segmenter.discover.propose import Proposal, ProposedSegment, SearchOptions, propose
from segmenter.discover.to_linear import by_centres, by_classes
from segmenter.stats.alignment import kept_names, overlap_of_labels
from sync.modeling.inputs import Base
from sync.session import Session, recorded
from sync.workspace.proposals import ProposalFile, ProposalPart, ProposedPart, labels, load, path_of, save

LONGEST = 40  # letters of a segment's name


@dataclass(frozen=True, slots=True)
class Discovered:
    """What one run found, and where it was saved (None where nothing was).

    Attributes:
        kept: Name of a segment -> whether it kept the name of an earlier proposal.
    """

    proposal: Proposal
    notes: tuple[str, ...]
    described: tuple[Descriptor, ...]
    file: ProposalFile
    path: Path | None
    kept: Mapping[str, bool]


def discover(session: Session, base: Base, asked: SearchOptions, *, name: str, seed: int) -> Discovered:
    """Look for segments in *base*, and save them as the proposal *name* where there are some.

    Segments that mostly hold the people of an earlier proposal of this name keep its names, titles and messages.

    Raises:
        FixSettingsError: Latent classes were asked for in numbers.
    """
    if asked.method == "lca" and base.items.kind == "metric":
        raise FixSettingsError(
            "Latent class analysis needs categorical answers; these are numbers.", fix="Use --method kmeans."
        )
    with recorded(session, "discover") as run:
        proposal = propose(base.items, asked, np.random.default_rng(seed))
        people = [base.people[place] for place in proposal.people]
        parts = _parts(proposal.segments)
        same: Mapping[int, ProposedPart] = {}
        taken = {segment.name for segment in session.workspace.segments}
        if parts and path_of(session.workspace.directory, name).is_file():
            earlier = load(session.workspace.directory, name).segments
            same = _aligned(session.workspace.directory, name, people, proposal, earlier)
            taken |= {part.name for part in earlier}
        parts = _with_words(parts, same, taken)
        kept = {part.name: part.number in same for part in parts}
        notes = (*base.notes, *proposal.notes, *_turned(base))
        file = ProposalFile(
            proposal=ProposalPart(
                name=name,
                made_at=session.now().isoformat(timespec="seconds"),
                light=proposal.light,
                sentence=proposal.sentence,
                notes=notes,
                source="survey" if base.source == "survey" else "model",
                survey=base.survey,
                method=asked.method,
                base=base.items.names,
                people=len(base.people),
                k=proposal.k,
                **_held(proposal),
                seed=seed,
                within=base.within,
            ),
            segments=parts,
        )
        run.counts.update({"light": proposal.light, "segments": len(parts), "people": len(base.people)})
        path = None
        if parts:
            members = [(person, int(label) + 1) for person, label in zip(people, proposal.labels, strict=True)]
            path = save(session.workspace.directory, file, members, _form(base, proposal))
        beside = {name: _of(column, proposal.people) for name, column in base.beside.items()}
        described = descriptors(beside, proposal.labels, len(parts)) if parts and beside else ()
    return Discovered(proposal, notes, described, file, path, kept)


def _turned(base: Base) -> tuple[str, ...]:
    turned = reversed_items(base.items) if base.source == "survey" else ()
    return (f"Reverse-coded? These items correlate negatively with the others: {', '.join(turned)}.",) if turned else ()


def _held(proposal: Proposal) -> dict[str, float]:
    """What `quality` compares with later: how well these segments held, and how well one more would have."""
    if proposal.k is None:
        return {}
    held = {"least_agreement": round(proposal.tried[proposal.k].stability.least, 4)}
    following = proposal.tried.get(proposal.k + 1)
    if following is not None:
        held["following"] = round(min(following.stability.agreement, following.stability.median), 4)
    return held


def _of(column: Any, people: Any) -> Any:
    return column[people] if isinstance(column, np.ndarray) else [column[place] for place in people]


def _form(base: Base, proposal: Proposal) -> dict[str, Any] | None:
    """The linear form of the segments as they were before any were merged, with what turns answers into its numbers.

    Its labels are numbers from 1; `segments` says which [[segments]] of the proposal each is a part of.
    """
    k = proposal.k or 0
    names = [str(number) for number in range(1, k + 1)]
    model: LinearModel | None = None
    if k >= FEWEST and proposal.classes is not None:
        model = by_classes(base.items, proposal.classes, names)
    elif k >= FEWEST and proposal.sure is not None:
        model = by_centres(base.items, proposal.tried[k].labels, names, proposal.sure.temperature)
    if model is None:
        return None
    return {
        **{key: value for key, value in asdict(model).items() if key != "reads"},
        "segments": [group + 1 for group in proposal.groups],
        "answers": {name: dict(words) for name, words in base.words.items()},
        "calibration_error": None if proposal.sure is None else proposal.sure.error,
    }


def _parts(segments: Sequence[ProposedSegment]) -> tuple[ProposedPart, ...]:
    parts: list[ProposedPart] = []
    for number, proposed_segment in enumerate(segments, 1):
        said = [f"{'more' if marker.up else 'less'} {marker.item}" for marker in proposed_segment.markers[:3]]
        parts.append(
            ProposedPart(
                number=number,
                name=_slug(said, number, {part.name for part in parts}),
                title=", ".join(said),
                size=proposed_segment.size,
                share=round(proposed_segment.share, 4),
                stability=round(proposed_segment.stability, 3),
                markers=tuple(marker.sentence() for marker in proposed_segment.markers),
            )
        )
    return tuple(parts)


def _slug(said: Sequence[str], number: int, taken: set[str]) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", "_".join(said[:2]).lower()).strip("_")[:LONGEST].strip("_")
    return name if name and name not in taken else f"segment_{number}"


def _aligned(
    directory: Path, name: str, people: Sequence[str], proposal: Proposal, earlier: Iterable[ProposedPart]
) -> dict[int, ProposedPart]:
    """Return for the number of a new segment that one of the earlier proposal which holds the same people."""
    known = {part.number: part for part in earlier}
    before = labels(directory, name)
    both = [place for place, person in enumerate(people) if person in before]
    table = overlap_of_labels(
        [str(before[people[place]]) for place in both], [str(int(proposal.labels[place]) + 1) for place in both]
    )
    return {int(new): known[int(old)] for new, old in kept_names(table).items() if int(old) in known}


def _with_words(
    parts: Sequence[ProposedPart], same: Mapping[int, ProposedPart], taken: set[str]
) -> tuple[ProposedPart, ...]:
    """Give segments the words of the earlier one that holds the same people; the others a name that nothing has.

    A name is what a persona hangs on: a segment of other people that got it by chance would inherit the persona.
    """
    proposed_parts: list[ProposedPart] = []
    taken = set(taken)
    for part in parts:
        if old := same.get(part.number):
            words: dict[str, Any] = {"name": old.name, "title": old.title, "message": old.message, "keep": old.keep}
        else:
            names = (part.name, *(f"{part.name[: LONGEST - 3]}_{number}" for number in range(2, 99)))
            words = {"name": next(name for name in names if name not in taken)}
            taken.add(words["name"])
        proposed_parts.append(part.model_copy(update=words))
    return tuple(proposed_parts)
