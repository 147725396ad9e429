"""Copy with traits in it: filled per person, made harmless, checked in length, or told with its place."""

from __future__ import annotations

from typing import Any

import ibis
import pytest

from segmenter.errors import DefinitionError
from segmenter.personalize.checks import check_copy, check_fields
from segmenter.personalize.fields import Known, TemplateField, creepy_values, values_wanted
from segmenter.personalize.interpolation import without_traits
from segmenter.personalize.personas import Persona
from segmenter.privacy.sensitive import NO_PURPOSE
from segmenter.traits.builtin import catalogue
from segmenter.traits.definitions import MappedTrait

KNOWN = catalogue([MappedTrait("illness", "crm", "illness"), MappedTrait("points", "crm", "points", "number")])
TRAITS = ("favourite_category", "city", "points")
LONG = "Ä" * 100


def field(**changes: Any) -> TemplateField:
    settings = {
        "name": "top",
        "label": "Top",
        "type": "text",
        "fallback": "See what is new",
        "targets": {"email": "PS_TOP"},
    }
    return TemplateField(**{**settings, "level": "individual", "mentioned": TRAITS, **changes})


def rita(text: str) -> Persona:
    return Persona("rita", "Rita", (), fields={"top": text})


def shown(text: str, *, template: TemplateField | None = None, **person: Any) -> str:
    """What one person of Rita is shown, who has these traits and this consent."""
    facts = {"consent": "subscribed", "persona": "rita", "creepy": None, **dict.fromkeys(TRAITS), **person}
    row = {"person_id": "a", "persona": facts.pop("persona"), "segment": "s"}
    assignments = ibis.memtable([row], schema=dict.fromkeys(row, "string"))
    creepy = facts.pop("creepy")
    facts |= {"person_id": "a", **{f"creepy_{name}": creepy for name in TRAITS}}
    kinds = {name: "float64" if name == "points" else "string" for name in facts}
    known = Known(ibis.memtable([facts], schema=kinds), ("subscribed",), ("subscribed", "unknown"), ("recent",))
    fields = {"top": template or field()}
    [result] = values_wanted(assignments, [rita(text)], fields, [], None, known).to_pyarrow().to_pylist()
    return str(result["value"])


@pytest.mark.parametrize(
    ("text", "person", "expected"),
    [
        ("More {favourite_category}", {"favourite_category": "Tea"}, "More Tea"),
        ("More {favourite_category}", {}, "See what is new"),
        ("More {favourite_category|for you}", {}, "More for you"),
        ("{city}: {points|0} points", {"city": "Bonn", "points": 12.0}, "Bonn: 12 points"),
        ("{city}: {points|0} points", {"points": 12.0}, "See what is new"),
        ("More {favourite_category|for you}", {"favourite_category": "Tea", "consent": "unknown"}, "More for you"),
        ("More {favourite_category|for you}", {"favourite_category": "Tea", "consent": "pending"}, "See what is new"),
        ("More {favourite_category|for you}", {"favourite_category": "Tea", "creepy": "recent"}, "More for you"),
        (
            "More {favourite_category}",
            {"favourite_category": "*|IF:X|* {{x}} <b>'"},
            "More */IF:X/* ((x)) \u2039b\u203a\u2019",
        ),
        ("More {favourite_category|for you}", {"favourite_category": "x" * 256}, "More for you"),
        (f"{LONG} {{city|here}}", {"city": "x" * 60}, f"{LONG} here"),  # 261 bytes of UTF-8, Mailchimp keeps 255
        (f"{LONG} {{city|here}}", {"city": "x" * 54}, f"{LONG} {'x' * 54}"),
        ("More tea", {"persona": None}, "See what is new"),
    ],
)
def test_a_placeholder_is_filled_for_each_person_or_gives_way(text: str, person: dict[str, Any], expected: str) -> None:
    assert shown(text, **person) == expected


def test_a_fallback_may_be_filled_too_and_max_length_holds_for_the_whole() -> None:
    greeting = field(fallback="News for {city|you}", max_length=16)

    assert shown("x", template=greeting, persona=None, city="Bonn") == "News for Bonn"
    assert shown("x", template=greeting, persona=None, city="Regensburg") == "News for you"
    assert greeting.plain_fallback == "News for you"
    assert without_traits("News for {city}") is None


@pytest.mark.parametrize(
    ("text", "changes", "message"),
    [
        (
            "More {favorite_category}",
            {},
            "persona 'rita', field 'top': {favorite_category}: there is no trait 'favorite_category'; known: fav",
        ),
        ("More {favourite category}", {}, "'{favourite category}' is no placeholder"),
        ("More {city", {}, "the brace '{' is not closed or opened"),
        ("Your {illness}", {}, "sensitive"),
        (
            "{city}",
            {"type": "url", "fallback": ""},
            "{city} stands in a field of type url; only text fields are filled",
        ),
        ("{city}", {"level": "persona"}, '{city} shows people their own data, which personalize = "persona" rules out'),
        (
            "x",
            {"fallback": "More {city}"},
            "field 'top', fallback: the fallback is shown to everybody, so write {city|what is shown without it}",
        ),
        ("{city|" + "x" * 256 + "}", {}, "256 bytes; platforms keep 255"),
    ],
)
def test_what_can_not_be_filled_is_told_with_its_place(text: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        check_copy([rita(text)], {"top": field(**changes)}, KNOWN, NO_PURPOSE)

    assert message in str(caught.value)


def test_a_field_may_be_individual_by_its_copy_alone_and_creepy_values_are_counted() -> None:
    check_fields({"top": field()}, KNOWN, NO_PURPOSE)
    people = [{"person_id": n, "persona": n, "segment": "s"} for n in ("rita", "ralf")]
    assignments = ibis.memtable(people)
    profiles = [
        {"person_id": n, "consent": "subscribed", "city": "Bonn", "creepy_city": "recent"} for n in ("rita", "ralf")
    ]
    known = Known(ibis.memtable(profiles), ("subscribed",), ("subscribed",))
    personas = [rita("Near {city}"), Persona("ralf", "Ralf", (), fields={"top": "Near you"})]

    values = creepy_values(assignments, {"top": field(mentioned=("city",))}, None, known, personas)

    assert values is not None
    rows = values.to_pyarrow().to_pylist()
    assert [(row["person_id"], row["trait"], row["reason"]) for row in rows] == [("rita", "city", "recent")]
