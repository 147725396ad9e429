"""The key ledger: what connectors read and send has evidence, and the evidence says what the ledger says it does."""

from __future__ import annotations

import ast
import gzip
import inspect
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import mailchimp_marketing
import pytest

from connectors.evidence import Assumption, KnownKey, load_evidence
from connectors.hubspot.connector import HubSpot
from connectors.hubspot.operations import EVERY
from connectors.mailchimp.api import ENDPOINTS
from connectors.sandbox.fill import fill
from connectors.sandbox.server import Sandbox
from sync.workspace.manifest import load_manifest
from tests.connectors import key_notes
from tests.connectors.test_official_sdks import walk
from tests.connectors.test_recordings import recorded

EVIDENCE = load_evidence()
KINDS = {(source.platform, source.kind) for source in EVIDENCE.sources}
IDS = {assumption.id: assumption for assumption in EVIDENCE.assumptions}
ROOT = Path(__file__).parents[2]
MOST_ASSUMPTIONS = {"hubspot": 19, "mailchimp": 13, "klaviyo": 8, "brevo": 8}
LEDGERS = {"hubspot", "mailchimp"}  # the platforms whose keys are listed one by one
SINGLE = re.compile(r"\}$|^POST")  # the recorded table names the collection's keys for some single records
NEWER = {  # keys that the descriptions of 2026 have and the types of hubspot-api-client 12.0.0 of 2025-05 lack
    "associatedObjectType",
    "includeLabeledAssociations",
    "includePrimaryDisplayPropertyForAssociatedObjects",
    "allEmailCampaignIds",
    "isAb",
    "recordListMemberships",
    "inputs",  # of the operation that reads memberships, which it has not
    "isPublicList",
    "total",
}


def called() -> set[str]:
    return {f"{operation.method} {operation.numbered}" for operation in EVERY} | {
        f"{endpoint.method} {endpoint.template}" for endpoint in ENDPOINTS
    }


def test_every_key_has_one_evidence_and_every_evidence_is_known() -> None:
    seen: set[tuple[str, str, str]] = set()
    for key in EVIDENCE.keys:
        place = (key.operation, key.use, key.key)
        assert place not in seen, place
        seen.add(place)
        assert (key.platform, key.evidence) in KINDS or IDS[key.evidence].platform == key.platform, place
    assert {entry.operation for entry in EVIDENCE.keys if entry.use in {"reads", "sends"}} >= called() - {"GET /ping"}


def test_assumptions_are_few_numbered_and_say_what_is_done_in_each_case() -> None:
    assert list(IDS) == [f"A{number}" for number in range(1, len(IDS) + 1)]
    counts = Counter(assumption.platform for assumption in IDS.values())
    assert {platform: count for platform, count in counts.items() if count > MOST_ASSUMPTIONS[platform]} == {}
    for assumption in IDS.values():
        if assumption.platform in LEDGERS:  # tests/described holds the others against descriptions
            assert assumption.operation in called() | {"refusals"}, assumption.id
        assert assumption.probe in {"read", "write", "none"}
        assert set(assumption.blocks) <= {"pull", "apply"}
        for sentence in (assumption.says, assumption.why, assumption.how, assumption.held, assumption.broken):
            assert sentence.endswith("."), (assumption.id, sentence)
    used = {key.evidence for key in EVIDENCE.keys if key.evidence in IDS}
    assert {e.id for e in IDS.values() if "key" in e.says and e.platform in LEDGERS} <= used | {"A9"}


@pytest.mark.parametrize("assumption", EVIDENCE.assumptions, ids=lambda assumption: assumption.id)
def test_the_test_of_an_assumption_exists(assumption: Assumption) -> None:
    path, _, name = assumption.test.partition("::")
    tree = ast.parse((ROOT / path).read_text("utf-8"))

    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_marks_of_doubt_in_plugin_toml_are_assumptions() -> None:
    text = (ROOT / "plugin.toml").read_text("utf-8")

    assert "(?)" not in text
    assert set(re.findall(r"\((A\d+)\)", text)) <= set(IDS)
    assert load_manifest().connectors["hubspot"].api_versions  # it is read


def test_a_key_without_evidence_is_noticed() -> None:
    notes = key_notes.Notes()
    answer = key_notes.wrap({"results": [{"id": "1", "contact_id": "2"}]}, notes, "GET /crm/v3/objects/contacts")
    assert answer["results"][0].get("contact_id") == "2"

    assert key_notes.unknown_reads(notes) == ["read GET /crm/v3/objects/contacts: results[].contact_id"]
    shown = {"members": [{"id": "1", "contact_id": "2"}]}
    assert key_notes.unknown_shown("GET /lists/{list_id}/segments/{segment_id}/members", shown) == [
        "members[].contact_id"
    ]


def test_what_both_connectors_read_and_send_is_what_the_ledger_says(
    sandbox: Sandbox, open_hubspot: Callable[..., HubSpot], key_ledger: key_notes.Notes
) -> None:
    """The newest version of the API; v3 and Mailchimp are walked in test_official_sdks.py, under the same ledger."""
    fill(sandbox.world, 60)
    walk(open_hubspot(api_version="2026-09"))

    assert key_notes.unknown_keys(key_ledger) == []
    assert len(key_ledger.read) > 100


OF_OURS = {  # keys of cursors, settings, plans of ours, and of what the SDK hands over; plugin.toml names the others
    *("since", "gap", "surplus", "read_at", "total", "currency", "platform_id", "event_id", "engagements", "task_id"),
    *("base_url", "full_pull", "audience", "plan", "access_token", "portal_id", "host", "why", "scopes", "Retry-After"),
}


NO_ANSWERS = {"app_project.py", "events.py", "forms.py", "templates.py"}
"""Modules that read no answer of an API: deliveries (`tests/connectors/sandbox/webhooks`), files and mails."""


def literal_keys(path: Path) -> Iterator[str]:
    """Yield every key that a module names where it reads a mapping."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        key: ast.expr | None = None
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            key = node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            key = node.args[0] if node.args else None
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value


@pytest.mark.parametrize("platform", ["hubspot", "mailchimp"])
def test_every_key_that_a_connector_names_is_read_somewhere_by_the_ledger(platform: str) -> None:
    """What no walk reaches (a complaint, a refused member) is named in the code all the same."""
    uses = [key for key in EVIDENCE.keys if key.platform == platform and key.use in {"reads", "sends"}]
    known = {part.removesuffix("[]").removeprefix("?") for key in uses for part in key.key.split(".")}
    manifest = load_manifest().connectors[platform]
    ours = {*OF_OURS, *manifest.as_mapping(), *manifest.limits}
    named = {
        (path.name, key)
        for path in sorted((ROOT / "connectors" / platform).glob("*.py"))
        for key in literal_keys(path)
        if path.name not in NO_ANSWERS and key not in known | ours
    }

    assert named == set()


# ---------------------------------------------------------------------------------------------- is it true?
def of_kind(platform: str, kind: str, *uses: str) -> Iterator[KnownKey]:
    chosen = (key for key in EVIDENCE.keys if (key.platform, key.evidence) == (platform, kind))
    yield from (key for key in chosen if not uses or key.use in uses)


def test_mailchimps_description_names_the_keys_that_rest_on_it(shared: Path) -> None:
    with gzip.open(shared / "recorded" / "mailchimp_answer_keys.json.gz", "rt", encoding="utf-8") as file:
        described: dict[str, dict[str, str]] = json.load(file)
    checked = 0
    for key in of_kind("mailchimp", "description", "reads", "shows"):
        keys = described.get(key.operation)
        if keys is None or ("total_items" in keys and SINGLE.search(key.operation)):
            continue
        open_place = any(keys.get(prefix) in {"object", "array"} for prefix in _prefixes(key.key))
        assert key.key in keys or open_place, (key.operation, key.key)
        checked += 1
    assert checked > 900


def _prefixes(key: str) -> Iterator[str]:
    parts = key.split(".")
    for count in range(1, len(parts)):
        prefix = ".".join(parts[:count])
        yield from (prefix, prefix.removesuffix("[]"))


def test_recorded_properties_of_contacts_exist(shared: Path) -> None:
    names = {
        row["name"]
        for exchange in recorded(shared, "hubspot")
        if exchange["path"] == "/properties/v1/contacts/properties" and isinstance(exchange["response_body"], list)
        for row in exchange["response_body"]
    }
    asked = {key.key.rpartition(".")[2] for key in of_kind("hubspot", "recording") if ".properties." in key.key}

    assert len(asked) > 15
    assert asked <= names


def test_recorded_lists_have_the_properties_by_which_a_change_is_seen(shared: Path) -> None:
    asked = {key.key for key in of_kind("hubspot", "recording", "reads") if "additionalProperties." in key.key}
    shown: set[str] = set()
    for exchange in recorded(shared, "hubspot_lists_2026"):
        body = exchange["response_body"]
        shown |= set(key_notes.keys_of(json.loads(body) if isinstance(body, str) and body else body))

    assert asked
    assert asked <= shown


def test_mailchimps_sdk_takes_the_queries_that_are_sent() -> None:
    methods = inspect.getsource(import_module("mailchimp_marketing.api.lists_api"))
    for name in ("reports", "campaigns", "ecommerce", "batches"):
        methods += inspect.getsource(import_module(f"mailchimp_marketing.api.{name}_api"))
    known = set(re.findall(r"'(\w+)'", methods))

    sent = {key.key[1:] for key in of_kind("mailchimp", "description", "sends") if key.key.startswith("?")}
    assert mailchimp_marketing is not None
    assert sent - known == set()


@cache
def attributes(package: str) -> frozenset[str]:
    """Return every key that a model of the SDK's *package* has, whatever the model."""
    models = import_module(f"hubspot.{package}.models")
    mappings = (getattr(value, "attribute_map", {}) for value in vars(models).values() if inspect.isclass(value))
    return frozenset(key for mapping in mappings for key in mapping.values())


PACKAGES = {
    "/crm/v3/objects/contacts": "crm.contacts",
    "/crm/v3/objects/deals": "crm.deals",
    "/crm/v3/lists": "crm.lists",
    "/crm/v3/properties": "crm.properties",
    "/crm/v3/exports": "crm.exports",
    "/crm/v4/associations": "crm.associations.v4",
    "/marketing/v3/emails": "marketing.emails",
}


def test_the_official_sdk_has_the_keys_that_the_descriptions_have() -> None:
    """Two official sources of different years agree, but for what the SDK is too old for."""
    checked, missing = 0, set()
    for key in of_kind("hubspot", "description", "reads", "sends"):
        path = key.operation.split()[1]
        package = next((package for begin, package in PACKAGES.items() if path.startswith(begin)), "")
        if not package or key.key.startswith("?"):
            continue
        names = [part.removesuffix("[]") for part in key.key.split(".")]
        maps = {"properties", "additionalProperties", "context", "counters", "associations"}
        for before, name in zip(["", *names], names, strict=False):
            if before not in maps and name not in attributes(package):
                missing.add(name)
        checked += 1
    assert checked > 100
    assert missing - NEWER == set()


def test_counts_are_as_the_page_shows_them() -> None:
    page = (ROOT / "docs" / "platforms.md").read_text("utf-8")
    read: list[Any] = [key for key in EVIDENCE.keys if key.use == "reads"]

    assert f"{len(read)} keys that are read" in page
    assert f"{len(IDS)} assumptions" in page
