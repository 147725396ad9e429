"""The days of the demo, and what makes its figures the same for one seed; the demo itself runs in tests/sync/cli."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.sandbox.world import make_world
from segmenter.lift.effects import Effect
from segmenter.stats.proportions import Interval, Responses
from sync.clock import now
from sync.control.person_ids import counted_person_ids, new_person_id
from sync.ops.demo import DAYS, DemoClock, first_day, in_plain_words


@pytest.mark.parametrize("time", ["00:00:00", "12:30:00", "23:59:59"])
def test_the_days_of_the_demo_begin_at_midnight_and_lie_in_the_past(time: str) -> None:
    present = datetime.fromisoformat(f"2026-03-01T{time}+00:00")
    begins = first_day(present)

    assert begins == datetime(2026, 3, 1, tzinfo=UTC) - timedelta(days=16)
    assert present - timedelta(days=1) < begins + timedelta(days=DAYS) <= present


def test_the_platforms_and_our_clock_begin_where_the_demo_does() -> None:
    begins = first_day(now())
    world = make_world(begins=begins)
    clock = DemoClock(begins - now())

    assert timedelta(0) <= world.clock.now() - begins < timedelta(minutes=1)
    assert abs(clock() - world.clock.now()) < timedelta(minutes=1)


def test_counted_ids_are_the_same_for_a_seed_and_sort_before_all_others() -> None:
    ids, again, other = (counted_person_ids(seed) for seed in (7, 7, 8))
    first = [ids() for _ in range(300)]

    assert first == [again() for _ in range(300)] == sorted(set(first))
    assert first[0] != other()
    assert first[-1] < new_person_id()


@pytest.mark.parametrize(
    ("difference", "low", "high", "stands", "words"),
    [
        (0.051, 0.024, 0.079, True, "Yes: of 100 people, 5.1 more clicked (95% CI 2.4 to 7.9)."),
        (-0.051, -0.079, -0.024, True, "No: of 100 people, 5.1 fewer clicked (95% CI -7.9 to -2.4)."),
        (
            0.051,
            0.024,
            0.079,
            False,
            "Not clear: of 100 people, +5.1 clicked (95% CI 2.4 to 7.9); more people would tell.",
        ),
        (
            0.01,
            -0.02,
            0.04,
            True,
            "Not clear: of 100 people, +1.0 clicked (95% CI -2.0 to 4.0); more people would tell.",
        ),
    ],
)
def test_the_demo_says_yes_only_where_the_difference_stands(
    *, difference: float, low: float, high: float, stands: bool, words: str
) -> None:
    sides = Responses(1000, 150), Responses(1000, 100)
    effect = Effect("", "clicked", *sides, difference, Interval(low, high), 0.01, 0.0001, difference, stands=stands)

    assert in_plain_words(effect) == words
