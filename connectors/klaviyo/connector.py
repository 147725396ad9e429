"""A Klaviyo account: profiles with their properties and lists, orders, and what became of campaigns.

Only ``PATCH profiles/{id}`` writes properties: Klaviyo's bulk import and its upsert create whom they do not find. The
consent is read and never written. All but the campaigns are events of metrics; each message of a campaign is a campaign
of its own here.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.base import (
    DeclaredProbes,
    FillsAndMoves,
    MailAct,
    MailSent,
    SourceCampaign,
    SourceContact,
    SourceOrder,
    SourcePage,
    WantedContact,
    entries,
    moment,
    place_of_next,
    read_campaign,
    utc_text,
)
from connectors.connector import Connection
from connectors.errors import RejectedError
from connectors.probing import ProbeResult, held_if, untestable
from connectors.records import MEMBERSHIPS, Consent, Cursor, Page, SetupStep

PROFILE, MEMBERS = "profiles/{id}", "lists/{id}/relationships/profiles"
PLACE = ("city", "region", "country", "zip", "timezone")
SHOWN = ("first_name", "last_name", "organization", "title", "locale")
ASKED = ("email", *SHOWN, "location", "properties", "created", "updated", "subscriptions")
BOUNCED = {"HARD_BOUNCE", "INVALID_EMAIL"}
CONSENTS: Mapping[str, Consent] = {"SUBSCRIBED": "subscribed", "UNSUBSCRIBED": "unsubscribed"}
SENT, CLICKED, ORDERED = "Received Email", "Clicked Email", "Placed Order"
ACTS = {
    "Opened Email": "open",
    CLICKED: "click",
    "Bounced Email": "bounce",
    "Marked Email as Spam": "complaint",
    "Unsubscribed from Email Marketing": "unsubscribe",
}
MANY = 100  # ids of a filter


class Klaviyo(DeclaredProbes, FillsAndMoves):
    """The profiles of one account."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._inside: Mapping[str, set[str]] = {}  # our lists by profile, as the reading of everybody profiles them

    # -- reading -------------------------------------------------------------------------------------------
    def _changed(self, since: datetime, cursor: Cursor) -> Iterator[Page]:
        """Yield everybody in our lists too: a profile that enters one does not count as changed."""
        for page in super()._changed(since, cursor):
            if page.cursor is not None:
                inside = [SourceContact(key, None, "unknown", groups=names) for key, names in self._inside.items()]
                yield Page(MEMBERSHIPS.name, self._memberships(inside, absent=False), groups=self._groups)
            yield page

    def page(self, since: datetime | None, place: str | None) -> SourcePage:
        """Return one page of profiles: by time of change, or by their ids where everybody is read."""
        if place is None:
            self._inside = self._members(None)
        asked = {"sort": "id" if since is None else "updated", "page[cursor]": place}
        if since is not None:
            asked["filter"] = f"greater-than(updated,{utc_text(since - timedelta(seconds=1))})"
        answer = self.client.get("profiles", {**self._wide, **asked})
        profiles = [_contact(p, self._inside.get(p["id"], ())) for p in entries(answer, "data")]
        return SourcePage(profiles, place_of_next(answer, self.connection.manifest["paging"]))

    @property
    def _wide(self) -> dict[str, Any]:
        shown = {"additional-fields[profile]": "subscriptions", "fields[profile]": ",".join(ASKED)}
        return {**shown, "page[size]": self.limits["page"]}

    def fetch_contacts(self, ids: Sequence[str], addresses: Sequence[str]) -> Sequence[SourceContact]:
        """Return some profiles, with those of our lists that they are in."""
        if not ids and not addresses:
            return []
        which = _any_of("id", ids) if ids else _any_of("email", addresses)
        profiles = entries(self.client.get("profiles", {**self._wide, "filter": which}), "data")
        inside = self._members([p["attributes"]["email"] for p in profiles if p["attributes"].get("email")])
        return [_contact(profile, inside.get(profile["id"], ())) for profile in profiles]

    def _members(self, addresses: Sequence[str] | None) -> Mapping[str, set[str]]:
        """Our lists by id of the profiles in them; of *addresses* alone, or of all."""
        inside: dict[str, set[str]] = defaultdict(set)
        if addresses == [] or not self._groups:
            return inside
        which, size = {"filter": addresses and _any_of("email", addresses)}, self.limits["page"]
        for name, key in self.group_keys([f"{self._prefix}{group}" for group in self._groups]).items():
            for member in self.client.listed(MEMBERS, "data", which, size=size, id=key):
                inside[member["id"]].add(name)
        return inside

    # -- writing -------------------------------------------------------------------------------------------
    def group_names(self) -> Collection[str]:
        """Return the names of all lists."""
        return [entry["attributes"]["name"] for entry in self.client.listed("lists", "data")]

    def group_keys(self, names: Collection[str]) -> Mapping[str, str]:
        """Return the ids of lists by name; of two with one name, the first."""
        lists = list(self.client.listed("lists", "data", {"filter": _any_of("name", names)}))
        return {entry["attributes"]["name"]: entry["id"] for entry in reversed(lists)}

    def create(self, step: SetupStep) -> None:
        """Make a list."""
        named = {"type": "list", "attributes": {"name": f"{self._prefix}{step.name}"}}
        self.client.send("POST", "lists", {"data": named})

    def fill(self, wanted: WantedContact) -> SourceContact | None:
        """Write the properties of a profile."""
        values = wanted.values(self.connection.kinds)
        there = {name: value for name, value in values.items() if value is not None}
        profile: dict[str, Any] = {"type": "profile", "id": wanted.id, "attributes": {"properties": there}}
        if empty := [name for name, value in values.items() if value is None]:
            profile["meta"] = {"patch_properties": {"unset": empty}}
        answer = self.client.send("PATCH", PROFILE, {"data": profile}, id=wanted.id)
        return _contact(answer["data"]) if answer.get("data") else None

    def move(self, group: str, ids: Sequence[str], *, enter: bool) -> None:
        """Let profiles enter or leave a list."""
        members = [{"type": "profile", "id": key} for key in ids]
        self.client.send("POST" if enter else "DELETE", MEMBERS, {"data": members}, id=group)

    # -- results -------------------------------------------------------------------------------------------
    def campaigns(self) -> Iterator[SourceCampaign]:
        """Yield the messages of campaigns, with Klaviyo's own totals of a year."""
        metrics = self._metrics()
        bought = next((key for key, name in metrics.items() if name == ORDERED), next(iter(metrics), None))
        if bought is None:
            return
        shown = [path for paths in self.connection.manifest["campaigns"]["totals"].values() for path in paths]
        asked = {
            "statistics": [path.removeprefix("statistics.") for path in shown],
            "timeframe": {"key": "last_12_months"},
            "conversion_metric_id": bought,
            "group_by": ["campaign_id", "campaign_message_id"],
        }
        report = {"data": {"type": "campaign-values-report", "attributes": asked}}
        results = self.client.send("POST", "campaign-values-reports", report)["data"]["attributes"]["results"]
        totals = {result["groupings"]["campaign_message_id"]: result["statistics"] for result in results}
        for message in self.client.listed("campaign-messages", "data"):
            if message["id"] in totals:
                yield read_campaign(self.connection.manifest, {**message, "statistics": totals[message["id"]]})

    def _metrics(self) -> dict[str, str]:
        return {metric["id"]: metric["attributes"]["name"] for metric in self.client.listed("metrics", "data")}

    def _events(self, names: set[str], since: datetime | None) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
        """Yield events of some metrics since a moment, page by page, with the name of their metric."""
        for key, name in self._metrics().items():
            if name in names:
                which = f"equals(metric_id,{json.dumps(key)})"
                which = f"and({which},greater-or-equal(datetime,{utc_text(since)}))" if since else which
                asked = {"filter": which, "sort": "datetime"}
                for answer in self.client.pages("events", "data", asked, size=self.limits["events_page"]):
                    yield name, entries(answer, "data")

    def acts_since(self, since: datetime | None) -> Iterator[list[MailSent | MailAct]]:
        """Yield who got, opened and clicked mails since a moment."""
        for name, events in self._events({SENT, *ACTS}, since):
            acts = (_act(name, event) for event in events)
            yield [act for act in acts if act]

    def orders_since(self, since: datetime | None) -> Iterator[list[SourceOrder]]:
        """Yield the orders of the account's shops since a moment."""
        usual = str(self.client.get("accounts")["data"][0]["attributes"]["preferred_currency"])
        for _, events in self._events({ORDERED}, since):
            yield [_order(event, usual) for event in events]

    # -- probes --------------------------------------------------------------------------------------------
    def own_probes(self) -> Mapping[str, Any]:
        """Return the probes that look at more than one answer, or at a refusal."""
        return {"A37": self._probe_many, "A38": self._probe_mails, "A39": self._probe_orders}

    def _probe_many(self) -> ProbeResult:
        try:
            self.client.get("profiles", {"filter": _any_of("id", [f"01PROBE{n:019d}" for n in range(MANY)])})
        except RejectedError:
            return ProbeResult("broken", "A filter with a hundred ids was refused.")
        return ProbeResult("held")

    def _probe_mails(self) -> ProbeResult:
        wanted = ((SENT, "$message"), (CLICKED, "$message"), (CLICKED, "URL"))
        return self._shown(wanted, "This account has no mail that was sent and clicked.")

    def _probe_orders(self) -> ProbeResult:
        return self._shown(((ORDERED, "$value"), (ORDERED, "$event_id")), "This account has no order.")

    def _shown(self, wanted: Sequence[tuple[str, str]], otherwise: str) -> ProbeResult:
        """Look whether the newest events of some metrics have some properties."""
        ids = {name: key for key, name in self._metrics().items()}
        newest: dict[str, Mapping[str, Any]] = {}
        for name in {name for name, _ in wanted} & set(ids):
            asked = {"filter": f'equals(metric_id,"{ids[name]}")', "sort": "-datetime", "page[size]": 1}
            if events := self.client.get("events", asked)["data"]:
                newest[name] = events[0]["attributes"].get("event_properties") or {}
        if any(name not in newest for name, _ in wanted):
            return untestable(otherwise)
        missing = [f"{key} of {name}" for name, key in wanted if key not in newest[name]]
        return held_if(not missing, f"Missing: {', '.join(missing)}.")


def _contact(profile: Mapping[str, Any], groups: Collection[str] = ()) -> SourceContact:
    attributes = profile["attributes"]
    place = attributes.get("location") or {}
    known = {**{name: attributes.get(name) for name in SHOWN}, **{name: place.get(name) for name in PLACE}}
    return SourceContact(
        profile["id"],
        attributes.get("email"),
        _consent(attributes),
        {**(attributes.get("properties") or {}), **known},
        groups,
        created_at=moment(attributes.get("created")),
        updated_at=moment(attributes.get("updated")),
    )


def _consent(attributes: Mapping[str, Any]) -> Consent:
    """A suppressed address gets nothing, whatever its consent; one that never subscribed shows none."""
    marketing = ((attributes.get("subscriptions") or {}).get("email") or {}).get("marketing") or {}
    reasons = {suppression["reason"] for suppression in marketing.get("suppression") or ()}
    if reasons & BOUNCED:
        return "cleaned"
    return "unsubscribed" if reasons else CONSENTS.get(marketing.get("consent", ""), "none")


def _about(event: Mapping[str, Any]) -> tuple[str, datetime | None, Mapping[str, Any]]:
    """Whose event it is, when it happened, and its properties."""
    attributes = event["attributes"]
    key = event["relationships"]["profile"]["data"]["id"]
    return key, moment(attributes["datetime"]), attributes.get("event_properties") or {}


def _act(name: str, event: Mapping[str, Any]) -> MailSent | MailAct | None:
    """What happened to a mail; None where it was sent, and belongs to no message."""
    key, at, properties = _about(event)
    message = properties.get("$message")
    if name == SENT:
        return MailSent(message, key, at) if message else None
    return MailAct(event["id"], ACTS[name], message, key, at, properties.get("URL"))


def _order(event: Mapping[str, Any], usual: str) -> SourceOrder:
    key, at, properties = _about(event)
    order, currency = properties.get("$event_id") or event["id"], properties.get("$currency_code") or usual
    return SourceOrder(str(order), key, at, float(properties.get("$value") or 0), currency)


def _any_of(name: str, values: Collection[str]) -> str:
    """A filter of entries whose field has one of some values."""
    return f"any({name},{json.dumps(list(values), ensure_ascii=False, separators=(',', ':'))})"


connect = Klaviyo
