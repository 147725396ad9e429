"""When a plan may not be applied, and what is said then."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from sync.plan.guardrails import GuardrailLimits, broken_limits, how_to_override
from sync.plan.state import Counts

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
LIMITS = GuardrailLimits(max_changed=0.2, max_removed=0.05, max_unclassified=0.5, max_data_age=timedelta(hours=48))


def counts(**figures: int) -> Counts:
    return Counts(
        allowed=Counter(crm=100),
        changed=Counter(crm=figures.get("changed", 1)),
        replaced=Counter(crm=figures.get("replaced", 0)),
        removed=Counter(crm=2 * figures.get("leaving", 0)),
        leaving=Counter(crm=figures.get("leaving", 0)),
        by_persona=Counter(regular=figures.get("regular", 100), unclassified=figures.get("unclassified", 0)),
    )


def broken(counts: Counts, *, pulled: datetime | None = NOW) -> list[str]:
    breaches = broken_limits(counts, LIMITS, pulled_at={"crm": pulled}, now=NOW)
    return [breach.guardrail for breach in breaches]


def test_a_quiet_plan_may_be_applied() -> None:
    assert broken(counts(replaced=20, leaving=5)) == []


@pytest.mark.parametrize(
    ("figures", "guardrail"),
    [
        ({"replaced": 21}, "max_changed"),
        ({"leaving": 6}, "max_removed"),
        ({"regular": 40, "unclassified": 60}, "max_unclassified"),
    ],
)
def test_each_share_above_its_limit_is_refused(figures: dict[str, int], guardrail: str) -> None:
    assert broken(counts(**figures)) == [guardrail]


def test_a_plan_that_sends_nothing_is_not_stopped_by_what_people_are() -> None:
    assert broken(counts(changed=0, regular=40, unclassified=60)) == []


def test_only_contacts_that_would_show_other_words_count_as_changed() -> None:
    assert broken(counts(changed=100, replaced=20)) == []
    assert broken(counts(changed=100, replaced=21)) == ["max_changed"]


@pytest.mark.parametrize("pulled", [None, NOW - timedelta(hours=49)])
def test_data_that_are_missing_or_too_old_decide_nothing(pulled: datetime | None) -> None:
    assert broken(counts(), pulled=pulled) == ["max_data_age_hours"]


def test_every_refusal_names_the_share_the_limit_and_the_way_on() -> None:
    [breach] = broken_limits(counts(replaced=50), LIMITS, pulled_at={"crm": NOW}, now=NOW)

    assert "50 of 100 contacts would get" in breach.message
    assert "50.0%" in breach.message
    assert "raise max_changed" in breach.message


def test_who_would_lose_a_tag_is_counted_in_words() -> None:
    [breach] = broken_limits(counts(leaving=50), LIMITS, pulled_at={"crm": NOW}, now=NOW)

    assert "50 of 100 contacts would lose" in breach.message


def test_the_fix_names_every_guardrail_at_once_and_what_a_pull_settles_first() -> None:
    assert how_to_override([]) == ""
    assert "`personasync apply --override max_changed --override max_removed`" in how_to_override(
        ["max_changed", "max_removed"]
    )
    assert "`personasync pull`" in how_to_override(["max_changed", "max_data_age_hours"])
    assert "--override" not in how_to_override(["max_changed", "max_data_age_hours"])
