"""Refusals of HubSpot in every shape that was recorded, and in shapes cut from those: read, and never a crash."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import MissingScopeError, PersonasyncError
from connectors.hubspot.connector import HubSpot
from connectors.hubspot.operations import EVERY
from connectors.hubspot.push import _outcomes
from connectors.hubspot.refusals import scopes_to_add, translate
from connectors.hubspot.scan import ids_not_found
from connectors.mailchimp.refusals import translate as translate_mailchimp
from connectors.records import Change
from connectors.sandbox.server import Sandbox
from sync.workspace.manifest import load_manifest

MANY = [f"crm.objects.{kind}.read" for kind in ("contacts", "deals", *(f"kind{number}" for number in range(29)))]
ALTERNATIVES = {
    "status": "error",
    "message": "This app hasn't been granted all required scopes to make this call.",
    "category": "MISSING_SCOPES",
    "errors": [
        {
            "message": "One or more of the following scopes are required.",
            "context": {"requiredGranularScopes": MANY},
        }
    ],
}
BARE = {"status": "error", "message": "The token may not do this.", "correlationId": "c"}
MISSING = {"message": "No.", "context": {"missingScopes": ["crm.objects.contacts.sensitive.read"]}}
SHAPES = (  # recorded ones, by what is particular to them
    ALTERNATIVES,
    BARE,
    {"message": "validation error", "errors": ["The request body may not be null"]},
    {"message": "Invalid input", "context": None, "category": "VALIDATION_ERROR", "subCategory": None},
    {"message": "List does not exist", "context": {"listId": ["-1"]}, "subCategory": "ListError.LIST_ID"},
    {"validationResults": [{"isValid": False, "message": "no long", "error": "INVALID_LONG", "name": "closedate"}]},
    {"errors": [{"message": "gone", "context": None}, {"message": None, "context": {"ids": ["7", 8]}}], "links": {}},
)


def response(status: int, body: Any) -> requests.Response:
    made = requests.Response()
    made.status_code, made._content = status, json.dumps(body).encode()
    made.request = requests.Request("POST", "https://api.hubapi.com/crm/v3/lists").prepare()
    return made


def refused(body: Any, *declared: str) -> MissingScopeError:
    error = translate(response(403, body))
    assert isinstance(error, MissingScopeError)
    return scopes_to_add(error, declared)


def test_of_many_scopes_that_would_do_the_declared_one_is_named() -> None:
    error = refused(ALTERNATIVES, "crm.objects.contacts.read")

    assert error.scopes == ("crm.objects.contacts.read",)
    assert error.fix == "Add these scopes to the token: crm.objects.contacts.read."
    assert "kind7" not in str(error)
    assert refused(ALTERNATIVES, "crm.lists.read", "crm.objects.deals.read").scopes == ("crm.objects.deals.read",)


def test_a_refusal_without_names_names_the_declared_one() -> None:
    assert refused(BARE, "content").scopes == ("content",)
    assert refused("no object", "content").scopes == ("content",)
    assert refused(BARE).fix == "Compare the token's scopes with plugin.toml."


def test_a_scope_that_is_missing_for_certain_is_named_though_it_is_not_declared() -> None:
    assert refused(MISSING, "crm.objects.contacts.read").scopes == ("crm.objects.contacts.sensitive.read",)


def test_every_operation_has_scopes_that_plugin_toml_declares() -> None:
    declared = {scope.name for scope in load_manifest().connectors["hubspot"].scopes}
    used = {scope for operation in EVERY for scope in operation.scopes}

    # of paths that are switched on by the workspace
    assert used - declared == {"crm.export", "communication_preferences.statuses.batch.read"}
    assert declared <= used
    assert [operation.endpoint for operation in EVERY if not operation.scopes] == ["account"]


def test_doctor_names_one_scope_and_the_rest_works(sandbox: Sandbox, open_hubspot: Callable[..., HubSpot]) -> None:
    """A small plan: no marketing e-mail, and a token that may not read the account's details."""
    declared = {scope.name for scope in load_manifest().connectors["hubspot"].scopes}
    sandbox.world.settings.scopes = frozenset(declared - {"content"})
    hubspot = open_hubspot(api_version="2026-09")

    findings = hubspot.check()

    scopes = [finding for finding in findings if finding.check == "scopes"]
    assert {finding.state for finding in findings} == {"ok", "warn"}
    assert [finding.message.split(" can't")[0] for finding in scopes] == ["emails", "email events"]
    assert all("Missing scopes: content (to read" in finding.message for finding in scopes)
    assert all("The rest works." in finding.message for finding in scopes)
    assert any("Account information can't be read" in finding.message for finding in findings)
    assert [page.table for page in hubspot.read("orders", {})] == ["orders"]
    with pytest.raises(MissingScopeError, match=r"the token lacks the scope content\."):
        list(hubspot.read("campaigns", {}))


def cuts(value: Any) -> st.SearchStrategy[Any]:
    """Return shapes of *value* from which something is gone, null, or another kind of thing."""
    others = st.sampled_from([None, "", "text", 7, True, [], {}, ["text"], [None], {"ids": None}, [{"context": "x"}]])
    if isinstance(value, dict):
        fields = {key: st.one_of(cuts(inner), others) for key, inner in value.items()}
        return st.one_of(st.fixed_dictionaries({}, optional=fields), others)
    if isinstance(value, list) and value:
        return st.one_of(st.lists(st.one_of(*(cuts(element) for element in value), others), max_size=3), others)
    return st.one_of(st.just(value), others)


@given(st.one_of(*(cuts(shape) for shape in SHAPES)), st.sampled_from([400, 401, 403, 404, 409, 414, 423, 429, 477]))
def test_a_refusal_of_any_shape_is_an_error_with_a_sentence(body: Any, status: int) -> None:
    for read in (translate, translate_mailchimp):
        error = read(response(status, body))
        assert isinstance(error, PersonasyncError)
        assert str(error)


@given(st.one_of(*(cuts({**shape, "results": []}) for shape in SHAPES)))
def test_the_errors_of_a_batch_may_have_any_shape(body: Any) -> None:
    answer = body if isinstance(body, dict) else {}
    change = Change("crm", "8", "p", None, "field", "personasync_reason", None, "x")

    (outcome,) = _outcomes([("8", [change])], {**answer, "results": []}, {})

    assert outcome.state == ("rejected" if "8" in set(ids_not_found(answer)) else "unknown")
