"""Groups that spread differently: products and logarithms say the same in all three forms, and as a library does."""

from __future__ import annotations

from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.mixture import GaussianMixture

from segmenter.assign.counterfactuals import smallest_flip
from segmenter.classifier.expression import scored
from segmenter.classifier.linear import LinearModel, design_matrix, score_one, score_rows
from segmenter.classifier.reasons import lead_parts, reasons_one, with_reasons
from segmenter.discover.to_linear import by_mixture
from segmenter.errors import DefinitionError
from segmenter.stats.item_matrix import Items, coded
from segmenter.stats.mixtures import SHAPES, best_mixture, starts_of
from tests.examples import examples

CURVED = LinearModel(
    "mixture",
    ("calm", "wild", "odd"),
    ("orders", "log1p(spent)", "age"),
    ((0.0, 0.0, 0.0), (1.0, -0.5, 0.02), (-0.5, 1.0, 0.01)),
    (0.0, -3.0, -2.0),
    (1.5, 3.0, 40.0),
    (2.0, 3.5, 41.0),
    products=((0, 0), (0, 1), (1, 1)),
    curves=((0.0, 0.0, 0.0), (-0.05, 0.1, 0.02), (0.03, -0.1, 0.05)),
)
wild = st.one_of(st.none(), st.floats(-50, 5000), st.sampled_from([float("nan"), float("inf"), 0.0, 12.0]))
persons = st.fixed_dictionaries({"orders": wild, "spent": wild, "age": wild})
SCHEMA = pa.schema([(name, pa.float64()) for name in ("orders", "spent", "age")])


@examples(10)
@given(people=st.lists(persons, min_size=1, max_size=20))
def test_whatever_is_known_all_three_forms_say_the_same(people: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist(people, schema=SCHEMA)
    rows = score_rows(CURVED, design_matrix(table, CURVED.features))
    table_rows = with_reasons(scored(ibis.memtable(table), CURVED, "m_"), CURVED, "m_").to_pyarrow().to_pylist()

    for place, (person, row) in enumerate(zip(people, table_rows, strict=True)):
        score = score_one(CURVED, person)
        assert score.segment == row["m_segment"] == CURVED.labels[rows.best[place]]
        assert score.known == row["m_known"] == rows.known[place]
        assert score.probabilities == pytest.approx(rows.probabilities[place], abs=1e-9)
        assert score.probabilities == pytest.approx([row[f"m_p{i}"] for i in range(3)], abs=1e-9)
        assert reasons_one(CURVED, person, score) == row["m_reasons"]


def test_the_parts_of_the_features_add_up_to_the_lead() -> None:
    values = [4.0, 6.0, 30.0]

    parts = lead_parts(CURVED, values, 2, 1)

    z = [
        b + np.dot(row, v) + sum(c * v[i] * v[j] for c, (i, j) in zip(curve, CURVED.products, strict=True))
        for v in (np.array(values), np.array(CURVED.mean))
        for b, row, curve in zip(CURVED.intercepts, CURVED.weights, CURVED.curves, strict=True)
    ]
    assert sum(parts) == pytest.approx((z[2] - z[1]) - (z[5] - z[4]))


@given(orders=st.floats(0, 60), spent=st.floats(0, 4000), age=st.one_of(st.none(), st.floats(18, 90)))
def test_the_smallest_change_does_what_it_says(orders: float, spent: float, age: float | None) -> None:
    person = {"orders": orders, "spent": spent, "age": age}

    flip = smallest_flip(person, CURVED)

    assert flip is not None
    assert score_one(CURVED, person).segment != flip.segment
    assert score_one(CURVED, {**person, flip.trait: flip.after}).segment == flip.segment


def test_a_logarithm_is_told_as_the_number_that_it_was() -> None:
    person = {"orders": 1.0, "spent": 4000.0, "age": 40.0}

    score = score_one(CURVED, person)

    assert score.segment == "odd"
    assert "spent is 4000 (typical 32.1)" in reasons_one(CURVED, person, score)


def test_a_product_of_what_there_is_not_is_refused() -> None:
    given_: dict[str, Any] = {"kind": "mixture", "labels": ("a", "b"), "features": ("x",), "weights": ((0.0,), (1.0,))}
    given_ |= {"intercepts": (0.0, 0.0), "fill": (0.0,), "mean": (0.0,)}

    for products, curves in (((0, 1),), ((0.0,), (1.0,))), (((0, 0),), ((0.0,),)), ((), ((1.0,), (1.0,))):
        with pytest.raises(DefinitionError, match="its products and their weights do not fit 1 features"):
            LinearModel(**given_, products=products, curves=curves)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.slow
def test_a_mixture_classifies_as_scikit_learn_does(shape: Any) -> None:
    rng = np.random.default_rng(5)
    groups = np.repeat([0, 1, 2], [200, 150, 100])
    values = rng.normal(size=(450, 3)) * np.array([1.0, 0.5, 2.0])[groups][:, None] + groups[:, None] * [3, 5, -2]
    items = Items("metric", ("a", "b", "c"), values)
    scaled = coded(items).values
    mixture = best_mixture(scaled, 3, shape, starts_of(scaled, 3, rng))
    assert mixture is not None

    model = by_mixture(items, mixture, ("x", "y", "z"))

    theirs = GaussianMixture(3, covariance_type="full", weights_init=mixture.shares, means_init=mixture.means)
    theirs.weights_, theirs.means_ = mixture.shares, mixture.means
    theirs.precisions_cholesky_ = np.linalg.cholesky(np.linalg.inv(mixture.covariances))
    probabilities = theirs.predict_proba(scaled)
    assert score_rows(model, values).probabilities == pytest.approx(probabilities, abs=1e-7)
    assert mixture.posteriors(scaled) == pytest.approx(probabilities, abs=1e-9)
    assert (len(model.products) == 0) is (shape in {"equal", "tied"})
    kind = {"tied": "tied", "diagonal": "diag", "full": "full"}.get(shape)
    if kind is not None:  # scikit-learn's own search ends no lower
        own = GaussianMixture(3, covariance_type=kind, n_init=5, random_state=1).fit(scaled)
        assert mixture.bic <= own.bic(scaled) + 2.0
