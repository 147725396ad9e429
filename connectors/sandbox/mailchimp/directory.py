"""Audiences of the local Mailchimp: members, merge fields and tags, and how a member is found.

Tables hold plain documents; everything else here is an index that is rebuilt when a saved world is opened.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import md5
from typing import TYPE_CHECKING, Any, cast

from connectors.sandbox.mailchimp.deliveries import Deliveries
from connectors.sandbox.mailchimp.values import Document, Json, stamp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from connectors.sandbox.store import DocumentTable
    from connectors.sandbox.world import World

DEFAULT_FIELDS = [("FNAME", "First Name"), ("LNAME", "Last Name")]


def subscriber_hash(address: str) -> str:
    """Return the member id that Mailchimp derives from an address."""
    return md5(address.lower().encode(), usedforsecurity=False).hexdigest()


@dataclass(slots=True)
class Directory:
    """One audience's members and how they are found."""

    list_id: str
    members: DocumentTable
    deliveries: Deliveries
    by_hash: dict[str, str] = field(default_factory=dict)
    tagged: dict[str, dict[str, None]] = field(default_factory=dict)
    version: int = 0
    ordered: dict[tuple[object, ...], tuple[int, list[str]]] = field(default_factory=dict)

    def index(self) -> None:
        """Read the indexes from the table."""
        for contact_id, member in self.members.items():
            self.by_hash[member["id"]] = contact_id
            for segment_id in member["tags"]:
                self.tagged.setdefault(segment_id, {})[contact_id] = None

    def save(self, member: Document) -> None:
        """Keep a member that changed."""
        self.members[member["contact_id"]] = member
        self.version += 1
        self.deliveries.look(self.list_id, member)

    def find(self, reference: str) -> Document | None:
        """Return the member by hash, contact id or address."""
        contact_id = self.by_hash.get(reference)
        if contact_id is None:
            contact_id = self.by_hash.get(subscriber_hash(reference)) if "@" in reference else reference
        return self.members.get(contact_id) if contact_id else None


class Audiences:
    """Audiences with their members, merge fields, segments, webhooks and events."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.audiences = world.store.table("mailchimp.audiences")
        self.blocked = world.store.table("mailchimp.blocked")
        self.directories: dict[str, Directory] = {}
        self.told = Deliveries(world)

    def now(self) -> str:
        """Return the platform's present as a stamp."""
        return stamp(self.world.clock.now())

    def token(self, sequence: str, length: int = 10) -> str:
        """Return the next id of *sequence*: hexadecimal, the same in every run of one seed."""
        number = self.world.store.next_id(f"mailchimp.{sequence}")
        return subscriber_hash(f"{self.world.seed}/{sequence}/{number}")[:length]

    # -- audiences -----------------------------------------------------------------------------------------
    def add_audience(
        self,
        name: str,
        *,
        list_id: str | None = None,
        double_optin: bool = False,
        marketing_permissions: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> str:
        """Create an audience with the fields FNAME and LNAME and return its id."""
        list_id = list_id or self.token("audience")
        self.audiences[list_id] = {
            "id": list_id,
            "web_id": self.world.store.next_id("mailchimp.web_id", 380_001),
            "name": name,
            "double_optin": double_optin,
            "marketing_permissions": marketing_permissions,
            "date_created": self.now(),
            **(settings or {}),
        }
        for tag, label in DEFAULT_FIELDS:
            self.add_merge_field(list_id, tag, name=label)
        return list_id

    def directory(self, list_id: str) -> Directory:
        """Return the members of an audience with their indexes."""
        directory = self.directories.get(list_id)
        if directory is None:
            directory = Directory(list_id, self.world.store.table(f"mailchimp.members.{list_id}"), self.told)
            directory.index()
            self.told.watch(list_id, directory.members)
            self.directories[list_id] = directory
        return directory

    def members(self, list_id: str) -> DocumentTable:
        """Return the members of an audience by contact id."""
        return self.directory(list_id).members

    def fields(self, list_id: str) -> DocumentTable:
        """Return the merge fields of an audience by merge id."""
        return self.world.store.table(f"mailchimp.merge_fields.{list_id}")

    def interest_categories(self, list_id: str) -> DocumentTable:
        """Return the titles of an audience's groups by id."""
        return self.world.store.table(f"mailchimp.interest_categories.{list_id}")

    def interests(self, list_id: str) -> DocumentTable:
        """Return the groups of an audience by id."""
        return self.world.store.table(f"mailchimp.interests.{list_id}")

    def segments(self, list_id: str) -> DocumentTable:
        """Return the segments (a tag is a static one) of an audience by id."""
        return self.world.store.table(f"mailchimp.segments.{list_id}")

    def webhooks(self, list_id: str) -> DocumentTable:
        """Return the webhook settings of an audience by id."""
        return self.world.store.table(f"mailchimp.webhooks.{list_id}")

    def events(self, list_id: str) -> DocumentTable:
        """Return the custom events of an audience by number."""
        return self.world.store.table(f"mailchimp.events.{list_id}")

    def add_merge_field(self, list_id: str, tag: str, *, name: str, kind: str = "text", **settings: Json) -> Document:
        """Create a merge field; *settings* are further keys of its document."""
        fields = self.fields(list_id)
        merge_id = self.world.store.next_id(f"mailchimp.merge_id.{list_id}")
        row = {
            "merge_id": merge_id,
            "tag": tag,
            "name": name,
            "type": kind,
            "required": False,
            "default_value": "",
            "public": False,
            "display_order": merge_id + 1,
            "options": {"size": 25} if kind == "text" else {},
            "help_text": "",
            **settings,
        }
        fields[str(merge_id)] = row
        return row

    def add_interest_category(self, list_id: str, title: str, *, kind: str = "checkboxes") -> Document:
        """Create a title for groups."""
        row = {"list_id": list_id, "id": self.token("interest_category"), "title": title, "type": kind}
        rows = self.interest_categories(list_id)
        rows[str(row["id"])] = {**row, "display_order": len(rows)}
        return rows[str(row["id"])]

    def add_interest(self, list_id: str, category_id: str, name: str) -> Document:
        """Create a group under a title; nobody has chosen it yet."""
        row = {"category_id": category_id, "list_id": list_id, "id": self.token("interest"), "name": name}
        rows = self.interests(list_id)
        rows[str(row["id"])] = {**row, "display_order": len(rows)}
        return rows[str(row["id"])]

    # -- members -------------------------------------------------------------------------------------------
    def add_member(
        self,
        list_id: str,
        email: str,
        *,
        status: str = "subscribed",
        merge_fields: Mapping[str, Any] | None = None,
        at: datetime | None = None,
        source: str = "Import",
    ) -> str:
        """Add a member as it is, without the API's checks, and return the subscriber hash."""
        moment = stamp(at) if at is not None else self.now()
        number = self.world.store.next_id("mailchimp.member", 383_160_001)
        contact_id = subscriber_hash(f"{self.world.seed}/contact/{number}")
        member: Document = {
            "contact_id": contact_id,
            "id": subscriber_hash(email) if email else subscriber_hash(contact_id),
            "email_address": email,
            "web_id": number,
            "status": status,
            "email_type": "html",
            "merge_fields": dict(merge_fields or {}),
            "timestamp_signup": "",
            "timestamp_opt": moment if status == "subscribed" else "",
            "last_changed": moment,
            "language": "",
            "vip": False,
            "source": source,
            "tags": {},
        }
        directory = self.directory(list_id)
        directory.by_hash[member["id"]] = contact_id
        directory.save(member)
        return cast("str", member["id"])

    def rename_member(self, list_id: str, member: Document, email: str) -> None:
        """Give a member another address: the hash changes, the contact id stays."""
        directory = self.directory(list_id)
        del directory.by_hash[member["id"]]
        member["email_address"], member["id"] = email, subscriber_hash(email)
        directory.by_hash[member["id"]] = member["contact_id"]
        directory.save(member)

    def remove_member(self, list_id: str, member: Document) -> None:
        """Erase a member and everything that points at it."""
        directory = self.directory(list_id)
        for segment_id in member["tags"]:
            directory.tagged.get(segment_id, {}).pop(member["contact_id"], None)
        del directory.by_hash[member["id"]]
        del directory.members[member["contact_id"]]
        directory.version += 1
        self.told.erased(list_id, member)

    # -- tags ----------------------------------------------------------------------------------------------
    def tag(self, list_id: str, name: str, *, create: bool = True) -> str | None:
        """Return the id of the tag *name*, made when it is missing and *create* is set."""
        for segment_id, segment in self.segments(list_id).items():
            if segment["type"] == "static" and segment["name"] == name:
                return segment_id
        return self.add_segment(list_id, name) if create else None

    def add_segment(self, list_id: str, name: str, options: Document | None = None) -> str:
        """Create a tag, or with *options* a saved segment, and return its id."""
        segment_id = str(self.world.store.next_id("mailchimp.segment", 71))
        kind = "static" if options is None else "saved"
        now = self.now()
        self.segments(list_id)[segment_id] = {
            "id": int(segment_id),
            "name": name,
            "type": kind,
            "created_at": now,
            "updated_at": now,
            "options": options or {"match": "any", "conditions": []},
        }
        return segment_id

    def put_tag(self, list_id: str, member: Document, segment_id: str) -> bool:
        """Give a member a tag; False when it had it. Does not move `last_changed`."""
        if segment_id in member["tags"]:
            return False
        directory = self.directory(list_id)
        member["tags"][segment_id] = self.now()
        directory.members[member["contact_id"]] = member
        directory.tagged.setdefault(segment_id, {})[member["contact_id"]] = None
        return True

    def take_tag(self, list_id: str, member: Document, segment_id: str) -> bool:
        """Take a tag from a member; False when it had none."""
        if member["tags"].pop(segment_id, None) is None:
            return False
        directory = self.directory(list_id)
        directory.members[member["contact_id"]] = member
        directory.tagged[segment_id].pop(member["contact_id"], None)
        return True
