"""A Brevo account: contacts with their attributes and lists, and what became of campaigns.

Contacts are written by their ids and in batches, with an operation that updates: who is not there is not made, since
nothing that we send says an address. Whether an address is blocklisted is read and never written. Brevo answers
nothing to a batch, so everybody who was written is looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from connectors.base import DerivedConnector, JsonClient, SourceContact, SourcePage, WantedContact, Written
from connectors.base.derived import OVERLAP
from connectors.brevo.probes import ProbesOfBrevo
from connectors.brevo.results import BrevoResults, brevo_moment
from connectors.brevo.templates import BrevoTags
from connectors.connector import Connection
from connectors.errors import NotFoundError, PersonasyncError
from connectors.records import Change, Cursor, FieldDefinition, FieldType, Finding, Page, SetupStep
from connectors.transport import entries, in_order

FOLDER = "personasync"  # of our lists
CONTACT, ATTRIBUTE = "contacts/{id}", "contacts/attributes/normal/{name}"
TYPES: Mapping[str, FieldType] = {"float": "number", "date": "date", "category": "enumeration"}
THEIRS = {"number": "float", "date": "date"}
ANCHORS = 10  # contacts of a page that the next one shows again


class Brevo(ProbesOfBrevo, DerivedConnector):
    """The contacts of one account."""

    dialect = BrevoTags()

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.client = JsonClient(connection, auth=connection.secret, auth_header="api-key")
        self._results = BrevoResults(self.client, self.name, self.limits)
        self._known_lists: dict[str, int] = {}

    # -- reading -------------------------------------------------------------------------------------------
    def page(self, since: datetime | None, place: str | None) -> SourcePage:
        """Return one page of contacts, the oldest first; it begins with the last ones of the page before.

        A contact that is deleted meanwhile moves all others on: where none of those is shown any more, the page before
        is read again.
        """
        names, size = self._names(), self.limits["page"]
        again = min(ANCHORS, size // 2)
        start, *anchors = (int(part) for part in (place or "0").split())
        asked: dict[str, Any] = {"limit": size, "sort": "asc"}
        if since is not None:
            asked["modifiedSince"] = f"{since.astimezone(UTC) - timedelta(seconds=1):%Y-%m-%dT%H:%M:%S.000Z}"
        while True:
            answer = self.client.get("contacts", {**asked, "offset": start})
            shown = entries(answer, "contacts")
            if not start or not anchors or any(contact["id"] in anchors for contact in shown):
                break
            start = max(start - size + again, 0)
        following = None
        if start + len(shown) < answer["count"] and shown:
            following = " ".join(map(str, (start + len(shown) - again, *(c["id"] for c in shown[-again:]))))
        new = [_contact(contact, names) for contact in shown if contact["id"] not in anchors]
        return SourcePage(new, following, answer["count"])

    def _changed(self, since: datetime, cursor: Cursor) -> Iterator[Page]:
        """Go on from where the reading began: contacts do not come in the order of their changes."""
        following = max(self.now() - OVERLAP, since).isoformat()
        for page in super()._changed(since, cursor):
            yield page if page.cursor is None else replace(page, cursor={**page.cursor, "since": following})

    def fetch_contacts(self, ids: Sequence[str], addresses: Sequence[str]) -> Sequence[SourceContact]:
        """Return some contacts: by ids in small pages, by addresses each with a request of its own."""
        names = self._names() if ids or addresses else {}
        size, workers = self.limits["ids_page"], self.limits["connections"]
        parts = [ids[start : start + size] for start in range(0, len(ids), size)]
        contacts = [contact for part in in_order(self._by_ids, parts, workers=workers) for contact in part]
        contacts += [contact for contact in in_order(self._by_address, addresses, workers=workers) if contact]
        return [_contact(contact, names) for contact in contacts]

    def _by_ids(self, ids: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        return entries(self.client.get("contacts", {"ids": list(ids)}), "contacts")

    def _by_address(self, address: str) -> Mapping[str, Any] | None:
        with suppress(NotFoundError):
            contact: Mapping[str, Any] = self.client.get(CONTACT, {"identifierType": "email_id"}, id=address)
            return contact
        return None

    def _listed(self, path: str, key: str) -> Iterator[Mapping[str, Any]]:
        """All entries of a short list."""
        size, start = self.limits["names_page"], 0
        asked = {"limit": size, "sort": "asc"}
        while listed := entries(self.client.get(path, {**asked, "offset": start}), key, optional=True):
            yield from listed
            start += size
            if len(listed) < size:
                return

    def _lists(self) -> Mapping[str, int]:
        """Ids of all lists by name, read once; of two with one name, the first."""
        if not self._known_lists:
            listed = list(self._listed("contacts/lists", "lists"))
            self._known_lists = {entry["name"]: entry["id"] for entry in reversed(listed)}
        return self._known_lists

    def _names(self) -> Mapping[int, str]:
        """Our lists, which contacts show by their ids."""
        ours = {f"{self._prefix}{group}" for group in self._groups}
        return {key: name for name, key in self._lists().items() if name in ours} if ours else {}

    def check(self) -> list[Finding]:
        """Look whether the key opens the account and its contacts."""
        try:
            company = self.client.get("account")["companyName"]
            self.client.get("contacts", {"limit": 1})
        except PersonasyncError as error:
            return [Finding("credentials", "fail", error.what, error.fix)]
        return [Finding("credentials", "ok", f"Brevo accepts the key of {company}.")]

    # -- writing -------------------------------------------------------------------------------------------
    def fields(self) -> Mapping[str, FieldDefinition]:
        """Return the attributes of contacts."""
        listed = [
            a for a in self.client.get("contacts/attributes")["attributes"] if a["category"] in {"normal", "category"}
        ]
        return {entry["name"]: _definition(entry) for entry in listed}

    def group_names(self) -> Collection[str]:
        """Return the names of all lists."""
        self._known_lists = {}
        return list(self._lists())

    def create(self, step: SetupStep) -> None:
        """Make an attribute, or a list in our folder."""
        if step.field is not None:
            kind = THEIRS.get(step.field.type, "text")
            self.client.send("POST", ATTRIBUTE, {"type": kind}, name=step.field.name)
            return
        folders = (f["id"] for f in self._listed("contacts/folders", "folders") if f["name"] == FOLDER)
        folder = next(folders, None) or self.client.send("POST", "contacts/folders", {"name": FOLDER})["id"]
        self.client.send("POST", "contacts/lists", {"name": f"{self._prefix}{step.name}", "folderId": folder})
        self._known_lists = {}

    def write(self, batch: Sequence[WantedContact]) -> Written:
        """Write attributes and lists of a batch at once."""
        named = {name for wanted in batch for name in (*wanted.enter, *wanted.leave)}
        if named - set(self._known_lists):
            self._known_lists = {}
        lists = self._lists() if named else {}
        self.client.send("POST", "contacts/batch", {"contacts": [self._item(wanted, lists) for wanted in batch]})
        return {}

    def _item(self, wanted: WantedContact, lists: Mapping[str, int]) -> dict[str, Any]:
        kinds, item = self.connection.kinds, {"id": int(wanted.id)}
        parts = {
            "attributes": {n: _value(v, kinds.get(n, "text")) for n, v in wanted.fields.items()},
            "listIds": [lists[name] for name in wanted.enter if name in lists],
            "unlinkListIds": [lists[name] for name in wanted.leave if name in lists],
        }
        return {**item, **{name: part for name, part in parts.items() if part}}

    def requests_for(self, changes: Sequence[Change]) -> dict[str, int]:
        """Count the requests of a push: one for each batch, those that look at it, and those of a sample.

        Args:
            changes: What would be written.

        Returns:
            Number by endpoint.
        """
        batches = self._writer.batches(changes) if changes else []
        looks = sum(ceil(len(batch) / self.limits["ids_page"]) for batch in batches) + bool(batches)
        lists = int(bool(batches) and bool(self._groups))
        counts = {"POST contacts/batch": len(batches), "GET contacts": looks, "GET contacts/lists": lists}
        return {endpoint: number for endpoint, number in counts.items() if number}

    # -- results -------------------------------------------------------------------------------------------
    def results(self, stream: str, known: Mapping[str, str]) -> Iterator[Page]:
        """Yield campaigns, or who got, opened and clicked them."""
        return self._results.pages(stream, known)


def _value(text: str | None, kind: str) -> str | float:
    """A value as Brevo takes it; an empty text clears."""
    return "" if text is None else float(text) if kind == "number" else text


def _definition(entry: Mapping[str, Any]) -> FieldDefinition:
    options = tuple((option["label"], option["label"]) for option in entry.get("enumeration") or ())
    kind = "category" if entry["category"] == "category" else entry.get("type") or ""
    return FieldDefinition(entry["name"], entry["name"], TYPES.get(kind, "text"), options)


def _contact(contact: Mapping[str, Any], names: Mapping[int, str]) -> SourceContact:
    return SourceContact(
        str(contact["id"]),
        contact.get("email"),
        "unsubscribed" if contact["emailBlacklisted"] else "subscribed",
        dict(contact["attributes"]),
        [names[key] for key in contact["listIds"] if key in names],
        created_at=brevo_moment(contact["createdAt"]),
        updated_at=brevo_moment(contact["modifiedAt"]),
    )


connect = Brevo
