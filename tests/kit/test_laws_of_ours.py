"""The connectors that personasync brings keep every law of the kit: on the local platforms, and on a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from connectors.testing.kit import Kit, Stand
from connectors.testing.law import Law
from tests.kit.platform_stands import FilesStand, HubSpotStand, MailchimpStand

pytestmark = pytest.mark.outside


@pytest.fixture(params=["hubspot", "mailchimp", "files"])
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stand]:
    if request.param == "files":
        yield FilesStand(tmp_path)
        return
    with Sandbox(make_world()) as sandbox:
        yield HubSpotStand(sandbox) if request.param == "hubspot" else MailchimpStand(sandbox)


def test_our_connector_keeps_the_law(law: Law, kit: Kit) -> None:
    law.holds(kit)
