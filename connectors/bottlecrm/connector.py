"""A BottleCRM organisation: contacts with their tags and custom fields, and deals as orders.

Its answer to a write says "Contact Updated Successfully" also where it dropped a field that it does not know, and shows
nothing: every contact that was written is looked at. Tags are written as a whole: a tag that somebody else adds in the
tenth of a second between our reading and writing is lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.base import (
    SourceContact,
    SourceOrder,
    SourcePage,
    WantedContact,
    WritesOneByOne,
    Written,
    entries,
    moment,
)
from connectors.connector import Connection
from connectors.records import Consent, FieldDefinition, FieldType, Finding, SetupStep, normalise_email

CONTACT = "contacts/{id}/"
MODEL = {"target_model": "Contact"}
TYPES: Mapping[str, FieldType] = {"number": "number", "date": "date", "dropdown": "enumeration"}
SHOWN = (
    *("first_name", "last_name", "phone", "organization", "title", "department", "do_not_call", "city", "state"),
    *("postcode", "country", "source", "source_detail"),
)
ORDER_STATES = {"won": "placed", "lost": "cancelled"}


class BottleCrm(WritesOneByOne):
    """The contacts and deals of one organisation."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._opt_out = connection.settings.get("opt_out_field", "")

    # -- reading -------------------------------------------------------------------------------------------
    def orders_since(self, since: datetime | None) -> Iterator[list[SourceOrder]]:
        """Yield deals that are closed; they have no filter by time of change either."""
        del since
        for answer in self.client.pages("opportunities/", "opportunities", size=self.limits["deals_page"]):
            deals = entries(answer, "opportunities")
            yield [_order(deal) for deal in deals if deal["stage_kind"] in ORDER_STATES]

    def page(self, since: datetime | None, place: str | None) -> SourcePage:
        """Return one page of contacts, the newest first: who joins meanwhile moves others on to it, and none away."""
        del since
        names, start, size = self._tag_names(), int(place or 0), self.limits["page"]
        answer = self.client.get("contacts/", {"limit": size, "offset": start})
        contacts = [self._contact(contact, names) for contact in entries(answer, "results")]
        return SourcePage(contacts, str(start + size) if len(contacts) == size else None, answer["count"])

    def fetch_contacts(self, ids: Sequence[str], addresses: Sequence[str]) -> Sequence[SourceContact]:
        """Return some contacts, each with a request of its own."""
        names = self._tag_names() if ids or addresses else {}
        contacts = [self._contact(contact, names) for contact in self.each(self._by_id, ids) if contact is not None]
        for matching in self.each(self._by_address, addresses):
            contacts += [self._contact(contact, names) for contact in matching]
        return contacts

    def _now_by_id(self, ids: Sequence[str]) -> dict[str, SourceContact]:
        """Contacts by id; where they are many, a list of everybody takes fewer requests than each by itself."""
        if len(ids) <= self.limits["batch"]:
            return super()._now_by_id(ids)
        wanted = set(ids)
        return {contact.id: contact for page in self._pages(None) for contact in page.contacts if contact.id in wanted}

    def _by_id(self, key: str) -> Mapping[str, Any] | None:
        answer = self.client.find(CONTACT, id=key)
        contact: Mapping[str, Any] | None = None if answer is None else answer["contact_obj"]
        return contact

    def _by_address(self, address: str) -> list[Mapping[str, Any]]:
        asked = {"email": address, "limit": self.limits["page"], "offset": 0}  # every address that contains it
        listed = entries(self.client.get("contacts/", asked), "results")
        return [contact for contact in listed if normalise_email(contact["email"]) == address]

    def _contact(self, contact: Mapping[str, Any], tags: Mapping[str, str]) -> SourceContact:
        own = contact.get("custom_fields") or {}
        opted_out: Consent = "unsubscribed" if own.get(self._opt_out) is True else "unknown"
        return SourceContact(
            contact["id"],
            contact["email"],
            opted_out,
            {**own, **{name: contact.get(name) for name in SHOWN}},
            [tags[key] for key in contact["tags"] if key in tags],
            state="active" if contact["is_active"] else "archived",
            created_at=moment(contact["created_at"]),
            updated_at=moment(contact["updated_at"]),
        )

    def check(self) -> list[Finding]:
        """Look whether the token opens the organisation, as an administrator."""
        findings = super().check()
        if findings[0].state == "ok" and self.client.get("profile/")["user_obj"]["role"] != "ADMIN":
            warning = "The token is no administrator's: some contacts are hidden from it."
            return [Finding("credentials", "warn", warning)]
        return findings

    # -- writing -------------------------------------------------------------------------------------------
    def fields(self) -> Mapping[str, FieldDefinition]:
        """Return the custom fields of contacts."""
        listed = [
            field for field in entries(self.client.get("custom-fields/", MODEL), "definitions") if field["is_active"]
        ]
        return {field["key"]: _definition(field) for field in listed}

    def _tag_names(self) -> dict[str, str]:
        """Name by id, of the tags that may be put on a contact."""
        answer = self.client.get("tags/", {"limit": self.limits["page"]})
        return {tag["id"]: tag["name"] for tag in entries(answer, "tags") if tag["is_active"]}

    def group_names(self) -> Collection[str]:
        """Return the names of all tags."""
        return list(self._tag_names().values())

    def create(self, step: SetupStep) -> None:
        """Make a tag or a custom field."""
        if step.field is None:
            self.client.send("POST", "tags/", {"name": f"{self._prefix}{step.name}"})
            return
        kind = step.field.type if step.field.type in {"number", "date"} else "text"
        field = {**MODEL, "key": step.field.name, "label": step.field.label, "field_type": kind}
        self.client.send("POST", "custom-fields/", field)

    def write(self, batch: Sequence[WantedContact]) -> Written:
        """Write contact by contact. No answer shows a contact: whom it refused is told, the others are looked at."""
        ids = {name: key for key, name in self._tag_names().items()} if any(w.enter or w.leave for w in batch) else {}
        answers = self.one_by_one(lambda wanted: self._write_one(wanted, ids), batch)
        return {key: refusal for key, refusal in answers.items() if refusal}

    def _write_one(self, wanted: WantedContact, ids: Mapping[str, str]) -> None:
        body: dict[str, Any] = {"custom_fields": dict(wanted.fields)} if wanted.fields else {}
        if wanted.enter or wanted.leave:
            shown = self.client.get(CONTACT, id=wanted.id)["contact_obj"]["tags"]
            left = [key for key in shown if key not in {ids.get(name) for name in wanted.leave}]
            body["tags"] = list(dict.fromkeys([*left, *(ids[name] for name in wanted.enter if name in ids)]))
        self.client.send("PATCH", CONTACT, body, id=wanted.id)


def _order(deal: Mapping[str, Any]) -> SourceOrder:
    return SourceOrder(
        deal["id"],
        deal["contacts"][0]["id"] if deal["contacts"] else None,
        moment(deal["closed_on"]) or moment(deal["created_at"]),
        float(deal["amount"] or 0),
        deal["currency"],
        ORDER_STATES[deal["stage_kind"]],
    )


def _definition(field: Mapping[str, Any]) -> FieldDefinition:
    options = tuple((option["value"], option["label"]) for option in field["options"] or ())
    return FieldDefinition(field["key"], field["label"], TYPES.get(field["field_type"], "text"), options)


connect = BottleCrm
