"""A connector that personasync does not know, of a platform that there is not."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.base import (
    DerivedConnector,
    RefusedContact,
    SourceContact,
    SourcePage,
    WantedContact,
    Written,
    entries,
    moment,
)
from connectors.connector import Webhook
from connectors.records import FieldDefinition, SetupStep
from connectors.secret import Secret


class Pond(DerivedConnector):
    """The ducks of one pond; how it is asked and what it delivers, pond.toml says."""

    def page(self, since: datetime | None, place: str | None) -> SourcePage:
        """Return the ducks that changed, by their moment of change."""
        asked = {"limit": self.limits["page"], "after": place, "since": since.isoformat() if since else None}
        answer = self.client.get("ducks", asked)
        return SourcePage([_contact(duck) for duck in entries(answer, "ducks")], answer["next"], answer["total"])

    def fetch_contacts(self, ids: Sequence[str], addresses: Sequence[str]) -> Sequence[SourceContact]:
        """Return some ducks."""
        if not ids and not addresses:
            return []
        asked = {"ids": ",".join(ids)} if ids else {"mails": ",".join(addresses)}
        return [_contact(duck) for duck in entries(self.client.get("ducks", asked), "ducks")]

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
    def webhooks(self) -> list[Webhook]:
        """Return where the pond sends events."""
        return [Webhook(hook["url"], (), ()) for hook in self.client.get("hooks")["hooks"]]

    def register(self, webhook: Webhook) -> Secret:
        """Let the pond send events to us."""
        return Secret(self.client.send("POST", "hooks", {"url": webhook.url}, repeatable=False)["secret"])


def _contact(duck: dict[str, Any]) -> SourceContact:
    return SourceContact(
        duck["id"],
        duck["mail"],
        "subscribed" if duck["news"] else "unsubscribed",
        duck["values"],
        duck["labels"],
        created_at=moment(duck["made"]),
        updated_at=moment(duck["changed"]),
    )


connect = Pond
