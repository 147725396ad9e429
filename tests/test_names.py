"""Names: a public class or function name stands in one module only, except where several implement one protocol."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("connectors", "segmenter", "sync")

PROTOCOLS = {
    "app": "the ASGI factory of a local platform: (World) -> Starlette",
    "connect": "the factory of a connector, registered as an entry point: (Connection) -> Connector",
    "main": "the entry point of a module that is run",
    "translate": "what a connector hands to the transport: (Response) -> error of a refusal, or None",
    "upgrade": "Alembic's migration",
}
"""Functions that several modules have because one caller calls them all."""

CALLS = {"HubSpotCall", "MailchimpCall"}
"""The first argument of an operation of a local platform. One resource is one module, so `create` of contacts and
`create` of lists are the same operation on two of them, as in the platform's own documentation."""


class Definition(NamedTuple):
    """Where a public name is defined."""

    module: str
    protocol: str


def definitions() -> Iterator[tuple[str, Definition]]:
    """Yield every public class and module-level function."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            module = path.relative_to(ROOT).as_posix()
            for node in ast.parse(path.read_text("utf-8")).body:
                match node:
                    case ast.ClassDef(name=name) if not name.startswith("_"):
                        yield name, Definition(module, "")
                    case ast.FunctionDef(name=name) if not name.startswith("_"):
                        yield name, Definition(module, _protocol(name, node))
                    case _:
                        pass


def _protocol(name: str, node: ast.FunctionDef) -> str:
    first = node.args.args[0].annotation if node.args.args else None
    if isinstance(first, ast.Name) and first.id in CALLS:
        return "operation of a local platform"
    return PROTOCOLS.get(name, "")


def test_a_name_says_one_thing() -> None:
    places: dict[str, set[Definition]] = defaultdict(set)
    for name, definition in definitions():
        places[name].add(definition)

    several = {
        name: sorted(meanings) for name, meanings in places.items() if len({meaning.module for meaning in meanings}) > 1
    }

    assert {
        name: [meaning.module for meaning in meanings]
        for name, meanings in several.items()
        if {meaning.protocol for meaning in meanings} == {""} or len({meaning.protocol for meaning in meanings}) > 1
    } == {}


def test_every_protocol_is_in_use() -> None:
    names = [name for name, _ in definitions()]

    assert [name for name in PROTOCOLS if names.count(name) < 2] == []


VAGUE = {"one", "found", "told"}


def vague_variables(path: Path) -> Iterator[str]:
    """Yield every variable and argument of a module whose name says nothing of what it is."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.arg | ast.Name):
            continue
        name = node.arg if isinstance(node, ast.arg) else node.id
        if name in VAGUE:
            yield f"{path}:{node.lineno}: {name}"


def test_a_variable_is_called_by_what_it_is(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text("def f(told):\n    found = [one for one in told]\n    return found\n", "utf-8")
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]

    assert [line for path in paths for line in vague_variables(path)] == []
    assert {line.rpartition(": ")[2] for line in vague_variables(planted)} == VAGUE
