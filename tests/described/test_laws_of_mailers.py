"""Klaviyo's and Brevo's connectors keep every law of the kit, on stand-ins made from their official clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.testing.kit import Kit, Stand
from connectors.testing.law import Law
from tests.described.brevo_stand import BrevoStand
from tests.described.klaviyo_stand import KlaviyoStand

pytestmark = pytest.mark.outside
STANDS: dict[str, type[BrevoStand | KlaviyoStand]] = {"brevo": BrevoStand, "klaviyo": KlaviyoStand}


@pytest.fixture(params=sorted(STANDS))
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    made = STANDS[request.param]()
    with made.platform:
        yield made
    assert made.platform.faults == []  # every answer of the stand-in is one that the description allows
    assert made.platform.created == 0
    assert sum(made.platform.turned_away.values()) == 0


def test_the_connector_keeps_the_law_on_the_described_platform(law: Law, kit: Kit) -> None:
    law.holds(kit)
