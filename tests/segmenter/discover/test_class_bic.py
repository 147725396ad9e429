"""The BIC of each number of latent classes is what StepMix reaches, which fits them one start after the other."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import default_rng

from segmenter.discover.class_bic import class_bic
from segmenter.discover.latent_class import by_number
from segmenter.stats.item_matrix import ItemKind, Items

PEOPLE, CLASSES = 300, 3


def answered(kind: ItemKind, *, gaps: float = 0.0) -> Items:
    """Answers of three classes to nine questions, some of them missing."""
    rng = default_rng(4)
    group = rng.integers(0, CLASSES, (PEOPLE, 1))
    own = (group + np.arange(9)) % CLASSES
    values = np.where(rng.random((PEOPLE, 9)) < 0.7, own, rng.integers(0, CLASSES, (PEOPLE, 9))).astype(float)
    if kind == "binary":
        values = (values == 0).astype(float)
    values[rng.random(values.shape) < gaps] = np.nan
    categories = () if kind == "binary" else (("a", "b", "c"),) * 9
    return Items(kind, tuple("abcdefghi"), values, categories)


@pytest.mark.parametrize(
    ("kind", "gaps"), [("binary", 0.0), ("binary", 0.1), ("categorical", 0.0), ("categorical", 0.1)]
)
def test_bic_is_that_of_stepmix(kind: ItemKind, gaps: float) -> None:
    items = answered(kind, gaps=gaps)

    ours = class_bic(items, CLASSES, starts=8, rng=default_rng(1))
    theirs = by_number(items, CLASSES, starts=8, rng=default_rng(1))

    assert ours == pytest.approx({k: fit.bic for k, fit in theirs.items()}, abs=0.02)
    assert min(ours, key=lambda k: ours[k]) == CLASSES


def test_what_comes_after_hangs_on_no_draw_of_the_fits() -> None:
    """Other starts, the same state: what is drawn later does not change with how classes are fitted."""
    few, many = default_rng(3), default_rng(3)
    items = answered("binary")

    class_bic(items, 2, starts=1, rng=few)
    class_bic(items, 2, starts=4, rng=many)

    assert few.random() == many.random()
