"""The `discover` job: propose segments from traits or a survey, and save the proposal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from connectors.errors import FixSettingsError
from segmenter.classifier.linear import FEWEST, LinearModel
from segmenter.discover.markers import Descriptor, descriptors, reversed_items
from segmenter.discover.names import said_of
from segmenter.discover.propose import Proposal, ProposedSegment, SearchOptions, propose
from segmenter.discover.steps import Steps, silent
from segmenter.discover.to_linear import by_centres, by_classes, by_mixture
from segmenter.stats.alignment import kept_names, overlap_of_labels
from sync.modeling.inputs import Base, known_persons
from sync.session import Session, recorded
from sync.workspace.proposals import ProposalFile, ProposalPart, ProposedPart, labels, load, path_of, save

LONGEST = 40  # letters of a segment's name
LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


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


def discover(
    session: Session, base: Base, asked: SearchOptions, *, name: str, seed: int, progress: Steps = silent
) -> Discovered:
    """Propose segments in *base*, and save a proposal *name* where there are any.

    Segments that mostly hold the people of an earlier proposal of this name keep its names, titles and messages.

    Raises:
        FixSettingsError: Latent classes were asked for in numbers.
    """
    _check_method(base, asked)
    base, asked = _of_persons(session, base).in_order(), replace(asked, answers=base.source == "survey")
    with recorded(session, "discover") as run:
        proposal = propose(base.items, asked, np.random.default_rng(seed), progress)
        people = [base.people[place] for place in proposal.people]
        parts, kept = _named(session, name, people, proposal, survey=asked.answers)
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
                file=_from_here(session.workspace.directory, base.file),
                respondent=base.respondent,
                **_weights(session.workspace.directory, base),
                sheet=base.sheet,
                method=proposal.method,
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
        described = (
            descriptors(beside, proposal.labels, len(parts), _counts(base, proposal)) if parts and beside else ()
        )
    return Discovered(proposal, notes, described, file, path, kept)


def _counts(base: Base, proposal: Proposal) -> Any:
    return base.items.rows(proposal.people).counts


def _check_method(base: Base, asked: SearchOptions) -> None:
    if asked.method == "lca" and base.items.kind == "metric":
        raise FixSettingsError(
            "Latent class analysis needs answers of a survey; these are traits.", fix="Use --method kmeans."
        )


def _of_persons(session: Session, base: Base) -> Base:
    """The same; respondents of a file whom the workspace knows are its people, as `fit` and `personas` ask for them."""
    if not base.file:
        return base
    known = known_persons(session.control, base.people, session.workspace.connections)
    return replace(base, people=tuple(known.get(person, person) for person in base.people))


def _weights(directory: Path, base: Base) -> dict[str, Any]:
    """What the proposal keeps of the weights."""
    kept = base.weights
    if kept is None:
        return {}
    return {
        "weight": _from_here(directory, kept.source) if kept.kind == "file" else kept.source,
        "weight_from": kept.kind,
        "weight_digest": kept.digest,
        "effective": kept.effective,
        "design_effect": kept.design_effect,
    }


def _from_here(directory: Path, file: str) -> str:
    """A file's path as the workspace names it: from its folder, where it lies below."""
    if not file:
        return ""
    path = Path(file).resolve()
    here = directory.resolve()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else path.as_posix()


def _turned(base: Base) -> tuple[str, ...]:
    turned = reversed_items(base.items) if base.source == "survey" else ()
    return (f"Reverse-coded? These items correlate negatively with the others: {', '.join(turned)}.",) if turned else ()


def _held(proposal: Proposal) -> dict[str, Any]:
    """The shape of a mixture, and reference stability for `quality`: of these segments, and of one more."""
    if proposal.k is None:
        return {}
    shaped = proposal.methods.shaped
    held: dict[str, Any] = {"shape": None if shaped is None else shaped.mixture.shape}
    held |= {"least_agreement": round(proposal.tried[proposal.k].stability.least, 4)}
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
    elif k >= FEWEST and proposal.sure is not None and proposal.methods.shaped is not None:
        model = by_mixture(base.items, proposal.methods.shaped.mixture, names, proposal.sure.temperature)
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


def _parts(segments: Sequence[ProposedSegment], *, survey: bool) -> tuple[ProposedPart, ...]:
    parts: list[ProposedPart] = []
    for number, proposed_segment in enumerate(segments, 1):
        name, title = said_of(proposed_segment.markers, survey=survey)
        parts.append(
            ProposedPart(
                number=number,
                name=_slug(name, number, {part.name for part in parts}),
                title=title,
                size=proposed_segment.size,
                share=round(proposed_segment.share, 4),
                stability=round(proposed_segment.stability, 3),
                placed_again=_rounded(proposed_segment.again),
                membership=_rounded(proposed_segment.member),
                markers=tuple(marker.sentence() for marker in proposed_segment.markers),
            )
        )
    return tuple(parts)


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 3)


def _named(
    session: Session, name: str, people: Sequence[str], proposal: Proposal, *, survey: bool
) -> tuple[tuple[ProposedPart, ...], dict[str, bool]]:
    """Segments with their names, and by name whether it is that of an earlier proposal with mostly the same people."""
    directory = session.workspace.directory
    parts = _parts(proposal.segments, survey=survey)
    same: Mapping[int, ProposedPart] = {}
    taken = {segment.name for segment in session.workspace.segments}
    if parts and path_of(directory, name).is_file():
        earlier = load(directory, name).segments
        same = _aligned(directory, name, people, proposal, earlier)
        taken |= {part.name for part in earlier}
    parts = _with_words(parts, same, taken)
    return parts, {part.name: part.number in same for part in parts}


def _slug(said: str, number: int, taken: set[str]) -> str:
    plain = unicodedata.normalize("NFKD", said.lower().translate(LETTERS))
    name = re.sub(r"[^a-z0-9]+", "_", plain.encode("ascii", "ignore").decode()).strip("_")[:LONGEST].strip("_")
    return name if name and name[0].isalpha() and name not in taken else f"segment_{number}"


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
    """Keep names of earlier segments with the same people; give the others a new name.

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
