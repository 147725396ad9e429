"""A Klaviyo account: profiles with their properties and lists, orders, and what became of campaigns.

Only ``PATCH profiles/{id}`` writes properties: Klaviyo's bulk import and its upsert create whom they do not find. The
consent is read and never written.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from connectors.base import (
    DerivedConnector,
    JsonClient,
    RefusedContact,
    SourceContact,
    SourcePage,
    WantedContact,
    Written,
)
from connectors.connector import Connection, Known, nobody
from connectors.errors import ContractError, NotFoundError, PersonasyncError, RejectedError
from connectors.klaviyo.probes import ProbesOfKlaviyo
from connectors.klaviyo.results import KlaviyoResults, filter_any, filter_moment, following, klaviyo_entries, utc_moment
from connectors.klaviyo.templates import KlaviyoTags
from connectors.records import (
    MEMBERSHIPS,
    ORDERS,
    Change,
    Consent,
    Cursor,
    FieldDefinition,
    Finding,
    Page,
    SetupStep,
)
from connectors.secret import Secret
from connectors.transport import entries, in_order

TYPE = "application/vnd.api+json"
PROFILE, MEMBERS = "profiles/{id}", "lists/{id}/relationships/profiles"
PLACE = ("city", "region", "country", "zip", "timezone")
SHOWN = ("first_name", "last_name", "organization", "title", "locale")
ASKED = ("email", *SHOWN, "location", "properties", "created", "updated", "subscriptions")
BOUNCED = {"HARD_BOUNCE", "INVALID_EMAIL"}
CONSENTS: Mapping[str, Consent] = {"SUBSCRIBED": "subscribed", "UNSUBSCRIBED": "unsubscribed"}


class Klaviyo(ProbesOfKlaviyo, DerivedConnector):
    """The profiles of one account."""

    dialect = KlaviyoTags()

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        headers = {"revision": connection.manifest["api_version"], "Accept": TYPE, "Content-Type": TYPE}
        key = Secret(f"Klaviyo-API-Key {connection.secret.reveal()}")
        self.client = JsonClient(connection, auth=key, headers=headers)
        self._results = KlaviyoResults(self.client, self.name, self.limits["events_page"])
        self._inside: Mapping[str, set[str]] = {}  # our lists by profile, as the reading of everybody profiles them

    # -- reading -------------------------------------------------------------------------------------------
    @property
    def streams(self) -> tuple[str, ...]:
        """Profiles with their lists, and orders."""
        return ("contacts", ORDERS.name)

    def now(self) -> datetime:
        """Return the platform's clock, UTC."""
        with suppress(ContractError):
            return self.client.transport.present()
        self.client.get("accounts")
        return self.client.transport.present()

    def read(self, stream: str, cursor: Cursor, known: Known = nobody) -> Iterator[Page]:
        """Yield pages of a stream; see `connectors.connector.Connector`."""
        orders = stream == ORDERS.name
        return self._results.orders(cursor, self.now()) if orders else super().read(stream, cursor, known)

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
            asked["filter"] = f"greater-than(updated,{filter_moment(since - timedelta(seconds=1))})"
        answer = self.client.get("profiles", {**self._wide, **asked})
        return SourcePage(
            [_contact(p, self._inside.get(p["id"], ())) for p in entries(answer, "data")], following(answer)
        )

    @property
    def _wide(self) -> dict[str, Any]:
        shown = {"additional-fields[profile]": "subscriptions", "fields[profile]": ",".join(ASKED)}
        return {**shown, "page[size]": self.limits["page"]}

    def fetch_contacts(self, ids: Sequence[str], addresses: Sequence[str]) -> Sequence[SourceContact]:
        """Return some profiles, with those of our lists that they are in."""
        if not ids and not addresses:
            return []
        which = filter_any("id", ids) if ids else filter_any("email", addresses)
        profiles = entries(self.client.get("profiles", {**self._wide, "filter": which}), "data")
        inside = self._members([p["attributes"]["email"] for p in profiles if p["attributes"].get("email")])
        return [_contact(profile, inside.get(profile["id"], ())) for profile in profiles]

    def _members(self, addresses: Sequence[str] | None) -> Mapping[str, set[str]]:
        """Our lists by id of the profiles in them; of *addresses* alone, or of all."""
        inside: dict[str, set[str]] = defaultdict(set)
        if addresses == [] or not self._groups:
            return inside
        asked = {"page[size]": self.limits["page"], "filter": addresses and filter_any("email", addresses)}
        for name, key in self._lists([f"{self._prefix}{group}" for group in self._groups]).items():
            for member in klaviyo_entries(self.client, MEMBERS, asked, id=key):
                inside[member["id"]].add(name)
        return inside

    def _lists(self, names: Sequence[str]) -> dict[str, str]:
        """Ids of lists by name; of two with one name, the first."""
        lists = list(klaviyo_entries(self.client, "lists", {"filter": filter_any("name", names)}))
        return {entry["attributes"]["name"]: entry["id"] for entry in reversed(lists)}

    def check(self) -> list[Finding]:
        """Look whether the key opens the account, its profiles and its lists."""
        try:
            name = self.client.get("accounts")["data"][0]["attributes"]["contact_information"]["organization_name"]
            self.client.get("profiles", {"page[size]": 1})
            self.client.get("lists")
        except PersonasyncError as error:
            return [Finding("credentials", "fail", error.what, error.fix)]
        return [Finding("credentials", "ok", f"Klaviyo accepts the key of {name}.")]

    # -- writing -------------------------------------------------------------------------------------------
    def fields(self) -> Mapping[str, FieldDefinition]:
        """Return our fields and those that the workspace reads: Klaviyo lists none, and takes any."""
        kinds, names = self.connection.kinds, (*self.connection.owned, *self.connection.mapped)
        return {n: FieldDefinition(n, n, "number" if kinds.get(n) == "number" else "text") for n in names}

    def missing(self, fields: Sequence[FieldDefinition], groups: Sequence[str]) -> list[SetupStep]:
        """Return the lists that have to be made; see `connectors.connector.Connector`."""
        del fields
        return super().missing((), groups)

    def group_names(self) -> Collection[str]:
        """Return the names of all lists."""
        return [entry["attributes"]["name"] for entry in klaviyo_entries(self.client, "lists", {})]

    def create(self, step: SetupStep) -> None:
        """Make a list."""
        if step.action == "create_group":
            named = {"type": "list", "attributes": {"name": f"{self._prefix}{step.name}"}}
            self.client.send("POST", "lists", {"data": named})

    def write(self, batch: Sequence[WantedContact]) -> Written:
        """Write the properties of each profile, then move those whom Klaviyo took, one call a list."""
        filled = [wanted for wanted in batch if wanted.fields]
        answers = dict(in_order(self._fill, filled, workers=self.limits["connections"]))
        moves: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
        for wanted in batch:
            if wanted.id not in answers or isinstance(answers[wanted.id], SourceContact):
                for method, groups in (("POST", wanted.enter), ("DELETE", wanted.leave)):
                    for group in groups:
                        moves[method, group].append({"type": "profile", "id": wanted.id})
        lists = self._lists(sorted({group for _, group in moves})) if moves else {}
        for (method, group), members in moves.items():
            if group in lists:
                self.client.send(method, MEMBERS, {"data": members}, id=lists[group])
        moved = {member["id"] for members in moves.values() for member in members}  # no answer shows their lists
        return {key: answer for key, answer in answers.items() if answer and key not in moved}

    def _fill(self, wanted: WantedContact) -> tuple[str, SourceContact | RefusedContact | None]:
        kinds, fields = self.connection.kinds, wanted.fields
        values = {n: float(v) if kinds.get(n) == "number" else v for n, v in fields.items() if v is not None}
        profile: dict[str, Any] = {"type": "profile", "id": wanted.id, "attributes": {"properties": values}}
        if empty := [name for name, value in fields.items() if value is None]:
            profile["meta"] = {"patch_properties": {"unset": empty}}
        try:
            answer = self.client.send("PATCH", PROFILE, {"data": profile}, id=wanted.id)
        except NotFoundError:
            return wanted.id, None
        except RejectedError as error:
            errors: Any = error.body.get("errors") or [{}]
            return wanted.id, RefusedContact(errors[0].get("detail") or error.what, errors[0].get("code") or error.code)
        return wanted.id, _contact(answer["data"]) if answer.get("data") else None

    def requests_for(self, changes: Sequence[Change]) -> dict[str, int]:
        """Count the requests of a push: one for each profile with properties, and one for each list of a batch.

        Args:
            changes: What would be written.

        Returns:
            Number by endpoint.
        """
        counts: Counter[str] = Counter()
        looks = int(bool(changes))
        for batch in self._writer.batches(changes) if changes else []:
            moves = {(c.name, c.after is None) for mine in batch for c in mine if c.kind == "group"}
            counts["PATCH profiles/{id}"] += sum(any(c.kind == "field" for c in mine) for mine in batch)
            for _, leaves in moves:
                counts[f"{'DELETE' if leaves else 'POST'} {MEMBERS}"] += 1
            counts["GET lists"] += bool(moves)
            looks += bool(moves)
        counts += Counter({"GET profiles": looks, "GET lists": looks, f"GET {MEMBERS}": looks * len(self._groups)})
        return {endpoint: number for endpoint, number in counts.items() if number}

    # -- results -------------------------------------------------------------------------------------------
    def results(self, stream: str, known: Mapping[str, str]) -> Iterator[Page]:
        """Yield campaigns, or who got, opened and clicked them."""
        return self._results.pages(stream, known, self.now())


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
        created_at=utc_moment(attributes.get("created")),
        updated_at=utc_moment(attributes.get("updated")),
    )


def _consent(attributes: Mapping[str, Any]) -> Consent:
    """A suppressed address gets nothing, whatever its consent; one that never subscribed shows none."""
    marketing = ((attributes.get("subscriptions") or {}).get("email") or {}).get("marketing") or {}
    reasons = {suppression["reason"] for suppression in marketing.get("suppression") or ()}
    if reasons & BOUNCED:
        return "cleaned"
    return "unsubscribed" if reasons else CONSENTS.get(marketing.get("consent", ""), "none")


connect = Klaviyo
