"""What may not decide without a named purpose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmenter.errors import DefinitionError
from segmenter.personalize.fields import TemplateField
from segmenter.personalize.persona_lint import lint
from segmenter.personalize.personas import Persona
from segmenter.privacy.sensitive import (
    NO_PURPOSE,
    Purpose,
    find_sensitive,
    purpose_of,
    refuse_sensitive,
    why_sensitive,
)
from segmenter.traits.builtin import BUILT_IN, catalogue
from segmenter.traits.definitions import MappedTrait, SurveyTrait

NAMES = {
    "health": ["health_status", "hasDiabetes", "Gesundheitszustand", "krankenkasse", "is_pregnant", "schwerbehindert"],
    "religion": ["religion", "church_member", "Konfession", "religionszugehoerigkeit", "halal_buyer", "katholisch"],
    "politics": ["political_party", "Parteimitglied", "voting_intention", "politische_einstellung", "party", "Wähler"],
    "trade union": ["union_member", "Gewerkschaft", "trade_union", "betriebsrat"],
    "sex life": ["sexual_orientation", "sex_life", "Sexualleben", "lgbtq", "homosexuell"],
    "ethnicity": ["ethnicity", "ethnische_herkunft", "race", "Hautfarbe", "migrationshintergrund"],
    "children": ["num_children", "has_kids", "Kinderzahl", "anzahl_kinder", "kinder_im_haushalt"],
}


@pytest.mark.parametrize(("family", "name"), [(family, name) for family, names in NAMES.items() for name in names])
def test_a_name_about_a_sensitive_thing_is_found_in_english_and_german(family: str, name: str) -> None:
    assert family in {sensitive_word.family for sensitive_word in find_sensitive(name, whole=True)}


@pytest.mark.parametrize(
    "name",
    [
        *BUILT_IN, "healthy", "race_day_orders", "selection", "customer_health", "hospitality_bookings", "reunion",
        "party_size", "credit_union", "kind", "gender", "age", "favourite_colour", "politeness", "trace", "skid",
    ],
)  # fmt: skip
def test_an_innocent_name_is_left_alone(name: str) -> None:
    assert find_sensitive(name, whole=True) == []


def test_the_property_the_item_and_the_meaning_of_a_trait_tell_as_well() -> None:
    known = catalogue([
        MappedTrait("p1", "crm", "religious_affiliation"),
        SurveyTrait("q7", "needs", "Do you have children?"),
        MappedTrait("x", "crm", "custom_17", meaning="member of a trade union"),
        MappedTrait("marked", "crm", "custom_18", sensitive=True),
        MappedTrait("plain", "crm", "favourite_colour"),
    ])  # fmt: skip

    assert "religion" in why_sensitive("p1", known)
    assert "children" in why_sensitive("q7", known)
    assert "trade union" in why_sensitive("x", known)
    assert "marked" in why_sensitive("marked", known)
    assert why_sensitive("plain", known) == ""


def test_a_sensitive_trait_is_refused_with_the_mend_until_the_purpose_names_it() -> None:
    known = catalogue([MappedTrait("children_at_home", "crm", "children_at_home", "number")])
    named = Purpose("Toys are sold by the age of children; consent is asked on the form.", ("children_at_home",))

    with pytest.raises(DefinitionError, match=r"model 'm': the trait 'children_at_home' is sensitive .* \[sensitive\]"):
        refuse_sensitive(["orders_total", "children_at_home"], known, NO_PURPOSE, where="model 'm'")
    with pytest.raises(DefinitionError):
        refuse_sensitive(["children_at_home"], known, Purpose("", ("children_at_home",)), where="model 'm'")
    with pytest.raises(DefinitionError):
        refuse_sensitive(["children_at_home"], known, Purpose("For toys.", ("another",)), where="model 'm'")
    refuse_sensitive(["orders_total", "children_at_home"], known, named, where="model 'm'")


def test_persona_texts_are_linted_with_persona_and_part() -> None:
    personas = {
        "family": Persona("family", "Busy Mother of three children", (), "Goes to church.", {"headline": "For you"}),
        "plain": Persona("plain", "Weekend Walker", (), "Likes the European Union's trails.", {}),
    }
    fields = {"headline": TemplateField("headline", "Headline", "text", "Vote for politics", {})}

    remarks = [(remark.persona, remark.part, remark.word.family) for remark in lint(personas, fields)]

    assert remarks == [
        ("family", "name", "children"),
        ("family", "story", "religion"),
        ("", "fields.headline.fallback", "politics"),
    ]


@given(st.text(max_size=60))
def test_any_text_can_be_looked_at(text: str) -> None:
    assert all(sensitive_word.word for sensitive_word in find_sensitive(text, whole=True))


def test_what_is_called_innocent_covers_the_traits_that_are_read_from_it_and_no_others() -> None:
    known = catalogue(
        [
            SurveyTrait("hobby_medicine", "hobbies", "Medicine", "number"),
            SurveyTrait("takes_medicine", "health", "Do you take medicine?", "number"),
            MappedTrait("kids_home", "crm", "Kidhome", "number"),
        ]
    )
    purpose = purpose_of("", (), ("Medicine", "Kidhome"), known)

    assert [name for name in (*known.surveyed, *known.mapped) if purpose.allows(name)] == [
        "hobby_medicine",
        "kids_home",
    ]
    refuse_sensitive(["hobby_medicine", "kids_home"], known, purpose, where="the model")
    with pytest.raises(DefinitionError, match="takes_medicine"):
        refuse_sensitive(["takes_medicine"], known, purpose, where="the model")


def test_what_somebody_marked_as_sensitive_can_not_be_called_innocent() -> None:
    known = catalogue([MappedTrait("clinic", "crm", "clinic", "text", sensitive=True)])

    with pytest.raises(DefinitionError, match="'clinic' is marked as sensitive"):
        purpose_of("", (), ("clinic",), known)
