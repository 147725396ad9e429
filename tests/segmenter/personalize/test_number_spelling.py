"""Numbers are wanted as platforms show them again, or every plan would write them anew."""

from __future__ import annotations

import pytest

from segmenter.late_ibis import ibis
from segmenter.personalize.fields import ROLES, TemplateField, _spelt


@pytest.mark.parametrize(("confidence", "text"), [(1.0, "1"), (0.9, "0.9"), (0.904, "0.9"), (0.0, "0"), (None, "")])
def test_a_confidence_has_no_zeros_that_mean_nothing(confidence: float | None, text: str) -> None:
    table = ibis.memtable(
        {"confidence": [confidence], "source": ["model"]}, schema={"confidence": "float64", "source": "string"}
    )

    assert table.select(shown=ROLES["confidence"](table)).to_pyarrow()["shown"].to_pylist() == [text]


@pytest.mark.parametrize(
    ("text", "shown"), [("1.50", "1.5"), ("007", "7"), ("100", "100"), ("-2.0", "-2"), ("-0.0", "0"), ("few", "few")]
)
def test_the_copy_of_a_number_is_spelt_the_same_way(text: str, shown: str) -> None:
    number = TemplateField("discount", "Discount", "number", fallback="0")

    assert _spelt(text, number) == shown
    assert _spelt(text, TemplateField("line", "Line", "text", fallback="")) == text
