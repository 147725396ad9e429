"""Sensitive traits in a workspace: refused in rules, linted in personas, looked for by the audit, kept nowhere."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from sync.clock import now
from sync.session import open_session
from tests.sync.conftest import Platforms, Run, edit

TRAIT = '\n[traits.children_at_home]\nconnection = "crm"\nproperty = "children_at_home"\ntype = "number"\n'
RULE = '[[segments]]\nname = "parents"\nrule = "children_at_home >= 1"\n\n'


@pytest.fixture(autouse=True)
def asked_for_children(platforms: Platforms) -> None:
    """HubSpot's account has a property with what the trait reads."""
    number = platforms.crm.properties["contacts/annualrevenue"]
    platforms.crm.properties["contacts/children_at_home"] = {**number, "name": "children_at_home"}


def add(platforms: Platforms, file: str, text: str, *, front: bool = False) -> None:
    path = platforms.folder / file
    there = path.read_text("utf-8")
    path.write_text(text + there if front else there + text, "utf-8")


@pytest.mark.long
def test_a_rule_over_a_sensitive_trait_is_refused_until_the_purpose_is_named(platforms: Platforms, say: Run) -> None:
    add(platforms, "personasync.toml", TRAIT)
    add(platforms, "segments.toml", RULE, front=True)

    refused, _, error = say("assign")
    add(platforms, "personasync.toml", '\n[sensitive]\npurpose = "Toys by age."\nallow = ["children_at_home"]\n')
    assert say("pull")[0] == 0
    allowed, _, _ = say("assign")

    assert refused == 2
    assert "segments.toml, line 1" in error
    assert "'children_at_home' is sensitive" in error
    assert 'allow = ["children_at_home"]' in error
    assert allowed == 0


def test_to_allow_needs_a_purpose_and_a_trait_that_exists(platforms: Platforms, say: Run) -> None:
    add(platforms, "personasync.toml", '\n[sensitive]\nallow = ["orders_total"]\n')
    _, _, without = say("assign")
    edit(platforms, '[sensitive]\nallow = ["orders_total"]', '[sensitive]\npurpose = "Why."\nallow = ["ordrs"]')
    status, _, unknown = say("assign")

    assert "`allow` needs a purpose" in without
    assert status == 2
    assert "unknown trait 'ordrs' in `allow`" in unknown


def test_what_a_persona_should_not_say_is_told_with_its_line_whenever_the_workspace_loads(
    platforms: Platforms, say: Run
) -> None:
    path = platforms.folder / "personas.toml"
    text = path.read_text("utf-8")
    path.write_text(text.replace("story = ", 'story = "A devout catholic." # ', 1), "utf-8")

    status, _, error = say("status")
    _, document, _ = say("doctor", "--json")

    assert status == 0
    assert "Warning: personas.toml, line " in error
    assert "'catholic' is about religion" in error
    assert [f["check"] for f in json.loads(document)["findings"] if "catholic" in f["message"]] == ["personas"]


def flags(platforms: Platforms, say: Run, path: Path, *, proxy: bool) -> str:
    """Write a flag that everybody in the largest segment has, or one by chance. Returns the segment."""
    for command in ("pull", "assign"):
        assert say(command)[0] == 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["email", "secret_flag"])
        with open_session(platforms.folder, now=now, environment=platforms.environment) as session:
            links = session.control.links.mapping()
            rows = session.warehouse.current("assignments").to_pyarrow().to_pylist()
        segments = {row["person_id"]: row["segment"] for row in rows}
        largest = Counter(segment for segment in segments.values() if segment).most_common(1)[0][0]
        for number, member in enumerate(platforms.members()):
            address = member["email_address"]
            segment = segments[links[f"mailto:{address.casefold()}"]]
            writer.writerow([address, "yes" if (segment == largest if proxy else number % 2) else "no"])
    return str(largest)


@pytest.mark.long
def test_a_flag_that_a_segment_stands_for_is_blocked_and_kept_nowhere(
    platforms: Platforms, say: Run, tmp_path: Path
) -> None:
    file = tmp_path / "flags.csv"
    largest = flags(platforms, say, file, proxy=True)

    status, document, _ = say("audit", str(file), "--json")
    shown_status, shown, _ = say("audit", str(file), "--flag", "Secret_Flag")

    audit = json.loads(document)
    assert (status, shown_status, audit["verdict"]) == (3, 3, "block")
    assert audit["by_segment"][0]["auc"] > 0.95
    assert {offer["segment"]: offer["verdict"] for offer in audit["offers"]}[largest] == "warn"
    assert "act as a proxy for it" in shown
    kept = [path for path in platforms.folder.rglob("*") if path.is_file() and b"secret_flag" in path.read_bytes()]
    assert kept == []


@pytest.mark.long
def test_a_flag_by_chance_passes(platforms: Platforms, say: Run, tmp_path: Path) -> None:
    file = tmp_path / "flags.csv"
    flags(platforms, say, file, proxy=False)

    _, document, _ = say("audit", str(file), "--json")

    audit = json.loads(document)
    assert audit["by_segment"][0]["auc"] < 0.65
    assert audit["people"] > 40


def test_an_audit_names_what_its_file_lacks(platforms: Platforms, say: Run, tmp_path: Path) -> None:
    file = tmp_path / "flags.csv"
    for text, wanted in (
        ("mail,flag\na@people.test,yes\n", "has no column 'email'"),
        ("email,a,b\nx@people.test,yes,no\n", "Name the flag column: --flag NAME."),
        ("email,flag\nnobody@people.test,yes\n", "needs at least two groups of 20 assigned people"),
        ("", "is empty"),
    ):
        file.write_text(text, "utf-8")

        status, _, error = say("audit", str(file))

        assert status == 2
        assert wanted in error


@pytest.mark.long
def test_a_sensitive_trait_enters_no_fit_without_a_purpose(platforms: Platforms, say: Run) -> None:
    add(platforms, "personasync.toml", TRAIT)
    assert say("pull")[0] == 0

    refused, _, error = say("fit", "--target", "rules", "--trait", "children_at_home")
    add(platforms, "personasync.toml", '\n[sensitive]\npurpose = "Toys by age."\nallow = ["children_at_home"]\n')
    _, _, allowed = say("fit", "--target", "rules", "--trait", "children_at_home")

    assert refused == 2
    assert "'children_at_home' can't be a feature" in error
    assert "can't be a feature" not in allowed


def test_a_tool_over_a_sensitive_trait_is_not_asked_without_a_purpose(platforms: Platforms, say: Run) -> None:
    add(platforms, "personasync.toml", TRAIT.replace("children_at_home", "t_x", 1))
    table = platforms.folder / "table.csv"
    segments = [line.split('"')[1] for line in (platforms.folder / "segments.toml").read_text("utf-8").splitlines()
                if line.startswith("name = ")][:2]  # fmt: skip
    table.write_text(f"item,{','.join(segments)}\nx,1,2\nconstant,0,0\n", "utf-8")
    assert say("survey", "import", str(table), "--tool", "t", "--out", str(platforms.folder / "out"))[0] == 0

    status, _, error = say("assign")

    assert status == 2
    assert "typing tool 't': the trait 't_x' is sensitive" in error
