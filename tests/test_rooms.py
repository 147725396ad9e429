"""No circles between modules, and a module in the wrong room is told."""

import grimp
import pytest
from grimp import ImportGraph
from importlinter import ContractCheck

from tests.rooms import Rooms, closure, table_of

LINES = ["store:", "session: store", "pull: session", "report: pull"]


def circles(graph: ImportGraph) -> list[list[str]]:
    """Sets of modules that import each other, however long the way round (Tarjan)."""
    seen: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    cycles: list[list[str]] = []

    def visit(module: str) -> None:
        seen[module] = lowest[module] = len(seen)
        stack.append(module)
        for imported in sorted(graph.find_modules_directly_imported_by(module)):
            if imported not in seen:
                visit(imported)
            if imported in stack:
                lowest[module] = min(lowest[module], lowest[imported])
        if lowest[module] == seen[module]:
            circle = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(circle) > 1:
                cycles.append(sorted(circle))

    for module in sorted(graph.modules):
        if module not in seen:
            visit(module)
    return cycles


def graph_of(*imports: tuple[str, str]) -> ImportGraph:
    graph = ImportGraph()
    for importer, imported in imports:
        for name in (importer, imported):
            parts = name.split(".")
            for length in range(1, len(parts)):
                graph.add_module(".".join(parts[:length]))
        graph.add_import(importer=importer, imported=imported)
    return graph


def checked(*imports: tuple[str, str]) -> ContractCheck:
    contract = Rooms("rooms", session_options={}, contract_options={"container": "shop", "rooms": LINES})
    return contract.check(graph_of(*imports), verbose=False)


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph("connectors", "segmenter", "sync", cache_dir=None)

    assert circles(graph) == []


def test_a_circle_is_found_however_long_it_is() -> None:
    graph = graph_of(("a.x", "b.x"), ("b.x", "c.x"), ("c.x", "a.x"), ("c.x", "d.x"))

    assert circles(graph) == [["a.x", "b.x", "c.x"]]


def test_a_room_may_import_what_its_line_names_and_what_those_may_import() -> None:
    assert checked(("shop.report.page", "shop.pull.job"), ("shop.report.page", "shop.store.disk")).kept


def test_a_module_in_the_wrong_room_is_told_with_its_import() -> None:
    check = checked(("shop.store.disk", "shop.pull.job"))

    assert not check.kept
    assert check.metadata["wrong"] == ["shop.store.disk imports shop.pull.job: shop.store may import no other room."]


def test_a_room_without_a_line_is_told() -> None:
    assert checked(("shop.cellar.wine", "shop.store.disk")).metadata["wrong"] == [
        "shop.cellar has no line in the table."
    ]


def test_the_table_itself_has_no_circle() -> None:
    with pytest.raises(ValueError, match="stands once, below"):
        table_of(["report: pull", "pull: report"])
    assert closure(table_of(LINES))["report"] == {"pull", "session", "store"}
