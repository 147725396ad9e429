"""Published trait snapshots: the traits that can't be computed from the contacts alone.

Moments are kept in place of days: "14 days since the last order" is another number every day, the order's moment is
not; so a row is written anew only when something happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from segmenter.traits.builtin import COUNTED_FROM_ZERO, DAYS_SINCE, Catalogue
from segmenter.traits.definitions import Trait

DAY = timedelta(days=1)
CONTACTS = "contacts"


def kept_traits(traits: Mapping[str, Any], usable: Sequence[Trait], as_of: datetime) -> dict[str, Any]:
    """Return what is worth keeping of a person's trait row, as plain JSON values. Nothing and 0 are left out.

    Args:
        traits: Trait name -> value.
        usable: Which traits may be used.
        as_of: UTC; days were counted up to it.
    """
    kept: dict[str, Any] = {}
    for trait in usable:
        name, value = trait.name, traits.get(trait.name)
        nothing = value == 0.0 and name.startswith(COUNTED_FROM_ZERO)
        if trait.source == CONTACTS or value is None or nothing:
            continue
        if counts_days(trait):
            kept[name] = (as_of - timedelta(days=value)).replace(microsecond=0).isoformat()
        elif isinstance(value, date):
            kept[name] = value.isoformat()
        else:
            kept[name] = round(value, 6) if isinstance(value, float) else value
    return kept


def with_base(
    fresh: Mapping[str, Any], base: Mapping[str, Any], catalogue: Catalogue, as_of: datetime
) -> dict[str, Any]:
    """Return a person's traits: those of *fresh* contacts, and the others from *base*.

    Args:
        fresh: Measured on the contacts alone; whatever is no trait of contacts is nothing or 0 there.
        base: As `kept_traits` made it.
        catalogue: All traits.
        as_of: UTC; days are counted up to it.

    Returns:
        Trait name -> value; a trait counted in days is a float, a date a date.
    """
    traits = dict(fresh)
    for name, value in base.items():
        trait = catalogue.traits.get(name)
        if trait is None or trait.source == CONTACTS:
            continue
        if counts_days(trait):
            traits[name] = (as_of - datetime.fromisoformat(value)) / DAY
        elif trait.type == "date":
            traits[name] = date.fromisoformat(value)
        else:
            traits[name] = value
    return traits


def counts_days(trait: Trait) -> bool:
    """Tell whether a trait is the days since something."""
    return trait.name in DAYS_SINCE and trait.source != CONTACTS
