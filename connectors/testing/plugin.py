"""The conformance kit as a pytest plugin: each law is a test of its own.

In another repository, ``conftest.py`` says ``pytest_plugins = ["connectors.testing.plugin"]`` and has a fixture `stand`
(`connectors.testing.kit.Stand`), and a test has the arguments ``law`` and ``kit`` and calls ``law.holds(kit)``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from connectors.testing import laws_of_events, laws_of_faults, laws_of_reading, laws_of_specs, laws_of_writing
from connectors.testing.kit import Kit, Stand
from connectors.testing.law import LAWS, Law
from connectors.testing.proxy import FaultyProxy

MODULES = (laws_of_specs, laws_of_reading, laws_of_writing, laws_of_faults, laws_of_events)
COUNTED: Counter[str] = Counter()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test for each law."""
    if "law" in metafunc.fixturenames:
        laws = sorted(LAWS, key=lambda law: [m.__name__.rpartition("_")[2] for m in MODULES].index(law.group))
        metafunc.parametrize("law", laws, ids=[f"{law.group}: {law.name}" for law in laws])


@pytest.fixture
def kit(stand: Stand, law: Law) -> Iterator[Kit]:
    """Give a law its kit; a law about what the connector can't do does not apply, and is counted."""
    if not law.applies(stand.spec):
        COUNTED[f"{stand.spec.title} has no {law.needs}"] += 1
        pytest.skip(f"does not apply: {stand.spec.title} has no {law.needs}")
    with FaultyProxy(stand.base_url) as proxy:
        tools = Kit(stand, proxy)
        yield tools
        tools.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many laws did not apply, and why."""
    for reason, count in sorted(COUNTED.items()):
        terminalreporter.write_line(f"{count} laws do not apply: {reason}.")
