"""Look for segments in the workspace's traits or in a survey, save what is proposed, and make it segments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from connectors.errors import FixSettingsError
from segmenter.classifier.linear import LinearModel
from segmenter.discover.alignment import counted, kept_names
from segmenter.discover.describe import Descriptor, descriptors, reversed_items
from segmenter.discover.form import by_centres, by_classes
from segmenter.discover.propose import Asked, Found, Proposal, propose
from sync.proposals import ACCEPTED, ProposalFile, ProposalPart, ProposedPart, labels, load, path_of, save, write_labels
from sync.segment_base import Base
from sync.settings import SEGMENTS, Workspace, load_workspace
from sync.workbench import Workbench, recorded

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


def discover(bench: Workbench, base: Base, asked: Asked, *, name: str, seed: int) -> Discovered:
    """Look for segments in *base*, and save them as the proposal *name* where there are some.

    Segments that mostly hold the people of an earlier proposal of this name keep its names, titles and messages.

    Raises:
        FixSettingsError: Latent classes were asked for in numbers.
    """
    if asked.method == "lca" and base.items.kind == "metric":
        raise FixSettingsError("Latent classes need answers in categories; these are numbers.", mend="Use kmeans.")
    with recorded(bench, "discover") as run:
        found = propose(base.items, asked, np.random.default_rng(seed))
        people = base.people[: len(found.labels)]
        parts = _parts(found.segments)
        kept = dict.fromkeys((part.name for part in parts), False)
        if parts and path_of(bench.workspace.directory, name).is_file():
            parts, kept = _aligned(bench.workspace.directory, name, people, found, parts)
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
                seed=seed,
                within=base.within,
            ),
            segments=parts,
        )
        run.counts.update({"light": found.light, "segments": len(parts), "people": len(base.people)})
        path = None
        if parts:
            members = [(person, int(label) + 1) for person, label in zip(people, found.labels, strict=True)]
            path = save(bench.workspace.directory, file, members, _form(base, found, [part.name for part in parts]))
        described = descriptors(base.beside, found.labels, len(parts)) if parts and base.beside else ()
    return Discovered(found, notes, described, file, path, kept)


def _turned(base: Base) -> tuple[str, ...]:
    turned = reversed_items(base.items) if base.source == "survey" else ()
    return (f"Asked the other way round? These run against the other items: {', '.join(turned)}.",) if turned else ()


def _form(base: Base, found: Proposal, names: Sequence[str]) -> dict[str, Any] | None:
    if len(names) < 2:  # noqa: PLR2004 - one segment needs no model
        return None
    if found.classes is not None:
        model: LinearModel | None = by_classes(base.items, found.classes, found.groups, names)
    else:
        model = by_centres(base.items, found.labels, names)
    return None if model is None else {key: value for key, value in asdict(model).items() if key != "reads"}


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
    directory: Path, name: str, people: Sequence[str], found: Proposal, parts: Sequence[ProposedPart]
) -> tuple[tuple[ProposedPart, ...], dict[str, bool]]:
    """Give segments the words of those of the earlier proposal that hold the same people."""
    earlier = {part.number: part for part in load(directory, name).segments}
    before = labels(directory, name)
    both = [place for place, person in enumerate(people) if person in before]
    table = counted(
        [str(before[people[place]]) for place in both], [str(int(found.labels[place]) + 1) for place in both]
    )
    same = {int(new): earlier[int(old)] for new, old in kept_names(table).items() if int(old) in earlier}
    taken = {part.name for part in same.values()}
    told: list[ProposedPart] = []
    for part in parts:
        words: dict[str, Any] = {}
        if old := same.get(part.number):
            words = {"name": old.name, "title": old.title, "message": old.message, "keep": old.keep}
        elif part.name in taken:
            words = {"name": f"segment_{part.number}"}
        told.append(part.model_copy(update=words))
    return tuple(told), {part.name: part.number in same for part in told}


@dataclass(frozen=True, slots=True)
class Accepted:
    """What an edited proposal became.

    Attributes:
        segments: Name -> people.
        added: Those that segments.toml did not have.
        labels: Who is in which, by name.
        form: The linear form, where the proposal has one and nothing was merged or let go.
    """

    segments: Mapping[str, int]
    added: tuple[str, ...]
    labels: Path
    form: Path | None


def accept(workspace: Workspace, name: str) -> Accepted:
    """Make the segments of an edited proposal segments of the workspace.

    segments.toml gets what it lacks, without a rule: people come into them by a typing tool or a model that learns
    from the labels.

    Raises:
        FixSettingsError: The proposal is missing or wrong, or keeps fewer than two segments.
    """
    directory = workspace.directory
    file = load(directory, name)
    named = _merged([part for part in file.segments if part.keep])
    if len(set(named.values())) < 2:  # noqa: PLR2004 - one segment tells nobody apart
        raise FixSettingsError(
            f"proposals/{name}.toml keeps fewer than two segments.", mend="Set keep = true, or let the proposal go."
        )
    members = [(person, named[number]) for person, number in labels(directory, name).items() if number in named]
    known = {segment.name for segment in workspace.segments}
    titles = {part.name: part.title for part in file.segments}
    fresh = tuple(one for one in dict.fromkeys(named.values()) if one not in known)
    _add(directory, [(one, titles[one]) for one in fresh], file.proposal.within)
    target = path_of(directory, name, ACCEPTED)
    write_labels(target, members)
    form = path_of(directory, name, ".model.json")
    whole = len(set(named.values())) == len(file.segments) and form.is_file()
    sizes: dict[str, int] = {}
    for _, segment in members:
        sizes[segment] = sizes.get(segment, 0) + 1
    return Accepted(sizes, fresh, target, form if whole else None)


def _merged(parts: Iterable[ProposedPart]) -> dict[int, str]:
    """Number -> name; segments with one message, or one name, are one: the name of the first."""
    by_message: dict[str, str] = {}
    return {
        part.number: by_message.setdefault(part.message.strip(), part.name) if part.message.strip() else part.name
        for part in parts
    }


def _add(directory: Path, fresh: Sequence[tuple[str, str]], within: str | None) -> None:
    """Append segments to segments.toml; what people wrote there stays as it is. Taken back where it would not load."""
    if not fresh:
        return
    path = directory / SEGMENTS
    before = path.read_text("utf-8")
    parts = []
    for name, title in fresh:
        lines = ["[[segments]]", f'name = "{name}"', f"title = {_quoted(title or name)}"]
        parts.append("\n".join([*lines, *([f'parent = "{within}"'] if within else [])]) + "\n")
    path.write_text(before.rstrip("\n") + "\n\n" + "\n".join(parts), "utf-8")
    try:
        load_workspace(directory)
    except FixSettingsError:
        path.write_text(before, "utf-8")
        raise


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(sign for sign in escaped if sign.isprintable()) + '"'
