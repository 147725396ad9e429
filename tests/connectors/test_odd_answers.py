"""Ghost and BottleCRM, which the laws of the kit reach on real servers only: an answer of another form is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import responses

from connectors.base import DerivedConnector
from connectors.bottlecrm.connector import BottleCrm
from connectors.connector import Connection
from connectors.errors import ContractError, PersonasyncError, PlatformDownError
from connectors.ghost.connector import Ghost
from connectors.secret import Secret
from sync.workspace.manifest import plugin_manifest

KEY = "5f7dd11ab6:" + "0a1b2c3d" * 8
SITE = "https://site.example"
DATED = {"Date": "Tue, 01 Dec 2026 12:00:00 GMT"}
ODD = (
    *("[]", "null", "5", '"text"', "true", "{}", "[null]", "[[]]", '[{"id": "1"}]', '{"a": {"b": [1]}}'),
    *('{"KEY": null}', '{"KEY": {}}', '{"KEY": 5}', '{"KEY": "x"}', '{"KEY": true}', '{"KEY": [null]}'),
    *('{"KEY": [[]]}', '{"KEY": [5]}', '{"KEY": ["x"]}', '{"KEY": [{}]}', '{"KEY": [{"id": null}]}'),
    *('{"KEY": [{"id": {}}]}', '{"KEY": [{"id": [1]}]}', '{"KEY": [{"id": "1", "email": 5}]}', '{"KEY": {"a": []}}'),
    '{"KEY": [], "KEY": null}',
)
NO_JSON = ("NaN", '{"KEY": NaN}', "[" * 100_000, "1" * 10_000, "{'KEY': []}", "")
READS: dict[str, tuple[str, Callable[[], DerivedConnector], Callable[[Any], Any]]] = {
    "ghost members": ("members", lambda: ghost(), lambda c: list(c.read("contacts", {}))),
    "ghost fetch": ("members", lambda: ghost(), lambda c: c.fetch(["m1"], [])),
    "ghost labels": ("labels", lambda: ghost(), lambda c: c.group_names()),
    "ghost fields": ("members_metafields", lambda: ghost(), lambda c: c.fields()),
    "ghost posts": ("posts", lambda: ghost(), lambda c: list(c.read("campaigns", {}))),
    "bottlecrm contacts": ("results", lambda: bottle(), lambda c: list(c.read("contacts", {}))),
    "bottlecrm deals": ("opportunities", lambda: bottle(), lambda c: list(c.read("orders", {}))),
    "bottlecrm fetch": ("contact_obj", lambda: bottle(), lambda c: c.fetch(["c1"], [])),
    "bottlecrm fields": ("definitions", lambda: bottle(), lambda c: c.fields()),
    "bottlecrm tags": ("tags", lambda: bottle(), lambda c: c.group_names()),
}


def ghost() -> Ghost:
    spec = plugin_manifest().connectors["ghost"].as_mapping()
    return Ghost(Connection("email", {"site": SITE}, spec, Secret(KEY), groups=("buyers",)))


def bottle() -> BottleCrm:
    spec = plugin_manifest().connectors["bottlecrm"].as_mapping()
    return BottleCrm(Connection("crm", {"site": SITE}, spec, Secret("bcrm_pat_1")))


def error_of(name: str, body: str) -> PersonasyncError:
    key, connect, read = READS[name]
    connector = connect()
    connector.client.transport.wait = lambda _: None
    with responses.RequestsMock() as mocked:
        said = body.replace("KEY", key)
        mocked.get(re.compile(".*"), body=said, content_type="application/json", headers=DATED)
        with pytest.raises(PersonasyncError) as raised:
            read(connector)
    return raised.value


@pytest.mark.slow
@pytest.mark.parametrize("name", READS)
def test_an_answer_of_another_form_is_told_with_what_was_asked(name: str) -> None:
    bodies = [body for body in ODD if name != "ghost posts" or "[{" not in body]  # a post may have no e-mail
    errors = {body: error_of(name, body) for body in bodies}

    assert {body: type(error) for body, error in errors.items()} == dict.fromkeys(bodies, ContractError)
    assert not [error for error in errors.values() if "GET " not in str(error)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ghost members", "bottlecrm contacts"])
def test_what_is_no_json_is_told_as_such(name: str) -> None:
    errors = [error_of(name, body) for body in NO_JSON]

    assert {type(error) for error in errors[:-1]} == {PlatformDownError}
    assert isinstance(errors[-1], ContractError)  # an empty answer is one without a list
