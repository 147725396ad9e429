"""Both platforms' published windows, on a simulated clock: used well, and never overrun."""

from __future__ import annotations

from typing import Any

import pytest

from tests.described.figures import brevos_campaigns, brevos_contacts, klaviyos_profiles, use_of

pytestmark = [pytest.mark.outside, pytest.mark.slow]


def is_good(figures: dict[str, Any], done: int) -> bool:
    """At least nine tenths of each window, nothing turned away, nobody made."""
    kept = {name: figures[name] for name in ("done", "own_429s", "created", "faults")}
    return kept == {"done": done, "own_429s": 0, "created": 0, "faults": 0} and 0.9 <= figures["window_use"] <= 1


@pytest.mark.parametrize(("minute", "people"), [(750, 800), (700, 750)])  # by the newest description, and by the guide
def test_klaviyos_windows_are_used_and_never_overrun(minute: int, people: int) -> None:
    figures = klaviyos_profiles(people, minute)

    assert is_good(figures, people), figures


def test_brevos_window_of_contacts_is_used_and_never_overrun() -> None:
    figures = brevos_contacts(3000)

    assert is_good(figures, 3000), figures


def test_brevos_hundred_an_hour_are_used_and_never_overrun() -> None:
    figures = brevos_campaigns(230)

    assert is_good(figures, 230), figures


def test_a_window_that_is_not_used_lowers_the_use() -> None:
    assert use_of([0.0, 1.0, 60.0, 180.0], 2, 60) == 0
    assert use_of([0.0, 1.0, 60.0, 61.0, 120.0], 2, 60) == 1
