"""Proxy audit: do segments and traits predict a sensitive attribute, and do its groups get the same offers?

The flag comes from a file that is read here and written nowhere: no store, no run, no log holds a person's flag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from connectors.errors import FixSettingsError
from connectors.records import email_key, normalise_email
from segmenter.monitor.proxy_audit import LEAST, OfferRate, Separation, columns_of, offer_rates, separations
from segmenter.privacy.sensitive import why_sensitive
from segmenter.surveys.answers import is_no_answer
from sync.active_people import assigned_people
from sync.session import Session
from sync.surveys.spreadsheet import Grid, read_grid
from sync.traits.compute import measured

MOST_GROUPS = 12  # a flag with more values is a column of something else
SEED = 8  # of the folds
RANKS = ("ok", "warn", "block")


@dataclass(frozen=True, slots=True)
class Audited:
    """Result of a proxy audit.

    Attributes:
        people: Whose flag is known, and who have an assignment.
        strangers: Rows whose address is not in the workspace.
        by_segment: How well the segment alone tells the flag.
        by_everything: How well the segment and all traits that may decide tell it.
        offers: Share of each group in each segment.
    """

    flag: str
    people: int
    strangers: int
    groups: Mapping[str, int]
    by_segment: Sequence[Separation]
    by_everything: Sequence[Separation]
    offers: Sequence[OfferRate]

    @property
    def verdict(self) -> str:
        """The gravest of all: "ok", "warn" or "block"."""
        verdicts: list[str] = [separation.verdict for separation in (*self.by_segment, *self.by_everything)]
        verdicts += [offer.verdict for offer in self.offers]
        return max(verdicts, key=RANKS.index, default="ok")


def audit(session: Session, file: Path, *, flag: str | None = None, sheet: str | None = None) -> Audited:
    """Audit the assignments in force against a flag.

    Args:
        session: The workspace.
        file: A row a person: ``email``, and the flag.
        flag: Its column; the only one beside ``email`` by default.
        sheet: Of an XLSX.

    Returns:
        People by group, how well the segment alone and all traits separate the groups (AUC), and each group's share by
        segment.

    Raises:
        FixSettingsError: The file lacks a column, names too few people that are known here, or groups can't be told.
    """
    grid = read_grid(file, sheet=sheet)
    address = grid.needed("email")
    column = _flag_column(grid, address, flag)
    links = session.control.links.mapping()
    labels, strangers = _flags(grid, address, column, links)
    segments = _segments(session, labels)
    flags = {person: labels[person] for person in sorted(segments)}
    groups = _groups(grid.file, column, list(flags.values()))
    traits = _traits(session, session.now(), list(flags))
    own: dict[str, Sequence[Any]] = {"segment": [segments[person] for person in flags]}
    by_segment, by_everything = (
        separations(columns_of(values), list(flags.values()), np.random.default_rng(SEED))
        for values in (own, own | traits)
    )
    offers = offer_rates(own["segment"], list(flags.values()))
    return Audited(column, len(flags), strangers, groups, by_segment, by_everything, offers)


def _flag_column(grid: Grid, address: str, flag: str | None) -> str:
    if flag is not None:
        return grid.needed(flag)
    others = [header for header in grid.headers if header != address]
    if len(others) != 1:
        raise FixSettingsError(
            f"{grid.file} has {len(others)} columns beside {address!r}.", fix="Name the flag column: --flag NAME."
        )
    return others[0]


def _flags(grid: Grid, address: str, column: str, links: Mapping[str, str]) -> tuple[dict[str, str], int]:
    flags: dict[str, str] = {}
    strangers = 0
    for number, who, value in zip(grid.numbers, grid.column(address), grid.column(column), strict=True):
        if is_no_answer(value):
            continue
        normal = normalise_email(who)
        person = links.get(email_key(normal)) if normal else None
        if person is None:
            strangers += 1
        elif flags.setdefault(person, value.casefold()) != value.casefold():
            raise FixSettingsError(
                f"{grid.file}, row {number}: {column!r} differs from an earlier row of the same person.",
                fix="Keep one of the rows.",
            )
    return flags, strangers


def _segments(session: Session, flags: Mapping[str, str]) -> dict[str, str | None]:
    table = assigned_people(session).select("person_id", "segment")
    rows = table.to_pyarrow().to_pylist()
    return {row["person_id"]: row["segment"] for row in rows if row["person_id"] in flags}


def _groups(file: str, column: str, values: Sequence[str]) -> dict[str, int]:
    groups = {value: values.count(value) for value in sorted(set(values))}
    if len(groups) > MOST_GROUPS:
        raise FixSettingsError(
            f"{file}: {column!r} has {len(groups)} different values.",
            fix="Use a flag with a few groups, such as yes and no.",
        )
    large = [group for group, people in groups.items() if people >= LEAST]
    if len(groups) < 2 or not large or len(values) - max(groups[group] for group in large) < LEAST:  # noqa: PLR2004
        counted = ", ".join(f"{group}: {people}" for group, people in groups.items()) or "nobody"
        raise FixSettingsError(
            f"{file}: {column!r} needs at least two groups of {LEAST} assigned people ({counted}).",
            fix="Add contacts, or run `personasync assign` first.",
        )
    return groups


def _traits(session: Session, as_of: datetime, people: Sequence[str]) -> dict[str, Sequence[Any]]:
    """Traits that may decide, by name; those that are sensitive themselves are no proxies."""
    known = session.workspace.catalogue
    names = [
        name
        for name, trait in known.traits.items()
        if trait.type != "date" and (session.workspace.sensitive.allows(name) or not why_sensitive(name, known))
    ]
    measurements = measured(session, as_of).select("person_id", *names).to_pyarrow().to_pylist()
    by_person = {row["person_id"]: row for row in measurements}
    return {name: [by_person.get(person, {}).get(name) for person in people] for name in names}
