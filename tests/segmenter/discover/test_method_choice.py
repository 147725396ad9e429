"""Groups that are long, wide and tight are found by their shape; methods that disagree are never green."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.random import Generator, default_rng

from segmenter.classifier.linear import score_rows
from segmenter.discover.choose_k import light_of
from segmenter.discover.method_choice import MethodChoice, choose_method
from segmenter.discover.mixture_search import mixture_fits, scaled_like, shapes_for, vary_freely
from segmenter.discover.propose import Proposal, SearchOptions, propose
from segmenter.discover.stability import Effort
from segmenter.discover.to_linear import by_mixture
from segmenter.stats.item_matrix import Items, Labels

pytestmark = pytest.mark.simulation

QUICK = SearchOptions(most=4, report=Effort(12, 4), test=Effort(16, 3), rows_of_numbers=600)
PEOPLE = 600


def metric(values: Any) -> Items:
    return Items("metric", tuple(f"v{place}" for place in range(values.shape[1])), values)


def parallel(rng: Generator) -> tuple[Items, Labels]:
    """Three long groups side by side, correlation .7 in each."""
    group = np.repeat(np.arange(3), PEOPLE // 3)
    values = rng.multivariate_normal([0.0, 0.0], [[1.0, 0.7], [0.7, 1.0]], PEOPLE)
    return metric(values + (group[:, None] - 1) * np.array([1.6, -1.6])), group


def spread_differently(rng: Generator) -> tuple[Items, Labels]:
    group = np.repeat(np.arange(3), PEOPLE // 3)
    centres = np.array([[-2.0, 0.0, 0.0, 0.0], [2.5, 0.0, 0.0, 0.0], [0.0, 5.0, 0.0, 0.0]])
    return metric(centres[group] + rng.normal(size=(PEOPLE, 4)) * np.array([0.5, 1.0, 3.0])[group][:, None]), group


def round_ones(rng: Generator) -> tuple[Items, Labels]:
    group = np.repeat(np.arange(3), PEOPLE // 3)
    return metric(3.5 * np.eye(4)[group] + rng.normal(size=(PEOPLE, 4))), group


def rand_index(a: Any, b: Any) -> float:
    from sklearn.metrics import adjusted_rand_score  # noqa: PLC0415 - an independent implementation, 1.8 s

    return float(adjusted_rand_score(a, b))


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize(("world", "least"), [(parallel, 0.85), (spread_differently, 0.85)])
def test_what_k_means_cuts_up_a_mixture_tells_apart(world: Any, least: float) -> None:
    items, group = world(default_rng(1))

    proposal = propose(items, QUICK, default_rng(2))

    assert proposal.method == "mixture"
    assert proposal.k == 3
    assert rand_index(proposal.labels, group) > least
    assert proposal.light == "amber"
    assert any(note.startswith("Methods disagree") for note in proposal.notes)
    shaped = proposal.methods.shaped
    assert shaped is not None
    assert proposal.sure is not None
    model = by_mixture(items, shaped.mixture, ("1", "2", "3"), proposal.sure.temperature)
    assert (score_rows(model, items.values).best == shaped.labels).all()  # who is new is placed by the same rule
    assert all(segment.member is not None and segment.member > 0.85 for segment in proposal.segments)


@pytest.mark.long
def test_where_groups_are_round_k_means_is_kept() -> None:
    items, group = round_ones(default_rng(1))

    proposal = propose(items, QUICK, default_rng(2))

    assert (proposal.method, proposal.k, proposal.natural) == ("kmeans", 3, True)
    assert not any("ethod" in note or "One group" in note for note in proposal.notes)
    assert rand_index(proposal.labels, group) > 0.9
    assert proposal.methods.agreement is not None
    assert proposal.methods.agreement >= 0.9


def test_segments_that_are_constructed_are_never_green(shaped: Proposal) -> None:
    solution = shaped.tried[3]

    assert light_of(solution, notes=(), natural=True) == "green"
    assert light_of(solution, notes=(), natural=False) == "amber"
    assert light_of(solution, notes=(), natural=None) == "amber"


@pytest.fixture(scope="module")
def shaped() -> Proposal:
    asked = SearchOptions(most=3, method="kmeans", report=Effort(8, 2), test=Effort(6, 2), rows_of_numbers=300)
    return propose(round_ones(default_rng(3))[0], asked, default_rng(4))


def test_one_group_that_is_long_is_said_to_be_one() -> None:
    rng = default_rng(5)
    items = metric(rng.multivariate_normal(np.zeros(3), np.full((3, 3), 0.8) + 0.2 * np.eye(3), 400))
    cut = (items.values.sum(axis=1) > 0).astype(np.int64)

    chosen = choose(items, cut)

    assert chosen.shaped is None
    assert "One group of correlated numbers" in chosen.notes[0]
    assert choose(items, None) == MethodChoice()


def choose(items: Items, own: Labels | None) -> MethodChoice:
    rng = default_rng(6)
    fits = mixture_fits(scaled_like(items, items), 3, shapes_for(items), rng)
    return choose_method(items, items, fits, own, Effort(6, 2), rng)


def test_answers_of_few_steps_are_no_normal_distribution() -> None:
    rng = default_rng(7)
    free = metric(rng.normal(size=(200, 2)))
    steps = metric(rng.integers(1, 6, (200, 2)).astype(float))
    many_zeros = metric(np.where(rng.random((200, 2)) < 0.2, 0.0, rng.normal(size=(200, 2))))

    assert vary_freely(free)
    assert not vary_freely(steps)
    assert not vary_freely(many_zeros)
    assert shapes_for(steps) == ()
