"""What users install: the wheel alone, in an environment without our tools, run from an empty folder."""

import json
import os
import re
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.wheel

ROOT = Path(__file__).resolve().parents[1]
SLOWEST_INSTALL = 600
SLOWEST_DEMO = 600
# As the shell has it (an index may need its proxies), without what would lead back to the checkout.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("PYTHON", "COVERAGE", "PYTEST", "VIRTUAL_ENV")) and name != "COV_CORE_SOURCE"
}


def run(*command: str | Path, cwd: Path, timeout: int = SLOWEST_INSTALL, status: int = 0) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT, timeout=timeout, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment that holds the wheel and its locked dependencies, and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", folder, cwd=folder)
    python = folder / "bin" / "python"
    lock = ROOT / "requirements-runtime.txt"
    run(python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock, cwd=folder)
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", wheel, cwd=folder)
    return folder / "bin"


def in_project(*patterns: str) -> set[str]:
    return {path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern)}


def test_the_wheel_holds_our_packages_with_their_data_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    data = in_project(
        "sync/control/migrations/**/*.py",
        "sync/*/templates/*.j2",
        "sync/ops/samples/*/*.toml",
        "sync/workspace/segment_gallery/*.toml",
        "sync/workspace/schemas/*.json",
        "*/py.typed",
    )

    assert {name.split("/")[0] for name in names} == {"connectors", "segmenter", "sync"}
    assert len(data) > 0
    assert data - names == set()
    assert {"connectors/py.typed", "segmenter/py.typed", "sync/py.typed", "sync/workspace/plugin.toml"} <= names


def test_the_wheel_needs_none_of_our_tools_and_its_packages_are_ours(installed: Path, tmp_path: Path) -> None:
    script = (
        "import importlib.util as u, json, connectors, segmenter, sync;"
        "print(json.dumps([u.find_spec('pytest') is None, *(m.__file__ for m in (connectors, segmenter, sync))]))"
    )

    without_tools, *files = json.loads(run(installed / "python", "-c", script, cwd=tmp_path))

    assert without_tools
    assert all(Path(file).is_relative_to(installed.parent) for file in files)


def test_the_demo_runs_from_the_wheel_and_its_second_run_changes_nothing(installed: Path, tmp_path: Path) -> None:
    output = run(installed / "personasync", "demo", "--json", cwd=tmp_path, timeout=SLOWEST_DEMO)
    document = json.loads(output)

    assert document["contacts"] > 0
    assert document["persons"] == document["assigned"] + document["unclassified"]
    assert sum(document["personas"].values()) == document["assigned"]
    assert document["changes"] > 0
    assert document["requests"] > 0
    assert (document["second_run_changes"], document["second_run_writes"]) == (0, 0)
    assert document["lift_against_random_personas"]["sentences"][0].startswith("Everyone")
    assert "Content-Security-Policy" in (tmp_path / document["report"]).read_text("utf-8")
    poster = ["personas", "poster", "--all", "--format", "html", "--out", "posters"]
    run(installed / "personasync", *poster, "--workspace", "demo-workspace", cwd=tmp_path)
    posters = [path.read_text("utf-8") for path in (tmp_path / "posters").glob("*-a4.html")]
    assert all("individual value (favourite category); fallback “the whole shop”" in text for text in posters)
    assert len(posters) == len(document["personas"])
    assert all(0 < shares["PS_FAV"] <= 1 for shares in document["preview_fallbacks"].values())
    assert min(shares["PS_FAV"] for shares in document["preview_fallbacks"].values()) < 1
    mails = (tmp_path / document["preview"]).read_text("utf-8")
    assert "what is new in the whole shop." in mails  # most have no favourite category
    assert re.search("PS_FAV: “the whole shop” [(]the fallback[)] for [0-9]+%; “(kitchen|garden|paper)” for", mails)
    _stays_true(installed, tmp_path / "demo-workspace", document)
    _gallery_has_people(installed, tmp_path / "demo-workspace")


def _gallery_has_people(installed: Path, folder: Path) -> None:
    """Each segment of the gallery has members among the demo's people; docs come along too."""
    command = installed / "personasync"
    pieces = [piece["name"] for piece in json.loads(run(command, "gallery", "--json", cwd=folder))["gallery"]]
    for name in ("vip", *(name for name in pieces if name not in {"rfm", "vip"})):  # the narrow ones go first
        run(command, "gallery", name, "--add", cwd=folder)
    run(command, "gallery", "rfm", "--add", "--before", "regulars", cwd=folder)
    sizes = json.loads(run(command, "assign", "--json", cwd=folder))["segments"]
    ours = [
        line for name in pieces for line in json.loads(run(command, "gallery", name, "--json", cwd=folder))["segments"]
    ]

    assert len(ours) == 11
    assert [name for name in ours if not sizes[name]] == []
    assert "# Segments from the gallery" in run(command, "help", "segment-gallery", cwd=folder)


def _stays_true(installed: Path, folder: Path, document: dict[str, Any]) -> None:
    """The demo's days are in the past: nothing lies ahead afterwards, and a new report says what the demo's said."""
    effect = document["lift_against_random_personas"]
    outputs = {
        command: run(installed / "personasync", *command.split(), "--json", cwd=folder, status=status)
        for command, status in {
            "quality": 0,
            "report": 0,
            "status": 0,
            "doctor": 2,  # the platforms are gone
            "lift --experiment worth": 0,
        }.items()
    }
    read = [datetime.fromisoformat(line["read_at"]) for line in json.loads(outputs["status"])["streams"]]

    assert [command for command, text in outputs.items() if "future" in text.lower()] == []
    assert json.loads(outputs["quality"])["stale"] == []
    assert f"worth: {effect['sentences'][0]}" in json.loads(outputs["report"])["summary"]
    assert not json.loads(outputs["lift --experiment worth"])["early"]
    assert "No significant changes since the last report" in json.loads(outputs["report"])["changes"][0]
    assert max(read) <= datetime.now(UTC)
    assert effect["interval"][0] > 0  # people enough that the headline holds
