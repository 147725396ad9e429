"""Arms by a stable hash: alike in Python and in the engine, as large as their shares, the same after every refit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import ibis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from segmenter.errors import DefinitionError
from segmenter.lift.randomization import HOLDOUT, Experiment, arm_of, check_experiment, copy_of, sample_ratio, with_arms

BEGINS = datetime(2026, 11, 1, tzinfo=UTC)
SPRING = Experiment("spring", "a salt", {"old": 0.5, "new": 0.5}, BEGINS, holdout=0.1)


def allocated(experiment: Experiment, people: list[tuple[str, str | None]]) -> dict[str, str]:
    table = ibis.memtable(
        [{"person_id": person, "persona": persona} for person, persona in people],
        schema={"person_id": "string", "persona": "string"},
    )
    return {row["person_id"]: row["arm"] for row in with_arms(table, experiment).to_pyarrow().to_pylist()}


def test_python_and_the_engine_deal_everybody_alike() -> None:
    experiment = replace(SPRING, holdouts={"gus": 0.5})
    people = [(f"p-{n}", ("gus", "rita", None)[n % 3]) for n in range(3000)]

    arms = allocated(experiment, people)

    assert arms == {person: arm_of(person, experiment, persona) for person, persona in people}


def test_each_arm_gets_its_share() -> None:
    arms = [arm_of(f"p-{n}", SPRING) for n in range(40_000)]
    counts = [arms.count(arm) for arm in (HOLDOUT, "old", "new")]

    assert sample_ratio(counts, [0.1, 0.45, 0.45]).p > 0.001
    assert set(arms) == {HOLDOUT, "old", "new"}


def test_another_salt_deals_anew_and_the_same_one_does_not() -> None:
    again = [arm_of(f"p-{n}", SPRING) for n in range(1000)]
    other = [arm_of(f"p-{n}", replace(SPRING, salt="another")) for n in range(1000)]

    assert again == [arm_of(f"p-{n}", replace(SPRING, name="renamed")) for n in range(1000)]
    assert sum(first != two for first, two in zip(again, other, strict=True)) > 400


@given(st.text(min_size=1, max_size=30), st.sampled_from(["rita", "gus", None]), st.sampled_from(["rita", "gus", None]))
def test_nobody_moves_when_segments_are_refitted(person: str, before: str | None, after: str | None) -> None:
    assert arm_of(person, SPRING, before) == arm_of(person, SPRING, after)


def test_only_the_personas_that_take_part_are_dealt_in() -> None:
    arms = allocated(replace(SPRING, personas=("rita",)), [("a", "rita"), ("b", "gus"), ("c", None)])

    assert set(arms) == {"a"}


def test_the_control_is_the_holdout_where_there_is_one() -> None:
    assert SPRING.control == HOLDOUT
    assert replace(SPRING, holdout=0.0).control == "old"
    assert replace(SPRING, holdout=0.0, holdouts={"gus": 0.2}).control == HOLDOUT
    assert SPRING.groups == {HOLDOUT: "spring_holdout", "old": "spring_old", "new": "spring_new"}
    assert replace(SPRING, holdout=0.0).groups == {"old": "spring_old", "new": "spring_new"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (replace(SPRING, arms={}), "no variants"),
        (replace(SPRING, arms={"holdout": 1.0}), "be a variant"),
        (replace(SPRING, arms={"old": 0.5, "new": 0.4}), "sum to 0.9"),
        (replace(SPRING, arms={"old": 1.5, "new": -0.5}), "above 0"),
        (replace(SPRING, holdout=1.0), "leaves no contacts"),
        (replace(SPRING, holdouts={"gus": -0.1}), "below 1"),
        (replace(SPRING, arms={"new": 1.0}, holdout=0.0), "needs a holdout to compare"),
        (replace(SPRING, ends=BEGINS), "before it begins"),
        (replace(SPRING, generic=("other",)), "'other' is not one of its variants"),
        (replace(SPRING, generic=("old",), placebo=("old",)), "either the fallback copy"),
    ],
)
def test_an_experiment_that_can_tell_nothing_is_refused(wrong: Experiment, message: str) -> None:
    with pytest.raises(DefinitionError, match=message) as caught:
        check_experiment(wrong)

    assert caught.value.where == "experiment 'spring'"


@given(st.lists(st.integers(1, 5000), min_size=2, max_size=5))
def test_the_sample_ratio_is_what_scipy_computes(counts: list[int]) -> None:
    ratio = sample_ratio(counts, [1.0] * len(counts))

    assert ratio.p == pytest.approx(chisquare(counts).pvalue, abs=1e-12)


def test_a_broken_ratio_is_called_broken() -> None:
    assert sample_ratio([5000, 5400], [0.5, 0.5]).broken
    assert not sample_ratio([5000, 5100], [0.5, 0.5]).broken
    assert sample_ratio([0, 0], [0.5, 0.5]).p == 1.0
    assert sample_ratio([7], [1.0]).p == 1.0


def test_generic_arms_get_nobodys_copy_and_placebo_arms_that_of_a_persona_drawn_at_random() -> None:
    experiment = replace(SPRING, generic=("old",), placebo=("new",))
    table = ibis.memtable([{"person_id": f"p-{n}", "arm": arm_of(f"p-{n}", experiment)} for n in range(6000)])
    copies = copy_of(table, experiment, ["rita", "gus", "bo"], fallback="unclassified").to_pyarrow().to_pylist()
    drawn = [row["copy_of"] for row in copies if arm_of(row["person_id"], experiment) == "new"]

    assert {row["copy_of"] for row in copies if arm_of(row["person_id"], experiment) == "old"} == {"unclassified"}
    assert HOLDOUT not in {arm_of(row["person_id"], experiment) for row in copies}
    assert sample_ratio([drawn.count(slug) for slug in ("rita", "gus", "bo")], [1, 1, 1]).p > 0.001
