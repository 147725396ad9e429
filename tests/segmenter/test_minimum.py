"""What each method lacks is said before it begins, in one sentence of one form."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import ibis
import numpy as np
import pytest

from connectors.records import ORDERS
from segmenter.classifier.train import Sample, missing_for_fit
from segmenter.errors import DefinitionError
from segmenter.minimum import needs, of_a_segment
from segmenter.stats.item_matrix import numbers
from segmenter.surveys.answers import AnswerSheet
from segmenter.surveys.survey_checks import check_survey
from segmenter.typing_tool.build import ToolRequest, make_tool
from segmenter.typing_tool.targets import given
from segmenter.value.clv import TooLittle, fit_value_model
from segmenter.value.rfm_summary import purchase_history

NOW = datetime(2026, 11, 1, tzinfo=UTC)
FORM = re.compile(r"needs ([\d,]+) [a-z ]+, you have ([\d,]+)")


def of_the_value_model() -> str:
    orders = ibis.memtable(ORDERS.columns.empty_table())
    links = ibis.memtable([("a", "b")], schema={"contact_key": "string", "person_id": "string"})
    refusal = fit_value_model(purchase_history(orders, links, NOW), NOW, np.random.default_rng(0))
    assert isinstance(refusal, TooLittle)
    return refusal.sentence


def of_a_model() -> str:
    sample = Sample(("a", "b"), np.zeros((12, 2)), np.array(["x"] * 6 + ["y"] * 6))
    sentences = missing_for_fit(sample)
    assert len(sentences) == 3
    return " ".join(sentences)


def of_discover() -> str:
    with pytest.raises(DefinitionError) as caught:
        numbers({"a": np.arange(7.0), "b": np.arange(7.0)}, most=4)
    return str(caught.value)


def of_a_tool() -> str:
    sheet = AnswerSheet(tuple("abcdef"), ("q1",), np.arange(6.0)[:, None], tuple("xyxyxy"))
    order = ToolRequest("t", "t", "given", None, {}, NOW)
    with pytest.raises(DefinitionError) as caught:
        make_tool(sheet, given(np.array([0, 1] * 3)), ["x", "y"], order, np.random.default_rng(0))
    return str(caught.value)


def of_a_survey() -> str:
    sheet = AnswerSheet(tuple("abcdef"), ("q1",), np.arange(6.0)[:, None])
    return next(survey_finding.message for survey_finding in check_survey(sheet) if survey_finding.kind == "size")


@pytest.mark.parametrize(
    ("told", "needed", "have"),
    [
        (of_the_value_model, "500", "0"),
        (of_a_model, "50", "6"),
        (of_discover, "20", "7"),
        (of_a_tool, "20", "6"),
        (of_a_survey, "70", "6"),
    ],
)
def test_what_is_missing_is_named_with_what_there_is(told: Any, needed: str, have: str) -> None:
    assert FORM.findall(told())[0] == (needed, have)


def test_the_sentence_has_one_form() -> None:
    assert needs("The value model", 1500, "buyers", 212) == "The value model needs 1,500 buyers, you have 212"
    assert (of_a_segment(300), of_a_segment(1001), of_a_segment(2000)) == (50, 51, 100)
