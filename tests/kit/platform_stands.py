"""The connectors that personasync brings, on the local platforms, as the kit asks for a platform."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from connectors import files, hubspot, mailchimp
from connectors.connector import Connection, Connector
from connectors.events import Delivery
from connectors.sandbox.deeds import do
from connectors.sandbox.fill import AUDIENCE
from connectors.sandbox.hubspot.effects import opt_out_of_all
from connectors.sandbox.hubspot.merging import erase
from connectors.sandbox.hubspot.state import HubSpotState, Row
from connectors.sandbox.hubspot.times import iso
from connectors.sandbox.hubspot.webhooks import signed
from connectors.sandbox.mailchimp.deliveries import signature
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import HUBSPOT_APP_SECRET
from connectors.secret import Secret
from sync.workspace.manifest import plugin_manifest

NOTHING_WRITTEN = "nothing is written to files"
HOOK = "https://hooks.acme.test/webhooks/platform"


def asgi(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return headers as a server gives them."""
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


class HubSpotStand:
    """The local HubSpot."""

    spec = plugin_manifest().connectors["hubspot"]
    factory: Callable[[Connection], Connector] = hubspot.connect
    settings: Mapping[str, str] = {"api_version": "2026-09"}
    text_property = "city"

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.state = sandbox, HubSpotState.of(sandbox.world)
        self.base_url, self.secret = sandbox.hubspot_url, sandbox.access["hubspot_token"]

    @property
    def world_now(self) -> datetime:
        return self.sandbox.world.clock.now()

    def row(self, key: str) -> Row:
        row = self.state.contact(key)
        assert row is not None
        return row

    def add(self, email: str, *, text: str = "") -> str:
        properties = {"email": email.lower(), **({"city": text} if text else {})}
        return self.state.add_contact(properties, created_at=self.world_now)

    def edit(self, key: str, name: str, value: str) -> None:
        self.state.touch_contact(self.row(key), {name: value})

    def opt_out(self, key: str) -> None:
        address = self.row(key)["properties"]["email"]
        opt_out_of_all(self.state, address, at_ms=self.state.now_ms(), own=True)

    def delete(self, key: str) -> None:
        erase(self.state, self.row(key))

    def enter(self, key: str, group: str) -> None:
        listed = next((i for i, row in self.state.lists.items() if row["name"] == group), None)
        if listed is None:
            listed, now = str(self.sandbox.world.store.next_id("hubspot.lists")), iso(self.state.now_ms())
            moments = dict.fromkeys(("createdAt", "updatedAt", "filtersUpdatedAt"), now)
            kinds = {"objectTypeId": "0-1", "processingType": "MANUAL", "processingStatus": "COMPLETE"}
            self.state.lists[listed] = {
                "listId": listed, "listVersion": 1, "name": group, **kinds, **moments, "deletedAt": None,
            }  # fmt: skip
        at = iso(self.state.now_ms())
        self.state.members.setdefault(listed, {})[key] = at
        self.state.memberships[f"{listed}/{key}"] = {"at": at}

    def shows(self, key: str) -> Mapping[str, str]:
        return {name: value for name, value in self.row(key)["properties"].items() if value and not _own(name)}

    def groups(self, key: str) -> list[str]:
        return [self.state.lists[i]["name"] for i, members in self.state.members.items() if key in members]

    def subscribed(self, key: str) -> bool:
        return bool(self.row(key)["properties"].get("hs_email_optout") != "true")

    def count(self) -> int:
        return sum(self.state.contact(key) is not None for key in list(self.state.contacts))

    def delivery(self, key: str) -> Delivery:
        now = datetime.now(UTC)
        event = {"eventId": 7, "subscriptionId": 1, "objectId": int(key), "occurredAt": int(time.time() * 1000)}
        change = {"subscriptionType": "contact.propertyChange", "propertyName": "city", "propertyValue": "Oslo"}
        body = json.dumps([{**event, **change}]).encode()
        headers = asgi(signed("POST", HOOK, body, now, ("v3",)))
        return Delivery("POST", HOOK, headers, body, now, Secret(HUBSPOT_APP_SECRET), {"kit": self.settings})


def _own(name: str) -> bool:
    """Whether the platform itself writes it with every change."""
    return name in {"lastmodifieddate", "hs_lastmodifieddate"}


class MailchimpStand:
    """The local Mailchimp."""

    spec = plugin_manifest().connectors["mailchimp"]
    factory: Callable[[Connection], Connector] = mailchimp.connect
    settings: Mapping[str, str] = {"audience": AUDIENCE}
    text_property = "COUNTRY"

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.state = sandbox, MailchimpState.of(sandbox.world)
        self.base_url, self.secret = sandbox.mailchimp_url, sandbox.access["mailchimp_key"]

    def member(self, key: str) -> dict[str, Any]:
        return self.state.directory(AUDIENCE).members[key]

    def add(self, email: str, *, text: str = "") -> str:
        fields = {"COUNTRY": text} if text else {}
        hashed = self.state.add_member(AUDIENCE, email, merge_fields=fields, at=self.sandbox.world.clock.now())
        return self.state.directory(AUDIENCE).by_hash[hashed]

    def edit(self, key: str, name: str, value: str) -> None:
        do(self.sandbox.world, "edit member", self.member(key)["email_address"], {"merge_fields": {name: value}})

    def opt_out(self, key: str) -> None:
        do(self.sandbox.world, "unsubscribe", self.member(key)["email_address"], {})

    def delete(self, key: str) -> None:
        self.state.remove_member(AUDIENCE, self.member(key))

    def enter(self, key: str, group: str) -> None:
        segment = self.state.tag(AUDIENCE, group)
        assert segment is not None
        self.state.put_tag(AUDIENCE, self.member(key), segment)

    def shows(self, key: str) -> Mapping[str, str]:
        return {name: str(value) for name, value in self.member(key)["merge_fields"].items() if value}

    def groups(self, key: str) -> list[str]:
        return [self.state.segments(AUDIENCE)[tag]["name"] for tag in self.member(key)["tags"]]

    def subscribed(self, key: str) -> bool:
        return bool(self.member(key)["status"] == "subscribed")

    def count(self) -> int:
        return len(self.state.directory(AUDIENCE).members)

    def delivery(self, key: str) -> Delivery:
        now, secret = datetime.now(UTC), "whsec_of_the_kit"
        form = {"type": "profile", "fired_at": f"{now:%Y-%m-%d %H:%M:%S}", "data[list_id]": AUDIENCE}
        form |= {"data[email]": self.member(key)["email_address"], "data[merges][COUNTRY]": "Norway"}
        body = urlencode(form).encode()
        headers = asgi({"X-Mailchimp-Signature": signature(secret, body, int(now.timestamp()))})
        return Delivery("POST", HOOK, headers, body, now, Secret(secret), {"kit": self.settings})


class FilesStand:
    """A CSV file of contacts; nothing is asked, and nothing written."""

    spec = plugin_manifest().connectors["files"]
    base_url, secret, text_property = "http://127.0.0.1:9", "", "city"

    def __init__(self, folder: Path) -> None:
        self.path, self.rows = folder / "contacts.csv", dict[str, dict[str, str]]()
        self.settings: Mapping[str, str] = {"contacts": str(self.path)}
        self.factory: Callable[[Connection], Connector] = files.connect
        self._number = 0
        self._save()

    def _save(self) -> None:
        with self.path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["id", "email", "consent", "city"])
            writer.writeheader()
            writer.writerows(self.rows.values())

    def add(self, email: str, *, text: str = "") -> str:
        self._number += 1
        key = f"p{self._number}"
        self.rows[key] = {"id": key, "email": email, "consent": "subscribed", "city": text}
        self._save()
        return key

    def edit(self, key: str, name: str, value: str) -> None:
        self.rows[key][name] = value
        self._save()

    def opt_out(self, key: str) -> None:
        self.edit(key, "consent", "unsubscribed")

    def delete(self, key: str) -> None:
        del self.rows[key]
        self._save()

    def enter(self, key: str, group: str) -> None:
        raise NotImplementedError(NOTHING_WRITTEN)

    def shows(self, key: str) -> Mapping[str, str]:
        return {name: value for name, value in self.rows[key].items() if value}

    def groups(self, key: str) -> list[str]:
        raise NotImplementedError(NOTHING_WRITTEN)

    def subscribed(self, key: str) -> bool:
        return self.rows[key]["consent"] == "subscribed"

    def count(self) -> int:
        return len(self.rows)

    def delivery(self, key: str) -> Delivery:
        raise NotImplementedError(NOTHING_WRITTEN)
