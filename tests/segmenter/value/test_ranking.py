"""Segments by value: the formula, intervals that hold what they promise, ties, and advice in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segmenter.stats.multiplicity import Estimate, heterogeneity
from segmenter.stats.multiplicity import shrunken_estimates as pulled
from segmenter.stats.proportions import Interval
from segmenter.value.baselines import compare_rankings, top_share
from segmenter.value.keep_or_merge import advise_on_segments
from segmenter.value.ranking import (
    Costs,
    RankedSegment,
    SegmentPeople,
    SegmentResponse,
    most_valuable,
    rank,
    rank_intervals,
    shrunken_draws,
)


def people(
    name: str, count: int, mean: float, seed: int = 0, *, reach: float = 1.0, response: SegmentResponse | None = None
) -> SegmentPeople:
    rng = np.random.default_rng(seed)
    values = rng.gamma(0.5, mean / 0.5, count)
    return SegmentPeople(name, values, rng.random(count) < reach, values * 2, response)


def ranked(*segments: SegmentPeople, costs: Costs | None = None) -> dict[str, RankedSegment]:
    return {
        ranked_segment.name: ranked_segment
        for ranked_segment in rank(segments, costs or Costs(), np.random.default_rng(1))
    }


def test_the_value_is_that_of_the_formula() -> None:
    values = np.full(200, 10.0)
    reachable = np.arange(200) < 150
    segment = SegmentPeople("a", values, reachable, values, SegmentResponse(0.02, 1e-6, "holdout"))
    entry = ranked(segment, costs=Costs(earned=30.0, contact=0.1))["a"]

    assert entry.value == pytest.approx(150 * (10 + 0.02 * 30 - 0.1))
    assert (entry.people, entry.reachable, entry.gain) == (200, 150, 0.02)


@pytest.mark.slow
def test_every_term_matters() -> None:
    other = people("b", 500, 20, 5)
    response = SegmentResponse(0.02, 1e-6, "holdout")
    base = people("a", 500, 20, 4, response=response)
    costs = Costs(30.0, 0.1)
    variants = [
        ranked(base, other, costs=costs),
        ranked(people("a", 400, 20, 4, response=response), other, costs=costs),
        ranked(people("a", 500, 25, 4, response=response), other, costs=costs),
        ranked(people("a", 500, 20, 4, reach=0.8, response=response), other, costs=costs),
        ranked(replace(base, response=SegmentResponse(0.04, 1e-6, "holdout")), other, costs=costs),
        ranked(base, other, costs=Costs(40.0, 0.1)),
        ranked(base, other, costs=Costs(30.0, 0.3)),
    ]

    assert len({round(variant["a"].value, 6) for variant in variants}) == len(variants)


def test_segments_that_nothing_tells_apart_share_their_place() -> None:
    ranking = ranked(people("a", 400, 50, 1), people("b", 400, 50, 2), people("c", 400, 5, 3))

    assert ranking["a"].tie == ranking["b"].tie == 1
    assert ranking["c"].tie == 2
    assert (ranking["a"].ranks, ranking["c"].ranks) == ((1, 2), (3, 3))


def test_the_naive_place_is_that_of_past_spend() -> None:
    first, two = people("a", 300, 50, 1), people("b", 300, 10, 2)
    ranking = ranked(first, replace(two, spent=first.spent * 100))

    assert (ranking["a"].ranks, ranking["a"].naive, ranking["b"].naive) == ((1, 1), 2, 1)


def test_a_segment_of_one_and_one_without_people_are_no_error() -> None:
    empty = SegmentPeople("nobody", np.array([]), np.array([], dtype=bool), np.array([]))
    ranking = ranked(people("one", 1, 5), people("many", 300, 5), empty)

    assert set(ranking) == {"one", "many"}
    assert all(np.isfinite(ranked_segment.value) for ranked_segment in ranking.values())
    assert ranked(people("one", 1, 5))["one"].ranks == (1, 1)
    assert ranked(empty) == {}


def test_noisy_means_are_pulled_to_the_common_one_and_sure_ones_stay() -> None:
    values = np.array([[10.0, 20.0, 30.0]])
    pulled = shrunken_draws(values, np.array([0.01, 0.01, 400.0]))[0]

    assert pulled[:2] == pytest.approx([10, 20], abs=0.01)
    assert 15 < pulled[2] < 25
    assert shrunken_draws(values, np.array([1e9, 1e9, 1e9]))[0] == pytest.approx([20, 20, 20])


def test_shrinkage_is_that_of_the_formula_in_other_words() -> None:
    """DerSimonian-Laird by statsmodels."""
    from statsmodels.stats.meta_analysis import combine_effects  # noqa: PLC0415 - two seconds, of this test alone

    values, errors = np.array([4.0, 6.0, 9.0, 5.0]), np.array([1.0, 2.0, 1.5, 0.5])
    reference = combine_effects(values, errors, method_re="dl")
    between, common = reference.tau2, reference.mean_effect_re
    expected = common + between / (between + errors) * (values - common)

    assert shrunken_draws(values[None, :], errors)[0] == pytest.approx(expected)


RESPONSES = {
    "rita": SegmentResponse(0.05, 1e-4, "holdout", "Rita"),
    "gus": SegmentResponse(0.01, 4e-4, "holdout", "Gus"),
    "bo": SegmentResponse(-0.04, 1e-4, "holdout", "Bo"),
}


def test_what_mailing_adds_is_the_shrunken_lift_of_each_persona_and_not_below_nothing() -> None:
    measured = [Estimate(response.gain, response.variance) for response in RESPONSES.values()]
    common = heterogeneity(measured)
    wanted = dict(zip(RESPONSES, (max(gain, 0.0) for gain in pulled(measured, common)), strict=True))
    ranking = ranked(
        *(people(name, 200, 20, response=response) for name, response in RESPONSES.items()), people("new", 200, 20)
    )

    assert {name: ranking[name].gain for name in wanted} == pytest.approx(wanted)
    assert wanted["bo"] == 0.0 < wanted["gus"] < wanted["rita"]
    assert ranking["new"].gain == pytest.approx(max(common.pooled, 0.0))


def test_segments_of_one_persona_share_one_measurement() -> None:
    alone = ranked(*(people(name, 200, 20, response=response) for name, response in RESPONSES.items()))
    twice = [people(f"rita {place}", 200, 20, response=RESPONSES["rita"]) for place in range(5)]
    ranking = ranked(*twice, *(people(name, 200, 20, response=RESPONSES[name]) for name in ("gus", "bo")))

    assert {ranking[segment.name].gain for segment in twice} == {alone["rita"].gain}
    assert ranking["gus"].gain == alone["gus"].gain


def test_who_was_chosen_before_stays_where_chance_alone_would_change_it() -> None:
    ranking = rank(
        [people("a", 400, 50, 1), people("b", 400, 50, 2), people("c", 400, 5, 3)], Costs(), np.random.default_rng(1)
    )

    assert [most_valuable(ranking, 1, before=[name]) for name in ("a", "b")] == [["a"], ["b"]]
    assert most_valuable(ranking, 1, before=["c"]) != ["c"]
    assert set(most_valuable(ranking, 2)) == {"a", "b"}


def place(name: str, *, count: int = 400, reachable: int = 300, low: float = 5.0) -> RankedSegment:
    return RankedSegment(name, count, reachable, 10.0, None, 100.0, Interval(low, 200.0), (1, 2), 1, 1)


def test_each_criterion_is_said_in_words() -> None:
    ranking = [place("a"), place("twin"), place("tiny", count=9), place("mute", reachable=3), place("poor", low=-1)]
    messages = {"a": "hello", "twin": "hello", "tiny": "x", "mute": "y", "poor": "z"}
    advice = advise_on_segments(ranking, messages, valued=True)

    assert {name: segment_advice.verdict for name, segment_advice in advice.items()} == {
        "a": "keep",
        "twin": "merge",
        "tiny": "retire",
        "mute": "retire",
        "poor": "retire",
    }
    assert advice["twin"].merge_with == "a"
    assert advice["tiny"].reasons[0].startswith("too small: it needs 81 people, you have 9")
    assert advice["mute"].reasons[0].startswith("not reachable: it needs 50 marketable contacts")
    assert "may be zero" in advice["poor"].reasons[0]
    assert advise_on_segments(ranking, messages, valued=False)["poor"].verdict == "keep"


def test_the_top_tenth_is_counted_by_hand() -> None:
    outcome = np.arange(20.0)

    assert top_share(outcome, outcome) == pytest.approx((19 + 18) / 190)
    assert top_share(-outcome, outcome) == pytest.approx(1 / 190)
    assert top_share(outcome, np.zeros(20)) == 0


def test_a_difference_that_is_none_has_an_interval_around_zero() -> None:
    rng = np.random.default_rng(3)
    outcome = rng.gamma(0.3, 10, 800)
    captures = compare_rankings(outcome, {"same": outcome * 2, "chance": rng.random(800)}, outcome, rng)

    assert (captures["same"].behind, captures["same"].interval) == (0.0, Interval(0.0, 0.0))
    assert captures["chance"].interval.low > 0.3


@pytest.mark.proof
@pytest.mark.parametrize("spread", [0.0, 0.1, 0.5])
def test_rank_intervals_cover_the_true_place(spread: float) -> None:
    """120 worlds of 8 segments of 40 to 1,200 people with skewed values: at least 95% of true places are inside."""
    rng = np.random.default_rng(7)
    truth = np.exp(spread * np.linspace(-1, 1, 8)) * 20
    sizes = np.array([40, 1200, 150, 600, 90, 300, 800, 60])
    worth = truth * sizes * 0.7
    best = np.array([1 + int((worth > w).sum()) for w in worth])
    worst = np.array([int((worth >= w).sum()) for w in worth])
    inside, values_inside, worlds = 0, 0, 120
    for _ in range(worlds):
        drawn = rng.multinomial(sizes.sum(), sizes / sizes.sum())
        made = [
            SegmentPeople(str(j), rng.gamma(0.7, truth[j] / 0.7, n), rng.random(n) < 0.7, np.zeros(n))
            for j, n in enumerate(drawn)
        ]
        for ranked_segment in rank(made, Costs(), rng):
            j = int(ranked_segment.name)
            inside += ranked_segment.ranks[0] <= best[j] and worst[j] <= ranked_segment.ranks[1]
            values_inside += ranked_segment.interval.low <= worth[j] <= ranked_segment.interval.high

    assert inside / (worlds * 8) >= 0.95
    assert values_inside / (worlds * 8) >= 0.9


def test_the_interval_of_a_place_is_that_of_its_comparisons() -> None:
    rng = np.random.default_rng(0)
    values = np.array([10.0, 9.0, 1.0])
    ranks, apart = rank_intervals(values, rng.normal(values, 1.0, size=(4000, 3)))

    assert ranks.tolist() == [[1, 2], [1, 2], [3, 3]]
    assert apart.tolist() == [[False, False, True], [False, False, True], [False, False, False]]
