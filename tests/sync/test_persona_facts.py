"""A persona of which nothing can be said says why."""

from __future__ import annotations

import pytest

from segmenter.profile.differences import GroupTest
from segmenter.profile.facts import Measured
from segmenter.profile.trust import Trust
from sync.persona_facts import _silent


@pytest.mark.parametrize(
    ("people", "compared", "says"),
    [(19, 3, "Nothing is said of 19 people"), (100, 3, "Everybody is in it"), (50, 0, "No trait has values"),
     (50, 3, "Nothing tells its people from the others: 3 traits were compared")],
)  # fmt: skip
def test_a_persona_without_facts_says_why(people: int, compared: int, says: str) -> None:
    measured = [Measured("x", ((),), GroupTest("chi-squared", 1.0, 0.5), None)] * compared

    assert says in _silent(Trust(people, 100), (), measured, 20)
