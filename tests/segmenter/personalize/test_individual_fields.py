"""What people see of themselves: fallbacks, levels, consents, types, and text that nothing can be injected with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html.parser import HTMLParser
from typing import Any

import ibis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sandbox.hubspot.hubl import renderer
from connectors.sandbox.mailchimp.render import MailTemplate
from segmenter.errors import DefinitionError
from segmenter.personalize.checks import check_copy, check_fields
from segmenter.personalize.fields import Known, TemplateField, individual, values_wanted
from segmenter.personalize.personas import UNCLASSIFIED, Persona
from segmenter.privacy.sensitive import NO_PURPOSE, Purpose
from segmenter.traits.builtin import catalogue
from segmenter.traits.definitions import MappedTrait
from tests.examples import examples

RITA = Persona("rita", "Rita", (), fields={"top": "For regulars"}, on={"top": {"crm": "For the CRM"}})
TARGETS = {"email": "PS_TOP", "crm": "ps_top"}
TOP = TemplateField("top", "Top", "text", "Something", TARGETS, trait="favourite_category", level="individual")


def field(**changes: Any) -> TemplateField:
    settings = {"name": "top", "label": "Top", "type": "text", "fallback": "", "targets": TARGETS, **changes}
    return TemplateField(**settings)


def shown(
    template: TemplateField,
    people: Sequence[tuple[str, str | None, str, str | None]],
    copied: dict[str, str] | None = None,
) -> dict[tuple[str, str], str]:
    """People as (id, persona, consent, favourite category) -> what (person, connection) shows."""
    rows = [{"person_id": person_id, "persona": persona} for person_id, persona, _, _ in people]
    assignments = ibis.memtable(rows, schema={"person_id": "string", "persona": "string"})
    records = [{"person_id": p, "consent": c, "favourite_category": f} for p, _, c, f in people]
    kinds = dict.fromkeys(("person_id", "consent", "favourite_category"), "string")
    known = Known(ibis.memtable(records, schema=kinds), ("subscribed",), ("subscribed", "unknown"))
    copies = [{"person_id": person_id, "copy_of": whose} for person_id, whose in (copied or {}).items()]
    table = ibis.memtable(copies, schema=dict.fromkeys(("person_id", "copy_of"), "string")) if copies else None
    values = values_wanted(assignments, [RITA], {"top": template}, [], table, known).to_pyarrow().to_pylist()
    return {(value["person_id"], value["connection"]): value["value"] for value in values}


PEOPLE = [
    ("own", "rita", "subscribed", "Tea"),
    ("nothing", "rita", "subscribed", None),
    ("no_consent", "rita", "unknown", "Tea"),
    ("not_even_copy", "rita", "pending", "Tea"),
    ("nobody", None, "subscribed", "Cups"),
]


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("none", ["Something", "Something", "Something", "Something", "Something"]),
        ("persona", ["For regulars", "For regulars", "For regulars", "Something", "Something"]),
        ("individual", ["Tea", "For regulars", "For regulars", "Something", "Cups"]),
    ],
)
def test_level_and_consent_decide_between_own_value_persona_copy_and_fallback(level: Any, expected: list[str]) -> None:
    texts = shown(field(fallback="Something", trait="favourite_category", level=level), PEOPLE)

    assert [texts[entry[0], "email"] for entry in PEOPLE] == expected


def test_a_persona_may_say_it_differently_on_one_platform() -> None:
    texts = shown(TOP, [("nothing", "rita", "subscribed", None)])

    assert texts == {("nothing", "email"): "For regulars", ("nothing", "crm"): "For the CRM"}


def test_who_is_in_the_arm_without_personalization_gets_no_value_of_their_own_either() -> None:
    people = [("generic", "rita", "subscribed", "Tea"), ("other", "rita", "subscribed", "Tea")]

    texts = shown(TOP, people, {"generic": UNCLASSIFIED, "other": "rita"})

    assert texts["generic", "email"] == "Something"
    assert texts["other", "email"] == "Tea"


@pytest.mark.parametrize(
    ("value", "kind", "changes", "expected"),
    [
        (3.0, "float64", {"type": "number"}, "3"),
        (3.456, "float64", {"type": "number"}, "3.46"),
        (float("nan"), "float64", {"type": "number"}, None),
        (7.0, "float64", {}, "7"),
        (date(2027, 1, 31), "date", {"type": "date"}, "2027-01-31"),
        (date(2027, 1, 31), "date", {}, "2027-01-31"),
        ("https://shop.example/a?b=c", "string", {"type": "url"}, "https://shop.example/a?b=c"),
        ("javascript:alert(1)", "string", {"type": "url"}, None),
        ('https://shop.example/"onload="x', "string", {"type": "url"}, None),
        ("https://shop.example/*|FNAME|*", "string", {"type": "url"}, None),
        ("gold", "string", {"type": "choice", "options": ("gold", "silver")}, "gold"),
        ("lead", "string", {"type": "choice", "options": ("gold", "silver")}, None),
        ("x" * 255, "string", {}, "x" * 255),
        ("x" * 256, "string", {}, None),
        ("ü" * 63, "string", {}, "ü" * 63),
        ("ü" * 128, "string", {}, None),
        ("Teapots", "string", {"max_length": 6}, None),
        ("  ", "string", {}, None),
        ("O'Brien <b>\nx", "string", {}, "O\u2019Brien \u2039b\u203a x"),
        (None, "string", {}, None),
    ],
)
def test_a_value_is_shown_where_the_field_can_hold_it_and_never_cut(
    value: object, kind: str, changes: dict[str, Any], expected: str | None
) -> None:
    table = ibis.memtable([{"value": value}], schema={"value": kind})

    rows = table.select(shown=individual(table["value"], field(**changes))).to_pyarrow().to_pylist()
    assert rows == [{"shown": expected}]


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Any] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, [name for name, _ in attrs]))


DANGEROUS = [
    "*|",
    "|*",
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "<",
    ">",
    '"',
    "'",
    "`",
    "&",
    "=",
    "IF:X",
    "\n",
    "\r",
    "é",
    "a",
    " ",
    "\u202e",
]
HOSTILE = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(DANGEROUS), max_size=12).map("".join))
PAGE = "<p title=\"{}\" class='{}'>{}</p>"


@pytest.mark.long
@examples(40)
@given(st.lists(HOSTILE.filter(lambda text: "\0" not in text), min_size=1, max_size=20))
def test_no_text_of_a_contact_becomes_a_merge_tag_hubl_or_html(texts: list[str]) -> None:
    table = ibis.memtable([{"text": text} for text in texts], schema={"text": "string"})
    made = table.select(shown=individual(table.text, field())).to_pyarrow().to_pylist()

    for value in [row["shown"] or "" for row in made]:
        mail = MailTemplate(PAGE.replace("{}", "*|X|*")).render({"X": value}, {})
        token = '{{ personalization_token("contact.x", "") }}'
        again = MailTemplate(mail).render({"X": "!", "FNAME": "!"}, {})
        hubl = renderer("", PAGE.replace("{}", token), {})({"x": value}).lstrip("\n")
        assert again == mail == hubl
        assert renderer("", mail, {})({}) == "\n" + mail
        tags = Tags()
        tags.feed(mail)
        assert tags.found == [("p", ["title", "class"])]
        assert not set("\r\n\u202e") & set(value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trait": "favorite"}, "there is no trait 'favorite'; known: .*favourite_category.*next_category"),
        ({"trait": "favourite_category", "type": "number"}, "is a text, which a field of type number can't show"),
        ({"level": "individual"}, "needs a trait"),
        ({"type": "choice"}, "needs at least one"),
        ({"options": ("a",)}, "go with type"),
        ({"trait": "illness"}, "'illness' is about health"),
    ],
)
def test_a_field_that_can_not_be_filled_is_an_error(changes: dict[str, Any], message: str) -> None:
    known = catalogue([MappedTrait("illness", "crm", "illness")])

    with pytest.raises(DefinitionError, match=message):
        check_fields({"top": field(**changes)}, known, NO_PURPOSE)


def test_a_sensitive_trait_is_shown_only_for_a_named_purpose() -> None:
    known = catalogue([MappedTrait("illness", "crm", "illness")])

    check_fields({"top": field(trait="illness")}, known, Purpose("patients asked for it", ("illness",)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": "number", "fallback": "many"}, "'many' is not a number"),
        ({"type": "date", "fallback": "soon"}, "'soon' is not a date"),
        ({"type": "choice", "options": ("a",), "fallback": "b"}, "not one of the options: a"),
        ({"max_length": 3, "fallback": "four"}, "max_length is 3"),
        ({"targets": {"email": "PS_TOP"}}, "not on connection 'crm'; it is on: email"),
    ],
)
def test_copy_fits_its_field(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        check_copy([RITA], {"top": field(**changes)}, catalogue(), NO_PURPOSE)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("\U0001f469\u200d\U0001f52c", "\U0001f469\u200d\U0001f52c"),  # a woman scientist is two emoji and a joiner
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),  # Persian: "I want"
        ("\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937"),  # Hindi: a half letter
        ("a\u200bb\u202ec\u200e\u061cd", "a b c d"),
        ("\u200d \u200c", "For regulars"),
    ],
)
def test_joiners_stay_and_other_invisible_marks_go(value: str, expected: str) -> None:
    texts = shown(field(trait="favourite_category", level="individual"), [("p", "rita", "subscribed", value)])

    assert texts["p", "email"] == expected
