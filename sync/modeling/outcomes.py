"""Outcomes from a file (who responded), and everybody's scores by a model of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from connectors.errors import FixSettingsError
from connectors.files.cells import as_text, time_at
from connectors.files.table import read_table
from connectors.records import email_key, normalise_email
from segmenter.classifier.linear import design_matrix, score_rows
from segmenter.classifier.proper_scores import BANDS
from segmenter.classifier.train import Fitted
from segmenter.traits.builtin import Catalogue
from sync.session import Session
from sync.workspace.settings import Workspace

NAMED = 3  # rows that a message names


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What people did, as a file tells it.

    Attributes:
        truth: Person id -> outcome.
        dated: Whether every outcome but the most frequent one has a date after the moment of the traits.
        strangers: Rows of people whom the workspace does not know.
    """

    truth: Mapping[str, str]
    dated: bool
    strangers: int


def read_outcomes(session: Session, path: Path, as_of: datetime) -> Outcomes:
    """Read a file with the columns ``outcome``, ``email`` or ``person_id``, and perhaps ``at`` (when it happened).

    Args:
        session: The open workspace.
        path: CSV, Excel or Parquet.
        as_of: The moment for which traits are measured, UTC: an outcome must come after it.

    Returns:
        One outcome per known person.

    Raises:
        FixSettingsError: Columns are missing, a date is none, a person has two outcomes, nobody is known, or an outcome
            came before *as_of*; the message names rows.
    """
    table = read_table(path)
    names = set(table.headers)
    if "outcome" not in names or not names & {"person_id", "email"}:
        raise FixSettingsError(
            f"{path.name} has the columns {', '.join(table.headers)}.",
            fix="It needs the columns outcome, and person_id or email; better also at, the date of the outcome.",
        )
    links = session.control.links.mapping()
    known = set(links.values())
    truth: dict[str, str] = {}
    rows: dict[str, int] = {}
    dates: dict[str, datetime | None] = {}
    strangers = 0
    for number, row in table.numbered():
        outcome = as_text(row["outcome"])
        person = as_text(row.get("person_id")) or links.get(email_key(normalise_email(str(row.get("email"))) or ""))
        if outcome is None:
            continue
        if person not in known or person is None:
            strangers += 1
            continue
        if truth.get(person, outcome) != outcome:
            raise FixSettingsError(
                f"{path.name}, rows {rows[person]} and {number}: one person has the outcomes "
                f"{truth[person]!r} and {outcome!r}.",
                fix="Keep one row per person.",
            )
        truth[person], rows[person], dates[person] = outcome, number, time_at(path, number, "at", row.get("at"))
    if not truth:
        raise FixSettingsError(
            f"{path.name}: none of its {strangers:,} rows with an outcome is a person of this workspace.",
            fix="Check the column email or person_id, or run `personasync pull` first.",
        )
    _refuse_early(path, rows, dates, as_of)
    return Outcomes(truth, _dated(truth, dates), strangers)


def _refuse_early(path: Path, rows: Mapping[str, int], dates: Mapping[str, datetime | None], as_of: datetime) -> None:
    early = {person: date for person, date in dates.items() if date is not None and date <= as_of}
    if not early:
        return
    places = ", ".join(str(rows[person]) for person in list(early)[:NAMED]) + (" …" if len(early) > NAMED else "")
    first = min(early.values())
    raise FixSettingsError(
        f"{path.name}: {len(early):,} outcomes (rows {places}) came before {as_of:%Y-%m-%d %H:%M} UTC, "
        "for which traits are measured. The model would learn from what was known only afterwards.",
        fix=f"Pass --as-of with a moment before {first:%Y-%m-%d}, or leave these rows out.",
    )


def _dated(truth: Mapping[str, str], dates: Mapping[str, datetime | None]) -> bool:
    """Outcomes that did not happen have no date: the most frequent one may lack it."""
    outcomes, counts = np.unique(list(truth.values()), return_counts=True)
    usual = str(outcomes[counts.argmax()])
    return all(dates[person] is not None for person, outcome in truth.items() if outcome != usual)


def late_features(features: Sequence[str], catalogue: Catalogue, *, dated: bool) -> frozenset[str]:
    """Return the features that may have been known only after an outcome: properties are those of the last pull.

    Args:
        features: ``trait``, or ``trait=word``.
        catalogue: Their traits.
        dated: Whether outcomes are known to have come after the moment of the traits.
    """
    sources = {name: catalogue.traits[name.partition("=")[0]].source for name in features}
    return frozenset(name for name, source in sources.items() if not dated or source == "contacts")


def are_segments(workspace: Workspace, outcomes: Sequence[str]) -> bool:
    """Return whether `assign` can use a model of these outcomes: each of them is a segment."""
    return set(outcomes) <= {segment.name for segment in workspace.segments}


def everybody_scored(session: Session, people: pa.Table, fitted: Fitted) -> tuple[Sequence[str], list[list[Any]]]:
    """Score everybody for the rarest outcome, as far as the model may be used.

    Args:
        session: The open workspace.
        people: One row per person, one column per trait.
        fitted: A model of an outcome, with its gate.

    Returns:
        Column names, and a row per person, the likeliest first. ``rank`` if people may be ranked; ``probability`` and
        ``band`` (1 is the likeliest fifth) if they may be banded; ``outcome`` if they may be classified.

    Raises:
        FixSettingsError: No use passes.
    """
    uses = fitted.gate.uses
    if not uses:
        raise FixSettingsError(
            "No scores are written: the model is good for no use.", fix="Read why above, or leave out --scores."
        )
    rarest = min(fitted.chosen.labels, key=lambda label: fitted.chosen.labels[label].share)
    model = fitted.model
    likely = score_rows(model, design_matrix(people, model.features)).probabilities
    own = likely[:, model.labels.index(rarest)]
    order = np.argsort(-own, kind="stable")
    band = np.empty(len(own), np.int64)
    for number, members in enumerate(np.array_split(order, BANDS), 1):
        band[members] = number
    cells: dict[str, list[Any]] = {}
    if "rank" in uses:
        cells["rank"] = (np.searchsorted(np.sort(-own), -own[order]) + 1).tolist()
    if "band" in uses:
        cells[f"probability of {rarest}"] = [round(float(own[place]), 6) for place in order]
        cells["band"] = [int(band[place]) for place in order]
    if "classify" in uses:
        cells["outcome"] = [model.labels[int(likely[place].argmax())] for place in order]
    who = people["person_id"].to_pylist()
    emails = _emails(session)
    columns = ("person_id", "email", *cells)
    rows = [
        [who[place], emails.get(who[place]), *(column[at] for column in cells.values())]
        for at, place in enumerate(order)
    ]
    return columns, rows


def _emails(session: Session) -> dict[str, str]:
    keys = session.control.links.mapping()
    return {
        person: key.removeprefix("mailto:")
        for key, person in sorted(keys.items(), reverse=True)
        if key.startswith("mailto:")
    }
