"""A Brevo account of our own, which takes and answers what Brevo's official client describes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.described.brevo_description import brevo_operations
from tests.described.clocks import StandInClock
from tests.described.description import DescribedOperation
from tests.described.stand_in import RefusedError, StandIn

KEY = "xkeysib-of-the-stand-in-0123456789"
CREATING = {"POST /v3/contacts", "POST /v3/contacts/import", "POST /v3/contacts/doubleOptinConfirmation"}
CONTACTS = ((10, 1.0), (36_000, 3600.0))  # as Brevo publishes them for everything below contacts; the client has none
OTHERS = ((100, 3600.0),)
MOST = {"GET /v3/contacts": 1000, "GET /v3/contacts/lists/{list_id}/contacts": 500}  # the description says so in words
SHORT = 50
TYPES = {"text": str, "float": float, "date": str, "boolean": bool}


@dataclass
class BrevoContact:
    """A person of the account."""

    email: str | None
    created: datetime
    modified: datetime
    attributes: dict[str, Any] = field(default_factory=dict)
    blocklisted: bool = False
    lists: list[int] = field(default_factory=list)
    statistics: dict[str, list[Any]] = field(default_factory=dict)


class BrevoPlatform(StandIn):
    """Contacts, attributes, folders, lists and campaigns."""

    root = "/v3"
    waits = "x-sib-ratelimit-reset"

    def __init__(self, clock: StandInClock | None = None) -> None:
        super().__init__(brevo_operations(), clock)
        self.contacts: dict[int, BrevoContact] = {}
        self.attributes: dict[str, str] = {}
        self.folders: dict[int, str] = {}
        self.lists: dict[int, tuple[str, int]] = {}
        self.campaigns: dict[int, dict[str, Any]] = {}
        self._number = 0
        self._actions: dict[str, Callable[[Mapping[str, str], Mapping[str, str], Any], Any]] = {
            "GET /v3/account": self._account,
            "GET /v3/contacts": self._listed,
            "GET /v3/contacts/{identifier}": self._one,
            "GET /v3/contacts/{identifier}/campaignStats": self._statistics,
            "POST /v3/contacts/batch": self._batch,
            "GET /v3/contacts/attributes": self._attributes,
            "POST /v3/contacts/attributes/{attribute_category}/{attribute_name}": self._make_attribute,
            "GET /v3/contacts/folders": self._folders,
            "POST /v3/contacts/folders": self._make_folder,
            "GET /v3/contacts/lists": self._lists,
            "POST /v3/contacts/lists": self._make_list,
            "GET /v3/contacts/lists/{list_id}/contacts": self._of_list,
            "GET /v3/emailCampaigns": self._campaigns,
        }

    # -- what people do ------------------------------------------------------------------------------------
    def _key(self) -> int:
        self._number += 1
        return self._number

    def person(self, email: str | None, **attributes: Any) -> str:
        """Add a contact, as a form of Brevo does."""
        with self.lock:
            key, now = self._key(), self.moment
            self.attributes |= {name: "text" for name in attributes if name not in self.attributes}
            self.contacts[key] = BrevoContact(email.lower() if email else None, now, now, attributes)
            return str(key)

    def list_named(self, name: str) -> int:
        """Return the id of a list, made where there is none."""
        with self.lock:
            known = next((key for key, (shown, _) in self.lists.items() if shown == name), 0) or self._key()
            self.lists.setdefault(known, (name, 1))
            return known

    def send(self, name: str, to: int) -> int:
        """Send a campaign to everybody in a list who may get it."""
        with self.lock:
            key = self._key()
            self.campaigns[key] = {"name": name, "at": self.moment, "list": to}
            for contact in self.contacts.values():
                if to in contact.lists and not contact.blocklisted:
                    self.happened("messagesSent", key, contact)
            return key

    def happened(self, what: str, campaign: int, contact: BrevoContact, **more: Any) -> None:
        """Note what became of a mail."""
        act = {"campaignId": campaign, "eventTime": self.moment.isoformat(), **more}
        contact.statistics.setdefault(what, []).append(act)

    def clicked(self, campaign: int, contact: BrevoContact, url: str) -> None:
        """Note a click."""
        link = {"count": 1, "eventTime": self.moment.isoformat(), "ip": "192.0.2.1", "url": url}
        contact.statistics.setdefault("clicked", []).append({"campaignId": campaign, "links": [link]})

    # -- what a platform has of its own --------------------------------------------------------------------
    def refuse_stranger(self, headers: Mapping[str, str], operation: DescribedOperation) -> None:
        if headers.get("api-key") != KEY:
            raise RefusedError(401, "Key not found", "unauthorized")

    def error(self, status: int, detail: str, code: str) -> Any:
        return {"code": code, "message": detail}

    def lane(self, operation: DescribedOperation) -> tuple[str, Sequence[tuple[int, float]]]:
        contacts = operation.path.startswith("/v3/contacts")
        return ("contacts", CONTACTS) if contacts else ("others", OTHERS)

    def told(self, most: int, left: int, reset: int) -> dict[str, str]:
        told = {"limit": most, "remaining": left, "reset": reset}
        return {f"x-sib-ratelimit-{name}": str(value) for name, value in told.items()}

    def several(self, pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
        asked: dict[str, str] = {}
        for name, text in pairs:
            asked[name] = f"{asked[name]},{text}" if name in asked else text
        return asked

    def act(self, operation: DescribedOperation, places: Mapping[str, str], query: Mapping[str, str], body: Any) -> Any:
        endpoint = f"{operation.method} {operation.path}"
        if endpoint in CREATING:
            self.created += 1
        if endpoint not in self._actions:
            raise RefusedError(501, "the stand-in can't do that", "not_implemented")
        if int(query.get("limit", 1)) > MOST.get(endpoint, SHORT):
            raise RefusedError(400, "limit is too high", "out_of_range")
        return self._actions[endpoint](places, query, body)

    # -- reading -------------------------------------------------------------------------------------------
    def _account(self, places: Any, query: Mapping[str, str], body: Any) -> Any:
        relay = {"data": {"port": 587, "relay": "smtp.brevo.test", "userName": "pond"}, "enabled": True}
        return {
            "organization_id": "o1",
            "user_id": 1,
            "enterprise": False,
            "companyName": "Pond",
            "relay": relay,
            "email": "pond@shop.test",
            "firstName": "A",
            "lastName": "B",
            "plan": [{"credits": 300.0, "creditsType": "sendLimit", "type": "free"}],
        }

    def _shown(self, key: int) -> dict[str, Any]:
        contact = self.contacts[key]
        moments = {"createdAt": _text(contact.created), "modifiedAt": _text(contact.modified)}
        blocked = {"emailBlacklisted": contact.blocklisted, "smsBlacklisted": False, "whatsappBlacklisted": False}
        known = {"id": key, "email": contact.email, "attributes": dict(contact.attributes)}
        return {**known, **moments, **blocked, "listIds": list(contact.lists), "listUnsubscribed": None}

    def _page(self, keys: Sequence[int], query: Mapping[str, str]) -> dict[str, Any]:
        since = query.get("modifiedSince")
        after = datetime.fromisoformat(since) if since else None
        chosen = [key for key in keys if after is None or self.contacts[key].modified > after]
        chosen.sort(reverse=query.get("sort", "desc") == "desc")
        start, size = int(query.get("offset", 0)), int(query.get("limit", 50))
        return {"contacts": [self._shown(key) for key in chosen[start : start + size]], "count": len(chosen)}

    def _listed(self, places: Any, query: Mapping[str, str], body: Any) -> Any:
        keys = list(self.contacts)
        if "ids" in query:
            asked = {int(key) for key in query["ids"].split(",")}
            if len(asked) > 20:
                raise RefusedError(400, "too many ids", "invalid_parameter")
            keys = [key for key in keys if key in asked]
        return self._page(keys, query)

    def _of_list(self, places: Mapping[str, str], query: Mapping[str, str], body: Any) -> Any:
        listed = int(places["list_id"])
        return self._page([key for key, contact in self.contacts.items() if listed in contact.lists], query)

    def _named(self, identifier: str) -> int:
        """The contact of an id or an address."""
        for key, contact in self.contacts.items():
            if identifier in {str(key), contact.email}:
                return key
        raise RefusedError(404, "Contact does not exist", "document_not_found")

    def _one(self, places: Mapping[str, str], query: Mapping[str, str], body: Any) -> Any:
        return {**self._shown(self._named(places["identifier"])), "statistics": {}}

    def _statistics(self, places: Mapping[str, str], query: Mapping[str, str], body: Any) -> Any:
        return self.contacts[self._named(places["identifier"])].statistics

    def _attributes(self, places: Any, query: Mapping[str, str], body: Any) -> Any:
        return {"attributes": [{"name": n, "category": "normal", "type": kind} for n, kind in self.attributes.items()]}

    def _folders(self, places: Any, query: Mapping[str, str], body: Any) -> Any:
        counts = dict.fromkeys(("totalBlacklisted", "totalSubscribers", "uniqueSubscribers"), 0)
        shown = [{"id": key, "name": name, **counts} for key, name in self.folders.items()]
        return {"folders": _cut(shown, query), "count": len(shown)}

    def _lists(self, places: Any, query: Mapping[str, str], body: Any) -> Any:
        counts = dict.fromkeys(("totalBlacklisted", "totalSubscribers", "uniqueSubscribers"), 0)
        shown = [{"id": key, "name": name, "folderId": of, **counts} for key, (name, of) in self.lists.items()]
        return {"lists": _cut(shown, query), "count": len(shown)}

    # -- writing -------------------------------------------------------------------------------------------
    def _make_attribute(self, places: Mapping[str, str], query: Mapping[str, str], body: Any) -> None:
        name, kind = places["attribute_name"], body["type"]
        if name in self.attributes:
            raise RefusedError(400, "Attribute name must be unique", "duplicate_parameter")
        if places["attribute_category"] != "normal" or kind not in TYPES:
            raise RefusedError(400, "no such attribute", "invalid_parameter")
        self.attributes[name] = kind

    def _make_folder(self, places: Any, query: Mapping[str, str], body: Any) -> Any:
        key = self._key()
        self.folders[key] = body["name"]
        return {"id": key}

    def _make_list(self, places: Any, query: Mapping[str, str], body: Any) -> Any:
        if body["folderId"] not in self.folders:
            raise RefusedError(404, "Folder ID does not exist", "document_not_found")
        key = self._key()
        self.lists[key] = (body["name"], body["folderId"])
        return {"id": key}

    def _batch(self, places: Any, query: Mapping[str, str], body: Any) -> None:
        for item in body["contacts"]:
            named = [name for name in ("email", "id", "sms") if name in item]
            if len(named) != 1:
                raise RefusedError(400, "one identifier a contact", "invalid_parameter")
            if item.get("id") not in self.contacts:
                raise RefusedError(404, f"Contact {item.get('id')} does not exist", "document_not_found")
            if {"emailBlacklisted", "smsBlacklisted"} & set(item):
                raise AssertionError(item)
            if unknown := {*item.get("listIds", ()), *item.get("unlinkListIds", ())} - set(self.lists):
                raise RefusedError(404, f"no lists {unknown}", "document_not_found")
        for item in body["contacts"]:
            self._update(self.contacts[item["id"]], item)

    def _update(self, contact: BrevoContact, item: Mapping[str, Any]) -> None:
        for name, value in item.get("attributes", {}).items():
            if value == "":
                contact.attributes.pop(name, None)
            elif name in self.attributes and isinstance(value, TYPES[self.attributes[name]]):
                contact.attributes[name] = value  # others are ignored, says the description
        contact.lists += [key for key in item.get("listIds", ()) if key not in contact.lists]
        contact.lists = [key for key in contact.lists if key not in item.get("unlinkListIds", ())]
        contact.modified = self.moment

    # -- results -------------------------------------------------------------------------------------------
    def _campaigns(self, places: Any, query: Mapping[str, str], body: Any) -> Any:
        shown = [self._campaign(key, campaign) for key, campaign in self.campaigns.items()]
        return {"campaigns": _cut(shown, query), "count": len(shown)}

    def _campaign(self, key: int, campaign: Mapping[str, Any]) -> dict[str, Any]:
        def people(what: str) -> int:
            acts = (contact.statistics.get(what, ()) for contact in self.contacts.values())
            return sum(any(act["campaignId"] == key for act in mine) for mine in acts)

        at = _text(campaign["at"])
        totals = {"sent": people("messagesSent"), "uniqueViews": people("opened"), "viewed": people("opened")}
        totals |= {"uniqueClicks": people("clicked"), "clickers": people("clicked"), "unsubscriptions": 0}
        totals |= {"hardBounces": people("hardBounces"), "softBounces": people("softBounces"), "complaints": 0}
        texts = dict.fromkeys(("footer", "header", "htmlContent", "replyTo"), "")
        statistics = {"campaignStats": [], "globalStats": totals, "linksStats": {}, "mirrorClick": 0, "remaining": 0}
        return {
            "id": key,
            "name": campaign["name"],
            "subject": campaign["name"],
            "status": "sent",
            "type": "classic",
            "createdAt": at,
            "modifiedAt": at,
            "sentDate": at,
            "testSent": False,
            "sender": {},
            **texts,
            "recipients": {"exclusionLists": [], "lists": [campaign["list"]]},
            "statistics": statistics,
        }


def _cut(entries: Sequence[Any], query: Mapping[str, str]) -> list[Any]:
    start, size = int(query.get("offset", 0)), int(query.get("limit", 10))
    return list(entries[start : start + size])


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
