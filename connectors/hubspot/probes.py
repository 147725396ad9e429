"""Tests of what is assumed of HubSpot (connectors/evidence.toml), on the user's own account.

Each asks as the connector asks, through its transport. Those that write use a contact and a list of their own, which
they make and remove.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from connectors.errors import ContractError, FixSettingsError, MissingScopeError, NotFoundError, RejectedError
from connectors.hubspot.api import HubSpotApi
from connectors.hubspot.by_id import MERGED
from connectors.hubspot.export import exported_ids
from connectors.hubspot.lists import CONTACT, LIST_STATE, Lists
from connectors.hubspot.operations import (
    ACCOUNT,
    CONTACTS_PAGE,
    CONTACTS_READ,
    CONTACTS_SEARCH,
    CONTACTS_UPDATE,
    EMAIL_EVENTS,
    EMAILS_PAGE,
    LIST_BY_NAME,
    LISTS_SEARCH,
    MEMBERS_ADD,
    MEMBERS_PAGE,
    MEMBERS_REMOVE,
    NUMBERED,
    PROPERTIES,
    Operation,
)
from connectors.hubspot.probe_checks import CHECKS
from connectors.hubspot.probe_records import LIST_NAME, HubSpotTestRecords
from connectors.hubspot.search import OBJECT_ID, Search, cursor_of
from connectors.hubspot.times import milliseconds
from connectors.probing import CheckTerms, ProbeResult, SeenAnswer, untestable

OWNERS = Operation("GET", "/crm/v3/owners", "/crm/owners/{version}", "owners")
NOBODY = "999999999999999"  # an id that no contact has
NO_LIST, NO_NUMBER = "personasync-probe that nobody made", "999999999"
FEW, SOME_LISTS = 2, 10
LOOKS, PAUSE = 5, 2.0  # until a list has counted its members again; seconds
SAMPLES = {
    "number": "1.0",
    "date": "2026-02-28",
    "bool": "true",
    "string": "é" * 125 + " \N{WAVING HAND SIGN}",  # 255 bytes
}


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
        kinds: HubSpot's types of properties that were looked up.
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
    kinds: dict[str, str] = field(default_factory=dict)

    def every(self) -> dict[str, Callable[[], ProbeResult]]:
        """Return the probes by number of the assumption."""
        return {number: partial(self._run, number, ask) for number, ask in PROBES.items()}

    def _run(self, number: str, ask: Callable[[HubSpotProbes], ProbeResult | None]) -> ProbeResult:
        start = len(self.seen)
        result = ask(self)
        return result or CHECKS[number](self.seen[start:], CheckTerms(self.limits, self.kinds))

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


def search_in_both_orders(account: HubSpotProbes) -> None:
    """A1: search upwards, and downwards in both forms of a falling sort."""
    search = Search(account.api, CONTACTS_SEARCH, "lastmodifieddate", (), FEW)
    search.ask((), OBJECT_ID)
    for minus in (False, True):
        with suppress(RejectedError):
            replace(search, minus=minus).highest()


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


def page_list_members(account: HubSpotProbes) -> None:
    """A4: read the first two members of a list that has two, one by one."""
    ours = [list_id for group in account.groups if (list_id := account.lists.id_of(group))]
    for list_id in dict.fromkeys([*ours, *(str(listing["listId"]) for listing in _some_lists(account))]):
        if _two_pages(account, MEMBERS_PAGE, {"list_id": list_id}):
            return


def page_contacts(account: HubSpotProbes) -> None:
    """A28: read two contacts, one by one."""
    _two_pages(account, CONTACTS_PAGE, {})


def _two_pages(account: HubSpotProbes, operation: Operation, path: Mapping[str, str]) -> bool:
    after = cursor_of(account.api.call(operation, path=path, query={"limit": 1}))
    if after is None:
        return False
    with suppress(RejectedError):
        account.api.call(operation, path=path, query={"limit": 1, "after": after})
    return True


def read_counters(account: HubSpotProbes) -> None:
    """A8: read some published e-mails with their statistics."""
    account.api.call(EMAILS_PAGE, query={"limit": SOME_LISTS, "includeStats": True, "isPublished": True})


def be_refused(account: HubSpotProbes) -> None:
    """A9: ask for what no scope of ours allows."""
    with suppress(MissingScopeError):
        account.api.call(OWNERS)


def read_unknown(account: HubSpotProbes) -> None:
    """A10: read a contact, and one that does not exist."""
    page = account.api.call(CONTACTS_PAGE, query={"limit": 1})["results"]
    inputs = [{"id": str(row["id"])} for row in page] + [{"id": NOBODY}]
    account.api.call(CONTACTS_READ, body={"properties": [MERGED], "propertiesWithHistory": [], "inputs": inputs})


def read_details(account: HubSpotProbes) -> None:
    """A11, A30: read the account's details, and a contact."""
    with suppress(MissingScopeError):
        account.api.call(ACCOUNT)
    account.api.call(CONTACTS_PAGE, query={"limit": 1})


def ask_for_events(account: HubSpotProbes) -> None:
    """A20: read the newest events."""
    until = milliseconds(account.api.transport.present())
    account.api.call(EMAIL_EVENTS, query={"endTimestamp": until, "limit": account.limits["events_page"]})


def search_merged(account: HubSpotProbes) -> None:
    """A21: search for a contact that took others in."""
    body = {
        "filterGroups": [{"filters": [{"propertyName": MERGED, "operator": "HAS_PROPERTY"}]}],
        "sorts": [OBJECT_ID],
        "properties": [MERGED],
        "limit": 1,
        "after": "0",
    }
    with suppress(RejectedError):
        account.api.call(CONTACTS_SEARCH, body=body)


def ask_for_no_list(account: HubSpotProbes) -> ProbeResult | None:
    """A24: ask for a list that does not exist, by name and by number."""
    by_name = {"list_name": NO_LIST, "object_type_id": CONTACT}
    for operation, path, query in ((LIST_BY_NAME, by_name, {}), (MEMBERS_PAGE, {"list_id": NO_NUMBER}, {"limit": 1})):
        try:
            account.api.call(operation, path=path, query=query)
        except (NotFoundError, RejectedError):
            continue
        return ProbeResult("broken", "A list that does not exist is answered.")
    return None


def search_and_read(account: HubSpotProbes) -> None:
    """A26: search for a contact, and read one."""
    Search(account.api, CONTACTS_SEARCH, "lastmodifieddate", (), 1).ask((), OBJECT_ID)
    account.api.call(CONTACTS_PAGE, query={"limit": 1})


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


def write_properties(account: HubSpotProbes) -> ProbeResult | None:
    """A6: write a value of each type to properties of ours, and to a boolean one of the account's own; read them."""
    rows = account.api.call(PROPERTIES)["results"]
    account.kinds |= {str(row["name"]): str(row["type"]) for row in rows}
    boolean = next((row for row in rows if _is_plain_boolean(row)), None)
    used = [row for row in rows if row["name"] in account.owned] + ([boolean] if boolean else [])
    values = {str(row["name"]): value for row in used if (value := _sample(row))}
    if not values:
        return untestable("There is no property of ours; run `personasync setup`.")
    contact = account.records().contact_id
    account.api.call(CONTACTS_UPDATE, body={"inputs": [{"id": contact, "properties": values}]})
    body = {"properties": [*values], "propertiesWithHistory": [], "inputs": [{"id": contact}]}
    account.api.call(CONTACTS_READ, body=body)
    return None


def _is_plain_boolean(row: Mapping[str, Any]) -> bool:
    """Whether a property is one of the account's own that takes true and false; HubSpot's own may mean consent."""
    fixed = row.get("hubspotDefined") or row.get("calculated")
    return row["type"] == "bool" and not fixed and not (row.get("modificationMetadata") or {}).get("readOnlyValue")


def _sample(row: Mapping[str, Any]) -> str:
    if row["type"] == "enumeration":
        return next((str(option["value"]) for option in row["options"] if not option["hidden"]), "")
    return SAMPLES.get(row["type"], "")


def add_twice(account: HubSpotProbes) -> None:
    """A23: put the test contact on the test list twice, and take it off."""
    records = account.records()
    path, contact = {"list_id": records.list_id}, [records.contact_id]
    for operation in (MEMBERS_ADD, MEMBERS_ADD, MEMBERS_REMOVE):
        with suppress(RejectedError):
            account.api.call(operation, path=path, body=contact)


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


PROBES: Mapping[str, Callable[[HubSpotProbes], ProbeResult | None]] = {
    "A1": search_in_both_orders,
    "A2": empty_filters,
    "A3": list_moves,
    "A4": page_list_members,
    "A6": write_properties,
    "A7": export_file,
    "A8": read_counters,
    "A9": be_refused,
    "A10": read_unknown,
    "A11": read_details,
    "A20": ask_for_events,
    "A21": search_merged,
    "A23": add_twice,
    "A24": ask_for_no_list,
    "A26": search_and_read,
    "A28": page_contacts,
    "A30": read_details,
}
"""What asks; where it says nothing itself, `CHECKS` does by the answers."""
WRITING = frozenset({"A3", "A6", "A7", "A23"})
"""Probes that write: of the test contact and list, and a job of export."""
