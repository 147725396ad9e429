"""Values are compared by the type of their field: a number that comes back in another form was kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.hubspot.connector import HubSpot
from connectors.mailchimp.push import _kept
from connectors.records import Change, FieldDefinition
from connectors.sandbox.server import Sandbox
from connectors.transport import spelt
from connectors.values import one_form
from tests.connectors.hubspot.test_reading import add

NAME = "personasync_confidence"


@pytest.mark.parametrize(
    ("kind", "value", "form"),
    [
        ("number", "1.0", "1"),
        ("number", "1", "1"),
        ("number", 0.90, "0.9"),
        ("number", "1E+1", "10"),
        ("number", "-0.0", "0"),
        ("number", "many", "many"),
        ("number", "NaN", "NaN"),
        ("date", "2026-11-30", "2026-11-30"),
        ("date", "1795996800000", "2026-11-30"),
        ("date", "2026-11-30T00:00:00Z", "2026-11-30"),
        ("date", "1795996800001", "1795996800001"),
        ("date", "soon", "soon"),
        ("text", "1.0", "1.0"),
        ("enumeration", "True", "True"),
        ("text", True, "true"),
        ("number", None, ""),
    ],
)
def test_a_value_has_one_form(kind: str, value: Any, form: str) -> None:
    assert one_form(value, kind) == form


def test_a_number_that_hubspot_shortens_was_kept_and_reads_the_same(
    sandbox: Sandbox, open_hubspot: Callable[..., HubSpot]
) -> None:
    sandbox.world.settings.short_numbers = True
    hubspot = open_hubspot()
    hubspot.create(hubspot.missing([FieldDefinition(NAME, "Confidence", "number")], [])[0])
    change = Change("crm", add(sandbox, "ada@people.test"), "p", None, "field", NAME, None, "1.0")

    outcomes = [outcome for batch in hubspot.push([change]) for outcome in batch]

    assert [(outcome.state, outcome.reason) for outcome in outcomes] == [("applied", "")]
    assert list(hubspot.read_back([change]).values()) == ["1"]
    rows = [row for page in hubspot.read("contacts", {}) for row in page.rows.to_pylist()]
    assert {row["properties"] for row in rows} == {'{"personasync_confidence": "1"}'}


def test_a_merge_field_of_type_number_is_a_number_in_the_answer() -> None:
    change = Change("email", "x", "p", "ada@people.test", "field", "SCORE", None, "1")

    assert _kept([change], {"merge_fields": {"SCORE": 1.0}}, {"SCORE": "number"})[0].state == "applied"
    assert _kept([change], {"merge_fields": {"SCORE": 2}}, {"SCORE": "number"})[0].code == "not_kept"
    assert _kept([change], {"merge_fields": {"SCORE": "1.0"}}, {"SCORE": "text"})[0].code == "not_kept"


def test_booleans_of_a_query_are_spelt_as_documented() -> None:
    assert spelt([("includeStats", True), ("limit", 1)]) == [("includeStats", "true"), ("limit", 1)]
    assert spelt({"skip": False, "fields": ["a"]}) == {"skip": "false", "fields": ["a"]}
