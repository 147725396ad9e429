"""Segments: the waterfall, nesting, personas and what is wrong with definitions."""

from __future__ import annotations

import ibis
import pytest

from segmenter.errors import DefinitionError
from segmenter.personalize.checks import check_copy
from segmenter.personalize.fields import OwnedField, TemplateField, values_wanted
from segmenter.personalize.personas import Persona, persona_of_segments
from segmenter.privacy.sensitive import NO_PURPOSE
from segmenter.rules.segments import Segment, Waterfall, explain_rule, matches, memberships, waterfall, with_rules
from segmenter.traits.builtin import catalogue

BUYERS = Segment("buyers", "Buyers", "orders_total >= 1")
CHAMPIONS = Segment("champions", "Champions", "days_since_order < 60", parent="buyers")
BIG = Segment("big", "Big", "revenue_total > 100 or orders_total > 9", priority=1)


def made(*segments: Segment) -> Waterfall:
    return waterfall(segments, catalogue())


def people(*rows: tuple[str, float, float | None, float | None]) -> ibis.Table:
    names = ("person_id", "orders_total", "days_since_order", "revenue_total")
    schema = dict(zip(names, ("string", "float64", "float64", "float64"), strict=True))
    return ibis.memtable([dict(zip(names, row, strict=True)) for row in rows], schema=schema)


def test_a_child_is_tried_before_its_parent_and_priority_before_all() -> None:
    assert [step.segment.name for step in made(BUYERS, CHAMPIONS, BIG).steps] == ["big", "champions", "buyers"]


def test_everybody_is_in_the_first_segment_that_matches() -> None:
    table = people(("a", 1, 10, 5), ("b", 1, 90, 5), ("c", 0, None, 0), ("d", 2, 1, 500), ("e", 0, 5, None))

    rows = {
        row["person_id"]: row for row in with_rules(table, made(BUYERS, CHAMPIONS, BIG), "").to_pyarrow().to_pylist()
    }

    assert {key: row["segment"] for key, row in rows.items()} == {
        "a": "champions",
        "b": "buyers",
        "c": None,
        "d": "big",
        "e": None,  # a child is asked only of its parent's people
    }
    assert rows["d"]["runner_up"] == "champions"
    assert rows["a"]["reasons"] == "days_since_order < 60 (days_since_order is 10)"
    assert rows["c"]["reasons"] == "no segment matches"


def test_confidence_is_the_share_of_the_evidence_that_is_known() -> None:
    table = people(("known", 20, 1, 5), ("half", 20, 1, None))

    rows = with_rules(table, made(BIG), "").to_pyarrow().to_pylist()

    assert {row["person_id"]: row["confidence"] for row in rows} == {"known": 1.0, "half": 0.5}


def test_no_segments_leave_everybody_unclassified() -> None:
    rows = with_rules(people(("a", 1, 1, 1)), made(), "").to_pyarrow().to_pylist()

    assert rows[0]["segment"] is None


def test_groups_are_a_segment_and_those_it_lies_in() -> None:
    assigned = ibis.memtable({"person_id": ["a", "b"], "segment": ["champions", "big"]})

    rows = memberships(assigned, made(BUYERS, CHAMPIONS, BIG)).to_pyarrow().to_pylist()

    assert {(row["person_id"], row["group_name"]) for row in rows} == {
        ("a", "champions"),
        ("a", "buyers"),
        ("b", "big"),
    }


def test_one_person_is_judged_as_everybody_is() -> None:
    steps = made(BUYERS, CHAMPIONS)
    child, parent = steps.steps
    person = {"orders_total": 0.0, "days_since_order": 5.0}

    assert (matches(child, person, steps), matches(parent, person, steps)) == (False, False)
    clause = explain_rule(child.rule, person)[0]
    assert (clause.text, clause.held, clause.values) == ("days_since_order < 60", True, {"days_since_order": 5.0})


@pytest.mark.parametrize(
    ("segments", "told"),
    [
        ([BUYERS, BUYERS], "duplicate name"),
        ([CHAMPIONS], "no segment 'buyers' to be its parent"),
        ([Segment("a", "A", "vip", parent="a")], "circular parent"),
        ([Segment("a", "A", "orders_total > 1", "b"), Segment("b", "B", "orders_total > 1", "a")], "circular parent"),
    ],
)
def test_definitions_that_can_not_be_are_refused(segments: list[Segment], told: str) -> None:
    with pytest.raises(DefinitionError, match=told):
        made(*segments)


def test_another_definition_has_another_version() -> None:
    wider = Segment("buyers", "Buyers", "orders_total >= 2")

    assert made(BUYERS).version == made(BUYERS).version != made(wider).version


def test_a_segment_without_a_persona_takes_that_of_the_one_it_lies_in() -> None:
    persona = Persona("rita", "Rita", ("buyers",))

    assert persona_of_segments([persona], made(BUYERS, CHAMPIONS, BIG)) == {"buyers": "rita", "champions": "rita"}


@pytest.mark.parametrize(
    ("personas", "told"),
    [
        ([Persona("a", "A", ("nope",))], "no segment 'nope'"),
        ([Persona("a", "A", ("buyers",)), Persona("b", "B", ("buyers",))], "already belongs to persona 'a'"),
        ([Persona("unclassified", "U", ())], "is reserved for people without a segment"),
    ],
)
def test_personas_that_can_not_be_are_refused(personas: list[Persona], told: str) -> None:
    with pytest.raises(DefinitionError, match=told):
        persona_of_segments(personas, made(BUYERS))


HEADLINE = TemplateField("headline", "Headline", "text", "News", {"crm": "ps_headline", "email": "PS_HEAD"})
LINK = TemplateField("link", "Link", "url", "https://shop.example/", {"email": "PS_LINK"})


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [
        ("headline", "ü" * 128, "256 bytes"),
        ("headline", "Hi *|FNAME|*", "would run as template code"),
        ("headline", "{{ contact.email }}", "would run as template code"),
        ("headline", "{% if x %}", "would run as template code"),
        ("headline", "<script>", "would run as template code"),
        ("link", "javascript:alert(1)", "not a URL"),
        ("nope", "x", "no such field"),
    ],
)
def test_copy_that_would_harm_a_template_is_refused(field: str, text: str, told: str) -> None:
    with pytest.raises(DefinitionError, match=told):
        check_copy(
            [Persona("rita", "Rita", (), fields={field: text})],
            {"headline": HEADLINE, "link": LINK},
            catalogue(),
            NO_PURPOSE,
        )


def test_every_field_shows_copy_fallback_or_the_assignment() -> None:
    assigned = ibis.memtable(
        [
            {
                "person_id": "a",
                "segment": "buyers",
                "persona": "rita",
                "confidence": 0.987,
                "source": "model",
                "reasons": "x *|B|* <b>",
                "since": "2026-11-24",
            },
            {
                "person_id": "b",
                "segment": None,
                "persona": None,
                "confidence": None,
                "source": None,
                "reasons": "no",
                "since": "2026-11-24",
            },
        ],
        schema={
            "person_id": "string",
            "segment": "string",
            "persona": "string",
            "confidence": "float64",
            "source": "string",
            "reasons": "string",
            "since": "timestamp",
        },
    )
    owned = [OwnedField("crm", f"ps_{role}", role) for role in ("persona", "segment", "confidence", "reason", "since")]
    personas = [Persona("rita", "Rita", ("buyers",), fields={"headline": "For you"})]

    rows = values_wanted(assigned, personas, {"headline": HEADLINE}, owned).to_pyarrow().to_pylist()
    shown = {(row["person_id"], row["connection"], row["name"]): row["value"] for row in rows}

    assert shown["a", "crm", "ps_headline"] == shown["a", "email", "PS_HEAD"] == "For you"
    assert shown["b", "email", "PS_HEAD"] == "News"
    assert (shown["a", "crm", "ps_persona"], shown["b", "crm", "ps_persona"]) == ("rita", "unclassified")
    assert (shown["a", "crm", "ps_confidence"], shown["b", "crm", "ps_confidence"]) == ("0.99", "")
    assert (shown["a", "crm", "ps_since"], shown["b", "crm", "ps_since"]) == ("2026-11-24", "")
    assert "*|" not in shown["a", "crm", "ps_reason"]
    assert "<b" not in shown["a", "crm", "ps_reason"]
