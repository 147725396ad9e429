"""Below the thresholds nobody is classified, whichever source is asked; rules and what people say are certain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmenter.assign.decide import decide_all
from segmenter.assign.definitions import Definitions, Scorer, Source
from segmenter.classifier.label_groups import meant_one
from segmenter.classifier.linear import LinearModel, score_one
from segmenter.classifier.model_file import coefficients_of
from segmenter.classifier.thresholds import Thresholds
from segmenter.typing_tool.scoring import score_answers
from segmenter.typing_tool.tool_file import FORMAT, SurveyQuestion, ToolFile
from tests.examples import examples
from tests.segmenter.assign.people_to_decide import NOON, assignments, decide, made, model, table, tool

limits = st.builds(Thresholds, st.floats(0, 1), st.floats(0, 1), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
known = st.one_of(st.none(), st.floats(-3, 3))
traits_ = st.fixed_dictionaries(
    {"likes": known, "tenure_days": known, "country": st.sampled_from([None, "de", "it"]), "orders_total": known}
)
meanings = st.sampled_from([{}, {"buyers": "campers"}, {"hikers": None}])


def asked(source: Source, limits: Thresholds, *, from_rules: bool, means: dict[str, str | None]) -> Definitions:
    scorer = Scorer(model(0.7), "m", limits, from_rules, means)
    tools, classifier = ((scorer,), None) if source == "survey" else ((), scorer)
    return made(order=(source,), declared=None, tools=tools, model=classifier)


@examples(300)
@given(
    traits=traits_,
    limits=limits,
    source=st.sampled_from(["survey", "model"]),
    from_rules=st.booleans(),
    means=meanings,
)
def test_no_model_and_no_tool_answers_below_any_threshold(
    traits: dict[str, Any],
    limits: Thresholds,
    source: Source,
    from_rules: bool,  # noqa: FBT001 - Hypothesis names it
    means: dict[str, str | None],
) -> None:
    definitions = asked(source, limits, from_rules=from_rules, means=means)
    (scorer,) = definitions.scorers[source]
    score = score_one(scorer.model, traits)
    meant = meant_one(score.probabilities, scorer.meaning)
    sure = meant.confidence >= limits.confidence and meant.confidence - meant.second >= limits.margin

    decision = decide(traits, definitions, None, NOON)

    if score.known < limits.known or not sure or meant.segment is None:
        assert (decision["segment"], decision["confidence"], decision["source"]) == (None, None, None)
    elif not from_rules:
        best = meant.segment if means else score.segment  # of equal chances z knows the larger
        assert (decision["segment"], decision["source"]) == (best, source)
        assert decision["confidence"] == pytest.approx(meant.confidence)


@pytest.mark.slow
@pytest.mark.parametrize("source", ["survey", "model"])
def test_every_threshold_matters_for_everybody_at_once(source: Source) -> None:
    people = [
        {"person_id": str(n), "likes": n % 7 - 3.0, "tenure_days": None if n % 5 == 0 else n % 3 - 1.0, "country": "de"}
        for n in range(60)
    ]

    def assigned(limits: Thresholds) -> int:
        definitions = asked(source, limits, from_rules=False, means={})
        decisions = decide_all(table(people), definitions, previous=assignments([]), as_of=NOON)
        return int(decisions.filter(decisions.segment.notnull()).count().execute())

    everybody = assigned(Thresholds(0.0, 0.0, 0.0))
    assert everybody == 60
    assert 0 < assigned(Thresholds(0.5, 0.0, 0.0)) < everybody
    assert 0 < assigned(Thresholds(0.0, 0.1, 0.0)) < everybody
    assert 0 < assigned(Thresholds(0.0, 0.0, 1.0)) < everybody


def test_scored_files_abstain_as_assignments_do() -> None:
    linear: LinearModel = tool()
    file = ToolFile(
        format=FORMAT,
        name="t",
        version="t-1",
        made_at=NOON,
        source="imported",
        survey="t",
        model=coefficients_of(linear),
        questions=(SurveyQuestion(trait="likes", item="likes", text="likes"),),
    )
    for likes in (-2.0, 0.4, 0.5, 0.6, 0.9, 3.0):
        for limits in (Thresholds(), Thresholds(0.9, 0.0, 0.0), Thresholds(0.0, 0.4, 0.0)):
            (scored,) = score_answers(file, np.array([[likes]]), limits)
            definitions = made(order=("survey",), declared=None, tools=(Scorer(linear, "t-1", limits),))

            assert scored.segment == decide({"likes": likes}, definitions, None, NOON)["segment"]


def test_a_rule_and_a_word_of_their_own_are_followed_whatever_the_thresholds() -> None:
    impossible = Thresholds(1.0, 1.0, 1.0)
    sure = made(tools=(Scorer(tool(), "t", impossible),), model=Scorer(model(), "m", impossible))

    by_rule = decide({"orders_total": 2.0}, sure, None, NOON)  # an OR whose other half is unknown
    said = decide({"says": "Hugo"}, sure, None, NOON)

    assert (by_rule["segment"], by_rule["source"], by_rule["confidence"]) == ("buyers", "rules", 0.5)
    assert (said["segment"], said["source"], said["confidence"]) == ("hikers", "declared", 1.0)
