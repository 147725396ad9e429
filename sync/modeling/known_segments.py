"""What `fit` learns from: segments of people by rules, answers, declarations or labels, found again in folds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from connectors.errors import FixSettingsError
from connectors.files.cells import as_text
from connectors.files.table import read_table
from connectors.records import ASSIGNMENTS, email_key, normalise_email
from segmenter.assign.decide import decide_all
from segmenter.assign.definitions import Definitions
from segmenter.classifier.train import Labeller
from segmenter.discover.cross_fit import classes_again, found_again, labelled_by
from segmenter.errors import DefinitionError
from segmenter.stats.item_matrix import Matrix, rebuilt_items
from sync.assign.sources import definitions_of
from sync.modeling.own_scorer import accepted_file, own_scorer
from sync.monitor.stability import item_traits
from sync.session import Session
from sync.workspace.proposals import ACCEPTED, ProposalFile, found_before, path_of

Target = Literal["rules", "survey", "declared", "discovered", "outcome"]


def check_labels(target: Target, labels: Path | None) -> None:
    """Refuse a target whose labels are missing, or that takes none.

    Raises:
        FixSettingsError: It is so.
    """
    if (target in {"discovered", "outcome"}) != (labels is not None):
        raise FixSettingsError(
            "The targets discovered and outcome need a labels file; the others take none.",
            fix="Run `personasync fit --target discovered --labels FILE` (or the name of an accepted proposal), "
            "or `personasync fit --target outcome --labels FILE`.",
        )


def known_segments(
    session: Session, definitions: Definitions, people: pa.Table, target: Target, as_of: datetime, labels: Path | None
) -> dict[str, str]:
    """Return the segment of each person of whom the target tells one.

    Args:
        session: The open workspace.
        definitions: Of the sources.
        people: Everybody's traits, a row a person.
        target: The source.
        as_of: The moment of the traits, UTC.
        labels: For "discovered": a proposal, or a file.

    Returns:
        Person id -> segment.

    Raises:
        FixSettingsError: The source is not in use, or the labels can't be read.
    """
    if labels is not None:
        return _labels(session, _accepted_labels(session, labels), definitions)
    if target not in definitions.order:
        raise FixSettingsError(
            f"personasync.toml, [classify] order has no {target!r}.", fix="Add it, or fit to another target."
        )
    return _told_by(replace(definitions, order=(target,)), session, session.warehouse.memtable(people), as_of)


def _told_by(definitions: Definitions, session: Session, people: Any, as_of: datetime) -> dict[str, str]:
    nobody = session.warehouse.memtable(ASSIGNMENTS.columns.empty_table())
    assignments = decide_all(people, definitions, previous=nobody, as_of=as_of)
    rows = assignments.filter(assignments.segment.notnull()).select("person_id", "segment").to_pyarrow()
    return dict(zip(rows["person_id"].to_pylist(), rows["segment"].to_pylist(), strict=True))


def _accepted_labels(session: Session, labels: Path) -> Path:
    """The labels of the accepted proposal of that name, where there is one; else the file itself."""
    path = path_of(session.workspace.directory, str(labels), ACCEPTED)
    return path if labels.parent == Path() and not labels.exists() and path.is_file() else labels


def proposal_of_labels(session: Session, labels: Path) -> ProposalFile | None:
    """Return the accepted proposal that *labels* names, or whose file it is; None where they are other labels."""
    return accepted_file(session, _accepted_labels(session, labels))


def segments_again(
    session: Session, file: ProposalFile, people: pa.Table, seed: int, weights: Matrix | None
) -> Labeller | None:
    """Return what recalculates the segments of a proposal in each fold; None where nobody knows how they were made.

    k-means and latent classes are looked for again in the traits that they were made of; of a survey, in those that
    its items became when the proposal was accepted.

    Args:
        session: The open workspace.
        file: The accepted proposal.
        people: Traits of those who are learned from, a row a person.
        seed: Of the starts.
        weights: (people,) with which they are looked for; None: all alike.

    Raises:
        FixSettingsError: They can't be looked for in these traits.
    """
    made, name = file.proposal, file.proposal.name
    traits = item_traits(session, made)
    if made.method == "mixture":
        own = own_scorer(session, file, people, seed, weights)
        return None if own is None else labelled_by(own.again, own.rows)
    anew = {"kmeans": found_again, "lca": classes_again}.get(str(made.method))
    if anew is None or made.k is None or traits is None:
        return None
    k = max(found_before(file), len({part.name for part in file.segments if part.keep}))
    columns = {trait: people[trait].cast("float64").to_numpy(zero_copy_only=False) for trait in traits}
    if made.file and not any(np.isfinite(column).any() for column in columns.values()):
        return None  # the answers stand in the file only
    try:
        items = rebuilt_items(columns, most=k)
        return anew(items if weights is None else items.weighted(weights), k, np.random.default_rng(seed))
    except DefinitionError as error:
        raise FixSettingsError(
            f"Proposal {name!r} can't be reproduced: {error}.", fix="Run `personasync discover` again."
        ) from error


def _labels(session: Session, path: Path, definitions: Definitions) -> dict[str, str]:
    table = read_table(path)
    names = set(table.headers)
    if "segment" not in names or not names & {"person_id", "email"}:
        raise FixSettingsError(
            f"{path.name} has the columns {', '.join(table.headers)}.",
            fix="It needs the columns segment, and person_id or email.",
        )
    links = session.control.links.mapping() if "person_id" not in names else {}
    labels = {}
    for _, row in table.numbered():
        key = as_text(row.get("person_id")) or links.get(email_key(normalise_email(str(row.get("email"))) or ""))
        if key is not None and row["segment"] is not None:
            labels[str(key)] = str(row["segment"])
    unknown = sorted(set(labels.values()) - definitions.segments)
    if unknown:
        raise FixSettingsError(
            f"{path.name} has segment {unknown[0]!r}, which segments.toml does not define.",
            fix="Add it there; it needs no rule.",
        )
    return labels


def segments_by_rules(session: Session, people: pa.Table, as_of: datetime) -> Any:
    """Return the segment of each of the *people* by the workspace's rules, "" for none; None: no rule is about them."""
    definitions = replace(definitions_of(session.workspace, with_model=False), order=("rules",))
    segments = _told_by(definitions, session, session.warehouse.memtable(people), as_of)
    return (
        np.array([segments.get(person, "") for person in people["person_id"].to_pylist()], dtype=str)
        if segments
        else None
    )
