"""The platforms on which the laws of connectors are tested."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.pond_stand import PondStand
from tests.outside.pond_platform import PondPlatform


@pytest.fixture
def stand() -> Iterator[PondStand]:
    with PondPlatform() as pond:
        yield PondStand(pond)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the laws of our own connectors be `long`, but for those about events and about what is written."""
    for item in items:
        params = getattr(getattr(item, "callspec", None), "params", {})
        if item.path.name == "test_laws_of_ours.py" and params["law"].group not in {"events", "writing"}:
            item.add_marker(pytest.mark.long)
