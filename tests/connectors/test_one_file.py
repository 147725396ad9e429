"""Connectors on the base classes are one file and a spec: what two of them share is the core's."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.base import DerivedConnector
from connectors.installed import find_connector, installed

CONNECTORS = Path(__file__).parents[2] / "connectors"
MOST_LINES = 249
LONGER = {"klaviyo": 270}  # JSON:API, probes that look at events, and metrics beside campaigns: not another's too
DERIVED = sorted(
    name
    for name, connector in installed().items()
    if connector.is_ours and (CONNECTORS / name / f"{name}.toml").is_file()
)


def test_those_with_a_spec_of_their_own_are_derived() -> None:
    assert DERIVED == ["bottlecrm", "brevo", "ghost", "klaviyo"]
    assert all(issubclass(find_connector(name), DerivedConnector) for name in DERIVED)


@pytest.mark.parametrize("name", DERIVED)
def test_a_connector_is_one_file_and_a_spec(name: str) -> None:
    files = sorted(path.name for path in (CONNECTORS / name).iterdir() if path.name != "__pycache__")
    lines = (CONNECTORS / name / "connector.py").read_bytes().count(b"\n")
    package = (CONNECTORS / name / "__init__.py").read_bytes().count(b"\n")

    assert files == sorted(["__init__.py", "connector.py", f"{name}.toml"])
    assert package <= 5
    assert lines <= LONGER.get(name, MOST_LINES)
