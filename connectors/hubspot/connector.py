"""The HubSpot connector: implements the protocol of `connectors.connector`."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

import pyarrow as pa
import requests
from tenacity.nap import sleep as nap

from connectors.connector import (
    Connection,
    Known,
    Still,
    Traffic,
    as_given,
    nobody,
    refuse_foreign_fields,
)
from connectors.errors import (
    CredentialError,
    FixSettingsError,
    RejectedError,
)
from connectors.fetched import Fetched
from connectors.hubspot import contacts, deals, emails, fields, health, push
from connectors.hubspot.account import TEST_ACCOUNTS, Account
from connectors.hubspot.api import HubSpotApi
from connectors.hubspot.by_id import ContactsById
from connectors.hubspot.consents import Consents
from connectors.hubspot.contact_stream import GATHER, OVERLAP, ContactStream
from connectors.hubspot.events import HubSpotEvents
from connectors.hubspot.forms import HubSpotForms
from connectors.hubspot.lists import Lists
from connectors.hubspot.operations import (
    CONTACTS_SEARCH,
    DEALS_PAGE,
    DEALS_SEARCH,
    EMAILS_PAGE,
    Operation,
)
from connectors.hubspot.probes import WRITING, HubSpotProbes
from connectors.hubspot.read_back import ContactReadBack
from connectors.hubspot.refusals import MEND_TOKEN, translate
from connectors.hubspot.scan import PATHS, AllContacts
from connectors.hubspot.search import Search, list_pages
from connectors.hubspot.subscriptions import SubscriptionStream
from connectors.hubspot.templates import Hubl
from connectors.hubspot.times import hubspot_moment, milliseconds
from connectors.probing import ProbeResult, Watch, run_probes
from connectors.records import CAMPAIGNS, TABLES, Change, Cursor, FieldDefinition, Finding, Outcome, Page, SetupStep
from connectors.secret import Secret, bearer
from connectors.transport import RateHeaders, RateWindow, ReadsAnswers, Transport, account_book, until_silence, watched

LATEST_ACTIVITY = timedelta(days=60)  # figures of an older e-mail hardly move
SECOND = timedelta(seconds=1)
USUAL_ANSWER = 0.25  # seconds


class HubSpot(HubSpotEvents, HubSpotForms, ReadsAnswers):
    """One account."""

    dialect = Hubl()

    streams: tuple[str, ...] = ("contacts", "memberships", "orders")
    result_streams = ("campaigns", "activity")

    def __init__(self, connection: Connection, *, session: requests.Session | None = None) -> None:
        manifest = connection.manifest
        token, version, path = _checked(connection)
        self.name, self.traffic = connection.name, Traffic()
        self._connection, self._limits = connection, manifest["limits"]
        base_url = connection.settings.get("base_url") or manifest["base_url"]
        self._burst, search = _rate_windows(connection, base_url, token)
        self._transport = Transport(
            base_url=base_url,
            hosts=manifest["hosts"],
            download_hosts=manifest["download_hosts"],
            auth=bearer(token),
            budgets={"": self._burst, "search": search},
            translate=translate,
            traffic=self.traffic,
            connections=self._limits["connections"],
            session=session,
        )
        self._api = HubSpotApi(self._transport, version=version)
        self._lists = Lists(
            self._api, self.name, prefix=manifest["group_prefix"], page=self._limits["memberships_page"]
        )
        wanted = tuple(dict.fromkeys([*contacts.READ, *connection.mapped, *connection.owned]))
        self.reads = wanted
        self._found = self._search(CONTACTS_SEARCH, "lastmodifieddate", wanted)
        self._deals = self._search(DEALS_SEARCH, "hs_lastmodifieddate", deals.READ)
        self._everything = AllContacts(self._api, self._found, limits=self._limits, path=path)
        self._contacts = ContactStream(self._api, connection, self._found, self._everything, page=self._limits["page"])
        batch, workers = self._limits["batch"], self._limits["connections"]
        self._look = ContactReadBack(self._api, self._lists, kinds=connection.kinds, batch=batch, workers=workers)
        self._fetch = ContactsById(
            self._api,
            self.name,
            self._lists,
            groups=connection.groups,
            properties=wanted,
            kinds=connection.kinds,
            batch=batch,
            workers=workers,
        )
        page = self._limits["search_page"]
        self._consents = Consents(self._api, self.name, page=page, batch=batch, workers=workers)
        self._subscriptions = SubscriptionStream(self._api, self.name, batch=batch, workers=workers)
        self.streams = (*self.streams, "subscriptions") if connection.subscriptions else self.streams
        self._account = Account(self._api)
        self.remarks: list[str] = []

    def _search(self, operation: Operation, moved: str, properties: Sequence[str]) -> Search:
        page, minus = self._limits["search_page"], bool(self._limits["search_falls_by_minus"])
        return Search(self._api, operation, moved, properties, page, minus)

    # -- reading -------------------------------------------------------------------------------------------
    def now(self) -> datetime:
        """Return HubSpot's present, UTC: one small request.

        Returns:
            Whole seconds, UTC.
        """
        return self._account.now()

    def account_number(self) -> str:
        """Return the account's number (portal id); see `connectors.events.NumberedAccount`.

        Returns:
            The setting ``portal_id``, else what HubSpot says; "" where the token may not read it.
        """
        named = self._connection.settings.get("portal_id", "")
        if not named and not self._account.number:
            self._account.now()
        return named or self._account.number

    def read(self, stream: str, cursor: Cursor, known: Known = nobody) -> Iterator[Page]:
        """Yield pages of a stream; see the Protocol."""
        if stream == "contacts":
            yield from self._contacts.read(cursor, known)
            return
        if stream == "subscriptions":
            yield from self._subscriptions.read(known)
            return
        readers = {
            "memberships": self._memberships,
            "orders": self._orders,
            "campaigns": self._campaigns,
            "activity": self._activity,
        }
        yield from readers[stream](cursor)

    def fetch(self, ids: Sequence[str], addresses: Sequence[str]) -> Fetched:
        """Return some contacts as they are now; see the Protocol."""
        return self._fetch.some(ids, addresses)

    def consents(self, cursor: Cursor, ids: Sequence[str] | None, addresses: Sequence[str] = ()) -> pa.Table:
        """Return contacts whose consent may have changed; see the Protocol."""
        return self._consents.since(cursor, ids, addresses)

    def _memberships(self, cursor: Cursor) -> Iterator[Page]:
        """Read the lists about which HubSpot says something else than last time, and now and then all of them."""
        groups = self._connection.groups
        states = self._lists.states(groups)
        present = self._transport.platform_time
        read_at = hubspot_moment(cursor.get("read_at"))
        again = timedelta(hours=self._limits["memberships_reread_hours"])
        old = read_at is None or present is None or present - read_at >= again
        moved = tuple(group for group in groups if old or states.get(group) != cursor.get(f"list {group}"))
        for group in moved:
            for rows in self._lists.members(group):
                yield Page("memberships", rows)
        at = str(milliseconds(present)) if old and present else cursor.get("read_at", "")
        following = {"read_at": at, **{f"list {group}": text for group, text in states.items()}}
        yield Page("memberships", _nothing("memberships"), following, groups=moved)

    def _orders(self, cursor: Cursor) -> Iterator[Page]:
        since, currency = hubspot_moment(cursor.get("since")), cursor.get("currency", "")
        if since is None:
            self.now()
            currency = self._account.currency
        gathered: list[Mapping[str, Any]] = []
        linked: dict[str, str] = {}
        until: datetime | None = None
        for records in self._changed_deals(since, linked):
            until = until or self._transport.platform_time
            gathered.extend(records)
            if len(gathered) >= GATHER:
                yield Page("orders", deals.order_rows(self.name, gathered, linked, currency))
                gathered = []
        following = _cursor((until or self.now()) - OVERLAP)
        yield Page(
            "orders", deals.order_rows(self.name, gathered, linked, currency), {**following, "currency": currency}
        )

    def _changed_deals(self, since: datetime | None, linked: dict[str, str]) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Yield deals, and note in *linked* whose they are."""
        if since is None:
            query = {"limit": self._limits["page"], "properties": list(deals.READ), "associations": ["contacts"]}
            for records in list_pages(self._api, DEALS_PAGE, query):
                linked |= deals.associated(records)
                yield records
            return
        for records, _ in self._deals.changed(since, self._deals.newest()):
            linked |= deals.look_up(self._api, records)
            yield records

    def _published(self, since: datetime | None, until: datetime) -> list[Mapping[str, Any]]:
        query: dict[str, Any] = {"limit": self._limits["page"], "includeStats": True, "isPublished": True}
        if since is not None:
            query["updatedAfter"] = (until - LATEST_ACTIVITY).isoformat()  # the SDK knows no `publishedAfter`
        return [row for page in list_pages(self._api, EMAILS_PAGE, query) for row in page]

    def _window(self, cursor: Cursor) -> tuple[datetime | None, datetime]:
        # a Date header has whole seconds: what changed within this one belongs to the window
        return hubspot_moment(cursor.get("since")), self.now() + SECOND

    def _campaigns(self, cursor: Cursor) -> Iterator[Page]:
        since, until = self._window(cursor)
        published = self._published(since, until)
        currency = self._account.currency
        yield Page(CAMPAIGNS.name, emails.campaign_rows(self.name, published, currency), _cursor(until))

    def _activity(self, cursor: Cursor) -> Iterator[Page]:
        since, until = self._window(cursor)
        known = emails.email_of_campaign(self._published(since, until))
        gathered: list[Mapping[str, Any]] = []
        for event in emails.events(self._api, since=since, until=until, page=self._limits["events_page"]):
            gathered.extend(event)
        delivered, engaged, unknown = emails.activity(self.name, gathered, known)
        self.remarks += [
            f"{self.name}: skipped {count:,} email events of unknown type {kind!r}." for kind, count in unknown.items()
        ]
        yield Page("deliveries", delivered)
        yield Page("engagements", engaged, _cursor(until - emails.OVERLAP))

    # -- writing -------------------------------------------------------------------------------------------
    def missing(self, fields_wanted: Sequence[FieldDefinition], groups: Sequence[str]) -> list[SetupStep]:
        """Return what HubSpot lacks; see the Protocol."""
        steps = list(fields.missing_properties(self._api, self.name, fields_wanted))
        prefix = self._connection.manifest["group_prefix"]
        absent = [group for group in groups if self._lists.id_of(group) is None]
        return [*steps, *(SetupStep(self.name, "create_group", group, f"list {prefix + group!r}") for group in absent)]

    def fields(self) -> dict[str, FieldDefinition]:
        """Return every property of contacts; see the Protocol."""
        return fields.present_properties(self._api)

    def create(self, step: SetupStep) -> None:
        """Do one step of `missing`. Somebody who was faster is no error."""
        try:
            if step.action == "create_group":
                self._lists.create(step.name)
            elif step.field is not None and step.action == "create_field":
                fields.create_property(self._api, step.field, group=self._connection.manifest["field_group"])
            elif step.field is not None:
                fields.extend(self._api, step.field)
        except RejectedError as error:
            if error.status != 409:  # noqa: PLR2004 - it is there already
                raise

    def push(self, changes: Sequence[Change], still: Still = as_given) -> Iterator[list[Outcome]]:
        """Write *changes*; see the Protocol.

        Raises:
            FixSettingsError: A change of a field that is not ours.
        """
        refuse_foreign_fields(changes, self._connection.owned)
        batch, workers = self._limits["batch"], self._limits["connections"]
        fields_written = push.push_fields(
            self._api, push.by_contact(changes), kinds=self._connection.kinds, batch=batch, workers=workers, still=still
        )
        yield from until_silence(fields_written)
        size = self._limits["memberships_batch"]
        moved = push.push_groups(self._api, self._lists, changes, batch=size, workers=workers, still=still)
        yield from until_silence(moved)

    def read_back(self, changes: Sequence[Change]) -> dict[tuple[str, str, str], str | None]:
        """Return what HubSpot shows where *changes* were made; see the Protocol."""
        return self._look.at(changes)

    def read_back_sample(self, changes: Sequence[Change]) -> dict[tuple[str, str, str], str | None]:
        """Return what HubSpot shows of some of *changes*; see the Protocol."""
        return self._look.at_some(changes)

    def requests_for(self, changes: Sequence[Change]) -> dict[str, int]:
        """Return the requests of a push by endpoint."""
        counts = {"POST contacts/batch/update": ceil(len(push.by_contact(changes)) / self._limits["batch"])}
        groups = push.by_group(changes)
        for (_, joining), members in groups.items():
            endpoint = "PUT lists/memberships/add" if joining else "PUT lists/memberships/remove"
            counts[endpoint] = counts.get(endpoint, 0) + ceil(len(members) / self._limits["memberships_batch"])
        counts["GET lists/by name"] = len({group for group, _ in groups if not self._lists.known(group)})
        # a sample is read back
        counts["POST contacts/batch/read"] = int(any(change.kind == "field" for change in changes))
        own = self._connection.manifest["persona_property"]
        if self._connection.settings.get(own) == "write":  # looked at before: a person may have set it meanwhile
            mine = sum(change.name == own for change in changes)
            counts["POST contacts/batch/read"] += ceil(mine / self._limits["batch"])
        counts["POST lists/records/memberships/batch/read"] = int(bool(groups))
        return {endpoint: count for endpoint, count in counts.items() if count}

    def seconds_for(self, requests_wanted: Mapping[str, int]) -> float:
        """Return how long the window makes us take: the first one's worth goes at once."""
        windows = max(ceil(sum(requests_wanted.values()) / self._burst.requests) - 1, 0)
        return windows * self._burst.seconds + USUAL_ANSWER

    # -- looking -------------------------------------------------------------------------------------------
    def check(self) -> list[Finding]:
        """Look at the token, what it may read, and the API's version.

        Returns:
            What was found, good and bad.
        """
        exports, manifest = self._everything.exports, self._connection.manifest
        return health.account_findings(self._api, self._account, name=self.name, manifest=manifest, exports=exports)

    def probe(self, *, address: str, watch: Watch) -> Generator[tuple[str, ProbeResult], None, None]:
        """Test what is assumed of HubSpot on this account; see `connectors.connector.HasProbes`."""
        account = HubSpotProbes(
            self._api,
            self._lists,
            self._connection.groups,
            address=address,
            limits=self._limits,
            owned=self._connection.owned,
            exports=self._everything.exports,
            wait=nap,
        )
        with watched(self._transport, account.seen.append, watch):
            try:
                yield from run_probes(account.every(), left_out=frozenset() if address else WRITING)
            finally:
                account.remove()

    def production(self) -> str:
        """Return why this may be no test account; see `connectors.connector.HasProbes`."""
        self.now()
        kind = self._account.kind
        if kind in TEST_ACCOUNTS:
            return ""
        return f"HubSpot says that this account is of the kind {kind}." if kind else "HubSpot does not tell its kind."

    def close(self) -> None:
        """Give back the sockets."""
        self._transport.close()


def _checked(connection: Connection) -> tuple[Secret, str, str]:
    """Return token, version of the API and path of a full pull.

    Raises:
        FixSettingsError: One of them can't be used.
    """
    manifest, settings = connection.manifest, connection.settings
    if not connection.secret:
        raise CredentialError(f"[connections.{connection.name}] has no access token.", fix=MEND_TOKEN)
    version, versions = settings.get("api_version") or manifest["api_version"], manifest["api_versions"]
    if version not in versions:
        raise FixSettingsError(f"Unknown HubSpot API version {version!r}.", fix=f"Known: {', '.join(versions)}.")
    path = settings.get("full_pull") or PATHS[0]
    if path not in PATHS:
        raise FixSettingsError(
            f"[connections.{connection.name}] has an unknown full_pull = {path!r}.", fix=f"Known: {', '.join(PATHS)}."
        )
    return connection.secret, version, path


def _rate_windows(connection: Connection, base_url: str, token: Secret) -> tuple[RateWindow, RateWindow]:
    """Return the limits of an account: of all requests in ten seconds, and of searches in one."""
    limits = connection.manifest["limits"]
    sizes = {"burst": (limits["burst_requests"], limits["burst_seconds"]), "search": (limits["search_per_second"], 1.0)}
    burst, search = (
        RateWindow(
            requests_allowed,
            seconds,
            book=account_book(connection, base_url, token, lane),
            share=limits["service_percent"] / 100,
            headers=RateHeaders(**connection.manifest["rate_headers"]),
        )
        for lane, (requests_allowed, seconds) in sizes.items()
    )
    return burst, search


def _cursor(at: datetime) -> Cursor:
    return {"since": str(milliseconds(at.astimezone(UTC)))}


def _nothing(table: str) -> pa.Table:
    return TABLES[table].columns.empty_table()


connect = HubSpot
