"""One scorer for four kinds of model: equal to the libraries that fitted them, and to itself in all three forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from stepmix.stepmix import StepMix

from segmenter.classifier.expression import feature_columns, score_expression, scored
from segmenter.classifier.from_sklearn import at_temperature, from_discriminant, from_kmeans, from_latent_classes
from segmenter.classifier.linear import LinearModel, design_matrix, score_one, score_rows
from segmenter.classifier.reasons import reasons_one, with_reasons
from segmenter.errors import DefinitionError
from tests.examples import examples
from tests.segmenter.published_tables import PIXELS, drawings

ITEMS = tuple(f"pixel {place}" for place in PIXELS)
LABELS = ("indifferent", "lovers", "haters", "savers")


@pytest.fixture(scope="module")
def answers() -> np.ndarray:
    """Eleven yes/no items of 800 drawings."""
    return drawings()[0][:800]


def grouped(answers: np.ndarray) -> Any:
    return KMeans(4, n_init=10, random_state=1).fit_predict(answers)


def neutral(width: int) -> dict[str, Sequence[float]]:
    return {"fill": [0.0] * width, "mean": [0.0] * width}


def people_of(answers: np.ndarray, features: Sequence[str]) -> pa.Table:
    return pa.table({name: pa.array(column) for name, column in zip(features, answers.T, strict=True)})


def same_everywhere(model: LinearModel, people: pa.Table, likely: np.ndarray | None, labels: Sequence[str]) -> None:
    """Assert that array, one person and expression say the same as the library."""
    rows = score_rows(model, design_matrix(people, model.features))
    table_rows = score_expression(ibis.memtable(people), model).to_pyarrow().to_pylist()
    ones = [score_one(model, person) for person in people.to_pylist()]

    assert [model.labels[place] for place in rows.best] == list(labels)
    assert [row["segment"] for row in table_rows] == list(labels)
    assert [score.segment for score in ones] == list(labels)
    assert [row["runner_up"] for row in table_rows] == [score.runner_up for score in ones]
    assert [model.labels[place] for place in rows.second] == [score.runner_up for score in ones]
    if likely is not None:
        assert np.abs(rows.probabilities - likely).max() <= 1e-9
        assert np.abs(np.array([score.probabilities for score in ones]) - likely).max() <= 1e-9
        expressed = np.array([[row[f"p{i}"] for i in range(len(model.labels))] for row in table_rows])
        assert np.abs(expressed - likely).max() <= 1e-9
        assert np.abs(np.array([row["confidence"] for row in table_rows]) - likely.max(axis=1)).max() <= 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("kind", ["lda", "logit"])
def test_a_discriminant_scores_as_scikit_learn_does(answers: np.ndarray, kind: Any, classes: int) -> None:
    truth = np.array(LABELS)[np.minimum(grouped(answers), classes - 1)]
    scaler = StandardScaler().fit(answers)
    maker = LinearDiscriminantAnalysis() if kind == "lda" else LogisticRegression(max_iter=500)
    fitted = maker.fit(scaler.transform(answers), truth)
    model = from_discriminant(kind, fitted, ITEMS, scaler=scaler, **neutral(11))
    scaled = scaler.transform(answers)

    same_everywhere(model, people_of(answers, ITEMS), fitted.predict_proba(scaled), fitted.predict(scaled).tolist())


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 4])
def test_k_means_gives_every_label_and_no_probability(answers: np.ndarray, classes: int) -> None:
    scaler = StandardScaler().fit(answers)
    fitted = KMeans(classes, n_init=5, random_state=2).fit(scaler.transform(answers))
    model = from_kmeans(fitted, LABELS[:classes], ITEMS, scaler=scaler, **neutral(11))
    labels = [LABELS[place] for place in fitted.predict(scaler.transform(answers))]

    same_everywhere(model, people_of(answers, ITEMS), None, labels)
    assert score_one(model, dict.fromkeys(ITEMS, 1.0)).confidence is None
    assert (
        score_expression(ibis.memtable(people_of(answers[:2], ITEMS)), model).to_pyarrow()["confidence"].null_count == 2
    )


@pytest.mark.parametrize("classes", [2, 4])
def test_latent_classes_score_as_stepmix_does(answers: np.ndarray, classes: int) -> None:
    fitted = StepMix(classes, measurement="binary", n_init=2, random_state=3, progress_bar=0, verbose=0).fit(answers)
    model = from_latent_classes(fitted, LABELS[:classes], ITEMS, **neutral(11))
    labels = [LABELS[place] for place in fitted.predict(answers)]

    same_everywhere(model, people_of(answers, ITEMS), fitted.predict_proba(answers), labels)


def small(weights: Sequence[Sequence[float]], other: dict[str, Any] | None = None) -> LinearModel:
    width = len(weights[0])
    given = {
        "kind": "logit",
        "labels": tuple("abcdef"[: len(weights)]),
        "features": ("orders", "country=de", "country=fr", "vip", "spent")[:width],
        "intercepts": (0.0,) * len(weights),
        "fill": (1.5, 0.25, 0.5, 0.0, 10.0)[:width],
        "mean": (2.0, 0.3, 0.5, 0.1, 20.0)[:width],
    }
    return LinearModel(**{**given, "weights": tuple(tuple(row) for row in weights), **(other or {})})


numbers = st.floats(-1e6, 1e6).map(lambda number: round(number, 3))
models = st.integers(2, 5).flatmap(
    lambda classes: st.lists(st.lists(numbers, min_size=5, max_size=5), min_size=classes, max_size=classes)
)
wild = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.integers(-3, 3).map(float))
persons = st.fixed_dictionaries(
    {
        "orders": wild,
        "country": st.sampled_from(["de", "fr", "it", "", None]),
        "vip": st.sampled_from([True, False, None]),
        "spent": wild,
    }
)
SCHEMA = pa.schema([("orders", pa.float64()), ("country", pa.string()), ("vip", pa.bool_()), ("spent", pa.float64())])


@pytest.mark.long
@examples(20)
@given(weights=models, people=st.lists(persons, min_size=1, max_size=40))
def test_whatever_is_known_all_three_forms_say_the_same(
    weights: list[list[float]], people: list[dict[str, Any]]
) -> None:
    model = small(weights)
    table = pa.Table.from_pylist(people, schema=SCHEMA)
    rows = score_rows(model, design_matrix(table, model.features))
    table_rows = with_reasons(scored(ibis.memtable(table), model, "m_"), model, "m_").to_pyarrow().to_pylist()

    for place, (person, row) in enumerate(zip(people, table_rows, strict=True)):
        score = score_one(model, person)
        assert score.segment == row["m_segment"] == model.labels[rows.best[place]]
        assert score.runner_up == row["m_runner_up"] == model.labels[rows.second[place]]
        assert score.known == row["m_known"] == rows.known[place]
        assert score.probabilities == pytest.approx(rows.probabilities[place], abs=1e-12)
        assert score.probabilities == pytest.approx([row[f"m_p{i}"] for i in range(len(weights))], abs=1e-12)
        assert reasons_one(model, person, score) == row["m_reasons"]


@examples(12)
@given(level=numbers, people=st.lists(persons, min_size=1, max_size=8), classes=st.integers(2, 5))
def test_of_equal_labels_the_first_one_wins_in_all_three_forms(
    level: float, people: list[dict[str, Any]], classes: int
) -> None:
    model = small([[level] * 5] * classes)
    table = pa.Table.from_pylist(people, schema=SCHEMA)

    assert {score_one(model, person)[1::2][0] for person in people} == {"a"}
    assert {score_one(model, person).runner_up for person in people} == {"b"}
    assert set(score_expression(ibis.memtable(table), model).to_pyarrow()["segment"].to_pylist()) == {"a"}
    assert set(score_rows(model, design_matrix(table, model.features)).best) == {0}


@pytest.mark.parametrize("nothing", [None, float("nan"), float("inf"), 1e101, "12"])
def test_what_is_no_number_is_unknown_and_takes_the_fill_value(nothing: Any) -> None:
    model = small([[0.0, 0.0], [2.0, 1.0]])

    score = score_one(model, {"orders": nothing, "country": "de"})

    assert score.known == 0.5
    assert score.probabilities == score_one(model, {"orders": 1.5, "country": "de"}).probabilities


def test_unknown_is_not_the_same_as_another_option() -> None:
    model = small([[0.0, 0.0], [0.0, 4.0]])

    assert score_one(model, {"country": "it"}).probabilities == (0.5, 0.5)
    assert score_one(model, {}).probabilities == score_one(model, {"country": float("nan")}).probabilities != (0.5, 0.5)


def test_reasons_are_what_speaks_most_for_the_segment_against_its_runner_up() -> None:
    model = small([[0.0, 0.0, 0.0, 0.0, 0.0], [1.0, 3.0, -1.0, 9.0, 0.0]])
    person = {"orders": 7, "country": "de", "vip": None, "spent": 4000.0}

    reasons = reasons_one(model, person, score_one(model, person))

    # 1 (7 - 2) = 5, then 3 (1 - .3) = 2.1, then -1 (0 - .5) = .5; what is unknown and what weighs nothing says nothing
    assert reasons == "orders is 7 (mean 2); country is de; country is not fr"


def test_without_anything_that_speaks_for_it_the_reason_says_so() -> None:
    model = small([[0.0], [1.0]])

    assert (
        reasons_one(model, {"orders": 2}, score_one(model, {"orders": 2}))
        == "no particular trait; the most common segment"
    )


def test_a_temperature_makes_less_sure_and_changes_no_label() -> None:
    sharp = small([[0.0, 0.0], [4.0, 2.0]])
    mild = at_temperature(sharp, 2.0)
    person = {"orders": 1, "country": "de"}

    before, after = score_one(sharp, person), score_one(mild, person)

    assert before.segment == after.segment == "b"
    assert after.confidence == pytest.approx(1 / (1 + np.exp(-3)))
    assert before.confidence == pytest.approx(1 / (1 + np.exp(-6)))
    assert at_temperature(mild, 1.0).weights == sharp.weights


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"labels": ("a",), "intercepts": (0.0,), "weights": ((1.0, 1.0),)}, "two or more segments with unique names"),
        ({"labels": ("a", "a")}, "with unique names"),
        ({"features": ("orders", "orders")}, "one or more features with unique names"),
        ({"features": ("orders", "orders=2")}, "both as a number and by its values"),
        ({"features": ("orders",)}, "do not fit 2 segments by 1 features"),
        ({"intercepts": (0.0,)}, "do not fit"),
        ({"fill": (0.0,)}, "do not fit"),
        ({"mean": (0.0,)}, "do not fit"),
        ({"weights": ((1.0, 1.0), (float("nan"), 1.0))}, "not a number"),
        ({"fill": (float("inf"), 1.0)}, "not a number"),
        ({"intercepts": (1e300, 1.0)}, "too large"),
        ({"temperature": 0.0}, "not a number, or too large"),
    ],
)
def test_numbers_that_fit_no_model_are_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(DefinitionError, match=told):
        small([[0.0, 0.0], [1.0, 1.0]], other=wrong)


def test_what_leads_to_the_answer_is_not_part_of_it() -> None:
    model = small([[0.0, 0.0], [1.0, 1.0]])
    table = ibis.memtable(pa.Table.from_pylist([{"orders": 1.0, "country": "de"}], schema=SCHEMA))

    scores = score_expression(table, model)

    assert not feature_columns(model, "") & set(scores.columns)
    assert set(scores.columns) - set(table.columns) == {
        "p0",
        "p1",
        "segment",
        "confidence",
        "runner_up",
        "second",
        "known",
    }
