"""A trait of the trait table becomes codes or numbers, whatever is missing, infinite or blank in it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from segmenter.privacy.sensitive import Purpose
from segmenter.profile.columns import column_of, may_describe
from segmenter.traits.builtin import catalogue
from segmenter.traits.definitions import MappedTrait, Trait, TraitType


def trait(kind: TraitType) -> Trait:
    return Trait("x", "x", "", kind, "contacts")


def test_texts_are_coded_in_order_and_blanks_are_unknown() -> None:
    texts = pa.chunked_array([["b", " a", None], ["", "a ", "c"]])

    trait_column = column_of(trait("text"), texts)

    assert trait_column.categories == ("a", "b", "c")
    assert trait_column.values.tolist() == [1, 0, -1, -1, 0, 2]
    assert trait_column.known().tolist() == [True, True, False, False, True, True]
    assert trait_column.rows(np.array([0, 5])).values.tolist() == [1, 2]


def test_numbers_lose_what_is_infinite() -> None:
    trait_column = column_of(trait("number"), pa.chunked_array([[1.5, None, float("inf")]]))

    assert trait_column.categories is None
    assert trait_column.known().tolist() == [True, False, False]


def test_yes_and_no_and_dates_are_read() -> None:
    yes = column_of(trait("boolean"), pa.chunked_array([[True, False, None]]))
    day = column_of(trait("date"), pa.chunked_array([[date(1970, 1, 3), None]]))

    assert (yes.categories, yes.values.tolist()) == (("no", "yes"), [1, 0, -1])
    assert day.values[0] == 2
    assert np.isnan(day.values[1])


@pytest.mark.parametrize("kind", ["text", "number", "boolean", "date"])
def test_a_column_that_nobody_has_is_unknown(kind: TraitType) -> None:
    types = {"text": pa.string(), "number": pa.float64(), "boolean": pa.bool_(), "date": pa.date32()}

    assert not column_of(trait(kind), pa.chunked_array([pa.nulls(3, types[kind])])).known().any()


def test_what_is_sensitive_or_technical_may_not_describe() -> None:
    known = catalogue([MappedTrait("church", "crm", "parish"), MappedTrait("tier", "crm", "tier", sensitive=True)])

    names = {trait.name for trait in may_describe(known, Purpose())}
    with_purpose = {trait.name for trait in may_describe(known, Purpose("members asked for it", ("church",)))}

    assert {"orders_365d", "country", "open_rate_90d", "clv"} <= names
    assert not names & {"church", "tier", "orders_trend_90d", "favourite_hour", "currencies", "platforms"}
    assert "open_rate_90d_shrunk" not in names
    assert with_purpose - names == {"church"}
