"""Proofs that have passed: they run again where anything that they import has changed since.

A proof repeats a simulation or a fit some hundred times and takes minutes. What it says follows from the code that it
imports and from the libraries that calculate: of both a digest is kept in ``tests/proven.json`` when it has passed
(`pytest -m proof --record-proofs`). `pytest -m proof --unproven` runs the proofs whose digest is another one by now,
and says in a line how many that leaves out. A proof of `segmenter` alone depends on the modules that it reaches by
imports; any other depends on all of our packages, since connectors are found by name.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "tests" / "proven.json"
PACKAGES = ("connectors", "segmenter", "sync")
LIBRARIES = ("duckdb", "ibis-framework", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "sqlglot", "stepmix")


class Proofs:
    """Which proofs passed on which code.

    Args:
        root: The checkout.
        record: The file that remembers them: id of a test -> digest.
    """

    def __init__(self, root: Path = ROOT, record: Path = RECORD) -> None:
        self.root, self.record = root, record
        self._digest = cache(self._digest_of)

    def known(self) -> Mapping[str, str]:
        """Return the digest under which each proof passed last, by the id of its test."""
        return dict(json.loads(self.record.read_text("utf-8"))) if self.record.exists() else {}

    def proven(self) -> set[str]:
        """Return the ids of proofs that passed on the code as it is."""
        there = {name: digest for name, digest in self.known().items() if self._file(name).exists()}
        return {name for name, digest in there.items() if self.digest(name) == digest}

    def keep(self, passed: set[str], failed: set[str]) -> None:
        """Remember who passed, and forget who failed and whose file is gone."""
        kept = {name: digest for name, digest in self.known().items() if name not in failed}
        kept |= {name: self.digest(name) for name in passed}
        there = {name: kept[name] for name in sorted(kept) if self._file(name).exists()}
        self.record.write_text(json.dumps(there, indent=1) + "\n", "utf-8")

    def digest(self, name: str) -> str:
        """Return the digest of all that a test depends on.

        Args:
            name: Its id, as pytest writes it: the path of its file, "::", and the rest.
        """
        return self._digest(self._file(name))

    def _file(self, name: str) -> Path:
        return self.root / name.partition("::")[0]

    def _digest_of(self, test: Path) -> str:
        versions = [*(f"{library} {version(library)}" for library in LIBRARIES), str(sys.version_info[:2])]
        told = sha256("\n".join(versions).encode())
        for path in sorted(self._depends_on(test)):
            told.update(f"\n{path.relative_to(self.root).as_posix()}\n".encode())
            told.update(path.read_bytes())
        return told.hexdigest()[:24]

    def _depends_on(self, test: Path) -> set[Path]:
        reached = self._reached(test)
        if any(path.is_relative_to(self.root / name) for path in reached for name in ("sync", "connectors")):
            return reached | {path for name in PACKAGES for path in self._all(name)} | {self.root / "plugin.toml"}
        return reached | {path for path in self._all("segmenter") if path.suffix != ".py"}

    def _all(self, package: str) -> Iterator[Path]:
        for path in (self.root / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path

    def _reached(self, test: Path) -> set[Path]:
        of_all = self.root / "tests" / "conftest.py"  # what it imports is for the tests of all packages
        above = [folder / "conftest.py" for folder in test.parents if folder.is_relative_to(of_all.parent)]
        waiting, reached = [test, *(path for path in above if path.exists() and path != of_all)], {of_all}
        while waiting:
            path = waiting.pop()
            if path not in reached:
                reached.add(path)
                waiting += self._imports(path)
        return reached

    def _imports(self, path: Path) -> Iterator[Path]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = [each.name for each in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
            else:
                continue
            for name in names:
                yield from self._files_of(name)

    def _files_of(self, module: str) -> Iterator[Path]:
        """The file of a module, and those of the packages above it; nothing of a library."""
        parts = module.split(".")
        if parts[0] in {*PACKAGES, "tests"}:
            for end in range(1, len(parts) + 1):
                place = self.root.joinpath(*parts[:end])
                yield from (path for path in (place.with_suffix(".py"), place / "__init__.py") if path.exists())


class Recorder:
    """Remembers the proofs of a session: registered in the process that starts the others."""

    def __init__(self) -> None:
        self.passed, self.failed = set[str](), set[str]()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if "proof" in report.keywords:
            if report.failed:
                self.failed.add(report.nodeid)
            elif report.when == "call" and report.passed:
                self.passed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        Proofs().keep(self.passed - self.failed, self.failed)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("proofs")
    group.addoption("--unproven", action="store_true", help="leave out proofs that passed on the code as it is")
    group.addoption("--record-proofs", action="store_true", help="remember in tests/proven.json which proofs passed")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--record-proofs") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--unproven"):
        proven = Proofs().proven()
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid in proven])
        items[:] = [item for item in items if item.nodeid not in proven]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if session.config.getoption("--unproven") and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("--unproven"):
        proofs = Proofs()
        said = f"{len(proofs.proven())} proofs not run: they passed, and nothing that they import has changed since"
        terminalreporter.write_line(said)
