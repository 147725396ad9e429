"""The stand-in of Klaviyo, as the kit asks for a platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from connectors import klaviyo
from connectors.connector import Connection, Connector
from connectors.events import Delivery
from sync.workspace.manifest import plugin_manifest
from tests.described.clocks import TickingClock
from tests.described.klaviyo_platform import KEY, KlaviyoPlatform

APART = 50.0  # seconds between two doings of people


class KlaviyoStand:
    """Its platform's clock moves on by a second with each request, and by more with each person."""

    spec = plugin_manifest().connectors["klaviyo"]
    factory: Callable[[Connection], Connector] = klaviyo.connect
    secret = KEY
    settings: Mapping[str, str] = {}
    text_property = "swims"

    def __init__(self) -> None:
        self.clock = TickingClock(1)
        self.platform = KlaviyoPlatform(self.clock)
        self.base_url = self.platform.url

    def add(self, email: str, *, text: str = "") -> str:
        self.clock.move(APART)
        return self.platform.person(email, **({"swims": text} if text else {}))

    def edit(self, key: str, name: str, value: str) -> None:
        self.clock.move(1)
        profile = self.platform.profiles[key]
        profile.properties[name], profile.updated = value, self.platform.moment

    def opt_out(self, key: str) -> None:
        self.clock.move(1)
        profile = self.platform.profiles[key]
        profile.consent, profile.suppressed, profile.updated = "UNSUBSCRIBED", ["UNSUBSCRIBE"], self.platform.moment

    def delete(self, key: str) -> None:
        del self.platform.profiles[key]

    def enter(self, key: str, group: str) -> None:
        self.platform.members[self.platform.list_named(group)].append(key)

    def shows(self, key: str) -> Mapping[str, str]:
        return {name: str(value) for name, value in self.platform.profiles[key].properties.items() if value}

    def groups(self, key: str) -> list[str]:
        return [self.platform.lists[listed] for listed, members in self.platform.members.items() if key in members]

    def subscribed(self, key: str) -> bool:
        return self.platform.profiles[key].consent == "SUBSCRIBED"

    def count(self) -> int:
        return len(self.platform.profiles)

    def delivery(self, key: str) -> Delivery:
        raise NotImplementedError
