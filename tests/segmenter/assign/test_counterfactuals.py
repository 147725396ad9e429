"""What would give a person another segment."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from segmenter.assign.counterfactuals import nearest_rule, smallest_flip
from segmenter.classifier.linear import LinearModel, score_one
from segmenter.rules.segments import Segment, waterfall
from segmenter.traits.builtin import catalogue

STEPS = waterfall(
    (
        Segment("said", "Said", "false"),
        Segment("far", "Far", "orders_total >= 9 and revenue_total > 100 and tenure_days > 5"),
        Segment("near", "Near", "orders_total >= 3 and tenure_days > 5", parent="base"),
        Segment("base", "Base", "orders_total >= 1"),
    ),
    catalogue(),
)


def test_the_nearest_rule_is_the_one_that_lacks_the_fewest_clauses() -> None:
    person = {"orders_total": 2.0, "revenue_total": 10.0, "tenure_days": 30.0}

    assert str(nearest_rule(person, STEPS, "base")) == "near needs orders_total >= 3 (orders_total is 2)"
    assert str(nearest_rule(person, STEPS, "near")) == (
        "far needs orders_total >= 9 (orders_total is 2); revenue_total > 100 (revenue_total is 10)"
    )
    assert nearest_rule(person, STEPS, "far") is None


def test_the_clauses_of_the_segment_that_it_lies_in_count() -> None:
    nearest = nearest_rule({"orders_total": 0.0, "tenure_days": 30.0}, STEPS, None)

    assert nearest is not None
    assert nearest.segment == "base"


MODEL = LinearModel(
    "logit",
    ("a", "b", "c"),
    ("orders", "spent", "country=de", "country=fr"),
    ((0.0, 0.0, 0.0, 0.0), (1.0, 0.01, 0.0, 2.0), (0.2, -0.01, 3.0, 0.0)),
    (0.0, -4.0, -3.5),
    (1.0, 50.0, 0.2, 0.2),
    (1.0, 50.0, 0.2, 0.2),
)


def test_the_smallest_change_of_one_trait_is_told_in_words() -> None:
    flip = smallest_flip({"orders": 3.0, "spent": 60.0, "country": "it"}, MODEL)

    # b leads from orders = 4 - .6 = 3.4 on; a count goes to the next whole number, which is a third more
    assert str(flip) == "the model would assign b if orders were 4 instead of 3"


numbers = st.floats(-20, 200)


@example(orders=3.0, spent=200.0, country="fr")  # only no orders at all, where both segments are equally likely
@example(orders=2.5, spent=200.0, country="fr")
@example(orders=3.0, spent=250.0, country="fr")  # nothing can do it
@given(orders=numbers, spent=st.one_of(st.none(), numbers), country=st.sampled_from(["de", "fr", "it", None]))
def test_the_change_does_what_it_says(orders: float, spent: float | None, country: str | None) -> None:
    person: dict[str, Any] = {"orders": orders, "spent": spent, "country": country}

    flip = smallest_flip(person, MODEL)

    if flip is None:  # a trait that is not negative stays so, and none of the values that are left changes anything
        left = {"orders": range(201), "spent": range(0, 2001, 5), "country": ("de", "fr", "it")}
        others = [{**person, trait: value} for trait, values in left.items() for value in values]
        assert {score_one(MODEL, other).segment for other in others} == {score_one(MODEL, person).segment}
        return
    assert score_one(MODEL, person).segment != flip.segment
    assert score_one(MODEL, {**person, flip.trait: flip.after}).segment == flip.segment


def test_where_no_trait_decides_none_changes_anything() -> None:
    blind = LinearModel("logit", ("a", "b"), ("orders",), ((1.0,), (1.0,)), (1.0, 0.0), (0.0,), (0.0,))

    assert smallest_flip({"orders": 3.0}, blind) is None
