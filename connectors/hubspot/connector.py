"""HubSpot under the Protocol of `connectors.connector`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import Any

import pyarrow as pa
import requests

from connectors.connector import Connection
from connectors.errors import CredentialError, FixSettingsError, MissingScopeError, PersonasyncError, RejectedError
from connectors.hubspot import contacts, deals, emails, fields, push
from connectors.hubspot.api import HubSpotApi
from connectors.hubspot.lists import Lists
from connectors.hubspot.operations import (
    ACCOUNT,
    CONTACTS_PAGE,
    CONTACTS_SEARCH,
    DEALS_PAGE,
    DEALS_SEARCH,
    EMAIL_EVENTS,
    EMAILS_PAGE,
    VERSIONS,
)
from connectors.hubspot.reading import list_all, search_window
from connectors.hubspot.refusals import MEND_TOKEN, translate
from connectors.hubspot.times import milliseconds, moment
from connectors.records import (
    CAMPAIGNS,
    TABLES,
    Change,
    Cursor,
    FieldDefinition,
    Finding,
    Outcome,
    Page,
    SetupStep,
    Traffic,
)
from connectors.transport import Transport, Window, until_silence

OVERLAP = timedelta(minutes=5)  # the search index lags behind writes: so far back the next window begins
GATHER = 2_000  # rows that are handed on together: the warehouse has a price a page
LATEST_ACTIVITY = timedelta(days=60)  # figures of an older e-mail hardly move
SECOND = timedelta(seconds=1)
YEAR = timedelta(days=365)


def connect(connection: Connection, *, session: requests.Session | None = None) -> HubSpot:
    """Return the connector of one HubSpot account.

    Raises:
        FixSettingsError: No token, an unknown API version, or a host that plugin.toml does not list.
    """
    return HubSpot(connection, session=session)


class HubSpot:
    """One account."""

    streams = ("contacts", "memberships", "orders")
    result_streams = ("campaigns", "activity")
    pushes = True

    def __init__(self, connection: Connection, *, session: requests.Session | None = None) -> None:
        manifest, settings = connection.manifest, connection.settings
        token = settings.get("access_token", "").strip()
        if not token or any(character.isspace() for character in token):
            raise CredentialError(f"[connections.{connection.name}] has no usable access token.", mend=MEND_TOKEN)
        version = settings.get("api_version") or manifest["api_version"]
        if version not in VERSIONS:
            raise FixSettingsError(f"HubSpot has no API version {version!r}.", mend=f"Known: {', '.join(VERSIONS)}.")
        self.name, self.traffic = connection.name, Traffic()
        self._connection, self._limits = connection, manifest["limits"]
        burst = Window(self._limits["burst_requests"], self._limits["burst_seconds"])
        self._burst = burst
        self._transport = Transport(
            base_url=settings.get("base_url") or manifest["base_url"],
            hosts=manifest["hosts"],
            auth={"Authorization": f"Bearer {token}"},
            secrets=[token],
            budgets={"": burst, "search": Window(self._limits["search_per_second"], 1.0)},
            translate=translate,
            traffic=self.traffic,
            connections=self._limits["connections"],
            session=session,
        )
        self._api = HubSpotApi(self._transport, version=version)
        self._lists = Lists(
            self._api, self.name, prefix=manifest["group_prefix"], page=self._limits["memberships_page"]
        )
        self._account: Mapping[str, Any] = {}
        self._wanted = tuple(dict.fromkeys([*contacts.READ, *connection.mapped, *connection.owned]))

    # -- reading -------------------------------------------------------------------------------------------
    def now(self) -> datetime:
        """Return HubSpot's present, UTC: one request for the account's details."""
        self._account = self._api.call(ACCOUNT)
        if self._transport.platform_time is None:
            raise PersonasyncError("HubSpot's answer has no Date header.")
        return self._transport.platform_time

    def read(self, stream: str, cursor: Cursor) -> Iterator[Page]:
        """Yield pages of a stream; see the Protocol."""
        readers = {
            "contacts": self._contacts,
            "memberships": self._memberships,
            "orders": self._orders,
            "campaigns": self._campaigns,
            "activity": self._activity,
        }
        # a Date header has whole seconds: what changed within this one belongs to the window
        until = self.now() + SECOND
        since = moment(cursor.get("since"))
        yield from readers[stream](since, until)

    def _contacts(self, since: datetime | None, until: datetime) -> Iterator[Page]:
        following = _cursor(until - OVERLAP)
        gathered: list[Mapping[str, Any]] = []
        for records, total in self._changed_contacts(since, until):
            gathered.extend(records)
            if len(gathered) >= GATHER:
                yield Page("contacts", contacts.rows(self.name, gathered, self._wanted), None, total)
                gathered = []
        yield Page("contacts", contacts.rows(self.name, gathered, self._wanted), following)

    def _changed_contacts(
        self, since: datetime | None, until: datetime
    ) -> Iterator[tuple[Sequence[Mapping[str, Any]], int | None]]:
        query = {"limit": self._limits["page"], "properties": list(self._wanted)}
        if since is None:
            for records in list_all(self._api, CONTACTS_PAGE, query):
                yield records, None
        else:
            yield from search_window(
                self._api,
                CONTACTS_SEARCH,
                moved="lastmodifieddate",
                since=since,
                until=until,
                properties=self._wanted,
                page=self._limits["search_page"],
                rows=self._limits["search_rows"],
            )
        # search never finds the archived, and neither does the usual list
        for records in list_all(self._api, CONTACTS_PAGE, {**query, "archived": True}):
            yield records, None

    def _memberships(self, since: datetime | None, until: datetime) -> Iterator[Page]:
        del since
        for group in self._connection.groups:
            pages = list(self._lists.members(group))
            if pages:
                yield Page("memberships", pa.concat_tables(pages))
        yield Page("memberships", _nothing("memberships"), _cursor(until))

    def _orders(self, since: datetime | None, until: datetime) -> Iterator[Page]:
        currency = str(self._account.get("companyCurrency", ""))
        gathered: list[Mapping[str, Any]] = []
        linked: dict[str, str] = {}
        for records in self._changed_deals(since, until, linked):
            gathered.extend(records)
            if len(gathered) >= GATHER:
                yield Page("orders", deals.rows(self.name, gathered, linked, currency))
                gathered = []
        yield Page("orders", deals.rows(self.name, gathered, linked, currency), _cursor(until - OVERLAP))

    def _changed_deals(
        self, since: datetime | None, until: datetime, linked: dict[str, str]
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Yield deals, and note in *linked* whose they are."""
        if since is None:
            query = {"limit": self._limits["page"], "properties": list(deals.READ), "associations": ["contacts"]}
            for records in list_all(self._api, DEALS_PAGE, query):
                linked |= deals.associated(records)
                yield records
            return
        found = search_window(
            self._api,
            DEALS_SEARCH,
            moved="hs_lastmodifieddate",
            since=since,
            until=until,
            properties=deals.READ,
            page=self._limits["search_page"],
            rows=self._limits["search_rows"],
        )
        for records, _ in found:
            linked |= deals.look_up(self._api, records)
            yield records

    def _published(self, since: datetime | None, until: datetime) -> list[Mapping[str, Any]]:
        query: dict[str, Any] = {"limit": self._limits["page"], "includeStats": True, "isPublished": True}
        if since is not None:
            query["updatedAfter"] = (until - LATEST_ACTIVITY).isoformat()  # the SDK knows no `publishedAfter`
        return [row for page in list_all(self._api, EMAILS_PAGE, query) for row in page]

    def _campaigns(self, since: datetime | None, until: datetime) -> Iterator[Page]:
        found = self._published(since, until)
        currency = str(self._account.get("companyCurrency", ""))
        yield Page(CAMPAIGNS.name, emails.campaigns(self.name, found, currency), _cursor(until))

    def _activity(self, since: datetime | None, until: datetime) -> Iterator[Page]:
        known = emails.email_of_campaign(self._published(since, until))
        gathered: list[Mapping[str, Any]] = []
        for found in emails.events(self._api, since=since, until=until, page=self._limits["events_page"]):
            gathered.extend(found)
        delivered, engaged = emails.activity(self.name, gathered, known)
        yield Page("deliveries", delivered)
        yield Page("engagements", engaged, _cursor(until - emails.OVERLAP))

    # -- writing -------------------------------------------------------------------------------------------
    def missing(self, fields_wanted: Sequence[FieldDefinition], groups: Sequence[str]) -> list[SetupStep]:
        """Return what HubSpot lacks; see the Protocol."""
        steps = list(fields.missing(self._api, self.name, fields_wanted))
        prefix = self._connection.manifest["group_prefix"]
        absent = [group for group in groups if self._lists.id_of(group) is None]
        return [*steps, *(SetupStep(self.name, "create_group", group, f"list {prefix + group!r}") for group in absent)]

    def create(self, step: SetupStep) -> None:
        """Do one step of `missing`. Somebody who was faster is no error."""
        try:
            if step.action == "create_group":
                self._lists.create(step.name)
            elif step.field is not None and step.action == "create_field":
                fields.create(self._api, step.field, group=self._connection.manifest["field_group"])
            elif step.field is not None:
                fields.extend(self._api, step.field)
        except RejectedError as error:
            if error.status != 409:  # noqa: PLR2004 - it is there already
                raise

    def push(self, changes: Sequence[Change]) -> Iterator[list[Outcome]]:
        """Write *changes*; see the Protocol.

        Raises:
            FixSettingsError: A change of a field that is not ours.
        """
        foreign = {change.name for change in changes if change.kind == "field"} - set(self._connection.owned)
        if foreign:
            raise FixSettingsError(f"Not ours to write: {', '.join(sorted(foreign))}.")
        batch, workers = self._limits["batch"], self._limits["connections"]
        fields_written = push.push_fields(self._api, push.by_contact(changes), batch=batch, workers=workers)
        yield from until_silence(fields_written)
        moved = push.push_groups(self._api, self._lists, changes, batch=self._limits["memberships_batch"])
        yield from until_silence(moved)

    def requests_for(self, changes: Sequence[Change]) -> dict[str, int]:
        """Return the requests of a push by endpoint."""
        found = {"POST contacts/batch/update": ceil(len(push.by_contact(changes)) / self._limits["batch"])}
        groups = push.by_group(changes)
        for (_, joining), members in groups.items():
            endpoint = "PUT lists/memberships/add" if joining else "PUT lists/memberships/remove"
            found[endpoint] = found.get(endpoint, 0) + ceil(len(members) / self._limits["memberships_batch"])
        found["GET lists/by name"] = len({group for group, _ in groups if not self._lists.known(group)})
        return {endpoint: count for endpoint, count in found.items() if count}

    def seconds_for(self, requests_wanted: Mapping[str, int]) -> float:
        """Return how long the window makes us take."""
        windows = max(ceil(sum(requests_wanted.values()) / self._burst.requests) - 1, 0)
        return windows * self._burst.seconds

    # -- looking -------------------------------------------------------------------------------------------
    def check(self) -> list[Finding]:
        """Look at the token, what it may read, and the API's version."""
        try:
            present = self.now()
        except PersonasyncError as error:
            return [Finding("credentials", "fail", str(error))]
        found = [Finding("credentials", "ok", f"HubSpot account {self._account.get('portalId')} answers.")]
        lacking = [finding for finding in map(self._scope_finding, _PROBES) if finding is not None]
        found += lacking or [
            Finding("scopes", "ok", "Everything can be read; writing shows when something is written.")
        ]
        found.append(self._version_finding(present.date()))
        return found

    def _scope_finding(self, probe: Any) -> Finding | None:
        try:
            self._api.call(probe, query={"limit": 1})
        except MissingScopeError as error:
            wanted = ", ".join(self._reason(scope) for scope in error.scopes)
            return Finding("scopes", "fail", f"{probe.endpoint} can't be read; missing: {wanted}.", error.mend)
        return None

    def _reason(self, scope: str) -> str:
        """Return a scope with the reason why plugin.toml asks for it."""
        whys = {one["name"]: one["why"] for one in self._connection.manifest["scopes"]}
        return f"{scope} (to {whys[scope]})" if scope in whys else scope

    def _version_finding(self, today: date) -> Finding:
        version, ends = self._api.version, date.fromisoformat(self._connection.manifest["api_version_ends"])
        if version == VERSIONS[0] and today > ends - YEAR:
            mend = f'Set api_version = "{VERSIONS[1]}" in [connections.{self.name}].'
            return Finding("API version", "warn", f"HubSpot ends {version} on {ends}.", mend)
        return Finding("API version", "ok", f"{version} is supported.")

    def close(self) -> None:
        """Give back the sockets."""
        self._transport.close()


_PROBES = (CONTACTS_PAGE, DEALS_PAGE, EMAILS_PAGE, EMAIL_EVENTS)


def _cursor(at: datetime) -> Cursor:
    return {"since": str(milliseconds(at.astimezone(UTC)))}


def _nothing(table: str) -> pa.Table:
    return TABLES[table].columns.empty_table()
