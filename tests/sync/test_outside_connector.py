"""A connector of another package: its spec travels with it, and no line of ours knows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.sync.outside import commands, installed

pytestmark = pytest.mark.outside
SETTINGS = """\
[workspace]
name = "Ducks"

[connections.lake]
connector = "pond"
token = "env:POND_TOKEN"
file = "people.json"
"""
SEGMENTS = """\
[[segments]]
name = "swimmers"
rule = "lifecycle_stage = 'often' and country = 'SE'"
"""


def workspace(folder: Path, *people: dict[str, str]) -> Path:
    """A workspace whose one connection is of that package."""
    folder.mkdir()
    (folder / "personasync.toml").write_text(SETTINGS, "utf-8")
    (folder / "segments.toml").write_text(SEGMENTS, "utf-8")
    (folder / "personas.toml").write_text("", "utf-8")
    (folder / "people.json").write_text(json.dumps(people), "utf-8")
    return folder


def answers(printed: str) -> list[tuple[int, str]]:
    """Status and text of each command."""
    parts = [part.rsplit("\n= ", 1) for part in printed.split("$ ")[1:]]
    return [(int(status), said.partition("\n")[2]) for said, status in parts]


def test_a_connector_of_another_package_is_listed_and_read(tmp_path: Path) -> None:
    site = installed(tmp_path / "site", "pond")
    ada = {"id": "1", "email": "ada@people.test", "swims": "often", "homeland": "SE", "country": "of no use"}
    folder = workspace(tmp_path / "ducks", ada, {"id": "2", "email": "bo@people.test", "swims": "never"})
    lines = [["connectors", "list", "--json"], ["pull", "--json"], ["assign"], ["members", "swimmers", "--json"]]
    done = commands(site, json.dumps(lines), at=folder, POND_TOKEN="quack")
    (_, listed), (pulled, rows), (assigned, _), (_, members) = answers(done.stdout)
    [pond] = [entry for entry in json.loads(listed)["connectors"] if entry["name"] == "pond"]

    assert (pond["package"], pond["version"], pond["hosts"]) == ("personasync-pond", "1.2.0", ["api.pond.example"])
    assert pond["scopes"] == {"ducks.read": "read contacts"}
    assert (pulled, assigned) == (0, 0), done.stderr
    assert json.loads(rows)["rows"] == {"lake contacts": 2}
    assert [member["email"] for member in json.loads(members)["members"]] == ["ada@people.test"]


def test_a_spec_that_cannot_be_read_stops_its_own_connector_and_no_other(tmp_path: Path) -> None:
    site = installed(tmp_path / "site", "pond")
    (site / "pond" / "pond.toml").write_text('title = "Pond"\nkind = "email"\nsurprise = 1', "utf-8")
    folder = workspace(tmp_path / "ducks")
    done = commands(site, json.dumps([["connectors", "list", "--json"], ["status"]]), at=folder, POND_TOKEN="quack")
    (_, listed), (refused, _) = answers(done.stdout)
    connectors = {entry["name"]: entry for entry in json.loads(listed)["connectors"]}

    assert "'surprise' is not a key of a spec" in connectors["pond"]["fault"]
    assert connectors["hubspot"]["fault"] is None
    assert refused == 2
    assert "personasync.toml, line 5" in done.stderr
    assert "'surprise' is not a key of a spec" in done.stderr


def test_two_packages_with_one_connector_and_one_that_takes_our_name_are_told(tmp_path: Path) -> None:
    site = installed(tmp_path / "site", "pond")
    installed(tmp_path / "site", "pond", name="another-pond")
    point = "[personasync.connectors]\nhubspot = pond:connect\n"
    (site / "personasync_pond-1.2.0.dist-info" / "entry_points.txt").write_text(
        f"{point}pond = pond:connect\n", "utf-8"
    )
    done = commands(site, json.dumps([["connectors", "list", "--json"]]), at=tmp_path)
    [(_, listed)] = answers(done.stdout)
    connectors: dict[str, Any] = {entry["name"]: entry for entry in json.loads(listed)["connectors"]}

    assert "another-pond, personasync-pond. Uninstall all but one." in connectors["pond"]["fault"]
    assert connectors["hubspot"]["package"] == "personasync"
