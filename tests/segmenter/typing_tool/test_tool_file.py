"""Making, saving and scoring a tool; tables of agencies."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmenter.classifier.linear import score_one
from segmenter.classifier.thresholds import Thresholds
from segmenter.errors import DefinitionError
from segmenter.stats.discriminant import probabilities
from segmenter.surveys.answers import AnswerSheet
from segmenter.typing_tool.agency_table import AgencyTable, read_coefficients
from segmenter.typing_tool.build import BuiltTool, ToolRequest, class_scores, learn_profiles, make_tool
from segmenter.typing_tool.scoring import score_answers
from segmenter.typing_tool.targets import given as known
from segmenter.typing_tool.tool_file import (
    AnswerOption,
    SurveyQuestion,
    ToolFile,
    read_tool,
    slug,
    trait_name,
    write_tool,
)

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def yes_no(people: int = 900) -> tuple[AnswerSheet, np.ndarray]:
    generator = np.random.default_rng(2)
    labels = generator.integers(0, 3, people)
    chances = np.array([[0.9, 0.1, 0.2, 0.9, 0.5, 0.5], [0.1, 0.9, 0.2, 0.1, 0.5, 0.5], [0.2, 0.2, 0.9, 0.9, 0.5, 0.5]])
    values = (generator.random((people, 6)) < chances[labels]).astype(np.float64)
    who = tuple(f"r{place}" for place in range(people))
    words = {f"q{place}": {0.0: "No", 1.0: "Yes"} for place in range(6)}
    return AnswerSheet(who, tuple(words), values, labels=words, rows=tuple(range(2, people + 2))), labels


@pytest.fixture(scope="module")
def made() -> BuiltTool:
    sheet, labels = yes_no()
    order = ToolRequest("leads", "leads", "given", 4, {"q0": "Is it cheap?"}, NOW)
    return make_tool(sheet, known(labels), ["a", "b", "c"], order, np.random.default_rng(1))


def test_the_questions_that_tell_are_chosen_and_the_others_are_not(made: BuiltTool) -> None:
    assert {question.item for question in made.file.questions} == {"q0", "q1", "q2", "q3"}
    assert {q.text for q in made.file.questions if q.item == "q0"} == {"Is it cheap?"}
    assert [answer.label for answer in made.file.questions[0].answers] == ["No", "Yes"]


def test_the_saved_tool_scores_as_before_and_a_changed_file_is_refused(made: BuiltTool) -> None:
    text = write_tool(made.file)

    assert read_tool(text, where="t") == made.file
    for wrong in (text.replace("q1", "q9", 1), "{}", "[]", "nonsense", text[:-40], '{"a": NaN}'):
        with pytest.raises(DefinitionError):
            read_tool(wrong, where="t")


def test_confidence_is_calibrated_to_the_error_that_a_survey_allows(made: BuiltTool) -> None:
    assert made.file.quality is not None
    assert made.file.quality.calibration_error <= 0.05


def test_the_accuracy_above_the_threshold_is_that_of_the_workspaces_threshold(made: BuiltTool) -> None:
    """It always meant .6 and .15, whatever `[classify]` said."""
    sheet, labels = yes_no(300)
    strict = ToolRequest("leads", "leads", "given", 2, {}, NOW, thresholds=Thresholds(confidence=0.97, margin=0.5))
    usual = replace(strict, thresholds=Thresholds())
    tools = [
        make_tool(sheet, known(labels), ["a", "b", "c"], wish, np.random.default_rng(1)) for wish in (strict, usual)
    ]
    first, second = (tool.file.quality.curve[-1] for tool in tools if tool.file.quality)

    assert first.hit == second.hit
    assert first.coverage < second.coverage


def test_a_complete_respondent_gets_what_the_waterfall_would_say(made: BuiltTool) -> None:
    values = np.array(list(product([0.0, 1.0], repeat=4)))

    scored = score_answers(made.file, values, Thresholds())

    for row, respondent in zip(values, scored, strict=True):
        person = {question.trait: value for question, value in zip(made.file.questions, row, strict=True)}
        score = score_one(made.file.linear(), person)
        assert (respondent.best, respondent.runner_up) == (score.segment, score.runner_up)
        assert respondent.confidence == pytest.approx(score.confidence)
        assert respondent.answered == 4
        assert respondent.reasons


def test_who_answered_too_little_is_told_what_is_missing(made: BuiltTool) -> None:
    values = np.array([[1.0, np.nan, np.nan, np.nan], [1.0, 0.0, np.nan, np.nan], [np.nan] * 4])

    scored = score_answers(made.file, values, Thresholds())

    assert [scored.best is None for scored in scored] == [True, False, True]
    assert scored[0].reasons.startswith("answered 1 of 4 questions; missing: ")


def test_latent_classes_use_only_what_was_answered() -> None:
    """Bayes by hand: P(j | x) is proportional to the share of j times P(x | j) of each answer."""
    answers = (AnswerOption(value=0, label="0"), AnswerOption(value=1, label="1"))
    questions = [SurveyQuestion(trait=name, item=name, text=name, answers=answers) for name in "xy"]
    values = np.array([[1.0, 0.0]] * 3 + [[0.0, 1.0]] * 5 + [[1.0, 1.0]] * 2)
    labels = np.array([0] * 3 + [1] * 7)

    profiles = learn_profiles(values, labels, 2, questions)
    matrix = probabilities(class_scores(profiles, questions, np.array([[1.0, np.nan], [np.nan, np.nan]])))

    shares = np.array([4, 8]) / 12
    yes = np.array([4 / 5, 3 / 9])
    np.testing.assert_allclose(matrix[0], shares * yes / (shares * yes).sum())
    np.testing.assert_allclose(matrix[1], shares)


@pytest.mark.parametrize(
    ("people", "names", "told"),
    [
        (20, ["a", "b", "c"], "predicting 3 segments needs 30 respondents, you have 20"),
        (900, ["a"], "only one segment"),
        (900, ["a", "b", "c", "d"], "'d' needs 10 respondents, you have 0"),
    ],
)
def test_too_few_respondents_or_segments_are_refused_with_the_number(people: int, names: list[str], told: str) -> None:
    sheet, labels = yes_no(people)
    order = ToolRequest("t", "t", "given", None, {}, NOW)

    with pytest.raises(DefinitionError, match=told):
        make_tool(sheet, known(np.minimum(labels, len(names) - 1)), names, order, np.random.default_rng(1))


STRAIGHT = AgencyTable(
    ("item", "Fans", "Späte Käufer", "Mean"),
    (("Taste", "1,5", "-0.5", "0,4"), ("Price", "50%", "2", "0.6"), ("Constant", "-1", "0,25", "")),
    (2, 3, 4),
)
TURNED = AgencyTable(
    ("segment", "Taste", "Price", "Konstante"),
    (("Fans", "1.5", "0.5", "-1"), ("Späte Käufer", "-0.5", "2", "0.25"), ("Mittelwert", "0.4", "0.6", "")),
    (2, 3, 4),
)


@pytest.mark.parametrize("table", [STRAIGHT, TURNED])
def test_a_table_is_read_either_way_round(table: AgencyTable) -> None:
    imported = read_coefficients(table, "agency", file="t.csv")

    assert imported.model.labels == ("fans", "spaete_kaeufer")
    assert imported.model.features == ("agency_taste", "agency_price")
    assert imported.model.weights == ((1.5, 0.5), (-0.5, 2.0))
    assert imported.model.intercepts == (-1.0, 0.25)
    assert imported.model.fill == (0.4, 0.6)
    assert imported.transposed == (table is TURNED)
    score = score_one(imported.model, {"agency_taste": 1.0, "agency_price": 0.0})  # z = .5 and -.25
    assert score.confidence == pytest.approx(1 / (1 + np.exp(-0.75)))


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (AgencyTable(("item", "a", "b"), (("x", "1", "2"),), (2,)), "no row of constants; add a row named 'constant'"),
        (AgencyTable(("item", "a"), (("x", "1"), ("constant", "2")), (2, 3)), "needs two segments or more"),
        (AgencyTable(("item", "a", "b"), (("constant", "1", "2"),), (2,)), "constants and no items"),
        (
            AgencyTable(("item", "a", "b"), (("x", "1", "oops"), ("constant", "1", "2")), (2, 3)),
            r"row 2 \('x'\), column 'b' holds 'oops', which is not a number",
        ),
        (AgencyTable(("item", "a", "b"), (("x", "", "1"), ("constant", "1", "2")), (2, 3)), "column 'a' is empty"),
        (
            AgencyTable(("item", "a", "b"), (("x", "3", "1"), ("x", "3", "1"), ("constant", "1", "2")), (2, 3, 4)),
            "duplicate item 'x'",
        ),
        (AgencyTable(("item", "a", "b"), (("constant", "3", "1"), ("const", "1", "2")), (2, 3)), "duplicate constants"),
    ],
)
def test_a_table_of_the_wrong_shape_is_refused_with_place_and_mend(table: AgencyTable, told: str) -> None:
    with pytest.raises(DefinitionError, match=told):
        read_coefficients(table, "agency", file="t.csv")


@given(st.text(max_size=60), st.text(max_size=60))
def test_names_of_traits_and_segments_are_such_as_the_workspace_takes(tool: str, item: str) -> None:
    name = trait_name(slug(tool)[:20], item, {trait_name(slug(tool)[:20], item)})

    assert len(name) <= 40
    assert name != trait_name(slug(tool)[:20], item)
    assert all(c.isascii() and (c.isalnum() or c == "_") for c in name + slug(item))
    assert slug(item)[0].isalpha()


def test_a_tool_whose_questions_are_not_its_models_is_refused(made: BuiltTool) -> None:
    document = json.loads(write_tool(made.file))
    document.pop("digest")
    document["questions"] = document["questions"][:2]

    with pytest.raises(DefinitionError, match="its questions do not match its model"):
        ToolFile.model_validate(document).linear()
