"""Facts read as people would say them: percentages, units, months, and of how many a figure is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segmenter.profile.changes import profile_changes
from segmenter.profile.columns import TraitColumn
from segmenter.profile.credibility import Trust
from segmenter.profile.distinctive_traits import DistinctiveTrait, Scale
from segmenter.profile.profile import Profile
from segmenter.profile.text import family_lines, made_from, trait_sentence, typical_sentences
from segmenter.profile.typical_member import Said, Typical, typical
from segmenter.traits.definitions import Trait

COUNTRY = DistinctiveTrait(
    "country",
    "country",
    "",
    "geographic",
    "share",
    "CH",
    0.7,
    0.65,
    0.75,
    0.4,
    175.0,
    162.0,
    188.0,
    140,
    200,
    0.5,
    1e-9,
    "chi-squared",
    90.0,
    1e-8,
    marker=True,
    said=True,
)
ORDERS = replace(
    COUNTRY,
    trait="orders_365d",
    meaning="orders placed",
    unit="orders",
    family="behavioural",
    kind="median",
    value="",
    here=5.0,
    here_low=4.0,
    here_high=6.0,
    everywhere=1.0,
)
JOINED = replace(
    ORDERS,
    trait="joined",
    meaning="day of joining",
    unit="date",
    here=20_000.0,
    here_low=19_990.0,
    here_high=20_020.0,
    everywhere=18_000.0,
    index=None,
    index_low=None,
    index_high=None,
)


@pytest.mark.parametrize(
    ("fact", "people", "says"),
    [
        (COUNTRY, 200, "country: CH 70% (all 40%; index 175, 95% CI 162 to 188)"),
        (COUNTRY, 400, "country: CH 70% (all 40%; index 175, 95% CI 162 to 188; known of 50%)"),
        (replace(COUNTRY, here=0.004), 200, "country: CH 0.4% (all 40%; index 175, 95% CI 162 to 188)"),
        (ORDERS, 200, "orders placed: median 5 orders (all 1 order; index 175, 95% CI 162 to 188)"),
        (
            replace(ORDERS, unit="main currency", here=0.256, everywhere=3.14),
            200,
            "orders placed: median 0.26 (all 3.1; index 175, 95% CI 162 to 188)",
        ),
        (JOINED, 200, "day of joining: median October 2024 (all April 2019; 95% CI September 2024 to October 2024)"),
    ],
)
def test_a_fact_reads_as_a_sentence(fact: DistinctiveTrait, people: int, says: str) -> None:
    assert trait_sentence(fact, people) == says


def test_each_family_says_its_facts_or_why_there_are_none() -> None:
    made = replace(ORDERS, base=True)
    trust = Trust(200, 1000)
    profile = Profile("rita", "2026-11-01T00:00:00+00:00", (), trust, (COUNTRY, made), compared={"cultural": 1})

    lines = family_lines(profile)

    assert list(lines) == ["demographic", "geographic", "behavioural", "cultural", "psychographic"]
    assert lines["geographic"] == ["country: CH 70% (all 40%; index 175, 95% CI 162 to 188)"]
    assert lines["cultural"] == ["No significant differences; 1 trait compared."]
    assert lines["psychographic"] == ["No data: no trait of this family varies."]
    assert made_from(profile) == ["orders placed: median 5 orders (all 1 order; index 175, 95% CI 162 to 188)"]
    assert typical_sentences(profile) == []


def test_a_day_of_the_typical_member_is_told_as_its_year() -> None:
    days = TraitColumn(Trait("joined", "day of joining", "", "date", "contacts"), np.linspace(19_800, 20_000, 40))

    member = typical([days], {"joined": _scale()}, fewest=5)

    assert member is not None
    assert [fact.value for fact in member.said] == ["2024"]
    assert member.alike == (days.values >= 19_723).sum()  # 2024-01-01


def _scale() -> Scale:
    return Scale(logged=False, shift=19_900.0, spread=60.0)


def test_a_number_below_zero_is_told_in_a_span_too() -> None:
    balance = TraitColumn(Trait("balance", "balance", "", "number", "contacts"), np.linspace(-45.0, -25.0, 40))

    member = typical([balance], {"balance": _scale()}, fewest=5)

    assert member is not None
    assert [fact.value for fact in member.said] == ["-50 to -20"]


def test_the_typical_member_of_two_versions_is_compared() -> None:
    def told(value: str) -> Profile:
        said = (Said("country", "country", "", "geographic", value),)
        trust = Trust(200, 1000)
        return Profile("rita", "2026-11-01T00:00:00+00:00", (), trust, typical=Typical(said, 20, ("country",), 0.1))

    (change,) = profile_changes(told("CH"), told("DE"))

    assert change.sentence == "The typical member changed (country: DE, was CH)."
    assert "20 people of the segment share all of them" in typical_sentences(told("CH"))[-1]
