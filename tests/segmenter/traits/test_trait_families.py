"""Every trait has a family: the built-in ones their own, the others the one that is set or that their name tells of."""

from __future__ import annotations

from typing import get_args

import pytest

from segmenter.privacy.sensitive import find_sensitive
from segmenter.traits.builtin import BUILT_IN, catalogue
from segmenter.traits.definitions import MappedTrait, SurveyTrait
from segmenter.traits.trait_families import TRAIT_FAMILIES, WORDS, Family, likely_family


def test_the_built_in_traits_have_the_family_that_one_would_look_for_them_in() -> None:
    families = {
        family: {name for name, trait in BUILT_IN.items() if trait.family == family} for family in TRAIT_FAMILIES
    }

    assert families["geographic"] == {"country", "region", "city", "time_zone"}
    assert families["cultural"] == {"language", "currency"}
    assert families["demographic"] == {"company", "industry", "job_title", "employees"}
    assert {"orders_365d", "open_rate_90d", "favourite_category", "consent"} <= families["behavioural"]
    assert families["psychographic"] == set()


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("date_of_birth", "demographic"), ("numberOfEmployees", "demographic"), ("Postal-Code", "geographic"),
        ("hs_preferred_language", "cultural"), ("favourite_holiday", "cultural"), ("NPS score", "psychographic"),
        ("num_visits_30", "behavioural"), ("hs_analytics_num_page_views", "behavioural"), ("shoe_size", None),
    ],
)  # fmt: skip
def test_a_name_tells_of_its_family(name: str, family: Family | None) -> None:
    assert likely_family(name, "demographic") == (family or "demographic")
    assert likely_family(name, "psychographic") == (family or "psychographic")


def test_the_workspace_has_the_last_word() -> None:
    own: list[MappedTrait | SurveyTrait] = [
        MappedTrait("tier", "crm", "loyalty_tier"),
        MappedTrait("plan", "crm", "plan", family="behavioural"),
        SurveyTrait("novelty", "kinds", "likes_new_things"),
        SurveyTrait("years", "kinds", "age"),
        SurveyTrait("tongue", "kinds", "mother_tongue", family="cultural"),
    ]

    families = {name: catalogue(own).traits[name].family for name in ("tier", "plan", "novelty", "years", "tongue")}

    assert families == {
        "tier": "demographic", "plan": "behavioural", "novelty": "psychographic", "years": "demographic",
        "tongue": "cultural",
    }  # fmt: skip


def test_a_family_describes_and_invalidates_no_model() -> None:
    mapped = MappedTrait("tier", "crm", "loyalty_tier")
    other = MappedTrait("tier", "crm", "loyalty_tier", family="psychographic")

    assert catalogue([mapped]).digest() == catalogue([other]).digest()
    assert catalogue([mapped]).digest() != catalogue([MappedTrait("tier", "crm", "tier")]).digest()


def test_no_word_of_a_family_is_about_what_nobody_may_infer() -> None:
    assert set(WORDS) == set(TRAIT_FAMILIES) == set(get_args(Family))
    assert [word for words in WORDS.values() for word in words if find_sensitive(word, whole=True)] == []
