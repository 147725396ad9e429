"""Names: a public class or function name stands in one module only, except where several implement one protocol."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("connectors", "segmenter", "sync")


class Protocol(NamedTuple):
    """Functions that several modules have because one caller calls them all.

    Attributes:
        takes: The annotation of the first argument; "": none is needed.
        modules: The modules that may have one; by their names, as a regular expression.
    """

    takes: str
    modules: str


PROTOCOLS = {
    "app": Protocol("World", r"connectors/sandbox/\w+/app\.py"),  # what `Sandbox` serves of each local platform
    "main": Protocol("", r".*/(__main__|main|json_schema)\.py"),  # what starts when the module is run
    "translate": Protocol("requests.Response", r"connectors/\w+/refusals\.py"),  # what a connector hands to `Transport`
    "upgrade": Protocol("", r"sync/control/migrations/versions/\w+\.py"),  # what Alembic calls
}


class Definition(NamedTuple):
    """Where a public name is defined, and whether it implements the protocol of that name."""

    module: str
    is_of_protocol: bool


def definitions(*roots: Path) -> Iterator[tuple[str, Definition]]:
    """Yield every public class and module-level function below *roots*."""
    for root in roots:
        for path in sorted(root.rglob("*.py")):
            module = path.relative_to(root.parent).as_posix()
            for node in ast.parse(path.read_text("utf-8")).body:
                match node:
                    case ast.ClassDef(name=name) if not name.startswith("_"):
                        yield name, Definition(module, False)  # noqa: FBT003 - a field
                    case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if not name.startswith("_"):
                        yield name, Definition(module, _is_of_protocol(node, module))
                    case _:
                        pass


def _is_of_protocol(node: ast.FunctionDef | ast.AsyncFunctionDef, module: str) -> bool:
    protocol = PROTOCOLS.get(node.name)
    if protocol is None or re.fullmatch(protocol.modules, module) is None:
        return False
    first = node.args.args[0].annotation if node.args.args else None
    return protocol.takes in {"", ast.unparse(first) if first else ""}


def ambiguous_names(*roots: Path) -> dict[str, list[str]]:
    """Return the names that stand in several modules, where not all of them implement one protocol."""
    places: dict[str, set[Definition]] = defaultdict(set)
    for name, definition in definitions(*roots):
        places[name].add(definition)
    return {
        name: sorted(definition.module for definition in several)
        for name, several in places.items()
        if len({definition.module for definition in several}) > 1
        and not all(definition.is_of_protocol for definition in several)
    }


def test_a_name_says_one_thing() -> None:
    assert ambiguous_names(*(ROOT / package for package in PACKAGES)) == {}


def test_a_name_in_two_modules_is_noticed(tmp_path: Path) -> None:
    first, second = tmp_path / "connectors" / "first.py", tmp_path / "segmenter" / "second.py"
    first.parent.mkdir()
    second.parent.mkdir()
    first.write_text("class Verdict: ...\ndef connect(connection: Connection) -> None: ...\ndef _own(): ...\n", "utf-8")
    second.write_text("async def Verdict(): ...\ndef connect(url: str) -> None: ...\ndef _own(): ...\n", "utf-8")
    modules = ["connectors/first.py", "segmenter/second.py"]

    assert ambiguous_names(first.parent, second.parent) == {"Verdict": modules, "connect": modules}


def test_every_protocol_is_in_use() -> None:
    roots = (ROOT / package for package in PACKAGES)
    names = [name for name, definition in definitions(*roots) if definition.is_of_protocol]

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
