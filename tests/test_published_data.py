"""Tests of published data that is not ours to ship: one line where it is missing, a failure in CI, no other skips."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
WAYS_TO_SKIP = {"skip", "skipif", "importorskip", "xfail", "skipTest", "skipUnless", "skipIf"}
TWO_TESTS = """
def test_one(shared):
    assert (shared / "data").is_dir()

def test_other(shared):
    assert (shared / "recorded").is_dir()

def test_nothing_needed():
    pass
"""


def run(folder: Path, *options: str, ci: str | None) -> subprocess.CompletedProcess[str]:
    """Run two tests that need the data, and one that needs none, in a checkout at *folder*."""
    tests = folder / "checkout" / "tests"
    tests.mkdir(parents=True)
    shutil.copy(TESTS / "conftest.py", tests)
    (tests / "test_some.py").write_text(TWO_TESTS, "utf-8")
    environment = {name: value for name, value in os.environ.items() if name not in {"CI", "PYTEST_ADDOPTS"}}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # starts in a third of the time
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options, tests],
        capture_output=True,
        text=True,
        check=False,
        cwd=tests.parent,
        env=environment | ({} if ci is None else {"CI": ci}),
    )


@pytest.mark.parametrize("options", [(), ("-p", "xdist", "-n", "1")])
def test_on_another_clone_one_line_counts_the_tests_that_were_not_run(tmp_path: Path, options: tuple[str, ...]) -> None:
    result = run(tmp_path, *options, ci=None)

    lines = [line for line in result.stdout.splitlines() if "../shared" in line]
    assert lines == [
        "2 tests of published results and recorded answers need ../shared/data and ../shared/recorded: not run"
    ]
    assert (result.returncode, "1 passed, 2 skipped" in result.stdout) == (0, True)


def test_in_ci_missing_data_is_a_failure_that_says_what_to_do(tmp_path: Path) -> None:
    result = run(tmp_path, ci="true")

    assert result.returncode == 1
    assert "1 passed, 2 errors" in result.stdout
    assert "CI is set, and ../shared/data, ../shared/recorded are missing beside the checkout: put them there" in (
        result.stdout
    )
    assert "not run" not in result.stdout


@pytest.mark.parametrize("ci", [None, "true"])
def test_where_the_data_are_nothing_is_said(tmp_path: Path, ci: str | None) -> None:
    for name in ("data", "recorded"):
        (tmp_path / "shared" / name).mkdir(parents=True)

    result = run(tmp_path, ci=ci)

    assert (result.returncode, "3 passed" in result.stdout, "../shared" in result.stdout) == (0, True, False)


def ways_to_skip(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Attribute) and node.attr in WAYS_TO_SKIP:
            yield f"{path.relative_to(TESTS).as_posix()}:{node.lineno}: {ast.unparse(node)}"


def test_no_other_test_skips_itself() -> None:
    """A skipped test looks like a passed one: what a test needs is installed, made by it, or the fixture `shared`."""
    ways = [way for path in sorted(TESTS.rglob("*.py")) for way in ways_to_skip(path)]

    assert [way for way in ways if not way.startswith("conftest.py:")] == []
