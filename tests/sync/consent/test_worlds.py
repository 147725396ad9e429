"""Worlds that differ only in data which consent forbids: every output is equal; planted leaks are caught."""

from __future__ import annotations

import pytest

from tests.consent_worlds.__main__ import differences
from tests.consent_worlds.world import make_world, with_forbidden_changed


def test_a_changed_world_differs_in_forbidden_data_only() -> None:
    for seed in range(50):
        for person, other in zip(make_world(seed), with_forbidden_changed(make_world(seed), seed), strict=True):
            assert (person.answers, person.profiled, person.tracked) == (other.answers, other.profiled, other.tracked)
            if person.profiled:
                assert (person.orders, person.traits, person.mails, person.score) == (
                    other.orders, other.traits, other.mails, other.score
                )  # fmt: skip
            if person.profiled and person.tracked:
                assert person.acts == other.acts


@pytest.mark.long
def test_every_output_of_worlds_is_equal() -> None:
    assert differences(0, count=3) == []


@pytest.mark.long
@pytest.mark.parametrize(("leak", "seen_in"), [("opens", "traits"), ("traits", "traits"), ("faith", "quality")])
def test_a_planted_leak_is_caught(leak: str, seen_in: str) -> None:
    assert f"world 0: {seen_in}" in differences(0, leak, until=seen_in)
