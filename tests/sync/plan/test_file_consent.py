"""What a file does not say is never consent; the plan says who is left out for it, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from connectors import files
from connectors.connector import Connection
from connectors.files.connector import Files
from sync.consent.strictest import strictest_consent
from sync.workspace.manifest import load_manifest
from tests.connectors.conftest import rows
from tests.sync.conftest import Platforms, Run, edit


def shop(folder: Path, text: str, kind: str = "contacts", **settings: str) -> Files:
    path = folder / f"{kind}.csv"
    path.write_text(text, "utf-8")
    facts = load_manifest().connectors["files"].as_mapping()
    return files.connect(Connection("shop", {kind: str(path), **settings}, facts))


def consents(opened: Files) -> list[str | None]:
    return [row["consent"] for row in rows(opened.read("contacts", {}), "contacts")]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("Accepts Marketing", {"yes": "subscribed", "No": "unsubscribed", "": "none", "maybe": "none"}),
        ("Accepts Email Marketing", {"TRUE": "subscribed", "FALSE": "unsubscribed"}),
        ("Email Marketing Consent", {"SUBSCRIBED": "subscribed", "NEVER_SUBSCRIBED": "transactional"}),
        ("Consent", {"opted out": "unsubscribed", "Opted-In": "subscribed", "suppressed": "unsubscribed", "?": "none"}),
        ("Unsubscribed from all email", {"true": "unsubscribed", "false": "none", "": "none"}),
        ("UNSUB_TIME", {"2026-01-05 10:00:00": "unsubscribed", "": "none"}),
        ("Favourite colour", {"yes": "none"}),
    ],
)
def test_what_exports_say_is_understood_and_everything_else_is_no_consent(
    tmp_path: Path, header: str, said: Mapping[str, str]
) -> None:
    lines = [f"{n}@acme.example,{word}" for n, word in enumerate(said)]

    opened = shop(tmp_path, "\n".join([f"Email,{header}", *lines]))

    assert consents(opened) == list(said.values())
    assert [line.split(": ", 2)[2] for line in opened.rejects] == [
        f"'{word}' is not a consent state (subscribed, unsubscribed, pending, cleaned, transactional, none); "
        "this contact has no consent"
        for word in said
        if word in {"maybe", "?"}
    ]


def test_a_file_without_a_column_is_told_and_the_workspace_may_say_that_all_agreed(tmp_path: Path) -> None:
    silent = shop(tmp_path, "email\nada@acme.example\n")
    [finding] = silent.check()

    assert (finding.state, finding.message) == (
        "warn",
        "contacts.csv: 1 contacts; nobody in it has agreed to marketing, as far as the file says.",
    )
    assert consents(shop(tmp_path, "email\nada@acme.example\n", contacts_without_consent="subscribed")) == [
        "subscribed"
    ]
    # a file of orders says nothing: another source decides, and alone it is no consent
    orders = "order_id,email,date,amount\n1,ada@acme.example,2026-01-01,5\n"
    assert consents(shop(tmp_path, orders, "orders")) == [None]
    ordered = {"state": "active", "consent": None}
    assert strictest_consent([ordered]) == "none"
    assert strictest_consent([ordered, {"state": "active", "consent": "unknown"}]) == "unknown"
    assert (
        strictest_consent([{"state": "active", "consent": "none"}, {"state": "active", "consent": "unknown"}]) == "none"
    )


@pytest.mark.long
def test_the_plan_says_how_many_are_left_out_and_why(platforms: Platforms, say: Run) -> None:
    address = next(row["properties"]["email"] for row in platforms.crm.contacts.rows.values())
    (platforms.folder / "shop.csv").write_text(f"email,Accepts Marketing\n{address},No\n", "utf-8")
    edit(platforms, "[guardrails]", '[connections.shop]\nconnector = "files"\ncontacts = "shop.csv"\n\n[guardrails]')
    for command in ("pull", "assign", "setup --yes"):
        assert say(*command.split())[0] == 0

    _, output, _ = say("plan")
    _, document, _ = say("plan", "--json")

    assert any("left out, consent 'unsubscribed': they opted out." in line for line in json.loads(document)["left_out"])
    assert "left out, consent 'unsubscribed'" in " ".join(output.split())
    assert address not in {sample["contact"] for sample in json.loads(document)["samples"]}
