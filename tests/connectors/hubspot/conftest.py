"""What tests of the HubSpot connector share."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.hubspot import scan as pulling
from connectors.hubspot.connector import HubSpot
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.server import Sandbox
from tests.connectors.conftest import read_on


def ends(connector: HubSpot, stream: str, cursor: Any = None) -> tuple[list[dict[str, Any]], Any]:
    pages = read_on(connector, stream, cursor)
    return [row for page in pages for row in page.rows.to_pylist()], pages[-1].cursor


@pytest.fixture
def state(sandbox: Sandbox) -> HubSpotState:
    sandbox.world.settings.enforce_limits = False
    return HubSpotState.of(sandbox.world)


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulling, "FEW", 0)
