"""How well both connectors use the published windows of their platforms, on a simulated clock.

python -m tests.described.figures        one JSON document: use of windows, own 429s, profiles created
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

from connectors import brevo, klaviyo
from connectors.base import pace
from connectors.connector import Connector
from connectors.records import Change
from connectors.transport import RateWindow
from sync.workspace.manifest import plugin_manifest
from tests.described import brevo_platform, klaviyo_platform
from tests.described.brevo_platform import BrevoPlatform
from tests.described.clocks import SimulatedClock
from tests.described.conftest import connected
from tests.described.klaviyo_platform import KlaviyoPlatform
from tests.described.stand_in import StandIn

PATCH = "PATCH /api/profiles/{id}"
CAMPAIGNS = "GET /v3/emailCampaigns"


@contextmanager
def simulated() -> Iterator[SimulatedClock]:
    """Let windows and a platform have one clock; eight answers at a time, each of a fifth of a second, move it on."""
    clock = SimulatedClock(0.2 / 8)
    with patch.object(pace, "RateWindow", partial(RateWindow, clock=clock.now, wait=clock.wait)):
        yield clock


def klaviyos_profiles(people: int, minute: int) -> dict[str, Any]:
    """Write a property of many profiles, of a platform that takes *minute* of them in a minute."""
    with simulated() as clock, KlaviyoPlatform(clock, {PATCH: [(75, 1.0), (minute, 60.0)]}) as platform:
        keys = [platform.person(f"person{number}@people.test") for number in range(people)]
        connector = connected(
            plugin_manifest().connectors["klaviyo"], klaviyo.connect, platform.url, klaviyo_platform.KEY
        )
        applied = _applied(connector, keys, "ps_segment")
        return _figures(platform, applied, use_of(platform.asked[PATCH], minute, 60), len(platform.profiles) - people)


def brevos_contacts(people: int) -> dict[str, Any]:
    """Write an attribute of many contacts.

    One connection is as fast as eight here: on the simulated clock a wait of one thread would lengthen the answers of
    others, which is much beside a window of a second.
    """
    with simulated() as clock, BrevoPlatform(clock) as platform:
        keys = [platform.person(f"person{number}@people.test") for number in range(people)]
        platform.attributes["PS_SEGMENT"] = "text"
        applied = _applied(_brevo(platform, connections=1), keys, "PS_SEGMENT")
        moments = sorted(moment for asked in platform.asked.values() for moment in asked)
        use = (len(moments) - 10) / (moments[-1] - moments[0]) / 10
        return _figures(platform, applied, use, len(platform.contacts) - people)


def brevos_campaigns(number: int) -> dict[str, Any]:
    """Read campaigns one by one, of which a hundred an hour are allowed."""
    with simulated() as clock, BrevoPlatform(clock) as platform:
        everybody = platform.list_named("everybody")
        for count in range(number):
            platform.send(f"Letter {count}", everybody)
        [page] = _brevo(platform, campaigns_page=1).read("campaigns", {})
        return _figures(platform, page.rows.num_rows, use_of(platform.asked[CAMPAIGNS], 100, 3600), 0)


def use_of(moments: Sequence[float], requests: int, seconds: float) -> float:
    """Return how much of each whole window was used, the least of them; the last one ends before it is full."""
    counts = Counter(int(moment // seconds) for moment in moments)
    whole = range(min(counts), max(counts))
    return min(counts[window] for window in whole) / requests


def _brevo(platform: BrevoPlatform, **limits: int) -> Connector:
    spec = plugin_manifest().connectors["brevo"]
    narrow = spec.model_copy(update={"limits": {**spec.limits, **limits}})
    return connected(narrow, brevo.connect, platform.url, brevo_platform.KEY)


def _applied(connector: Connector, keys: Sequence[str], name: str) -> int:
    changes = [Change("email", key, key, f"{key}@people.test", "field", name, None, "walkers") for key in keys]
    return sum(outcome.state == "applied" for batch in connector.push(changes) for outcome in batch)


def _figures(platform: StandIn, done: int, use: float, more: int) -> dict[str, Any]:
    return {
        "done": done,
        "requests": sum(map(len, platform.asked.values())),
        "window_use": round(use, 3),
        "own_429s": sum(platform.turned_away.values()),
        "created": platform.created + more,
        "faults": len(platform.faults) + len(platform.refusals),
    }


if __name__ == "__main__":
    print(
        json.dumps(
            {
                "klaviyo_750_a_minute": klaviyos_profiles(1550, 750),
                "klaviyo_700_a_minute": klaviyos_profiles(1450, 700),
                "brevo_10_a_second": brevos_contacts(6000),
                "brevo_100_an_hour": brevos_campaigns(330),
            }
        )
    )
