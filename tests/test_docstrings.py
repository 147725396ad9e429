"""Docstrings of functions that other packages use carry Args, Returns and Raises."""

from __future__ import annotations

import ast
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("connectors", "segmenter", "sync")
NOT_COUNTED = ("connectors/sandbox/", "sync/control/migrations/")
LEAST = 0.70
"""The share that must carry their sections."""

NOTHING = frozenset({"None", "NoReturn", "Never", "Iterator[None]"})
"""Return types of which there is nothing to say; the last is that of a context manager."""


class Documented(NamedTuple):
    """A function or method, and the sections that its docstring needs and has."""

    module: str
    name: str
    line: int
    needs: frozenset[str]
    has: frozenset[str]

    @property
    def missing(self) -> frozenset[str]:
        """The sections that are not there."""
        return self.needs - self.has


def package_of(module: str) -> str:
    """Return the package that a module belongs to: two names, such as ``sync.pull``."""
    return ".".join(module.split(".")[:2])


def modules(root: Path) -> dict[str, ast.Module]:
    """Return the syntax tree of each module that counts, by dotted name."""
    trees = {}
    for path in sorted(path for package in PACKAGES for path in (root / package).rglob("*.py")):
        place = path.relative_to(root).as_posix()
        if not place.startswith(NOT_COUNTED):
            name = place.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            trees[name] = ast.parse(path.read_text("utf-8"))
    return trees


def used_elsewhere(trees: Mapping[str, ast.Module]) -> tuple[set[str], dict[str, set[str]]]:
    """Return the dotted names that another package imports, and for each attribute the packages that use it."""
    imported: set[str] = set()
    attributes: dict[str, set[str]] = defaultdict(set)
    for module, tree in trees.items():
        package = package_of(module)
        names = dict(_imports(tree))
        imported.update(name for name in names.values() if package_of(name) != package)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                attributes[node.attr].add(package)
                owner = names.get(node.value.id) if isinstance(node.value, ast.Name) else None
                if owner and package_of(owner) != package:
                    imported.add(f"{owner}.{node.attr}")
    return imported, attributes


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each local name that an import binds, and the dotted name of what it is."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((alias.asname, alias.name) for alias in names if alias.asname)
            case ast.ImportFrom(module=str() as module, names=names, level=0) if module.startswith(PACKAGES):
                yield from ((alias.asname or alias.name, f"{module}.{alias.name}") for alias in names)
            case _:
                pass


def measured(trees: Mapping[str, ast.Module]) -> list[Documented]:
    """Return each public function and method that another package uses and whose docstring needs a section."""
    imported, attributes = used_elsewhere(trees)
    classes = classes_that_travel(trees, imported)
    functions: list[Documented] = []
    for module, tree in trees.items():
        functions += [
            documented(module, node.name, node) for node in _functions(tree.body) if f"{module}.{node.name}" in imported
        ]
        functions += [
            documented(module, f"{owner.name}.{node.name}", node)
            for owner in tree.body
            if isinstance(owner, ast.ClassDef) and owner.name in classes
            for node in _functions(owner.body)
            if attributes[node.name] - {package_of(module)}
        ]
    return [function for function in functions if function.needs]


def classes_that_travel(trees: Mapping[str, ast.Module], imported: set[str]) -> set[str]:
    """Return the public classes whose objects other packages hold: imported there, or reached from what is.

    An object is reached as the answer of a function or method, or as an attribute. Class names are unique
    (tests/test_names.py), so that the name in an annotation is enough.
    """
    classes = {node.name: node for tree in trees.values() for node in tree.body if isinstance(node, ast.ClassDef)}
    waiting = {name.rsplit(".", 1)[-1] for name in imported}.intersection(classes)
    for module, tree in trees.items():
        for node in _functions(tree.body):
            if f"{module}.{node.name}" in imported:
                waiting |= _named(node.returns)
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in classes and not name.startswith("_") and name not in reached:
            reached.add(name)
            waiting.update(base.id for base in classes[name].bases if isinstance(base, ast.Name))
            for part in classes[name].body:
                if isinstance(part, ast.AnnAssign | ast.FunctionDef):
                    waiting |= _named(part.annotation if isinstance(part, ast.AnnAssign) else part.returns)
    return reached


def _named(annotation: ast.expr | None) -> set[str]:
    """Return the names that stand in an annotation."""
    return {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)} if annotation else set()


def _functions(body: Iterable[ast.stmt]) -> Iterator[ast.FunctionDef]:
    """Yield the public functions of *body*; a property is an attribute, and an override repeats nothing."""
    for node in body:
        match node:
            case ast.FunctionDef(name=name) if not name.startswith("_") and not _is_attribute(node):
                yield node
            case _:
                pass


def _is_attribute(node: ast.FunctionDef) -> bool:
    words = {ast.unparse(decorator).split("(")[0].rsplit(".", 1)[-1] for decorator in node.decorator_list}
    return bool(words & {"property", "cached_property", "setter", "override", "overload", "command", "callback"})


def documented(module: str, name: str, node: ast.FunctionDef) -> Documented:
    """Return which sections the docstring of *node* needs, and which it has.

    It needs Args with two parameters or more, Returns (or Yields) when something comes back, and Raises when its own
    body raises an error by name.
    """
    text = ast.get_docstring(node) or ""
    parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    several = len([parameter for parameter in parameters if parameter.arg not in {"self", "cls"}]) > 1
    answers = node.returns is not None and ast.unparse(node.returns) not in NOTHING
    conditions = {"Args": several, "Returns": answers, "Raises": _raises(node)}
    sections = {
        word.replace("Yields", "Returns") for word in ("Args", "Returns", "Yields", "Raises") if f"\n{word}:\n" in text
    }
    needs = frozenset(word for word, needed in conditions.items() if needed)
    return Documented(module, name, node.lineno, needs, frozenset(sections))


def _raises(node: ast.FunctionDef) -> bool:
    inner = {
        id(part)
        for child in ast.walk(node)
        if child is not node and isinstance(child, ast.FunctionDef | ast.Lambda)
        for part in ast.walk(child)
    }
    raised = (child for child in ast.walk(node) if isinstance(child, ast.Raise) and id(child) not in inner)
    return any(isinstance(child.exc, ast.Call) for child in raised)


def report(functions: list[Documented]) -> str:
    """Return the share, and what is missing where."""
    complete = [function for function in functions if not function.missing]
    lines = [
        f"{function.module}:{function.line} {function.name}: {', '.join(sorted(function.missing))}"
        for function in functions
        if function.missing
    ]
    share = f"{len(complete)} of {len(functions)} ({len(complete) / len(functions):.1%}) carry their sections"
    return "\n".join([share, *lines])


@pytest.mark.slow
def test_functions_that_other_packages_use_say_what_they_take_return_and_raise() -> None:
    functions = measured(modules(ROOT))

    assert len(functions) > 0
    assert sum(not function.missing for function in functions) >= LEAST * len(functions), report(functions)


CODE = {
    "sync.pull.job": """
        class Cursor:
            def move(self, to: str, *, force: bool) -> int:
                '''Move it.'''
            @property
            def place(self) -> str: ...
        class Hidden:
            def move(self, to: str, *, force: bool) -> None: ...
        def pull(session: str, full: bool) -> Cursor:
            '''Read.

            Args:
                session: The open workspace.
                full: From the start.

            Returns:
                Where it ended.
            '''
            raise ValueError(full)
        def tell(text: str) -> None: ...
        def inside(one: int, two: int) -> None: ...
        """,
    "sync.plan.job": """
        from sync.pull import job
        from sync.pull.job import pull, tell
        pull("", True).move("x", force=True)
        pull("", True).place
        job.tell("x")
        """,
    "sync.pull.other": "from sync.pull.job import inside",
}


def test_counted_is_what_another_package_uses_and_what_needs_a_section() -> None:
    trees = {module: ast.parse(textwrap.dedent(code)) for module, code in CODE.items()}

    sections = {function.name: (sorted(function.needs), sorted(function.missing)) for function in measured(trees)}

    assert sections == {
        "pull": (["Args", "Raises", "Returns"], ["Raises"]),
        "Cursor.move": (["Args", "Returns"], ["Args", "Returns"]),
    }


def test_the_share_and_what_is_missing_where_are_told() -> None:
    trees = {module: ast.parse(textwrap.dedent(code)) for module, code in CODE.items()}

    assert report(measured(trees)).splitlines() == [
        "0 of 2 (0.0%) carry their sections",
        "sync.pull.job:9 pull: Raises",
        "sync.pull.job:3 Cursor.move: Args, Returns",
    ]
