"""Traits of the workspace's people as the input of `discover`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

from connectors.errors import FixSettingsError
from segmenter.privacy.sensitive import why_sensitive
from segmenter.stats.item_matrix import numbers
from sync.modeling.inputs import Base, items_or_reason, members_of
from sync.modeling.weights import weighted_by_trait
from sync.session import Session
from sync.surveys.warehouse_weights import check_weight_trait
from sync.traits.compute import measured

USUAL = ("days_since_order", "orders_total", "revenue_total", "open_rate_90d", "click_rate_90d", "tenure_days")
"""Default traits of `discover`; those without values are excluded."""
MOST_PEOPLE = 20_000  # beyond, a sample finds the same centres


def from_traits(
    session: Session,
    wanted: Sequence[str],
    within: str | None,
    most: int,
    rng: np.random.Generator,
    exclude: Sequence[str] = (),
    *,
    weight: str | None = None,
) -> Base:
    """Take numbers of the workspace's people, or of those *within* one segment.

    Args:
        session: The open workspace.
        wanted: Names of traits; empty: the usual ones.
        within: Only people of this segment; None: everybody.
        most: Segments at most.
        rng: Draws the people where there are too many.
        exclude: Traits that are left out.
        weight: A number trait: how many people each stands for; 0 leaves somebody out. None: everybody counts alike.

    Returns:
        Numbers (people, traits), with the person ids.

    Raises:
        FixSettingsError: A trait is unknown, sensitive or no number; the segment is unknown or empty; a weight is
            missing or below 0.
    """
    away = {*exclude} if weight is None else {*exclude, check_weight_trait(session, weight)}
    names = [name for name in [_trait(session, name) for name in wanted] or _usual(session) if name not in away]
    table = measured(session, _read_at(session))
    if within is not None:
        table = table.semi_join(members_of(session, within), "person_id")
    also = () if weight is None else (weight,)
    rows = table.select("person_id", *names, *also).order_by("person_id").to_pyarrow()
    counted = weighted_by_trait(rows, weight, MOST_PEOPLE, rng)
    rows = rows.take(np.array(counted.places, np.int64))  # of nobody, too
    columns = {name: rows[name].cast("float64").to_numpy(zero_copy_only=False) for name in names}
    notes = [*counted.notes]
    if not wanted:
        usable = {name: column for name, column in columns.items() if _tells(column)}
        notes += [f"{name} is excluded: nearly no values, or all the same." for name in columns if name not in usable]
        columns = usable
    items = items_or_reason(lambda: numbers(columns, most=most), "The people", "Name other traits with --trait.")
    items = items if counted.values is None else items.weighted(counted.values)
    people = tuple(rows["person_id"].to_pylist())
    return Base(people, items, {}, "model", within=within, notes=tuple(notes), weights=counted.kept)


def _read_at(session: Session) -> datetime:
    """The moment up to which the data are known: until the next pull the same people have the same traits."""
    moments = [session.control.cursors.read_at(name, "contacts") for name in session.workspace.connections]
    return max((moment for moment in moments if moment is not None), default=session.now())


def _usual(session: Session) -> list[str]:
    own = [
        name
        for name in session.workspace.traits
        if session.workspace.catalogue.traits[name].type == "number"
        and not why_sensitive(name, session.workspace.catalogue)
    ]
    return [*USUAL, *own]


def _trait(session: Session, name: str) -> str:
    known = session.workspace.catalogue.traits
    if name not in known:
        raise FixSettingsError(
            f"There is no trait {name!r}.",
            fix="`personasync explain EMAIL --json` lists all traits; your own are in [traits].",
        )
    if known[name].type != "number":
        raise FixSettingsError(f"The trait {name!r} is a {known[name].type}.", fix="Use numeric traits.")
    if (reason := why_sensitive(name, session.workspace.catalogue)) and not session.workspace.sensitive.allows(name):
        raise FixSettingsError(
            f"The trait {name!r} is sensitive: {reason}.", fix="Use other traits, or state the purpose in [sensitive]."
        )
    return name


def _tells(column: Any) -> bool:
    known = column[np.isfinite(column)]
    return len(known) > len(column) / 2 and float(np.ptp(known)) > 0
