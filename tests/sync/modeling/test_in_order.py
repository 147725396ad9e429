"""A file and its pulled copy are the same data: order of rows and of columns does not matter."""

from __future__ import annotations

import numpy as np
from numpy.random import default_rng

from segmenter.stats.item_matrix import Items
from sync.modeling.inputs import Base


def test_rows_and_columns_in_any_order_are_the_same_base() -> None:
    values = default_rng(1).permutation(60).reshape(20, 3).astype(float)
    answers = (("x", "y"), ("p", "q", "r"), ("k",))
    people = tuple(f"p{row}" for row in range(20))
    pulled = Base(
        people, Items("categorical", ("b", "a", "c"), values, answers), {"age": values[:, 0]}, "survey"
    ).in_order()

    rows, columns = default_rng(2).permutation(20), [2, 0, 1]
    items = Items("categorical", ("c", "b", "a"), values[rows][:, columns], tuple(answers[place] for place in columns))
    read = Base(tuple(people[row] for row in rows), items, {"age": values[rows, 0]}, "survey").in_order()

    assert read.people == pulled.people
    assert read.items.names == pulled.items.names == ("a", "b", "c")
    assert read.items.categories == pulled.items.categories == (("p", "q", "r"), ("x", "y"), ("k",))
    assert np.array_equal(read.items.values, pulled.items.values)
    assert np.array_equal(read.beside["age"], pulled.beside["age"])
