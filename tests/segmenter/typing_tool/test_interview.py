"""The adaptive interview: against scikit-learn and scipy, with itself, and as `assign` computes it."""

from __future__ import annotations

import ibis
import numpy as np
import pyarrow as pa
from hypothesis import given as law
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.naive_bayes import CategoricalNB

from segmenter.classifier.expression import score_expression
from segmenter.classifier.linear import design_matrix, score_one, score_rows
from segmenter.typing_tool.adaptive_file import answers_model
from segmenter.typing_tool.interview import (
    NOT_ANSWERED,
    AnswerModel,
    answer_codes,
    expected_gains,
    known_at,
    learn_answers,
    replay,
    stops,
    walk,
)
from segmenter.typing_tool.keep_word import Calibrated, Kept
from segmenter.typing_tool.tool_file import AnswerOption, SurveyQuestion


def a_model(seed: int, segments: int = 3, questions: int = 5) -> AnswerModel:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 6, questions)
    tables = tuple(rng.dirichlet(np.ones(size), segments).T * 0.96 + 0.04 / size for size in sizes)
    return AnswerModel(rng.dirichlet(np.full(segments, 5.0)), tables)


def some_answers(model: AnswerModel, people: int, seed: int, left_out: float = 0.2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    codes = np.column_stack([rng.integers(0, len(table), people) for table in model.chances])
    return np.where(rng.random(codes.shape) < left_out, NOT_ANSWERED, codes)


def test_probabilities_after_all_answers_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    labels, codes = rng.integers(0, 3, 300), rng.integers(0, 4, (300, 6))
    theirs = CategoricalNB(alpha=0.7, min_categories=4).fit(codes, labels)
    tables = tuple(np.exp(table).T for table in theirs.feature_log_prob_)
    model = AnswerModel(np.exp(theirs.class_log_prior_), tables)

    walked = walk(model, codes)

    np.testing.assert_allclose(walked.likely[:, -1], theirs.predict_proba(codes), atol=1e-12)


def test_a_question_promises_what_it_takes_off_the_entropy_of_the_segment() -> None:
    model = a_model(7)
    likely = np.random.default_rng(1).dirichlet(np.ones(3), 4)

    gains = expected_gains(model, model.surprise, likely)

    theirs = [
        [entropy(row) - sum(joint.sum() * entropy(joint) for joint in table * row) for table in model.chances]
        for row in likely
    ]
    np.testing.assert_allclose(gains, theirs, atol=1e-12)


def test_counted_answers_are_shares_with_a_little_of_everybody() -> None:
    codes, labels = np.array([[0], [0], [1], [NOT_ANSWERED]]), np.array([0, 0, 1, 1])

    model = learn_answers(codes, labels, 2, [2])

    np.testing.assert_allclose(model.shares, [0.5, 0.5])
    np.testing.assert_allclose(model.chances[0], [[(2 + 1.2) / 4, 1.2 / 3], [0.8 / 4, (1 + 0.8) / 3]])


@law(st.integers(0, 10_000), st.sampled_from([0.6, 0.9, 0.999]))
def test_an_interview_in_a_file_ends_where_it_ended_in_the_walk(seed: int, enough: float) -> None:
    model = a_model(seed)
    codes = some_answers(model, 1, seed, left_out=0.0)
    walked = walk(model, codes)
    step = int(stops(walked, enough)[0])
    asked = walked.asked[0, :step]
    kept = np.full(len(codes[0]), NOT_ANSWERED)
    kept[asked] = codes[0, asked]

    at = replay(model, kept.tolist(), enough)

    assert (at.asked, at.following) == (tuple(asked.tolist()), None)
    np.testing.assert_allclose(at.likely, known_at(walked, np.array([step]))[0], atol=1e-12)


def test_without_an_answer_the_most_telling_question_is_next() -> None:
    model = AnswerModel(np.array([0.5, 0.5]), (np.full((2, 2), 0.5), np.array([[0.9, 0.1], [0.1, 0.9]])))

    at = replay(model, [NOT_ANSWERED, NOT_ANSWERED], 0.95)
    after = replay(model, [NOT_ANSWERED, 1], 0.95)

    assert (at.following, at.asked) == (1, ())
    assert (after.following, after.asked) == (None, (1,))  # the other question is worth nothing


def test_assign_reaches_the_form_s_probabilities_whatever_was_answered() -> None:
    model = a_model(11)
    codes = some_answers(model, 40, 5, left_out=0.5)
    levels = [np.arange(1.0, len(table) + 1) for table in model.chances]
    questions = [
        SurveyQuestion(
            trait=f"t_q{place}",
            item=f"q{place}",
            text="?",
            answers=tuple(AnswerOption(value=value, label=f"{value:g}") for value in level),
        )
        for place, level in enumerate(levels)
    ]
    one = np.zeros(1, np.int64)
    kept = Kept(np.ones((1, 3)) / 3, one, one, np.ones((1, 3), dtype=bool), per_segment=True)
    made = Calibrated(range(5), levels, model, 0.9, np.full(3, 0.2), kept)
    linear = answers_model(made, ["a", "b", "c"], questions)
    values = np.where(codes == NOT_ANSWERED, np.nan, codes + 1.0)
    scores = np.log(model.shares) + sum(
        np.where((codes[:, place] == NOT_ANSWERED)[:, None], 0.0, np.log(table)[codes[:, place]])
        for place, table in enumerate(model.chances)
    )
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    people = pa.table(
        {
            question.trait: pa.array([None if np.isnan(v) else float(v) for v in values[:, place]], pa.float64())
            for place, question in enumerate(questions)
        }
    )

    rows = score_rows(linear, design_matrix(people, linear.features))
    single = [score_one(linear, row) for row in people.to_pylist()]
    engine = score_expression(ibis.memtable(people.append_column("n", pa.array(range(40)))), linear)
    table = engine.order_by("n").select("p0", "p1", "p2", "known").to_pyarrow().to_pandas().to_numpy()

    np.testing.assert_allclose(rows.probabilities, expected, atol=1e-12)
    np.testing.assert_allclose([score.probabilities for score in single], expected, atol=1e-12)
    np.testing.assert_allclose(table[:, :3], expected, atol=1e-12)
    answered = (codes != NOT_ANSWERED).mean(axis=1)
    np.testing.assert_allclose([score.known for score in single], answered)
    np.testing.assert_allclose(rows.known, answered)
    np.testing.assert_allclose(table[:, 3], answered)


def test_a_number_that_no_question_offers_says_nothing() -> None:
    codes = answer_codes(np.array([[1.0, 7.0], [np.nan, 2.0]]), [np.array([1.0, 2.0]), np.array([1.0, 2.0])])

    assert codes.tolist() == [[0, NOT_ANSWERED], [NOT_ANSWERED, 1]]
