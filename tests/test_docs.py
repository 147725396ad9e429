"""What the pages name exists, what is generated is current, and the hooks before a commit run our own tools."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from grimp import ImportGraph

from tests.docs_scripts import docs_script

ROOT = Path(__file__).resolve().parents[1]
TOPS = "connectors|segmenter|sync|tests|docs|benchmarks"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = ROOT / "docs" / "adr"
SVG = "{http://www.w3.org/2000/svg}"


def in_words(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# ------------------------------------------------------------------------------------------------- names of files
def named(text: str) -> Iterator[str]:
    """Yield what *text* names of this repository: paths (`sync/plan/diff.py`) and modules (`sync.plan.diff`)."""
    yield from re.findall(rf"(?<![\w/.@:-])(?:{TOPS})/[\w./-]*\w", text)
    for dotted in re.findall(r"`((?:connectors|segmenter|sync)(?:\.[a-z_0-9]+)+)`", text):
        yield dotted.replace(".", "/")


def exists(name: str) -> bool:
    """Whether a path or a module is there, or a module that defines the last part of the name."""
    path = ROOT / name
    if path.exists() or path.with_suffix(".py").exists():
        return True
    module = path.parent.with_suffix(".py")
    defined = re.compile(rf"^(?:def |class )?{re.escape(path.name)}\b", re.MULTILINE)
    return module.is_file() and bool(defined.search(module.read_text("utf-8")))


@pytest.mark.parametrize("page", PAGES, ids=in_words)
def test_every_file_and_module_that_a_page_names_exists(page: Path) -> None:
    assert [name for name in named(page.read_text("utf-8")) if not exists(name)] == []


def test_the_names_of_files_are_seen_in_prose_and_code_and_those_of_workspaces_are_not() -> None:
    text = "see `sync.plan.diff`, tests/rooms.py and (docs/map.svg); not proposals/NAME.toml, not a.test/docs/x.md"

    assert list(named(text)) == ["tests/rooms.py", "docs/map.svg", "sync/plan/diff"]
    assert exists("sync/plan/diff")
    assert exists("sync/plan/guardrails/how_to_override")
    assert not exists("sync/planning.py")


def slug(heading: str) -> str:
    """Return the anchor that a forge makes of a heading."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    outside = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", outside, re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=in_words)
def test_every_anchor_that_a_page_links_to_is_a_heading(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s#]*)#([^)\s]+)\)", page.read_text("utf-8"))
    aims = [((page.parent / target).resolve() if target else page, anchor) for target, anchor in links]
    ours = [(aim, anchor) for aim, anchor in aims if aim.suffix == ".md"]

    assert [f"{in_words(aim)}#{anchor}" for aim, anchor in ours if anchor not in anchors(aim)] == []


def test_the_reasons_for_a_full_recalculation_are_those_that_assign_prints() -> None:
    page = (ROOT / "docs" / "how-to" / "keep-data-fresh.md").read_text("utf-8")
    rows = page.partition("| it says | because |\n|---|---|\n")[2].partition("\n\n")[0].splitlines()
    printed = [part.strip() for row in rows for part in row.split("|")[1].split("...") if part.strip()]
    code = (ROOT / "sync" / "traits" / "compute.py").read_text("utf-8")

    assert len(rows) > 0
    assert [part for part in printed if part.removeprefix(",") not in code] == []


# ------------------------------------------------------------------------------------------------------- pictures
def test_every_picture_is_shown_small_enough_and_points_nowhere() -> None:
    shown = set(re.findall(r"\]\(docs/(pictures/[^)]+)\)", (ROOT / "README.md").read_text("utf-8")))
    files = sorted((ROOT / "docs" / "pictures").iterdir())
    addresses = [
        link
        for file in files
        if file.suffix == ".svg"
        for link in re.findall(r"https?://[^\s\"']+", file.read_text("utf-8"))
    ]

    assert {f"pictures/{file.name}" for file in files} == shown
    assert [file.name for file in files if file.stat().st_size > 150_000] == []
    assert set(addresses) <= {"http://www.w3.org/2000/svg"}


def test_links_of_the_repository_lead_within_the_site() -> None:
    linked = docs_script("make_site").linked

    assert linked("[a](docs/how-to/b.md#c)", deep=False) == "[a](how-to/b.md#c)"
    assert (
        linked("[a](../../CONTRIBUTING.md) [b](../../README.md)", deep=True) == "[a](/CONTRIBUTING.md) [b](/index.md)"
    )
    assert linked("[d](deploy/) [e](b.md)", deep=True) == "[d](deploy/compose.yaml) [e](b.md)"


# ------------------------------------------------------------------------------------------------------ decisions
def test_the_index_of_decisions_has_each_once_with_its_title_status_and_date() -> None:
    lines = (DECISIONS / "README.md").read_text("utf-8").splitlines()
    rows = [re.fullmatch(r"\| (\d+) \| \[(.+?)\]\((.+?)\) \| (.+?) \| (\d{4}-\d\d-\d\d) \|", line) for line in lines]
    index = [match.group(1, 2, 3) for match in rows if match]
    files = sorted(DECISIONS.glob("[0-9]*.md"))
    titles = [path.read_text("utf-8").split("\n", maxsplit=1)[0].removeprefix("# ") for path in files]

    assert [f"{number}. {title}" for number, title, _ in index] == titles
    assert [file for _, _, file in index] == [path.name for path in files]
    assert [int(path.name[:4]) for path in files] == [int(number) for number, _, _ in index]


def test_a_number_without_a_decision_is_explained() -> None:
    text = (DECISIONS / "README.md").read_text("utf-8")
    numbers = {int(path.name[:4]) for path in DECISIONS.glob("[0-9]*.md")}
    missing = set(range(1, max(numbers) + 1)) - numbers

    assert [number for number in missing if f"There is no decision {number}," not in text] == []


# ------------------------------------------------------------------------------------------------------------ map
@pytest.fixture(scope="module")
def mapping() -> ModuleType:
    return docs_script("generate_map")


@pytest.fixture(scope="module")
def graph(mapping: ModuleType) -> ImportGraph:
    import_graph: ImportGraph = mapping.build_graph()
    return import_graph


def test_the_map_is_what_the_imports_say(mapping: ModuleType, graph: ImportGraph) -> None:
    assert (ROOT / "docs" / "map.svg").read_text("utf-8") == mapping.drawing(graph), "run `make docs`"
    assert (ROOT / "CONTRIBUTING.md").read_text("utf-8") == mapping.guide(graph), "run `make docs`"


def test_the_map_draws_every_package_once_and_every_step_of_the_way(mapping: ModuleType, graph: ImportGraph) -> None:
    drawn = ET.fromstring(mapping.drawing(graph))  # noqa: S314 - our own
    texts = [(text.get("class"), text.text) for text in drawn.iter(f"{SVG}text")]
    packages = [name.rsplit(".", 1)[1] for top in mapping.TOPS for name in graph.find_children(top)]

    assert sorted(str(text) for kind, text in texts if kind == "name") == sorted(packages)
    assert sorted(int(str(text)) for kind, text in texts if kind == "number") == list(range(1, len(mapping.WAY) + 1))


def test_an_arrow_that_follows_from_others_is_left_out(mapping: ModuleType) -> None:
    table = {"plan": frozenset({"pull", "store"}), "pull": frozenset({"store"}), "store": frozenset()}

    assert mapping.nearest(table, "plan") == ["pull"]
    assert mapping.floors(table) == [["store"], ["pull"], ["plan"]]


# ---------------------------------------------------------------------------------------------------------- hooks
def test_the_hooks_before_a_commit_are_local_and_run_tools_that_are_locked() -> None:
    document: dict[str, Any] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    tools = {"ruff": "ruff", "lint-imports": "import-linter"}
    locked = (ROOT / "requirements.txt").read_text("utf-8")
    entries = [hook["entry"].split()[0] for repo in document["repos"] for hook in repo["hooks"]]

    assert {repo["repo"] for repo in document["repos"]} == {"local"}
    assert {hook["language"] for repo in document["repos"] for hook in repo["hooks"]} == {"system"}
    assert [Path(entry).parent.as_posix() for entry in entries] == [".venv/bin"] * len(entries)
    assert {Path(entry).name for entry in entries} == set(tools)
    assert [tool for tool in tools.values() if f"\n{tool}==" not in f"\n{locked}"] == []


@pytest.mark.parametrize("package", ["connectors", "segmenter", "sync"])
def test_a_package_says_that_it_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()
