"""Segments keep their names across refits while most of their people stay, and lose them when they don't."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import default_rng

from segmenter.classifier.linear import score_rows
from segmenter.discover.choose_k import merge_segments
from segmenter.discover.cross_fit import classes_again, found_again
from segmenter.discover.latent_class import latent_classes
from segmenter.discover.to_linear import by_centres, by_classes
from segmenter.stats.alignment import kept_names, overlap_of_labels
from segmenter.stats.item_matrix import ItemKind, Items, coded

LABELS = st.lists(st.sampled_from("abc"), min_size=4, max_size=40)


def test_a_segment_keeps_its_name_while_half_of_its_people_stay() -> None:
    before = ["loyal"] * 10 + ["new"] * 10
    after = ["x"] * 8 + ["y"] * 12

    assert kept_names(overlap_of_labels(before, after)) == {"x": "loyal", "y": "new"}


def test_a_segment_with_other_people_is_new() -> None:
    before = ["loyal"] * 10 + ["new"] * 10 + ["lapsed"] * 10
    after = ["x"] * 10 + ["y"] * 5 + ["z"] * 5 + ["y"] * 5 + ["z"] * 5

    # y and z hold half of both: a Jaccard of a third
    assert kept_names(overlap_of_labels(before, after)) == {"x": "loyal"}


@given(LABELS, st.permutations("abc"))
def test_a_mere_renaming_is_seen_through(labels: list[str], order: list[str]) -> None:
    renamed = dict(zip("abc", order, strict=True))

    table = overlap_of_labels(labels, [renamed[label] for label in labels])

    assert kept_names(table) == {renamed[label]: label for label in set(labels)}
    assert table.agreement() == pytest.approx(1.0)


def test_who_stayed_is_counted_with_the_unclassified() -> None:
    table = overlap_of_labels(["a", "a", "b", None], ["a", "b", "b", None])

    assert table.stayed() == pytest.approx(0.75)
    assert table.rows == ("a", "b", None)


def test_segments_with_the_same_message_become_one() -> None:
    base = Items("metric", ("v", "w"), np.array([[0.0, 0], [1, 0], [10, 9], [11, 9]]).repeat(10, axis=0))

    assert merge_segments(base, np.repeat([0, 1, 2, 3], 10), ["low", "low", "high", "high"]) == (0, 0, 1, 1)
    assert merge_segments(base, np.repeat([0, 1, 2, 3], 10), ["a", "b", "a", "c"]) == (0, 1, 0, 2)


def test_the_linear_form_gives_everybody_the_nearest_centre() -> None:
    rng = default_rng(1)
    values = rng.normal(size=(300, 3)) * [1, 10, 100] + [5, 0, -3]
    base = Items("metric", ("u", "v", "w"), values)
    labels = rng.integers(0, 3, 300)
    scaled = coded(base).values
    centres = np.array([scaled[labels == j].mean(axis=0) for j in range(3)])

    model = by_centres(base, labels, ("a", "b", "c"))

    assert model is not None
    nearest = ((scaled[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert (score_rows(model, values).best == nearest).all()


@pytest.mark.parametrize("kind", ["binary", "categorical"])
def test_the_linear_form_of_latent_classes_has_their_posteriors(kind: str) -> None:
    rng = default_rng(2)
    group = rng.integers(0, 2, 400)
    values = (rng.random((400, 5)) < np.where(group, 0.8, 0.2)[:, None]).astype(float)
    base = Items("binary", tuple("abcde"), values)
    if kind == "categorical":
        base = Items("categorical", tuple("abcde"), values, (("no", "yes"),) * 5)
    classes = latent_classes(base, 2, starts=3, rng=rng)

    model = by_classes(base, classes, ("first", "second"))

    assert score_rows(model, coded(base).values).probabilities == pytest.approx(classes.posteriors, abs=1e-4)


def test_segments_are_found_anew_among_some_people_and_nothing_of_the_others_is_used() -> None:
    rng = default_rng(3)
    group = rng.integers(0, 3, 300)
    values = np.column_stack([group * 20.0, rng.exponential(size=300) + 50 * (group == 1)]) + rng.random((300, 2))
    values[5, 1] = np.nan
    inside = np.arange(0, 200)
    others = values.copy()
    others[200:] = 1e6

    labels = np.array(found_again(Items("metric", ("v", "w"), values), 3, default_rng(1))(inside))
    again = np.array(found_again(Items("metric", ("v", "w"), others), 3, default_rng(1))(inside))

    assert len({(number, label) for number, label in zip(group.tolist(), labels.tolist(), strict=True)}) == 3
    assert (labels[inside] == again[inside]).all()
    two = np.array(found_again(Items("metric", ("v", "w"), values), 2, default_rng(1))(inside))
    assert len(set(two.tolist())) == 2


@pytest.mark.parametrize("kind", ["binary", "metric"])
def test_latent_classes_are_found_again_without_the_others_answers(kind: ItemKind) -> None:
    """Three planted classes, each with an answer of its own to two of six items; 0 and 2 are its opposites."""
    rng, names = default_rng(3), tuple("abcdef")
    truth = np.repeat([0, 1, 2], 200)
    likely = (np.arange(6) // 2) == truth[:, None]
    no = 0.0 if kind == "binary" else rng.choice([0.0, 2.0], size=(600, 6))
    values = np.where(rng.random((600, 6)) < np.where(likely, 0.9, 0.1), 1.0, no)
    values[rng.random((600, 6)) < 0.02] = np.nan
    inside, outside = np.arange(0, 600, 2), np.arange(1, 600, 2)
    others = values.copy()
    others[outside] = rng.choice([0.0, 1.0], size=(300, 6))

    labels = np.array(classes_again(Items(kind, names, values), 3, default_rng(1))(inside)).astype(int)
    again = np.array(classes_again(Items(kind, names, others), 3, default_rng(1))(inside)).astype(int)

    table = np.zeros((3, 3))
    np.add.at(table, (truth[outside], labels[outside]), 1)
    assert table.max(axis=1).sum() > 0.85 * len(outside)
    assert (labels[inside] == again[inside]).all()
