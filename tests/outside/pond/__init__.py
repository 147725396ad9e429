"""A connector that personasync does not know, of a platform that there is not."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.base import (
    Delivery,
    DerivedConnector,
    JsonClient,
    MalformedError,
    PlatformEvent,
    RefusedContact,
    SourceContact,
    SourcePage,
    WantedContact,
    Written,
    check_hmac,
    check_window,
    entries,
    event_json,
    short_text,
)
from connectors.connector import Connection, Webhook
from connectors.errors import PersonasyncError, SignatureError
from connectors.records import FieldDefinition, Finding, SetupStep
from connectors.secret import Secret

SIGNED = re.compile(rb"sha256=([0-9a-f]{64}), t=([0-9]{1,15})")


class Pond(DerivedConnector):
    """The ducks of one pond."""

    writing = ("POST ducks/batch",)
    looking = ("GET ducks",)

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.client = JsonClient(connection, auth=connection.secret, auth_header="X-Pond-Token")

    def page(self, since: datetime | None, place: str | None) -> SourcePage:
        """Return the ducks that changed, by their moment of change."""
        asked = {"limit": self.limits["page"], "after": place, "since": since.isoformat() if since else None}
        answer = self.client.get("ducks", asked)
        return SourcePage([_contact(duck) for duck in entries(answer, "ducks")], answer["next"], answer["total"])

    def fetch_contacts(self, ids: Sequence[str], addresses: Sequence[str]) -> Sequence[SourceContact]:
        """Return some ducks."""
        asked = {"ids": ",".join(ids)} if ids else {"mails": ",".join(addresses)}
        return (
            [_contact(duck) for duck in entries(self.client.get("ducks", asked), "ducks")] if ids or addresses else []
        )

    def check(self) -> list[Finding]:
        """Look whether the token opens the pond."""
        try:
            self.client.get("labels")
        except PersonasyncError as error:
            return [Finding("credentials", "fail", str(error))]
        return [Finding("credentials", "ok", "The pond accepts the token.")]

    def fields(self) -> Mapping[str, FieldDefinition]:
        """Return what ducks may have."""
        listed = self.client.get("fields")["fields"]
        return {field["name"]: FieldDefinition(field["name"], field["label"], field["type"]) for field in listed}

    def group_names(self) -> Collection[str]:
        """Return all labels."""
        return list(self.client.get("labels")["labels"])

    def create(self, step: SetupStep) -> None:
        """Make a label or a field."""
        if step.field is None:
            self.client.send("POST", "labels", {"name": f"{self.connection.manifest['group_prefix']}{step.name}"})
            return
        body = {"name": step.field.name, "label": step.field.label, "type": step.field.type}
        self.client.send("POST", "fields", body)

    def write(self, batch: Sequence[WantedContact]) -> Written:
        """Write some ducks with one call."""
        ducks = [{"id": w.id, "values": dict(w.fields), "add": list(w.enter), "drop": list(w.leave)} for w in batch]
        answer = self.client.send("POST", "ducks/batch", {"ducks": ducks})
        shown: dict[str, SourceContact | RefusedContact] = {
            duck["id"]: _contact(duck) for duck in answer.get("ducks", [])
        }
        return {**shown, **{refused["id"]: RefusedContact(refused["why"]) for refused in answer.get("refused", [])}}

    # -- events --------------------------------------------------------------------------------------------
    @staticmethod
    def verify(delivery: Delivery) -> bool:
        """Accept ``X-Pond-Signature: sha256=<hex>, t=<milliseconds>``, made over the body and the time."""
        signed = SIGNED.fullmatch(delivery.header("X-Pond-Signature") or b"")
        if signed is None:
            raise SignatureError("no X-Pond-Signature", reason="missing")
        digest, stamp = signed.groups()
        check_window(int(stamp), delivery.now)
        check_hmac(digest, delivery.body + stamp, delivery.secrets)
        return True

    @staticmethod
    def parse(delivery: Delivery) -> list[PlatformEvent]:
        """Return what happened to ducks."""
        try:
            return [_event(told) for told in event_json(delivery.body)["events"]]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MalformedError("the body is not a list of what happened to ducks") from error

    def webhooks(self) -> list[Webhook]:
        """Return where the pond sends events."""
        return [Webhook(hook["url"], (), ()) for hook in self.client.get("hooks")["hooks"]]

    def register(self, webhook: Webhook) -> Secret:
        """Let the pond send events to us."""
        return Secret(self.client.send("POST", "hooks", {"url": webhook.url}, repeatable=False)["secret"])


def _event(told: dict[str, Any]) -> PlatformEvent:
    key, what = str(told["duck"]), str(told["what"])
    values = {str(name): short_text(value) for name, value in told["values"].items()}
    return PlatformEvent(
        f"{key} {what} {told['at']}",
        what,
        datetime.fromisoformat(told["at"]),
        [key],
        changed=values,
        means="values" if what == "duck.changed" and values else "",
    )


def _contact(duck: dict[str, Any]) -> SourceContact:
    return SourceContact(
        duck["id"],
        duck["mail"],
        "subscribed" if duck["news"] else "unsubscribed",
        duck["values"],
        duck["labels"],
        created_at=datetime.fromisoformat(duck["made"]),
        updated_at=datetime.fromisoformat(duck["changed"]),
    )


connect = Pond
