"""Tests of what is assumed of HubSpot (connectors/evidence.toml), on the user's own account.

Each asks as the connector asks, through its transport. Those that write use a contact and a list of their own, which
they make and remove.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from connectors.errors import ContractError, FixSettingsError, MissingScopeError, RejectedError
from connectors.hubspot.api import HubSpotApi
from connectors.hubspot.by_id import MERGED
from connectors.hubspot.emails import KINDS, NEITHER, SENT
from connectors.hubspot.export import exported_ids
from connectors.hubspot.fields import present_properties
from connectors.hubspot.lists import LIST_STATE, Lists
from connectors.hubspot.operations import (
    ACCOUNT,
    CONTACTS_PAGE,
    CONTACTS_READ,
    CONTACTS_SEARCH,
    CONTACTS_UPDATE,
    EMAIL_EVENTS,
    EMAILS_PAGE,
    LISTS_SEARCH,
    MEMBERS_ADD,
    MEMBERS_PAGE,
    MEMBERS_REMOVE,
    NUMBERED,
    Operation,
)
from connectors.hubspot.probe_records import LIST_NAME, HubSpotTestRecords
from connectors.hubspot.refusals import ALTERNATIVES, context, listed_errors
from connectors.hubspot.scan import ids_not_found
from connectors.hubspot.search import OBJECT_ID, Search, cursor_of
from connectors.hubspot.times import milliseconds
from connectors.probing import ProbeResult, SeenAnswer, held_if, untestable
from connectors.records import FieldDefinition
from connectors.values import one_form

OWNERS = Operation("GET", "/crm/v3/owners", "/crm/owners/{version}", "owners")
NOBODY = "999999999999999"  # an id that no contact has
COUNTERS = frozenset({"sent", "open", "click", "unsubscribed", "bounce", "spamreport"})
EVENT_TYPES = frozenset({*KINDS, *SENT, *NEITHER})
SCOPE_NAME = re.compile(r"[a-z_-]+(\.[a-z_-]+)+$")
FEW, SOME_LISTS = 2, 10
LOOKS, PAUSE = 5, 2.0  # until a list has counted its members again; seconds
SAMPLES = {"number": "1.0", "date": "2026-02-28", "text": "é" * 125 + " \N{WAVING HAND SIGN}"}  # 255 bytes


@dataclass(slots=True)
class HubSpotProbes:
    """One account that is asked.

    Attributes:
        lists: Those that are ours.
        groups: Names of segments.
        address: Of the test contact; "": nothing is written.
        limits: Of plugin.toml.
        owned: Names of our properties.
        exports: Whether contacts are read by exports.
        wait: Waits some seconds.
        seen: Answers so far, the newest last.
        made: What has to be removed.
    """

    api: HubSpotApi
    lists: Lists
    groups: Sequence[str]
    address: str
    limits: Mapping[str, int]
    owned: Sequence[str]
    exports: bool
    wait: Callable[[float], None]
    seen: list[SeenAnswer] = field(default_factory=list)
    made: HubSpotTestRecords | None = None

    def every(self) -> dict[str, Callable[[], ProbeResult]]:
        """Return the probes by number of the assumption."""
        return {number: partial(probe, self) for number, probe in PROBES.items()}

    def records(self) -> HubSpotTestRecords:
        """Return the test contact and list, made on first use."""
        if self.made is None:
            self.made = HubSpotTestRecords(self.api, self.address)
        self.made.make()
        return self.made

    def remove(self) -> None:
        """Remove what was made."""
        if self.made is not None:
            self.made.remove()


def falling_sort(account: HubSpotProbes) -> ProbeResult:
    """A1: the form of a falling sort that is in use falls."""
    minus = bool(account.limits["search_falls_by_minus"])
    search = Search(account.api, CONTACTS_SEARCH, "lastmodifieddate", (), FEW, minus)
    rising = _ids(search.ask((), OBJECT_ID))
    if len(rising) < FEW:
        return untestable("It needs two contacts.")
    if _falls(search, rising):
        return ProbeResult("held")
    other = _falls(replace(search, minus=not minus), rising)
    setting = f"search_falls_by_minus = {int(not minus)}"
    return ProbeResult("broken", f"The other form falls: {setting}." if other else "Neither form falls.")


def _falls(search: Search, rising: Sequence[int]) -> bool:
    try:
        ids = _ids(search.highest())
    except RejectedError:
        return False
    return len(ids) == FEW and ids[0] > ids[1] and ids[0] >= max(rising)


def _ids(answer: Mapping[str, Any]) -> list[int]:
    return [int(row["id"]) for row in answer["results"]]


def empty_filters(account: HubSpotProbes) -> ProbeResult:
    """A2: empty listIds and processingTypes leave no list out."""
    if account.api.version == NUMBERED:
        return untestable("The numbered version needs neither.")
    if _some_lists(account):
        return ProbeResult("held")
    if any(account.lists.id_of(group) for group in account.groups):
        return ProbeResult("broken", "The search finds no list, and there is one of ours.")
    return untestable("The account has no list.")


def _some_lists(account: HubSpotProbes, query: str = "") -> Sequence[Mapping[str, Any]]:
    body: dict[str, Any] = {"query": query, "count": SOME_LISTS, "offset": 0, "additionalProperties": list(LIST_STATE)}
    if account.api.version != NUMBERED:
        body |= {"listIds": [], "processingTypes": []}
    listings: Sequence[Mapping[str, Any]] = account.api.call(LISTS_SEARCH, body=body).get("lists", ())
    return listings


def encoded_cursor(account: HubSpotProbes) -> ProbeResult:
    """A4: the second page of a list's members has another member."""
    ours = [list_id for group in account.groups if (list_id := account.lists.id_of(group))]
    for list_id in dict.fromkeys([*ours, *(str(listing["listId"]) for listing in _some_lists(account))]):
        first = account.api.call(MEMBERS_PAGE, path={"list_id": list_id}, query={"limit": 1})
        after = cursor_of(first)
        if after is None:
            continue
        try:
            query = {"limit": 1, "after": after}
            second = account.api.call(MEMBERS_PAGE, path={"list_id": list_id}, query=query)
        except RejectedError:
            return ProbeResult("broken", "The decoded cursor is refused.")
        others = {str(row["recordId"]) for row in second["results"]}
        return held_if(others - {str(row["recordId"]) for row in first["results"]}, "The first page came again.")
    return untestable("It needs a list with two members.")


def counters(account: HubSpotProbes) -> ProbeResult:
    """A8: published e-mails have the counters that campaigns are made of."""
    query = {"limit": SOME_LISTS, "includeStats": True, "isPublished": True}
    emails = account.api.call(EMAILS_PAGE, query=query)["results"]
    counted = [(email.get("stats") or {}).get("counters") or {} for email in emails]
    missing = sorted(name for name in COUNTERS if not any(name in counts for counts in counted))
    if not emails:
        return untestable("No marketing e-mail was published.")
    return held_if(not missing, f"Missing: {', '.join(missing)}.")


def refusal_names(account: HubSpotProbes) -> ProbeResult:
    """A9: what a 403 names stands where it is looked for."""
    try:
        account.api.call(OWNERS)
    except MissingScopeError:
        body = account.seen[-1].body if account.seen else None
    else:
        return untestable("The token may read owners, so nothing was refused.")
    if not isinstance(body, dict):
        return ProbeResult("broken", "The refusal is not a JSON object.")
    known = {*context(body, "missingScopes")}
    known |= {scope for error in listed_errors(body) for name in ALTERNATIVES for scope in context(error, name)}
    elsewhere = {text for text in _listed_texts(body) if SCOPE_NAME.match(text)} - known
    return held_if(not elsewhere, "Scopes are listed under other keys.")


def _listed_texts(value: Any) -> Iterator[str]:
    """Yield the texts in lists, wherever they stand."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _listed_texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from [inner] if isinstance(inner, str) else _listed_texts(inner)


def unknown_id(account: HubSpotProbes) -> ProbeResult:
    """A10: an id that does not exist is named."""
    page = account.api.call(CONTACTS_PAGE, query={"limit": 1})["results"]
    inputs = [{"id": str(row["id"])} for row in page] + [{"id": NOBODY}]
    body = {"properties": [MERGED], "propertiesWithHistory": [], "inputs": inputs}
    answer = account.api.call(CONTACTS_READ, body=body)
    return held_if(NOBODY in ids_not_found(answer), "Nothing says that the contact does not exist.")


def date_header(account: HubSpotProbes) -> ProbeResult:
    """A11: answers have a Date header, whoever may read the account's details."""
    before = len(account.seen)
    with suppress(MissingScopeError):
        account.api.call(ACCOUNT)
    account.api.call(CONTACTS_PAGE, query={"limit": 1})
    answers = account.seen[before:]
    dated = [answer for answer in answers if "date" in {name.lower() for name in answer.headers}]
    return held_if(dated and len(dated) == len(answers), "An answer has no Date header.")


def event_types(account: HubSpotProbes) -> ProbeResult:
    """A20: all types of events are known, and who leaves one type of e-mail has a status there."""
    until = milliseconds(account.api.transport.present())
    events = account.api.call(EMAIL_EVENTS, query={"endTimestamp": until, "limit": account.limits["events_page"]})[
        "events"
    ]
    if not events:
        return untestable("There was no event.")
    unknown = sum(event.get("type") not in EVENT_TYPES for event in events)
    if unknown:
        return ProbeResult("broken", f"{unknown} of {len(events)} events have a type that is not known.")
    listed = [part for event in events if event["type"] == "STATUSCHANGE" for part in event.get("subscriptions") or ()]
    return held_if(
        all(isinstance(part, dict) and part.get("status") for part in listed), "A subscription has no status."
    )


def merges_listed(account: HubSpotProbes) -> ProbeResult:
    """A21: a contact that took others in lists them."""
    body = {
        "filterGroups": [{"filters": [{"propertyName": MERGED, "operator": "HAS_PROPERTY"}]}],
        "sorts": [OBJECT_ID],
        "properties": [MERGED],
        "limit": 1,
        "after": "0",
    }
    try:
        rows = account.api.call(CONTACTS_SEARCH, body=body)["results"]
    except RejectedError:
        return ProbeResult("broken", "The property is refused.")
    if not rows:
        return untestable("No contact was merged.")
    return held_if(rows[0]["properties"].get(MERGED), "The property is empty.")


# ---------------------------------------------------------------------------------------------- by writing
def list_moves(account: HubSpotProbes) -> ProbeResult:
    """A3: a list says something else after somebody entered it, and after somebody left."""
    records = account.records()
    path, contact = {"list_id": records.list_id}, [records.contact_id]
    before = _list_state(account, records.list_id)
    for operation, sentence in (
        (MEMBERS_ADD, "Nothing moved when somebody entered."),
        (MEMBERS_REMOVE, "Nothing moved when somebody left."),
    ):
        account.api.call(operation, path=path, body=contact)
        after = _another(account, records.list_id, before)
        if after == before:
            return ProbeResult("broken", sentence)
        before = after
    return ProbeResult("held")


def _list_state(account: HubSpotProbes, list_id: str) -> Any:
    listing = next((entry for entry in _some_lists(account, LIST_NAME) if str(entry["listId"]) == list_id), {})
    more = listing.get("additionalProperties") or {}
    return [listing.get("updatedAt"), *(more.get(name) for name in LIST_STATE)]


def _another(account: HubSpotProbes, list_id: str, before: Any) -> Any:
    """Look until a list says something else than *before*, a few times: HubSpot counts members a moment later."""
    state = _list_state(account, list_id)
    for _ in range(LOOKS):
        if state != before:
            break
        account.wait(PAUSE)
        state = _list_state(account, list_id)
    return state


def values_come_back(account: HubSpotProbes) -> ProbeResult:
    """A6: values of our own properties come back, in one form by their type."""
    present = {name: known for name, known in present_properties(account.api).items() if name in account.owned}
    values = {name: value for name, known in present.items() if (value := _sample(known))}
    if not values:
        return untestable("There is no property of ours; run `personasync setup`.")
    contact = account.records().contact_id
    account.api.call(CONTACTS_UPDATE, body={"inputs": [{"id": contact, "properties": values}]})
    body = {"properties": [*values], "propertiesWithHistory": [], "inputs": [{"id": contact}]}
    shown = account.api.call(CONTACTS_READ, body=body)["results"][0]["properties"]
    kinds = {name: present[name].type for name in values}
    others = [n for n in values if one_form(shown.get(n), kinds[n]) != one_form(values[n], kinds[n])]
    return held_if(not others, f"Not kept: {', '.join(sorted({kinds[name] for name in others}))}.")


def _sample(known: FieldDefinition) -> str:
    if known.type == "enumeration":
        return known.options[0][0] if known.options else ""
    return SAMPLES.get(known.type, "")


def export_file(account: HubSpotProbes) -> ProbeResult:
    """A7: an export's file lies where files are fetched from, and has a column of ids."""
    if not account.exports:
        return untestable('Only with full_pull = "export".')
    try:
        exported_ids(account.api, every=account.limits["export_look_seconds"], until=threading.Event())
    except MissingScopeError:
        raise
    except (FixSettingsError, ContractError) as error:
        return ProbeResult("broken", error.what)
    return ProbeResult("held")


PROBES: Mapping[str, Callable[[HubSpotProbes], ProbeResult]] = {
    "A1": falling_sort,
    "A2": empty_filters,
    "A3": list_moves,
    "A4": encoded_cursor,
    "A6": values_come_back,
    "A7": export_file,
    "A8": counters,
    "A9": refusal_names,
    "A10": unknown_id,
    "A11": date_header,
    "A20": event_types,
    "A21": merges_listed,
}
WRITING = frozenset({"A3", "A6", "A7"})
"""Probes that write: of the test contact and list, and a job of export."""
