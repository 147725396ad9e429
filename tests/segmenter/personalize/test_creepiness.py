"""What readers may find creepy: each reason fires, each leaves alone what is well, and each setting decides."""

from __future__ import annotations

from typing import Any

import ibis
import pytest

from segmenter.personalize.creepiness import (
    OF_VALUES,
    CreepinessLimits,
    audience_concerns,
    evidence,
    is_viewing,
    of_fields,
    of_mail,
    of_value,
    sensitive_values,
    traits_needed,
    with_creepiness,
)
from segmenter.personalize.fields import Known, TemplateField, creepy_values, values_wanted
from segmenter.personalize.personas import Persona
from segmenter.privacy.sensitive import NO_PURPOSE, Purpose
from segmenter.traits.builtin import catalogue
from segmenter.traits.definitions import MappedTrait, SurveyTrait
from segmenter.traits.next_best_offer import NEXT

KNOWN = catalogue(
    [
        MappedTrait("tier", "crm", "loyalty_tier"),
        MappedTrait("last_page", "crm", "hs_analytics_last_url"),
        MappedTrait("website", "crm", "website_url"),
        SurveyTrait("hobby", "welcome", "hobby"),
    ]
)
WELL: dict[str, Any] = {
    "days_since_order": 30.0,
    "orders_total": 5.0,
    "days_since_visit": 30.0,
    "visits_365d": 5.0,
    "days_since_answer": 30.0,
    "days_since_open": 30.0,
    "days_since_click": None,
}


def reason(trait: str, value: Any = "Tea", limits: CreepinessLimits | None = None, **facts: Any) -> str | None:
    row = {"person_id": "p", trait: value, **WELL, **facts}
    kinds = {
        name: "string" if name in {"person_id", trait} and not isinstance(value, float) else "float64" for name in row
    }
    people = ibis.memtable([row], schema={**kinds, "person_id": "string"})
    shy = {trait: sensitive_values([value])} if isinstance(value, str) else {}
    concern: str | None = (
        with_creepiness(people, [trait], KNOWN, limits or CreepinessLimits(), shy)
        .to_pyarrow()[f"creepy_{trait}"][0]
        .as_py()
    )
    return concern


@pytest.mark.parametrize(
    ("trait", "facts", "expected"),
    [
        ("last_product", {}, None),
        ("last_product", {"days_since_order": 1.0}, "recent"),
        ("last_category", {"days_since_order": 2.9}, "recent"),
        ("last_product", {"days_since_order": 3.0}, None),
        ("last_product", {"orders_total": 1.0}, None),  # it says "last", not "yours"
        ("favourite_category", {"days_since_order": 1.0}, None),
        ("favourite_category", {"orders_total": 1.0}, "once"),
        ("favourite_category", {"orders_total": 2.0}, None),
        ("favourite_category", {"days_since_order": 800.0}, "old"),
        ("next_product", {"days_since_order": 1.0}, None),
        ("next_product", {"days_since_order": 731.0}, "old"),
        ("last_page", {"visits_365d": 1.0}, "once"),
        ("last_page", {"visits_365d": None}, "once"),
        ("last_page", {"days_since_visit": 0.5}, "recent"),
        ("last_page", {}, None),
        ("website", {"visits_365d": 1.0, "days_since_visit": 0.5}, None),
        ("tier", {"days_since_order": 1.0, "orders_total": 1.0, "days_since_answer": 9_000.0}, None),
        ("hobby", {"days_since_answer": 731.0}, "old"),
        ("hobby", {"days_since_answer": None}, None),  # of unknown age
        ("hobby", {}, None),
        ("favourite_hour", {"days_since_open": 900.0, "days_since_click": 800.0, "days_since_visit": None}, "old"),
        ("favourite_hour", {"days_since_open": 900.0, "days_since_click": 10.0, "days_since_visit": None}, None),
    ],
)
def test_a_value_that_is_too_fresh_rests_on_chance_or_on_old_data_is_named(
    trait: str, facts: dict[str, Any], expected: str | None
) -> None:
    assert reason(trait, 9.0 if trait == "favourite_hour" else "Tea", **facts) == expected


@pytest.mark.parametrize("trait", ["favourite_category", "next_product", "tier", "hobby"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [("Pregnancy tests", "sensitive"), ("Babyphone", None), ("Baby care", "sensitive"), ("Tea", None), (None, None)],
)
def test_a_value_that_speaks_of_health_or_children_is_sensitive_whatever_it_was_inferred_from(
    trait: str, value: str | None, expected: str | None
) -> None:
    assert reason(trait, value) == expected


def test_sensitive_goes_before_the_other_reasons() -> None:
    assert reason("last_product", "Pregnancy tests", days_since_order=1.0) == "sensitive"


@pytest.mark.parametrize(
    ("limits", "trait", "facts", "expected"),
    [
        (CreepinessLimits(recent_days=1), "last_product", {"days_since_order": 2.0}, None),
        (CreepinessLimits(recent_days=40), "last_product", {}, "recent"),
        (CreepinessLimits(recent_days=0), "last_product", {"days_since_order": 0.0}, None),
        (CreepinessLimits(min_times=1), "favourite_category", {"orders_total": 1.0}, None),
        (CreepinessLimits(min_times=6), "favourite_category", {}, "once"),
        (CreepinessLimits(max_age_days=20), "favourite_category", {}, "old"),
        (CreepinessLimits(max_age_days=9_000), "favourite_category", {"days_since_order": 800.0}, None),
    ],
)
def test_the_workspaces_limits_decide(
    limits: CreepinessLimits, trait: str, facts: dict[str, Any], expected: str | None
) -> None:
    assert reason(trait, "Tea", limits, **facts) == expected


@pytest.mark.parametrize(
    ("name", "spelt", "expected"),
    [
        ("seen", "hs_analytics_last_url", True),
        ("seen", "recently_viewed_product", True),
        ("warenkorb", "basket_items", True),
        ("image", "avatar_url", False),
        ("homepage", "website", False),
        ("last_name", "lastname", False),
    ],
)
def test_properties_that_tell_what_somebody_looked_at_are_known_by_their_words(
    name: str, spelt: str, *, expected: bool
) -> None:
    assert is_viewing(name, catalogue([MappedTrait(name, "crm", spelt)])) == expected


def test_whatever_is_asked_for_is_a_trait() -> None:
    names = [*KNOWN.traits, *NEXT]

    assert set(traits_needed(names, KNOWN)) <= set(KNOWN.traits)
    assert all(KNOWN.traits[trait].type == "number" for trait in traits_needed(names, KNOWN))
    assert evidence("tier", KNOWN).since == ()


def test_a_mail_with_too_much_of_its_reader_names_the_line_at_which_it_is_too_much() -> None:
    tokens = {"PS_CAT": 2, "PS_LAST": 5, "FNAME": 9}

    (concern,) = of_mail(tokens, CreepinessLimits(max_individual=2))

    assert (concern.reason, concern.place) == ("tokens", "line 9")
    assert "PS_CAT (line 2), PS_LAST (line 5), FNAME (line 9)" in concern.message
    assert of_mail(tokens, CreepinessLimits(max_individual=3)) == []


def test_an_audience_below_the_least_size_is_named_and_an_empty_one_is_none() -> None:
    (concern,) = audience_concerns({"rita": 3, "gus": 20, "nobody": 0}, CreepinessLimits(min_audience=20))

    assert (concern.reason, concern.place, concern.people, concern.persona) == ("audience", "persona 'rita'", 3, "rita")
    assert audience_concerns({"rita": 3}, CreepinessLimits(min_audience=3)) == []


def field(**changes: Any) -> TemplateField:
    settings = {
        "name": "top",
        "label": "Top",
        "type": "text",
        "fallback": "",
        "targets": {"email": "PS_TOP"},
        **changes,
    }
    return TemplateField(**settings)


LAST = field(trait="last_product", level="individual")


@pytest.mark.parametrize(
    ("template", "limits", "purpose", "expected"),
    [
        (LAST, CreepinessLimits(), NO_PURPOSE, ["recent"]),
        (LAST, CreepinessLimits(held_back=OF_VALUES), NO_PURPOSE, []),
        (field(trait="last_page", level="individual"), CreepinessLimits(), NO_PURPOSE, ["once"]),
        (field(trait="favourite_category", level="individual"), CreepinessLimits(), NO_PURPOSE, []),
        (field(trait="tier", level="individual"), CreepinessLimits(), Purpose("clinic", ("tier",)), ["sensitive"]),
        (field(trait="tier", level="individual"), CreepinessLimits(), Purpose("clinic", ("hobby",)), []),
        (field(trait="last_product", level="persona"), CreepinessLimits(), NO_PURPOSE, []),
        (field(trait="last_product", level="individual", targets={}), CreepinessLimits(), NO_PURPOSE, []),
    ],
)
def test_fields_as_configured(
    template: TemplateField, limits: CreepinessLimits, purpose: Purpose, expected: list[str]
) -> None:
    assert [concern.reason for concern in of_fields({"top": template}, KNOWN, limits, purpose)] == expected


@pytest.mark.parametrize("held", [(), ("sensitive",), OF_VALUES])
@pytest.mark.parametrize("why", OF_VALUES)
def test_a_concern_says_field_persona_people_what_becomes_of_it_and_the_mend(why: Any, held: Any) -> None:
    concern = of_value(why, LAST, CreepinessLimits(held_back=held), trait=str(LAST.asked), persona="rita", people=1_200)

    assert concern.sentence().startswith("field 'top', persona 'rita': last_product ")
    assert ("1,200 people get the persona's copy or the fallback instead." in concern.message) == (why in held)
    assert ("1,200 people see this." in concern.message) == (why not in held)
    assert ('creepy = "fallback"' in concern.fix) == (why not in held and why != "sensitive")
    assert concern.fix.endswith(".")


RITA = Persona("rita", "Rita", (), fields={"top": "For regulars"})
PEOPLE = [
    ("fine", "subscribed", "Tea", None),
    ("fresh", "subscribed", "Cups", "recent"),
    ("ill", "subscribed", "Crutches", "sensitive"),
    ("asked_not_to", "unknown", "Cups", "recent"),
    ("nothing", "subscribed", None, None),
    ("too_long", "subscribed", "x" * 300, "recent"),
]


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ((), ["Tea", "Cups", "Crutches", "For regulars", "For regulars", "For regulars"]),
        (("sensitive",), ["Tea", "Cups", "For regulars", "For regulars", "For regulars", "For regulars"]),
        (OF_VALUES, ["Tea", "For regulars", "For regulars", "For regulars", "For regulars", "For regulars"]),
    ],
)
def test_what_is_held_back_gives_way_to_the_personas_copy_and_is_counted_all_the_same(
    held: tuple[str, ...], expected: list[str]
) -> None:
    rows = [
        {"person_id": person_id, "consent": consent, "last_product": value, "creepy_last_product": why}
        for person_id, consent, value, why in PEOPLE
    ]
    people = ibis.memtable(rows, schema=dict.fromkeys(rows[0], "string"))
    assigned = ibis.memtable([{"person_id": entry[0], "persona": "rita"} for entry in PEOPLE])
    known = Known(people, ("subscribed",), ("subscribed", "unknown"), held)

    shown = values_wanted(assigned, [RITA], {"top": LAST}, [], None, known).to_pyarrow().to_pylist()
    creepy = creepy_values(assigned, {"top": LAST, "copy": field()}, None, known)

    by_person = {row["person_id"]: row["value"] for row in shown}
    assert [by_person[entry[0]] for entry in PEOPLE] == expected
    assert creepy is not None
    assert sorted((row["person_id"], row["reason"]) for row in creepy.to_pyarrow().to_pylist()) == [
        ("fresh", "recent"),
        ("ill", "sensitive"),
    ]
