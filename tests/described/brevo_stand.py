"""The stand-in of Brevo, as the kit asks for a platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from connectors import brevo
from connectors.connector import Connection, Connector
from connectors.events import Delivery
from sync.workspace.manifest import plugin_manifest
from tests.described.brevo_platform import KEY, BrevoContact, BrevoPlatform
from tests.described.clocks import TickingClock

APART = 50.0  # seconds between two doings of people


class BrevoStand:
    """Its platform's clock moves on by a second with each request, and by more with each person."""

    spec = plugin_manifest().connectors["brevo"]
    factory: Callable[[Connection], Connector] = brevo.connect
    secret = KEY
    settings: Mapping[str, str] = {}
    text_property = "SWIMS"

    def __init__(self) -> None:
        self.clock = TickingClock(1)
        self.platform = BrevoPlatform(self.clock)
        self.base_url = self.platform.url

    def _contact(self, key: str) -> BrevoContact:
        return self.platform.contacts[int(key)]

    def add(self, email: str, *, text: str = "") -> str:
        self.clock.move(APART)
        return self.platform.person(email, **({"SWIMS": text} if text else {}))

    def edit(self, key: str, name: str, value: str) -> None:
        self.clock.move(1)
        self._contact(key).attributes[name], self._contact(key).modified = value, self.platform.moment

    def opt_out(self, key: str) -> None:
        self.clock.move(1)
        self._contact(key).blocklisted, self._contact(key).modified = True, self.platform.moment

    def delete(self, key: str) -> None:
        del self.platform.contacts[int(key)]

    def enter(self, key: str, group: str) -> None:
        self._contact(key).lists.append(self.platform.list_named(group))

    def shows(self, key: str) -> Mapping[str, str]:
        return {name: str(value) for name, value in self._contact(key).attributes.items() if value}

    def groups(self, key: str) -> list[str]:
        return [self.platform.lists[listed][0] for listed in self._contact(key).lists]

    def subscribed(self, key: str) -> bool:
        return not self._contact(key).blocklisted

    def count(self) -> int:
        return len(self.platform.contacts)

    def delivery(self, key: str) -> Delivery:
        raise NotImplementedError
