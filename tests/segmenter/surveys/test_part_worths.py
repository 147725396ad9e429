"""Conjoint part-worths against figures by hand, and laws of their scale."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import default_rng

from segmenter.surveys.part_worths import Attribute, importances, zero_centred_differences

# one respondent: ranges of 40, 90 and 20, which sum to 150
BRAND, PRICE, COLOUR = (
    Attribute("Brand", ("A", "B", "C"), (0, 1, 2)),
    Attribute("Price", ("50", "75", "100"), (3, 4, 5)),
    Attribute("Colour", ("Red", "Pink"), (6, 7)),
)
ATTRIBUTES = (BRAND, PRICE, COLOUR)
ONE = np.array([[30.0, 60.0, 20.0, 90.0, 50.0, 0.0, 20.0, 0.0]])


def test_importances_are_the_ranges_of_attributes_as_parts_of_their_sum() -> None:
    assert importances(ONE, ATTRIBUTES)[0] == pytest.approx([100 * 40 / 150, 60.0, 100 * 20 / 150])


def test_differences_are_centred_and_their_ranges_sum_to_a_hundred_for_each_attribute() -> None:
    values = default_rng(1).normal(size=(50, 8)) * default_rng(2).lognormal(0, 2, (50, 1))

    made = zero_centred_differences(values, ATTRIBUTES)

    for attribute in ATTRIBUTES:
        assert np.abs(made[:, list(attribute.columns)].sum(axis=1)).max() < 1e-9
    ranges = sum(np.ptp(made[:, list(attribute.columns)], axis=1) for attribute in ATTRIBUTES)
    assert ranges == pytest.approx(np.full(50, 300.0))
    assert importances(made, ATTRIBUTES) == pytest.approx(importances(values, ATTRIBUTES))


def test_the_scale_and_the_zero_of_a_persons_part_worths_change_nothing() -> None:
    moved = ONE * 7 + np.array([[5.0] * 3 + [-2.0] * 3 + [1.0] * 2])

    assert zero_centred_differences(moved, ATTRIBUTES) == pytest.approx(zero_centred_differences(ONE, ATTRIBUTES))


def test_somebody_to_whom_nothing_matters_has_no_importances() -> None:
    flat = np.ones((1, 8))

    assert np.isnan(importances(flat, ATTRIBUTES)).all()
    assert (zero_centred_differences(flat, ATTRIBUTES) == 0).all()
