"""Caps of segments: no more people than a number, by a ranking."""

from __future__ import annotations

import difflib

from segmenter.errors import DefinitionError
from segmenter.traits.builtin import Catalogue

CONFIDENCE = "confidence"  # a ranking that is no trait
RANKINGS = f'a trait that is a number, such as "clv" or "-days_since_order", or "{CONFIDENCE}"'


def ranked_by(cap_by: str) -> tuple[str, bool]:
    """Return what decides who is in: a trait or "confidence", and whether the least goes first."""
    return cap_by.removeprefix("-"), cap_by.startswith("-")


def check_cap(cap: int | None, cap_by: str, catalogue: Catalogue, *, where: str) -> None:
    """Check the cap of a segment.

    Args:
        cap: Number of people; None: any.
        cap_by: The ranking, "" for none.
        catalogue: The traits.
        where: The segment, for messages.

    Raises:
        DefinitionError: There is one without the other, or the ranking is no number.
    """
    if cap is None and not cap_by:
        return
    if cap is None:
        raise DefinitionError("cap_by needs a cap: the number of people", where=where)
    if not cap_by:
        raise DefinitionError(f"cap needs cap_by, the ranking: {RANKINGS}", where=where)
    trait, _ = ranked_by(cap_by)
    known = catalogue.traits.get(trait)
    if trait != CONFIDENCE and (known is None or known.type != "number"):
        numbers = [name for name, definition in catalogue.traits.items() if definition.type == "number"]
        near = difflib.get_close_matches(trait, numbers, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise DefinitionError(f"cap_by must be {RANKINGS}, not {cap_by!r}{hint}", where=where)
