"""A Klaviyo account of our own, which takes and answers what Klaviyo's official client describes."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.described.clocks import StandInClock
from tests.described.description import DescribedOperation
from tests.described.klaviyo_description import attributes_of, klaviyo_operations, klaviyo_revision
from tests.described.stand_in import RefusedError, StandIn

KEY = "pk_of_the_stand_in_0123456789"
TYPE = "application/vnd.api+json"
ACCOUNT = "https://a.klaviyo.test/api"  # what links begin with
CREATING = {  # operations that make a profile of whom they do not find: the description says so of each
    *("POST /api/profiles", "POST /api/profile-import", "POST /api/profile-bulk-import-jobs"),
    "POST /api/profile-subscription-bulk-create-jobs",
}
WHICH = re.compile(r"([\w-]+)\(([\w.]+),(.*)\)$", re.DOTALL)
TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "equals": lambda shown, wanted: shown == wanted,
    "any": lambda shown, wanted: shown in wanted,
    "greater-than": lambda shown, wanted: shown > wanted,
    "greater-or-equal": lambda shown, wanted: shown >= wanted,
}
FIXED = frozenset({"first_name", "last_name", "organization", "locale", "title", "image"})


@dataclass
class Profile:
    """A person of the account."""

    email: str | None
    created: datetime
    updated: datetime
    shown: dict[str, str] = field(default_factory=dict)
    location: dict[str, str] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    consent: str = "SUBSCRIBED"
    suppressed: list[str] = field(default_factory=list)


class KlaviyoPlatform(StandIn):
    """Profiles and lists by id, metrics, events and messages of campaigns."""

    root = "/api"

    def __init__(
        self, clock: StandInClock | None = None, limits: Mapping[str, Sequence[tuple[int, float]]] = {}
    ) -> None:
        super().__init__(klaviyo_operations(), clock)
        self.profiles: dict[str, Profile] = {}
        self.lists: dict[str, str] = {}
        self.members: dict[str, list[str]] = {}
        self.metrics: dict[str, str] = {}
        self.events: list[dict[str, Any]] = []
        self.messages: dict[str, dict[str, Any]] = {}
        self._limits, self._number = limits, 0
        self._actions: dict[str, Callable[[DescribedOperation, Mapping[str, str], Mapping[str, str], Any], Any]] = {
            "GET /api/accounts": self._accounts,
            "GET /api/profiles": self._profiles,
            "PATCH /api/profiles/{id}": self._patch,
            "GET /api/lists": self._lists,
            "POST /api/lists": self._make_list,
            "GET /api/lists/{id}/relationships/profiles": self._members,
            "POST /api/lists/{id}/relationships/profiles": self._enter,
            "DELETE /api/lists/{id}/relationships/profiles": self._leave,
            "GET /api/metrics": self._metrics,
            "GET /api/events": self._events,
            "GET /api/campaign-messages": self._messages,
            "POST /api/campaign-values-reports": self._report,
        }

    # -- what people do ------------------------------------------------------------------------------------
    def _key(self, letter: str) -> str:
        self._number += 1
        return f"01{letter}{self._number:08d}"

    def person(self, email: str | None, **properties: Any) -> str:
        """Add a subscribed profile, as a form of Klaviyo does."""
        with self.lock:
            key, now = self._key("P"), self.moment
            self.profiles[key] = Profile(email.lower() if email else None, now, now, properties=properties)
            return key

    def list_named(self, name: str) -> str:
        """Return the id of a list, made where there is none."""
        with self.lock:
            key = next((key for key, known in self.lists.items() if known == name), "") or self._key("L")
            self.lists[key] = name
            self.members.setdefault(key, [])
            return key

    def happened(self, metric: str, profile: str, **properties: Any) -> str:
        """Note an event."""
        with self.lock:
            known = next((key for key, name in self.metrics.items() if name == metric), "") or self._key("M")
            self.metrics[known] = metric
            event = {"id": self._key("E"), "metric": known, "profile": profile, "at": self.moment}
            self.events.append({**event, "properties": properties})
            return str(event["id"])

    def message(self, name: str) -> str:
        """Send a message of a campaign."""
        with self.lock:
            key = self._key("C")
            self.messages[key] = {"name": name, "at": self.moment, "campaign": self._key("K")}
            return key

    # -- what a platform has of its own --------------------------------------------------------------------
    def refuse_stranger(self, headers: Mapping[str, str], operation: DescribedOperation) -> None:
        if headers.get("Authorization") != f"Klaviyo-API-Key {KEY}":
            raise RefusedError(401, "who are you", "not_authenticated")
        if headers.get("revision") != klaviyo_revision():
            raise RefusedError(400, "which revision", "invalid_revision")
        if headers.get("Accept") != TYPE or (operation.body is not None and headers.get("Content-Type") != TYPE):
            raise RefusedError(415, "which type", "unsupported_media_type")

    def error(self, status: int, detail: str, code: str) -> Any:
        return {"errors": [{"id": "e1", "code": code, "title": "No.", "detail": detail, "status": status}]}

    def lane(self, operation: DescribedOperation) -> tuple[str, Sequence[tuple[int, float]]]:
        endpoint = f"{operation.method} {operation.path}"
        return endpoint, self._limits.get(endpoint, operation.windows)

    def told(self, most: int, left: int, reset: int) -> dict[str, str]:
        return {"RateLimit-Limit": str(most), "RateLimit-Remaining": str(left), "RateLimit-Reset": str(reset)}

    def act(self, operation: DescribedOperation, places: Mapping[str, str], query: Mapping[str, str], body: Any) -> Any:
        endpoint = f"{operation.method} {operation.path}"
        if endpoint in CREATING:
            self.created += 1
        if endpoint not in self._actions:
            raise RefusedError(501, "the stand-in can't do that", "not_implemented")
        return self._actions[endpoint](operation, places, query, body)

    # -- reading -------------------------------------------------------------------------------------------
    def _accounts(self, operation: DescribedOperation, places: Any, query: Mapping[str, str], body: Any) -> Any:
        street = {"address1": None, "address2": None, "city": None, "region": None, "country": None, "zip": None}
        contact = {"default_sender_name": "Pond", "default_sender_email": "pond@shop.test", "website_url": None}
        known = {
            "test_account": True,
            "contact_information": {**contact, "organization_name": "Pond", "street_address": street},
            "industry": None,
            "timezone": "Etc/UTC",
            "preferred_currency": "EUR",
            "public_api_key": "AbC123",
            "locale": "en-GB",
        }
        return {"data": [_resource("account", "AbC123", known)], "links": _links("accounts", None)}

    def _profiles(self, operation: DescribedOperation, places: Any, query: Mapping[str, str], body: Any) -> Any:
        rows = [
            {"id": key, "email": p.email, "created": p.created, "updated": p.updated, "": key}
            for key, p in self.profiles.items()
        ]
        some, links = _listed(operation, rows, query, usual=20)
        shown = query.get("fields[profile]", "").split(",") if "fields[profile]" in query else None
        if odd := set(shown or ()) - attributes_of(operation):
            raise RefusedError(400, f"no attributes: {odd}")
        more = "subscriptions" in query.get("additional-fields[profile]", "").split(",")
        return {"data": [self._profile(row["id"], shown, subscriptions=more) for row in some], "links": links}

    def _profile(self, key: str, shown: Sequence[str] | None, *, subscriptions: bool) -> dict[str, Any]:
        profile = self.profiles[key]
        known: dict[str, Any] = {**dict.fromkeys(FIXED), **profile.shown, "email": profile.email}
        known |= {"phone_number": None, "external_id": None, "location": dict(profile.location)}
        known |= {"created": profile.created.isoformat(), "updated": profile.updated.isoformat()}
        known |= {"last_event_date": None, "properties": dict(profile.properties)}
        if subscriptions:
            suppressions = [{"reason": r, "timestamp": profile.updated.isoformat()} for r in profile.suppressed]
            marketing = {"can_receive_email_marketing": not suppressions, "consent": profile.consent}
            known["subscriptions"] = {"email": {"marketing": {**marketing, "suppression": suppressions}}}
        return _resource("profile", key, {n: v for n, v in known.items() if shown is None or n in shown})

    def _lists(self, operation: DescribedOperation, places: Any, query: Mapping[str, str], body: Any) -> Any:
        rows = [{"id": key, "name": name, "": key} for key, name in self.lists.items()]
        some, links = _listed(operation, rows, query, usual=10)
        return {"data": [_resource("list", row["id"], {"name": row["name"]}) for row in some], "links": links}

    def _members(self, operation: DescribedOperation, places: Any, query: Mapping[str, str], body: Any) -> Any:
        members = self.members[self._list(places["id"])]
        rows = [{"id": key, "email": self.profiles[key].email, "": key} for key in members if key in self.profiles]
        some, links = _listed(operation, rows, query, usual=20)
        return {"data": [{"type": "profile", "id": row["id"]} for row in some], "links": links}

    def _list(self, key: str) -> str:
        if key not in self.lists:
            raise RefusedError(404, f"there is no list {key}", "not_found")
        return key

    # -- writing -------------------------------------------------------------------------------------------
    def _patch(self, operation: DescribedOperation, places: Any, query: Mapping[str, str], body: Any) -> Any:
        key, data = places["id"], body["data"]
        if key not in self.profiles:
            raise RefusedError(404, f"there is no profile {key}", "not_found")
        if data["id"] != key:
            raise RefusedError(400, "another profile's id")
        profile, attributes = self.profiles[key], data["attributes"]
        values = {name: value for name, value in (attributes.get("properties") or {}).items() if value is not None}
        unset = ((data.get("meta") or {}).get("patch_properties") or {}).get("unset") or []
        profile.properties = {n: v for n, v in {**profile.properties, **values}.items() if n not in unset}
        profile.shown |= {name: value for name, value in attributes.items() if name in FIXED}
        profile.updated = self.moment
        return {"data": self._profile(key, None, subscriptions=False), "links": {"self": f"{ACCOUNT}/profiles/{key}"}}

    def _make_list(self, operation: DescribedOperation, places: Any, query: Mapping[str, str], body: Any) -> Any:
        key = self._key("L")
        self.lists[key], self.members[key] = body["data"]["attributes"]["name"], []
        return {"data": _resource("list", key, {"name": self.lists[key]})}

    def _enter(self, operation: DescribedOperation, places: Any, query: Mapping[str, str], body: Any) -> None:
        members, ids = self.members[self._list(places["id"])], self._known(body)
        members += [key for key in ids if key not in members]

    def _leave(self, operation: DescribedOperation, places: Any, query: Mapping[str, str], body: Any) -> None:
        members, ids = self.members[self._list(places["id"])], self._known(body)
        members[:] = [key for key in members if key not in ids]

    def _known(self, body: Any) -> list[str]:
        ids = [entry["id"] for entry in body["data"]]
        if len(ids) > 1000:  # as the description says in words
            raise RefusedError(400, "too many profiles")
        if unknown := [key for key in ids if key not in self.profiles]:
            raise RefusedError(404, f"there is no profile {unknown[0]}", "not_found")
        return ids

    # -- results -------------------------------------------------------------------------------------------
    def _metrics(self, operation: DescribedOperation, places: Any, query: Mapping[str, str], body: Any) -> Any:
        rows = [{"id": key, "": key} for key in self.metrics]
        some, links = _listed(operation, rows, query, usual=200)
        return {"data": [_resource("metric", r["id"], {"name": self.metrics[r["id"]]}) for r in some], "links": links}

    def _events(self, operation: DescribedOperation, places: Any, query: Mapping[str, str], body: Any) -> Any:
        rows = [{"metric_id": e["metric"], "datetime": e["at"], "": e["id"], "event": e} for e in self.events]
        some, links = _listed(operation, rows, query, usual=200)
        return {"data": [_event(row["event"]) for row in some], "links": links}

    def _messages(self, operation: DescribedOperation, places: Any, query: Mapping[str, str], body: Any) -> Any:
        rows = [{"id": key, "": key, "status": "sent"} for key in self.messages]
        some, links = _listed(operation, rows, query, usual=50)
        return {"data": [_message(row["id"], self.messages[row["id"]]) for row in some], "links": links}

    def _report(self, operation: DescribedOperation, places: Any, query: Mapping[str, str], body: Any) -> Any:
        asked = body["data"]["attributes"]
        if asked["conversion_metric_id"] not in self.metrics:
            raise RefusedError(400, "no such metric")
        results = [
            {
                "groupings": {"campaign_id": message["campaign"], "campaign_message_id": key},
                "statistics": {name: float(self._statistic(key, name)) for name in asked["statistics"]},
            }
            for key, message in self.messages.items()
        ]
        return {"data": {"type": "campaign-values-report", "attributes": {"results": results}}}

    def _statistic(self, message: str, statistic: str) -> int:
        metric = {"recipients": "Received Email", "opens_unique": "Opened Email", "clicks_unique": "Clicked Email"}
        mine = [event for event in self.events if event["properties"].get("$message") == message]
        return len({e["profile"] for e in mine if self.metrics[e["metric"]] == metric.get(statistic)})


def _event(event: Mapping[str, Any]) -> dict[str, Any]:
    at: datetime = event["at"]
    told = {"timestamp": int(at.timestamp()), "event_properties": event["properties"], "datetime": at.isoformat()}
    related = {name: {"data": {"type": name, "id": event[name]}} for name in ("profile", "metric")}
    return {**_resource("event", event["id"], {**told, "uuid": event["id"]}), "relationships": related}


def _message(key: str, message: Mapping[str, Any]) -> dict[str, Any]:
    at = message["at"].isoformat()
    definition = {"name": message["name"], "status": "sent", "send_options": {"send_time": at}}
    told = {"created": at, "updated": at, "definition": definition}
    related = {"campaign": {"data": {"type": "campaign", "id": message["campaign"]}}}
    return {**_resource("campaign-message", key, told), "relationships": related}


def _resource(kind: str, key: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": kind, "id": key, "attributes": dict(attributes), "links": {"self": f"{ACCOUNT}/{kind}s/{key}"}}


def _links(path: str, following: str | None) -> dict[str, Any]:
    more = f"{ACCOUNT}/{path}?page%5Bcursor%5D={following}" if following else None
    return {"self": f"{ACCOUNT}/{path}", "prev": None, "next": more}


def _listed(
    operation: DescribedOperation, rows: Sequence[dict[str, Any]], query: Mapping[str, str], *, usual: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A page: filtered and sorted as the description allows, and cut; rows are told apart by the key ""."""
    by = query.get("sort", "")
    if by and by.lstrip("-") not in operation.sorts:
        raise RefusedError(400, f"can't be sorted by {by}")
    chosen = [row for row in rows if _fits(operation, query.get("filter", ""), row)]
    chosen.sort(key=lambda row: (_place(row, by.lstrip("-")), row[""]), reverse=by.startswith("-"))
    if "page[cursor]" in query:
        after = json.loads(base64.urlsafe_b64decode(query["page[cursor]"]))
        chosen = [row for row in chosen if [_place(row, by.lstrip("-")), row[""]] > after]
    size = int(query.get("page[size]", usual))
    some = chosen[:size]
    last = [_place(some[-1], by.lstrip("-")), some[-1][""]] if len(some) < len(chosen) else None
    following = base64.urlsafe_b64encode(json.dumps(last).encode()).decode().replace("=", "%3D") if last else None
    return some, _links(operation.path.removeprefix("/api/"), following)


def _place(row: Mapping[str, Any], by: str) -> str:
    value = row.get(by) or "" if by else ""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _fits(operation: DescribedOperation, which: str, row: Mapping[str, Any]) -> bool:
    """Whether a row passes a filter, which the description must know."""
    if not which:
        return True
    if which.startswith("and("):
        return all(_fits(operation, part, row) for part in re.split(r",(?=[a-z-]+\()", which[4:-1]))
    parts = WHICH.match(which)
    if parts is None:
        raise RefusedError(400, f"no filter: {which}")
    test, name, wanted = parts.groups()
    if test not in operation.filters.get(name, ()):
        raise RefusedError(400, f"{operation.name} can't filter {name} by {test}")
    value = _moment(wanted) if isinstance(row.get(name), datetime) else json.loads(wanted)
    return row.get(name) is not None and TESTS[test](row[name], value)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
