"""What the local HubSpot knows: the tables in the store, and the indexes over them that live in memory."""

from __future__ import annotations

import heapq
from datetime import datetime
from typing import Any

from connectors.sandbox.hubspot.definitions import GROUPS, default_properties
from connectors.sandbox.hubspot.records import Records
from connectors.sandbox.hubspot.times import iso, to_ms
from connectors.sandbox.hubspot.webhooks import Webhooks
from connectors.sandbox.world import World

Row = dict[str, Any]

FIRST_CONTACT = 101


class HubSpotState:
    """The account. Everything that must survive a restart is in `world.store`; the rest is rebuilt from it.

    Attributes:
        contacts: Table of contacts, archived ones too; `contact_records` keeps them in order.
        deals: Table of deals; a document's ``contacts`` are the ids of its contacts.
        by_email: Address in lower case -> contact id; additional addresses are unique identifiers too.
        unique: Property name -> value -> contact id, for properties with unique values.
        deals_of: Contact id -> ids of its deals.
        members: List id -> contact id -> ISO time at which it joined.
        webhooks: Who is told of changes.
        due: Heap of (epoch milliseconds, key into the table of things that are still to happen).
    """

    def __init__(self, world: World) -> None:
        self.world = world
        store = world.store
        self.contacts = store.table("hubspot.contacts")
        self.deals = store.table("hubspot.deals")
        self.contact_records = Records("contacts", self.contacts)
        self.deal_records = Records("deals", self.deals)
        self.merged = store.table("hubspot.merged")
        self.blocked = store.table("hubspot.blocked")
        self.properties = store.table("hubspot.properties")
        self.groups = store.table("hubspot.groups")
        self.lists = store.table("hubspot.lists")
        self.memberships = store.table("hubspot.memberships")
        self.consent = store.table("hubspot.consent")
        self.emails = store.table("hubspot.emails")
        self.events = store.table("hubspot.events")
        self.upcoming = store.table("hubspot.upcoming")
        self.exports = store.table("hubspot.exports")
        self.usage = store.table("hubspot.usage")
        self.webhooks = Webhooks(world)
        self.by_email: dict[str, str] = {}
        self.unique: dict[str, dict[str, str]] = {}
        self.deals_of: dict[str, list[str]] = {}
        self.members: dict[str, dict[str, str]] = {}
        self.due: list[tuple[int, str]] = [(row["at"], key) for key, row in self.upcoming.items()]
        self.timelines: dict[str, list[tuple[int, str]]] = {}
        heapq.heapify(self.due)
        self._ship_definitions()
        self._rebuild_indexes()

    @classmethod
    def of(cls, world: World) -> HubSpotState:
        """Return the one account of *world*."""
        state = world.states.get(cls)
        if not isinstance(state, cls):
            state = world.states[cls] = cls(world)
        return state

    def now_ms(self) -> int:
        """Return the platform's present in epoch milliseconds."""
        return to_ms(self.world.clock.now())

    def add_contact(self, properties: dict[str, str], *, created_at: datetime, opted_out: bool = False) -> str:
        """Add a contact without asking whether HubSpot's API would take it.

        Args:
            properties: Name -> value; the address is kept in lower case.
            created_at: UTC.
            opted_out: Whether the person has unsubscribed from everything.

        Returns:
            The record id.
        """
        number = self.world.store.next_id("hubspot.contacts", FIRST_CONTACT)
        row = self.contact_records.add(number, _with_derived(properties, number), created_ms=to_ms(created_at))
        self.index_contact(row)
        if opted_out:
            row["properties"]["hs_email_optout"] = "true"
            self.consent[row["properties"]["email"]] = {"statuses": {}, "all": iso(to_ms(created_at)), "own": True}
        self.webhooks.tell("creation", row["id"], to_ms(created_at), changeFlag="NEW")
        self.webhooks.tell_changes(row["id"], to_ms(created_at), row["properties"])
        return str(number)

    def add_deal(self, properties: dict[str, str], *, contact_id: str | None, at: datetime) -> str:
        """Add a deal that was made at *at*, and associate it with a contact.

        Args:
            properties: Name -> value; what is missing is filled as for a won deal.
            contact_id: Record id, or None for a deal of nobody.
            at: UTC; creation and closing of the deal, unless *properties* say otherwise.

        Returns:
            The deal's record id.
        """
        number = self.world.store.next_id("hubspot.deals", FIRST_CONTACT)
        at_ms = to_ms(at)
        filled = {
            "dealname": f"Order {number}",
            "dealstage": "closedwon",
            "pipeline": "default",
            "hs_is_closed_won": "true",
        }
        filled |= {"closedate": iso(at_ms), "num_associated_contacts": "0" if contact_id is None else "1", **properties}
        contact = None if contact_id is None else self.contact(contact_id)
        self.deal_records.add(number, filled, created_ms=at_ms, contacts=[] if contact is None else [contact["id"]])
        if contact is not None:
            of_contact = self.deals_of.setdefault(contact["id"], [])
            of_contact.append(str(number))
            self.touch_contact(contact, {"num_associated_deals": str(len(of_contact))}, at_ms=at_ms)
        return str(number)

    def record_event(
        self, email_id: str, campaign_id: str, kind: str, recipient: str, at: datetime, url: str | None = None
    ) -> None:
        """File what a recipient did with a marketing e-mail; it shows once the clock has passed *at*.

        Args:
            email_id: Id of the marketing e-mail.
            campaign_id: The e-mail campaign id under which it went out.
            kind: ``SENT``, ``DELIVERED``, ``OPEN``, ``MACHINE_OPEN``, ``CLICK``, ``HARD_BOUNCE``, ``SOFT_BOUNCE``,
                ``STATUSCHANGE`` or ``SPAMREPORT``.
            recipient: Address.
            at: UTC.
            url: What was clicked.
        """
        row: Row = {"at": to_ms(at), "kind": kind, "email": email_id, "campaign": campaign_id, "recipient": recipient}
        self.schedule(row if url is None else {**row, "url": url})

    def schedule(self, row: Row) -> None:
        """Let something happen at ``row["at"]`` (epoch milliseconds)."""
        key = str(self.world.store.next_id("hubspot.upcoming"))
        self.upcoming[key] = row
        heapq.heappush(self.due, (row["at"], key))

    def contact(self, record_id: str) -> Row | None:
        """Return the contact of that id that is not archived; the id of a merged one leads to its successor."""
        while record_id in self.merged.rows:
            record_id = self.merged.rows[record_id]["into"]
        return self.contact_records.active(record_id)

    def records(self, kind: str) -> Records:
        """Return the records of *kind*, ``contacts`` or ``deals``."""
        return self.contact_records if kind == "contacts" else self.deal_records

    def touch_contact(
        self, row: Row, values: dict[str, str | None] | dict[str, str], *, at_ms: int | None = None
    ) -> None:
        """Write *values* to a contact (None clears), with its indexes and with what search still shows of it."""
        at_ms = self.now_ms() if at_ms is None else at_ms
        if self.world.settings.search_lag > 0:
            self.contact_records.remember(row, int(row["id"]), at_ms=at_ms)
        indexed = "email" in values or not self.unique.keys().isdisjoint(values)
        if indexed:
            self.unindex_contact(row)
        if "email" in values:
            address = values["email"]
            values = {**values, "hs_email_domain": address.rpartition("@")[2] if address else None}
        changed = {name: value for name, value in values.items() if row["properties"].get(name) != value}
        self.contact_records.change(row, dict(values), at_ms=at_ms)
        self.webhooks.tell_changes(row["id"], at_ms, changed)
        if indexed:
            self.index_contact(row)

    def index_contact(self, row: Row) -> None:
        """Make the contact known by its addresses and unique values."""
        for address in addresses(row):
            self.by_email[address] = row["id"]
        for name, index in self.unique.items():
            if value := row["properties"].get(name):
                index[value] = row["id"]

    def unindex_contact(self, row: Row) -> None:
        """Take back what `index_contact` made known."""
        for address in addresses(row):
            self.by_email.pop(address, None)
        for name, index in self.unique.items():
            index.pop(row["properties"].get(name, ""), None)

    def _ship_definitions(self) -> None:
        if self.properties:
            return
        for kind, groups in GROUPS.items():
            for definition in default_properties(kind):
                self.properties[f"{kind}/{definition['name']}"] = definition
            for name, label in groups.items():
                self.groups[f"{kind}/{name}"] = {"name": name, "label": label, "displayOrder": -1, "archived": False}

    def _rebuild_indexes(self) -> None:
        for key, definition in self.properties.items():
            if key.startswith("contacts/") and definition["hasUniqueValue"]:
                self.unique[definition["name"]] = {}
        for row in self.contact_records.rows():
            self.index_contact(row)
        for deal in self.deal_records.rows():
            for contact_id in deal["contacts"]:
                self.deals_of.setdefault(contact_id, []).append(deal["id"])
        for key, membership in self.memberships.items():
            list_id, _, record_id = key.partition("/")
            self.members.setdefault(list_id, {})[record_id] = membership["at"]
        for key, event in self.events.items():
            self.timelines.setdefault(event["campaign"], []).append((event["at"], key))
        for timeline in self.timelines.values():
            timeline.sort()


def addresses(row: Row) -> list[str]:
    """Return the addresses of a contact, the primary one first."""
    properties = row["properties"]
    emails = [properties["email"]] if properties.get("email") else []
    return emails + [address for address in properties.get("hs_additional_emails", "").split(";") if address]


def _with_derived(properties: dict[str, str], number: int) -> dict[str, str]:
    derived = {name: value for name, value in properties.items() if value}
    derived |= {"hs_all_contact_vids": str(number), "hs_is_contact": "true", "hs_is_unworked": "true"}
    derived["hs_pipeline"] = "contacts-lifecycle-pipeline"
    if "email" in derived:
        derived["email"] = derived["email"].strip().lower()
        derived["hs_email_domain"] = derived["email"].rpartition("@")[2]
    return derived
