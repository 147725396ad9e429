"""What strangers send costs the platforms nothing."""

from __future__ import annotations

from tests.sync.conftest import Platforms
from tests.sync.webhooks.conftest import SERVE, configure, serving


def test_a_flood_of_bad_signatures_does_not_use_up_the_rate_of_real_deliveries(platforms: Platforms) -> None:
    configure(platforms, f"{SERVE}requests_per_second = 1\n")
    with serving(platforms, workers=0) as served:
        url, bad = f"{served.address}/webhooks/hubspot", {"X-HubSpot-Signature": "0" * 64}
        flood = [served.session.post(url, data=b"[]", headers=bad, timeout=10).status_code for _ in range(50)]
        real = [served.hubspot([]).status_code for _ in range(5)]

    assert set(flood) == {401}
    assert real[0] == 200
    assert 429 in real
