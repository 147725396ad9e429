"""Both real servers, started once for all laws."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.testing.kit import Stand
from tests.real.bottlecrm import BottleServer, bottlecrm
from tests.real.ghost import GhostServer, ghost
from tests.real.mailgun import Mailgun
from tests.real.processes import in_memory
from tests.real.stands import BottleStand, GhostStand


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """No folder of pytest's: those are closed to others, and root lets nobody run PostgreSQL."""
    with tempfile.TemporaryDirectory(dir=in_memory()) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def ghost_server(scratch: Path) -> Iterator[GhostServer]:
    with Mailgun() as mailgun, ghost(scratch / "ghost", mailgun.url) as server:
        yield server


@pytest.fixture(scope="session")
def bottle_server(scratch: Path) -> Iterator[BottleServer]:
    with bottlecrm(scratch / "bottlecrm") as server:
        yield server


@pytest.fixture(params=["ghost", "bottlecrm"])
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    if request.param == "bottlecrm":
        yield BottleStand(request.getfixturevalue("bottle_server"))
        return
    site = GhostStand(request.getfixturevalue("ghost_server"))
    yield site
    site.close()
