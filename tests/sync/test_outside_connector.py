"""A connector of another package: its spec travels with it, and no line of ours knows it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.spec import parse_spec
from connectors.testing import plugin
from connectors.testing.law import LAWS
from tests.outside.pond_platform import TOKEN, PondPlatform
from tests.sync.outside import commands, installed

pytestmark = pytest.mark.outside
SETTINGS = """\
[workspace]
name = "Ducks"

[guardrails]
max_changed = 1.0
max_unclassified = 1.0

[personalize]
min_audience = 1

[connections.lake]
connector = "pond"
token = "env:POND_TOKEN"
base_url = "{url}"
"""
SEGMENTS = """\
[[segments]]
name = "swimmers"
rule = "lifecycle_stage = 'often' and country = 'SE'"
"""


@pytest.fixture
def pond() -> Iterator[PondPlatform]:
    with PondPlatform() as platform:
        yield platform


def workspace(folder: Path, pond: PondPlatform) -> Path:
    """A workspace whose one connection is of that package."""
    folder.mkdir()
    (folder / "personasync.toml").write_text(SETTINGS.format(url=pond.url), "utf-8")
    (folder / "segments.toml").write_text(SEGMENTS, "utf-8")
    (folder / "personas.toml").write_text("", "utf-8")
    return folder


def answers(printed: str) -> list[tuple[int, str]]:
    """Status and text of each command."""
    parts = [part.rsplit("\n= ", 1) for part in printed.split("$ ")[1:]]
    return [(int(status), said.partition("\n")[2]) for said, status in parts]


def filled(pond: PondPlatform) -> dict[str, str]:
    """Swimmers, and others: id by name."""
    ids = {name: pond.add(f"{name}@people.test", swims="often", homeland="SE") for name in ("ada", "bo", "cy", "di")}
    ids |= {name: pond.add(f"{name}@people.test", swims="never", state="of no use") for name in ("ed", "flo")}
    return {**ids, "gus": pond.add("gus@people.test", news=False, swims="often", homeland="SE")}


@pytest.mark.long
def test_a_connector_of_another_package_goes_the_whole_way(tmp_path: Path, pond: PondPlatform) -> None:
    site, ids = installed(tmp_path / "site", "pond"), filled(pond)
    folder = workspace(tmp_path / "ducks", pond)
    lines = [
        *(["connectors", "list", "--json"], ["pull", "--json"], ["assign"], ["setup", "--yes"], ["plan", "--json"]),
        *(["apply", "--json"], ["pull"], ["plan", "--json"], ["undo", "last", "--yes"], ["pull"], ["doctor"]),
    ]
    done = commands(site, json.dumps(lines), at=folder, POND_TOKEN=TOKEN)
    statuses, said = zip(*answers(done.stdout), strict=True)
    [listed] = [entry for entry in json.loads(said[0])["connectors"] if entry["name"] == "pond"]
    plan, applied, again = (json.loads(said[place]) for place in (4, 5, 7))

    assert statuses == (0,) * 11, done.stderr
    assert (listed["package"], listed["version"], listed["hosts"]) == (
        *("personasync-pond", "1.2.0", ["api.pond.example"]),
    )
    assert (listed["scopes"], listed["capabilities"]["groups"]) == ({"ducks.read": "read contacts"}, "tags")
    assert json.loads(said[1])["rows"] == {"lake contacts": 7}
    assert plan["changes"] == 4 * 3  # four swimmers: segment, reason and tag; Gus opted out
    assert plan["prices"] == {"lake": {"unit": "feathers", "units": 11, "quota": 1000, "period": "hour"}}
    assert (applied["outcomes"], again["changes"]) == ({"lake applied": 12}, 0)
    assert {label for duck in pond.ducks.values() for label in duck["labels"]} == set()  # undone
    assert not any(pond.ducks[key]["values"].get("ps_segment") for key in ids.values())
    assert pond.labels == {"ps swimmers"}


@pytest.mark.long
def test_a_platform_without_groups_is_never_asked_for_them(tmp_path: Path, pond: PondPlatform) -> None:
    site = installed(tmp_path / "site", "pond")
    spec = site / "pond" / "pond.toml"
    spec.write_text(spec.read_text("utf-8").replace('groups = "tags"', 'groups = "none"'), "utf-8")
    ids, folder = filled(pond), workspace(tmp_path / "ducks", pond)
    steps = [["pull"], ["assign"], ["setup", "--yes"], ["plan", "--json"], ["apply"], ["pull"], ["plan", "--json"]]
    done = commands(site, json.dumps(steps), at=folder, POND_TOKEN=TOKEN)
    statuses, said = zip(*answers(done.stdout), strict=True)
    plan, again = json.loads(said[3]), json.loads(said[6])

    assert statuses == (0,) * 7, done.stderr
    assert plan["by_field"] == {"lake: ps_reason": 4, "lake: ps_segment": 4}
    assert (again["changes"], pond.labels) == (0, set())
    assert pond.ducks[ids["ada"]]["values"]["ps_segment"] == "swimmers"


def test_a_spec_that_cannot_be_read_stops_its_own_connector_and_no_other(tmp_path: Path, pond: PondPlatform) -> None:
    site = installed(tmp_path / "site", "pond")
    (site / "pond" / "pond.toml").write_text('title = "Pond"\nkind = "email"\nsurprise = 1', "utf-8")
    folder = workspace(tmp_path / "ducks", pond)
    done = commands(site, json.dumps([["connectors", "list", "--json"], ["status"]]), at=folder, POND_TOKEN=TOKEN)
    (_, listed), (refused, _) = answers(done.stdout)
    connectors = {entry["name"]: entry for entry in json.loads(listed)["connectors"]}

    assert "'surprise' is not a key of a spec" in connectors["pond"]["fault"]
    assert connectors["hubspot"]["fault"] is None
    assert refused == 2
    assert "personasync.toml, line 12" in done.stderr
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


@pytest.mark.long
def test_a_new_connector_starts_with_laws_that_fail_one_by_one(tmp_path: Path) -> None:
    lines = [["connectors", "new", "lake"], ["connectors", "new", "Lake!"], ["connectors", "new", "lake"]]
    done = commands(tmp_path / "site", json.dumps([*lines, ["connectors", "new", "files"]]), at=tmp_path)
    package = tmp_path / "personasync-lake"
    spec = parse_spec((package / "personasync_lake" / "lake.toml").read_text("utf-8"), where="lake.toml")
    laws = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", str(package)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(package), *filter(None, sys.path)])},
        cwd=package,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    failed, passed = (int(count) for count in re.findall(r"(\d+) (?:failed|passed)", laws.stdout))

    assert [status for status, _ in answers(done.stdout)] == [0, 2, 2, 2], done.stderr
    assert spec.capabilities.writes
    assert len(plugin.MODULES) == len({law.group for law in LAWS})
    assert "error" not in laws.stdout.splitlines()[-1]
    apply = sum(law.needs != "events" for law in LAWS) - 1  # it takes no events, and has no campaigns at first
    assert (failed > 70, passed >= 5, failed + passed) == (True, True, apply), laws.stdout[-500:]
