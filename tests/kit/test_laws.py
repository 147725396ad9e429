"""The connector of another package keeps every law of the kit."""

from __future__ import annotations

import pytest

from connectors.testing.kit import Kit
from connectors.testing.law import Law

pytestmark = pytest.mark.outside


def test_the_connector_keeps_the_law(law: Law, kit: Kit) -> None:
    law.holds(kit)
