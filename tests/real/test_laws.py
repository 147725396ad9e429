"""The laws of the conformance kit, on the real servers."""

from __future__ import annotations

import pytest

from connectors.testing.kit import Kit
from connectors.testing.law import Law

pytestmark = [pytest.mark.real, pytest.mark.outside]


def test_the_connector_keeps_the_law_on_the_real_server(law: Law, kit: Kit) -> None:
    law.holds(kit)
