"""What labels mean that are no segments, and whom a typing tool is asked about."""

from __future__ import annotations

import math
from typing import Any

import pytest

from segmenter.assign.decide import decide_all, decide_one
from segmenter.assign.definitions import Scorer
from segmenter.classifier.label_groups import meaning_of
from segmenter.classifier.linear import LinearModel
from segmenter.classifier.reasons import Spoken
from segmenter.errors import DefinitionError
from segmenter.rules.rules import parse_rule
from tests.segmenter.assign.people_to_decide import (
    CATALOGUE,
    NOON,
    assignments,
    decide,
    made,
    model,
    person,
    same,
    table,
    tool,
)


def test_the_chance_of_a_merged_segment_is_that_of_all_its_labels_and_one_let_go_decides_nothing() -> None:
    third = {"tenure_days": 100.0, "likes": 0.0, "country": "it"}  # campers 99, buyers 10, hikers 0 in z

    def told(means: dict[str, str | None], scale: float = 1.0) -> dict[str, Any]:
        scorer = Scorer(model(scale), "tool-1", means=means)
        return decide(third, made(order=("survey",), declared=None, tools=(scorer,)), None, NOON)

    apart = told({}, 0.004)
    merged = told({"buyers": "campers"}, 0.004)
    chances = [math.exp(z) for z in (0.0, 0.4 - 1, 0.04)]

    assert apart["segment"] is None  # three that are about as likely: 40, 22 and 38 percent
    assert (merged["segment"], merged["runner_up"]) == ("campers", "hikers")
    assert merged["confidence"] == pytest.approx((chances[1] + chances[2]) / sum(chances), abs=1e-12)
    assert told({"campers": None})["segment"] is None
    assert told({"campers": None})["reasons"] == "the survey says campers, which was retired"
    with pytest.raises(DefinitionError, match="map to one segment"):
        meaning_of(("a", "b"), {"a": "b"})


def test_answers_are_told_in_words_and_numbers_between_them_as_numbers() -> None:
    speech = {"likes": Spoken("Do you like it?", ((0.0, "no"), (3.0, "yes")))}

    def reasons(likes: float) -> str:
        scorer = Scorer(tool(), "tool-1", speech=speech)
        return str(
            decide({"likes": likes}, made(order=("survey",), declared=None, tools=(scorer,)), None, NOON)["reasons"]
        )

    assert reasons(3.0) == "Do you like it?: yes"
    assert reasons(2.5) == "Do you like it?: 2.5"


def test_a_tool_is_asked_about_those_it_is_for_only() -> None:
    leads = Scorer(tool(), "leads-1", who=parse_rule("orders_total = 0", CATALOGUE, where="leads"))
    members = Scorer(model(), "members-1", who=parse_rule("orders_total > 0", CATALOGUE, where="members"))

    def version(**traits: Any) -> str:
        definitions = made(order=("survey",), declared=None, tools=(leads, members))
        return str(decide({"likes": 3.0, "tenure_days": 400.0, **traits}, definitions, None, NOON)["version"])

    assert version(orders_total=0.0) == "leads-1"
    assert version(orders_total=4.0) == "members-1"
    assert version() == made(order=("survey",), declared=None, tools=(leads, members)).version  # of neither


def test_weights_of_eighteen_digits_decide_and_give_reasons() -> None:
    """DuckDB reads such numbers as DECIMAL(18, 17), in which their difference has no room."""
    weights = ((-9.089268887301074,), (7.475808166569137,), (-0.44687351168047174,))
    labels, constants = ("hikers", "campers", "buyers"), (0.0, 0.0, -50.0)
    scorer = Scorer(LinearModel("lda", labels, ("likes",), weights, constants, (0.5,), (0.5,)), "t")
    definitions = made(order=("survey",), declared=None, tools=(scorer,))
    customer = person(likes=4.0)

    everybody = (
        decide_all(table([customer]), definitions, previous=assignments([]), as_of=NOON).to_pyarrow().to_pylist()
    )

    assert same(everybody[0], decide_one(customer, definitions, previous=None, as_of=NOON))
