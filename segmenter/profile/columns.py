"""Columns for group comparisons: one trait of many people as category codes or numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from segmenter.privacy.sensitive import Purpose, why_sensitive
from segmenter.stats.item_matrix import Labels
from segmenter.traits.builtin import Catalogue
from segmenter.traits.definitions import Trait

TECHNICAL = ("log ratio", "hour", "currencies", "connections")
"""Units whose median says nothing: logarithms, hours of the day, internal counts."""

SHRUNK = "_shrunk"
"""Smoothed rates are for models; profiles use raw rates."""

WINDOW = re.compile(r"(_\d+d|_total)$")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TraitColumn:
    """One trait of people, in their order.

    Attributes:
        values: Numbers (of a date: days since 1970), NaN where unknown; or codes of *categories*, -1 where unknown.
        categories: Texts in the order of the codes; None for numbers.
    """

    trait: Trait
    values: NDArray[Any]
    categories: tuple[str, ...] | None = None

    def known(self) -> NDArray[np.bool_]:
        """Return of whom it is known.

        Returns:
            (people,) true where there is a value.
        """
        mask: NDArray[np.bool_] = ~np.isnan(self.values) if self.categories is None else self.values >= 0
        return mask

    def rows(self, chosen: NDArray[Any]) -> TraitColumn:
        """Return the same trait of some people.

        Returns:
            In the order of *chosen* (a mask, or places), with the same categories.
        """
        return TraitColumn(self.trait, self.values[chosen], self.categories)


def may_describe(catalogue: Catalogue, purpose: Purpose) -> list[Trait]:
    """Return the traits that may be said of a persona: no sensitive one without its purpose, nothing technical.

    Args:
        catalogue: All traits.
        purpose: Which sensitive traits may be used.

    Returns:
        In the order of the catalogue.
    """
    return [
        trait
        for name, trait in catalogue.traits.items()
        if not (trait.type == "number" and trait.unit.startswith(TECHNICAL))
        and not name.endswith(SHRUNK)
        and name not in catalogue.counted
        and (purpose.allows(name) or not why_sensitive(name, catalogue))
    ]


def stem(trait: str) -> str:
    """Return what a trait shares with its other windows: orders of 90 days, of 365 and of all are one thing to say."""
    return WINDOW.sub("", trait, count=1)


def column_of(trait: Trait, column: pa.ChunkedArray) -> TraitColumn:
    """Return a trait of people from a column of the trait table; infinities and blank texts are unknown.

    Args:
        trait: Its definition.
        column: The values, one per person; null is unknown.

    Returns:
        Numbers (dates as days since 1970; NaN unknown), or codes of categories (below 0 unknown).
    """
    if trait.type == "number":
        numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        return TraitColumn(trait, np.where(np.isfinite(numbers), numbers, np.nan))
    if trait.type == "date":
        days = column.cast(pa.date32()).cast(pa.int32()).cast(pa.float64())
        return TraitColumn(trait, days.to_numpy(zero_copy_only=False))
    texts = pc.if_else(column, "yes", "no") if trait.type == "boolean" else column.cast(pa.string())
    coded = texts.combine_chunks().dictionary_encode()
    names = [(text or "").strip() for text in coded.dictionary.to_pylist()]
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return _in_order(trait, codes, names)


def _in_order(trait: Trait, codes: Labels, names: Sequence[str]) -> TraitColumn:
    """Categories in alphabetical order, those that read the same once: so that the same people give the same column."""
    known = sorted({name for name in names if name})
    place: Mapping[str, int] = {name: code for code, name in enumerate(known)}
    new = np.array([place.get(name, -1) for name in names] + [-1], dtype=np.int64)  # the last stands for code -1
    return TraitColumn(trait, new[codes], tuple(known))
