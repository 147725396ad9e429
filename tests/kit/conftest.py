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
