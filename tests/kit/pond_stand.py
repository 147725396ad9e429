"""The connector of another package, on its own platform."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from connectors.connector import Connection, Connector
from connectors.events import Delivery
from connectors.secret import Secret
from connectors.spec import parse_spec
from tests.outside.pond import connect
from tests.outside.pond_platform import TOKEN, PondPlatform, signature

HOOK, SIGNING = "https://hooks.acme.test/webhooks/pond", "of-the-pond"

SPEC = Path(__file__).parents[1] / "outside" / "pond" / "pond.toml"


class PondStand:
    """The pond, as the kit asks for a platform."""

    spec = parse_spec(SPEC.read_text("utf-8"), where="pond.toml")
    factory: Callable[[Connection], Connector] = connect
    secret = TOKEN
    settings: Mapping[str, str] = {}
    text_property = "swims"

    def __init__(self, pond: PondPlatform) -> None:
        self.pond, self.base_url = pond, pond.url

    def add(self, email: str, *, text: str = "") -> str:
        return self.pond.add(email, swims=text)

    def edit(self, key: str, name: str, value: str) -> None:
        self.pond.change(key, values={**self.pond.ducks[key]["values"], name: value})

    def opt_out(self, key: str) -> None:
        self.pond.change(key, news=False)

    def delete(self, key: str) -> None:
        del self.pond.ducks[key]

    def enter(self, key: str, group: str) -> None:
        self.pond.change(key, labels=[*self.pond.ducks[key]["labels"], group])

    def shows(self, key: str) -> Mapping[str, str]:
        return {name: value for name, value in self.pond.ducks[key]["values"].items() if value}

    def groups(self, key: str) -> list[str]:
        return list(self.pond.ducks[key]["labels"])

    def subscribed(self, key: str) -> bool:
        return bool(self.pond.ducks[key]["news"])

    def count(self) -> int:
        return len(self.pond.ducks)

    def delivery(self, key: str) -> Delivery:
        now = datetime.now(UTC)
        told = {"duck": key, "what": "duck.changed", "at": self.pond.ducks[key]["changed"], "values": {"swims": "no"}}
        body = json.dumps({"events": [told]}).encode()
        headers = [(name.lower().encode(), value.encode()) for name, value in signature(SIGNING, body, now).items()]
        return Delivery("POST", HOOK, headers, body, now, Secret(SIGNING), {"lake": {}}, self.spec.as_mapping())
