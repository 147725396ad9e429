"""A BottleCRM organisation: contacts with their tags and custom fields, and deals as orders.

Its answer to a write says "Contact Updated Successfully" also where it dropped a field that it does not know, and shows
nothing: every contact that was written is looked at. Tags are written as a whole: a tag that somebody else adds in the
tenth of a second between our reading and writing is lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from connectors.base import (
    DerivedConnector,
    JsonClient,
    RefusedContact,
    SourceContact,
    SourcePage,
    WantedContact,
    Written,
    at_own_site,
)
from connectors.connector import Connection, Known, nobody
from connectors.errors import NotFoundError, PersonasyncError, RejectedError
from connectors.records import (
    ORDERS,
    Change,
    Consent,
    Cursor,
    FieldDefinition,
    FieldType,
    Finding,
    Page,
    SetupStep,
    normalise_email,
    platform_key,
)
from connectors.secret import bearer
from connectors.transport import entries, in_order

if TYPE_CHECKING:
    import pyarrow as pa

CONTACT = "contacts/{id}/"
MODEL = {"target_model": "Contact"}
TYPES: Mapping[str, FieldType] = {"number": "number", "date": "date", "dropdown": "enumeration"}
SHOWN = (
    *("first_name", "last_name", "phone", "organization", "title", "department", "do_not_call", "city", "state"),
    *("postcode", "country", "source", "source_detail"),
)
ORDER_STATES = {"won": "placed", "lost": "cancelled"}


class BottleCrm(DerivedConnector):
    """The contacts and deals of one organisation."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.client = JsonClient(at_own_site(connection, "api"), auth=bearer(connection.secret))
        self._opt_out = connection.settings.get("opt_out_field", "")

    # -- reading -------------------------------------------------------------------------------------------
    @property
    def streams(self) -> tuple[str, ...]:
        """Contacts with their tags, and orders."""
        return ("contacts", ORDERS.name)

    def read(self, stream: str, cursor: Cursor, known: Known = nobody) -> Iterator[Page]:
        """Yield pages of a stream; deals have no filter by time of change either."""
        if stream != ORDERS.name:
            yield from super().read(stream, cursor, known)
            return
        place: int | None = 0
        total = 0
        while place is not None:
            answer, place = self._page("opportunities/", "opportunities", place)
            total += len(answer["opportunities"])
            rows = self._orders(answer["opportunities"])
            yield Page(ORDERS.name, rows, None if place is not None else {"read": str(total)}, total)

    def _page(self, path: str, key: str, place: int, **which: str) -> tuple[Any, int | None]:
        """An answer, and the offset of the next one. Who joins meanwhile moves others on to it, and none away."""
        size = self.limits["page" if key == "results" else "deals_page"]
        answer = self.client.get(path, {**which, "limit": size, "offset": place})
        return answer, place + size if len(entries(answer, key)) == size else None

    def _orders(self, deals: Sequence[Mapping[str, Any]]) -> pa.Table:
        import pyarrow as pa  # noqa: PLC0415 - many commands read nothing

        rows = [self._order(deal) for deal in deals if deal["stage_kind"] in ORDER_STATES]
        return pa.Table.from_pylist(rows, schema=ORDERS.columns)

    def _order(self, deal: Mapping[str, Any]) -> dict[str, Any]:
        whose = deal["contacts"][0]["id"] if deal["contacts"] else None
        return {
            "connection": self.name,
            "order_id": deal["id"],
            "contact_key": platform_key(self.name, whose) if whose else None,
            "at": _moment(deal["closed_on"]) or _moment(deal["created_at"]),
            "amount": float(deal["amount"] or 0),
            "currency": deal["currency"],
            "state": ORDER_STATES[deal["stage_kind"]],
        }

    def page(self, since: datetime | None, place: str | None) -> SourcePage:
        """Return one page of contacts, the newest first."""
        del since
        names = self._tag_names()
        answer, following = self._page("contacts/", "results", int(place or 0))
        contacts = [self._contact(contact, names) for contact in answer["results"]]
        return SourcePage(contacts, None if following is None else str(following), answer["count"])

    def fetch_contacts(self, ids: Sequence[str], addresses: Sequence[str]) -> Sequence[SourceContact]:
        """Return some contacts, each with a request of its own."""
        names = self._tag_names() if ids or addresses else {}
        contacts = [self._contact(contact, names) for contact in self._each(self._by_id, ids)]
        for matching in self._each(self._by_address, addresses):
            contacts += [self._contact(contact, names) for contact in matching]
        return contacts

    def _now_by_id(self, ids: Sequence[str]) -> dict[str, SourceContact]:
        """Contacts by id; where they are many, a list of everybody takes fewer requests than each by itself."""
        if len(ids) <= self.limits["batch"]:
            return super()._now_by_id(ids)
        wanted = set(ids)
        return {contact.id: contact for page in self._pages(None) for contact in page.contacts if contact.id in wanted}

    def _each(self, ask: Any, keys: Sequence[Any]) -> list[Any]:
        return [answer for answer in in_order(ask, keys, workers=self.limits["connections"]) if answer]

    def _by_id(self, key: str) -> Mapping[str, Any] | None:
        with suppress(NotFoundError):
            contact: Mapping[str, Any] = self.client.get(CONTACT, id=key)["contact_obj"]
            return contact
        return None

    def _by_address(self, address: str) -> list[Mapping[str, Any]]:
        answer, _ = self._page("contacts/", "results", 0, email=address)  # every address that contains it
        return [contact for contact in answer["results"] if normalise_email(contact["email"]) == address]

    def _contact(self, contact: Mapping[str, Any], tags: Mapping[str, str]) -> SourceContact:
        own = contact.get("custom_fields") or {}
        opted_out: Consent = "unsubscribed" if own.get(self._opt_out) is True else "unknown"
        return SourceContact(
            contact["id"],
            contact["email"],
            opted_out,
            {**own, **{name: contact.get(name) for name in SHOWN}},
            [tags[key] for key in contact["tags"] if key in tags],
            state="active" if contact["is_active"] else "archived",
            created_at=_moment(contact["created_at"]),
            updated_at=_moment(contact["updated_at"]),
        )

    def check(self) -> list[Finding]:
        """Look whether the token opens the organisation, as an administrator."""
        try:
            role = self.client.get("profile/")["user_obj"]["role"]
            self.client.get("contacts/", {"limit": 1})
        except PersonasyncError as error:
            return [Finding("credentials", "fail", error.what, error.fix)]
        if role != "ADMIN":
            return [
                Finding("credentials", "warn", "The token is no administrator's: some contacts are hidden from it.")
            ]
        return [Finding("credentials", "ok", "BottleCRM accepts the token.")]

    # -- writing -------------------------------------------------------------------------------------------
    def fields(self) -> Mapping[str, FieldDefinition]:
        """Return the custom fields of contacts."""
        listed = [
            field for field in entries(self.client.get("custom-fields/", MODEL), "definitions") if field["is_active"]
        ]
        return {field["key"]: _definition(field) for field in listed}

    def _tag_names(self) -> dict[str, str]:
        """Name by id, of the tags that may be put on a contact."""
        answer = self.client.get("tags/", {"limit": self.limits["page"]})
        return {tag["id"]: tag["name"] for tag in entries(answer, "tags") if tag["is_active"]}

    def group_names(self) -> Collection[str]:
        """Return the names of all tags."""
        return list(self._tag_names().values())

    def create(self, step: SetupStep) -> None:
        """Make a tag or a custom field."""
        if step.field is None:
            self.client.send("POST", "tags/", {"name": f"{self.connection.manifest['group_prefix']}{step.name}"})
            return
        kind = step.field.type if step.field.type in {"number", "date"} else "text"
        field = {**MODEL, "key": step.field.name, "label": step.field.label, "field_type": kind}
        self.client.send("POST", "custom-fields/", field)

    def write(self, batch: Sequence[WantedContact]) -> Written:
        """Write contact by contact. No answer shows a contact: whom it refused is told, the others are looked at."""
        ids = {name: key for key, name in self._tag_names().items()} if any(w.enter or w.leave for w in batch) else {}
        refused = self._each(lambda wanted: self._write_one(wanted, ids), batch)
        return dict(refused)

    def _write_one(self, wanted: WantedContact, ids: Mapping[str, str]) -> tuple[str, RefusedContact] | None:
        body: dict[str, Any] = {"custom_fields": dict(wanted.fields)} if wanted.fields else {}
        try:
            if wanted.enter or wanted.leave:
                shown = self.client.get(CONTACT, id=wanted.id)["contact_obj"]["tags"]
                left = [key for key in shown if key not in {ids.get(name) for name in wanted.leave}]
                body["tags"] = list(dict.fromkeys([*left, *(ids[name] for name in wanted.enter if name in ids)]))
            self.client.send("PATCH", CONTACT, body, id=wanted.id)
        except NotFoundError:
            return None
        except RejectedError as error:
            return wanted.id, RefusedContact(error.what, error.code)
        return None

    def requests_for(self, changes: Sequence[Change]) -> dict[str, int]:
        """Count the requests of a push: each contact is written and looked at, and before that where it has tags.

        Args:
            changes: What would be written.

        Returns:
            Number by endpoint.
        """
        batches = self._writer.batches(changes) if changes else []
        tagged = [[any(change.kind == "group" for change in mine) for mine in batch] for batch in batches]
        contacts, sample = sum(map(len, batches)), min(self._sample, sum(map(len, batches)))
        requests = {
            "PATCH contacts/{id}": contacts,
            "GET contacts/{id}": contacts + sum(map(sum, tagged)) + sample,
            "GET tags": len(batches) + sum(map(any, tagged)) + bool(batches),
        }
        return {endpoint: number for endpoint, number in requests.items() if number}


def _definition(field: Mapping[str, Any]) -> FieldDefinition:
    options = tuple((option["value"], option["label"]) for option in field["options"] or ())
    return FieldDefinition(field["key"], field["label"], TYPES.get(field["field_type"], "text"), options)


def _moment(text: str | None) -> datetime | None:
    """A moment, or the midnight (UTC) of a day."""
    moment = datetime.fromisoformat(text) if text else None
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


connect = BottleCrm
