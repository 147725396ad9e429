"""Feature selection: company data only, nothing sensitive, no target leakage."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from segmenter.privacy.sensitive import NO_PURPOSE, Purpose, why_sensitive
from segmenter.traits.builtin import Catalogue
from segmenter.traits.definitions import Trait

MOST_OPTIONS = 10  # values of one trait
LEAST_OF_OPTION = 30  # people with a value: fewer teach nothing about it
NEVER = frozenset({"consent"})  # whether somebody may be written to is no trait of a persona


def candidates(catalogue: Catalogue, but: Collection[str] = (), purpose: Purpose = NO_PURPOSE) -> list[Trait]:
    """Return the traits that a model may read.

    Args:
        catalogue: All traits.
        but: Those that the target is made of: a model would only learn its definition by heart.
        purpose: What the workspace says that sensitive traits may be used for.

    Returns:
        Numbers, yes or no, and words; no survey answer, no date, and nothing sensitive that the purpose does not name.
    """
    return [
        trait
        for trait in catalogue.traits.values()
        if trait.type != "date" and trait.name not in catalogue.surveyed
        if trait.name not in catalogue.counted  # they are gone with the rule that asks for them
        if trait.name not in but and trait.name not in NEVER
        if purpose.allows(trait.name) or not why_sensitive(trait.name, catalogue)
    ]


def features_among(people: pa.Table, traits: Collection[Trait]) -> tuple[str, ...]:
    """Return the features of *traits*: a number each, and each common word of a text, in the order of the traits.

    Args:
        people: One row per person, one column per trait.
        traits: Numbers and texts; the order is kept.

    Returns:
        Feature names: ``trait`` for a number, ``trait=word`` for a word of a text.
    """
    return tuple(feature for trait in traits for feature in _features(people, trait))


def _features(people: pa.Table, trait: Trait) -> Iterator[str]:
    if trait.type != "text":
        yield trait.name
        return
    counted = pc.value_counts(people[trait.name].combine_chunks().drop_null()).to_pylist()
    common = [(-entry["counts"], entry["values"]) for entry in counted if entry["counts"] >= LEAST_OF_OPTION]
    for _, option in sorted(common)[:MOST_OPTIONS]:
        yield f"{trait.name}={option}"
