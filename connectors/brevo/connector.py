"""A Brevo account: contacts with their attributes and lists, and what became of campaigns.

Contacts are written by their ids and in batches, with an operation that updates: who is not there is not made, since
nothing that we send says an address. Whether an address is blocklisted is read and never written. Brevo answers
nothing to a batch, so everybody who was written is looked at. What became of a campaign's mails, a contact's own
statistics tell, of the last 90 days.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from connectors.base import (
    DeclaredProbes,
    DerivedConnector,
    MailAct,
    MailSent,
    SourceCampaign,
    SourceContact,
    SourcePage,
    WantedContact,
    Written,
    entries,
    moment,
    read_campaign,
    utc_text,
)
from connectors.base.derived import OVERLAP
from connectors.connector import Connection
from connectors.probing import ProbeResult, held_if, untestable
from connectors.records import Cursor, FieldDefinition, FieldType, Page, SetupStep

FOLDER = "personasync"  # of our lists
CONTACT, ATTRIBUTE = "contacts/{id}", "contacts/attributes/normal/{name}"
MEMBERS, STATISTICS = "contacts/lists/{id}/contacts", "contacts/{id}/campaignStats"
SENT = {"status": "sent", "statistics": "globalStats", "excludeHtmlContent": "true"}
TYPES: Mapping[str, FieldType] = {"float": "number", "date": "date", "category": "enumeration"}
THEIRS = {"number": "float", "date": "date"}
ANCHORS = 10  # contacts of a page that the next one shows again
BOUNCES = {"hardBounces": "hard", "softBounces": "soft"}
ACTS = {"opened": "open", "complaints": "complaint", **dict.fromkeys(BOUNCES, "bounce")}
AT_ONCE = 200  # contacts whose statistics make a page
PROBED, BOTH = 20, 10  # contacts that a probe looks at, and those on both of two pages
OLD, OLDEST = timedelta(days=45), timedelta(days=85)


class Brevo(DeclaredProbes, DerivedConnector):
    """The contacts of one account."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
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
            asked["modifiedSince"] = utc_text(since - timedelta(seconds=1), "%Y-%m-%dT%H:%M:%S.000Z")
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
        size = self.limits["ids_page"]
        parts = [ids[start : start + size] for start in range(0, len(ids), size)]
        contacts = [contact for part in self.each(self._by_ids, parts) for contact in part]
        contacts += [contact for contact in self.each(self._by_address, addresses) if contact]
        return [_contact(contact, names) for contact in contacts]

    def _by_ids(self, ids: Sequence[str]) -> list[Any]:
        return entries(self.client.get("contacts", {"ids": list(ids)}), "contacts")

    def _by_address(self, address: str) -> Any:
        return self.client.find(CONTACT, {"identifierType": "email_id"}, id=address)

    def _listed(self, path: str, key: str) -> Iterator[Mapping[str, Any]]:
        return self.client.listed(path, key, {"sort": "asc"}, size=self.limits["names_page"], optional=True)

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

    # -- writing -------------------------------------------------------------------------------------------
    def fields(self) -> Mapping[str, FieldDefinition]:
        """Return the attributes of contacts."""
        listed = entries(self.client.get("contacts/attributes"), "attributes")
        return {a["name"]: _definition(a) for a in listed if a["category"] in {"normal", "category"}}

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
        values = wanted.values(self.connection.kinds)
        parts = {
            "attributes": {name: "" if value is None else value for name, value in values.items()},  # "" clears
            "listIds": [lists[name] for name in wanted.enter if name in lists],
            "unlinkListIds": [lists[name] for name in wanted.leave if name in lists],
        }
        return {"id": int(wanted.id), **{name: part for name, part in parts.items() if part}}

    # -- results -------------------------------------------------------------------------------------------
    def campaigns(self) -> Iterator[SourceCampaign]:
        """Yield the campaigns that were sent."""
        asked, size = {**SENT, "sort": "asc"}, self.limits["campaigns_page"]
        for campaign in self.client.listed("emailCampaigns", "campaigns", asked, size=size, optional=True):
            yield read_campaign(self.connection.manifest, campaign)

    def acts_of(self, campaigns: Sequence[SourceCampaign]) -> Iterator[list[MailSent | MailAct]]:
        """Yield the statistics of everybody in the lists of *campaigns*."""
        asked, size = {"sort": "asc"}, self.limits["list_page"]
        lists = sorted({str(key) for campaign in campaigns for key in campaign.record["recipients"]["lists"]})
        members = (self.client.listed(MEMBERS, "contacts", asked, size=size, id=key) for key in lists)
        people = sorted({contact["id"] for listed in members for contact in listed})
        for start in range(0, len(people), AT_ONCE):
            keys = [str(key) for key in people[start : start + AT_ONCE]]
            shown = zip(keys, self.each(self._statistics, keys), strict=True)
            yield [act for key, statistics in shown for act in _acts(key, statistics)]

    def _statistics(self, key: str) -> Mapping[str, Any]:
        shown: Mapping[str, Any] = self.client.get(STATISTICS, id=key)
        return shown

    # -- probes --------------------------------------------------------------------------------------------
    def own_probes(self) -> Mapping[str, Any]:
        """Return the probes that look at more than one answer."""
        return {"A45": self._probe_order, "A47": self._probe_statistics}

    def _probe_order(self) -> ProbeResult:
        asked = {"sort": "asc", "limit": PROBED}
        pages = [self.client.get("contacts", {**asked, "offset": start})["contacts"] for start in (0, BOTH)]
        first, second = ([contact["id"] for contact in page] for page in pages)
        if len(second) < BOTH:
            return untestable(f"This account has fewer than {PROBED} contacts.")
        return held_if(first[BOTH:] == second[:BOTH], "Two pages that overlap show other contacts where they do.")

    def _probe_statistics(self) -> ProbeResult:
        asked = {**SENT, "sort": "desc", "limit": PROBED}
        for record in self.client.get("emailCampaigns", asked).get("campaigns") or []:
            campaign = read_campaign(self.connection.manifest, record)
            is_old = campaign.sent_at and OLD < self.now() - campaign.sent_at < OLDEST
            for key in record["recipients"]["lists"] if is_old else ():
                contacts = self.client.get(MEMBERS, {"limit": BOTH, "sort": "asc"}, id=str(key))["contacts"]
                shown = [self._statistics(str(contact["id"])).get("messagesSent") or () for contact in contacts]
                sent = any(str(act["campaignId"]) == campaign.id for acts in shown for act in acts)
                return held_if(sent, "Nobody's statistics show a campaign that went out more than 45 days ago.")
        return untestable("This account has no campaign of 45 to 85 days ago that went to a list.")


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
        created_at=moment(contact["createdAt"]),
        updated_at=moment(contact["modifiedAt"]),
    )


def _acts(key: str, shown: Mapping[str, Any]) -> Iterator[MailSent | MailAct]:
    """What a contact's statistics tell of its mails."""
    bounced = {act["campaignId"]: status for name, status in BOUNCES.items() for act in shown.get(name) or ()}
    for sent in shown.get("messagesSent") or ():
        campaign = sent["campaignId"]
        yield MailSent(str(campaign), key, moment(sent["eventTime"]), bounced.get(campaign, "sent"))
    for name, kind in ACTS.items():
        for act in shown.get(name) or ():
            yield _act(key, kind, act["campaignId"], act)
    for act in shown.get("clicked") or ():
        for link in act["links"]:
            yield _act(key, "click", act["campaignId"], link)
    for act in (shown.get("unsubscriptions") or {}).get("userUnsubscription", ()):
        if act.get("campaignId"):
            yield _act(key, "unsubscribe", act["campaignId"], act)


def _act(key: str, kind: str, campaign: int, act: Mapping[str, Any]) -> MailAct:
    at, url = act["eventTime"], act.get("url") if kind == "click" else None
    name = "/".join((kind, str(campaign), key, at, act.get("url") or ""))
    return MailAct(name, kind, str(campaign), key, moment(at), url)


connect = Brevo
