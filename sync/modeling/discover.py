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
from segmenter.discover.propose import Asked, Found, Proposal, propose
from segmenter.discover.to_linear import by_centres, by_classes
from segmenter.stats.alignment import counted, kept_names
from sync.modeling.inputs import Base
from sync.session import Workbench, recorded
from sync.workspace.proposals import ProposalFile, ProposalPart, ProposedPart, labels, load, path_of, save

LONGEST = 40  # letters of a segment's name


@dataclass(frozen=True, slots=True)
class Discovered:
    """Result of a discover run, and its path (None where nothing was saved).

    Attributes:
        kept: Name of a segment -> whether it kept the name of an earlier proposal.
    """

    proposal: Proposal
    notes: tuple[str, ...]
    described: tuple[Descriptor, ...]
    file: ProposalFile
    path: Path | None
    kept: Mapping[str, bool]


def discover(bench: Workbench, base: Base, asked: Asked, *, name: str, seed: int) -> Discovered:
    """Propose segments in *base*, and save a proposal *name* where there are any.

    Segments that mostly hold the people of an earlier proposal of this name keep its names, titles and messages.

    Raises:
        FixSettingsError: Latent classes were asked for in numbers.
    """
    if asked.method == "lca" and base.items.kind == "metric":
        raise FixSettingsError(
            "Latent class analysis needs categorical answers; these are numbers.", mend="Use --method kmeans."
        )
    with recorded(bench, "discover") as run:
        found = propose(base.items, asked, np.random.default_rng(seed))
        people = [base.people[place] for place in found.people]
        parts = _parts(found.segments)
        same: Mapping[int, ProposedPart] = {}
        taken = {segment.name for segment in bench.workspace.segments}
        if parts and path_of(bench.workspace.directory, name).is_file():
            earlier = load(bench.workspace.directory, name).segments
            same = _aligned(bench.workspace.directory, name, people, found, earlier)
            taken |= {part.name for part in earlier}
        parts = _with_words(parts, same, taken)
        kept = {part.name: part.number in same for part in parts}
        notes = (*base.notes, *found.notes, *_turned(base))
        file = ProposalFile(
            proposal=ProposalPart(
                name=name,
                made_at=bench.now().isoformat(timespec="seconds"),
                light=found.light,
                sentence=found.sentence,
                notes=notes,
                source="survey" if base.source == "survey" else "model",
                survey=base.survey,
                method=asked.method,
                base=base.items.names,
                people=len(base.people),
                k=found.k,
                **_held(found),
                seed=seed,
                within=base.within,
            ),
            segments=parts,
        )
        run.counts.update({"light": found.light, "segments": len(parts), "people": len(base.people)})
        path = None
        if parts:
            members = [(person, int(label) + 1) for person, label in zip(people, found.labels, strict=True)]
            path = save(bench.workspace.directory, file, members, _form(base, found))
        beside = {name: _of(column, found.people) for name, column in base.beside.items()}
        described = descriptors(beside, found.labels, len(parts)) if parts and beside else ()
    return Discovered(found, notes, described, file, path, kept)


def _turned(base: Base) -> tuple[str, ...]:
    turned = reversed_items(base.items) if base.source == "survey" else ()
    return (f"Reverse-coded? These items correlate negatively with the others: {', '.join(turned)}.",) if turned else ()


def _held(found: Proposal) -> dict[str, float]:
    """Reference stability for `quality`: of these segments, and of one more."""
    if found.k is None:
        return {}
    held = {"least_agreement": round(found.tried[found.k].stability.least, 4)}
    following = found.tried.get(found.k + 1)
    if following is not None:
        held["following"] = round(min(following.stability.agreement, following.stability.median), 4)
    return held


def _of(column: Any, people: Any) -> Any:
    return column[people] if isinstance(column, np.ndarray) else [column[place] for place in people]


def _form(base: Base, found: Proposal) -> dict[str, Any] | None:
    """The linear form of the segments as they were before any were merged, with what turns answers into its numbers.

    Its labels are numbers from 1; `segments` says which [[segments]] of the proposal each is a part of.
    """
    k = found.k or 0
    names = [str(number) for number in range(1, k + 1)]
    model: LinearModel | None = None
    if k >= FEWEST and found.classes is not None:
        model = by_classes(base.items, found.classes, names)
    elif k >= FEWEST and found.sure is not None:
        model = by_centres(base.items, found.tried[k].labels, names, found.sure.temperature)
    if model is None:
        return None
    return {
        **{key: value for key, value in asdict(model).items() if key != "reads"},
        "segments": [group + 1 for group in found.groups],
        "answers": {name: dict(words) for name, words in base.words.items()},
        "calibration_error": None if found.sure is None else found.sure.error,
    }


def _parts(segments: Sequence[Found]) -> tuple[ProposedPart, ...]:
    parts: list[ProposedPart] = []
    for number, one in enumerate(segments, 1):
        said = [f"{'more' if marker.up else 'less'} {marker.item}" for marker in one.markers[:3]]
        parts.append(
            ProposedPart(
                number=number,
                name=_slug(said, number, {part.name for part in parts}),
                title=", ".join(said),
                size=one.size,
                share=round(one.share, 4),
                stability=round(one.stability, 3),
                markers=tuple(marker.sentence() for marker in one.markers),
            )
        )
    return tuple(parts)


def _slug(said: Sequence[str], number: int, taken: set[str]) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", "_".join(said[:2]).lower()).strip("_")[:LONGEST].strip("_")
    return name if name and name not in taken else f"segment_{number}"


def _aligned(
    directory: Path, name: str, people: Sequence[str], found: Proposal, earlier: Iterable[ProposedPart]
) -> dict[int, ProposedPart]:
    """Return for the number of a new segment that one of the earlier proposal which holds the same people."""
    known = {part.number: part for part in earlier}
    before = labels(directory, name)
    both = [place for place, person in enumerate(people) if person in before]
    table = counted(
        [str(before[people[place]]) for place in both], [str(int(found.labels[place]) + 1) for place in both]
    )
    return {int(new): known[int(old)] for new, old in kept_names(table).items() if int(old) in known}


def _with_words(
    parts: Sequence[ProposedPart], same: Mapping[int, ProposedPart], taken: set[str]
) -> tuple[ProposedPart, ...]:
    """Keep names of earlier segments with the same people; give the others a new name.

    A name is what a persona hangs on: a segment of other people that got it by chance would inherit the persona.
    """
    told: list[ProposedPart] = []
    taken = set(taken)
    for part in parts:
        if old := same.get(part.number):
            words: dict[str, Any] = {"name": old.name, "title": old.title, "message": old.message, "keep": old.keep}
        else:
            names = (part.name, *(f"{part.name[: LONGEST - 3]}_{number}" for number in range(2, 99)))
            words = {"name": next(name for name in names if name not in taken)}
            taken.add(words["name"])
        told.append(part.model_copy(update=words))
    return tuple(told)
