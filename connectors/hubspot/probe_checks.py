"""What answers of HubSpot say about what is assumed of it (connectors/evidence.toml).

The same checks hold the answers that a probe asks for on an account, those of the local platform, and recorded ones.
Where an answer that a check needs is not among them, nothing can be said.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.hubspot.by_id import MERGED
from connectors.hubspot.emails import KINDS, NEITHER, SENT
from connectors.hubspot.refusals import ALTERNATIVES, context, listed_errors
from connectors.hubspot.scan import ids_not_found
from connectors.hubspot.search import OBJECT_ID, cursor_of
from connectors.probing import REFUSED, Check, CheckTerms, ProbeResult, SeenAnswer, good, held_if, untestable
from connectors.values import one_form

COUNTERS = frozenset({"sent", "open", "click", "unsubscribed", "bounce", "spamreport"})
OTHER_COUNTERS = frozenset(
    {"contactslost", "delivered", "dropped", "hardbounced", "notsent", "pending", "selected", "softbounced"}
) | {"suppressed"}
EVENT_TYPES = frozenset({*KINDS, *SENT, *NEITHER})
DETAILS = ("accountType", "companyCurrency", "portalId")
SCOPE_NAME = re.compile(r"[a-z_-]+(\.[a-z_-]+)+$")
FORBIDDEN, GONE = 403, 404
MOST, LEFT = "X-HubSpot-RateLimit-Max", "X-HubSpot-RateLimit-Remaining"
SPAN, TODAY = "X-HubSpot-RateLimit-Interval-Milliseconds", "X-HubSpot-RateLimit-Daily-Remaining"
MILLISECONDS = 1000  # of a second
FEW = 2  # contacts, of which an order can be seen
ID_BYTES = 8  # of the number that a cursor of list members is


FALLING = ({"propertyName": OBJECT_ID, "direction": "DESCENDING"}, f"-{OBJECT_ID}")
"""Both forms of a falling sort; `search_falls_by_minus` of plugin.toml is the place of the one in use."""


# ---------------------------------------------------------------------------------------------- order and paging
def sorts_fall(answers: Sequence[SeenAnswer], terms: CheckTerms) -> ProbeResult:
    """A1: the form of a falling sort that is in use falls; of the other one it is said whether it does."""
    searches = [answer for answer in answers if answer.endpoint == "contacts/search" and answer.sent.get("sorts")]
    rows = [row for answer in good(searches, "contacts/search") for row in answer.body["results"]]
    forms = [[answer for answer in searches if answer.sent["sorts"] == [form]] for form in FALLING]
    if len(rows) < FEW or not all(forms):
        return untestable("It needs two contacts.")
    highest = max(int(row["id"]) for row in rows)
    fall = [all(_falls(answer, highest) for answer in form) for form in forms]
    in_use = terms.limits["search_falls_by_minus"]
    if fall[in_use]:
        return ProbeResult("held", f"The other form {'falls too' if fall[1 - in_use] else 'does not fall'}.")
    setting = f"search_falls_by_minus = {1 - in_use}"
    return ProbeResult("broken", f"The other form falls: {setting}." if fall[1 - in_use] else "Neither form falls.")


def _falls(answer: SeenAnswer, highest: int) -> bool:
    if answer.status >= REFUSED:
        return False
    ids = [int(row["id"]) for row in answer.body["results"]]
    return len(ids) > 1 and ids[0] == highest and ids == sorted(set(ids), reverse=True)


def next_members(answers: Sequence[SeenAnswer], _terms: CheckTerms) -> ProbeResult:
    """A4: the page behind a decoded cursor has other members; where it was not asked for, the cursor names one."""
    pages = [answer for answer in answers if answer.endpoint == "lists/memberships" and answer.method == "GET"]
    asked = _following(pages)
    for first, second in asked:
        if second.status >= REFUSED:
            return ProbeResult("broken", "The decoded cursor is refused.")
        if not _ids(second, "recordId") - _ids(first, "recordId"):
            return ProbeResult("broken", "The first page came again.")
    if asked:
        return ProbeResult("held")
    cursors = [(page, cursor) for page in good(pages, "lists/memberships") if (cursor := cursor_of(page.body))]
    if not cursors:
        return untestable("It needs a list with two members.")
    named = all(cursor_number(cursor) not in {0, *map(int, _ids(page, "recordId"))} for page, cursor in cursors)
    return held_if(named, "A decoded cursor is not the number of a member behind its page.")


def next_contacts(answers: Sequence[SeenAnswer], _terms: CheckTerms) -> ProbeResult:
    """A28: pages of contacts follow each other by rising ids, without one that comes twice."""
    asked = _following([answer for answer in answers if answer.endpoint == "contacts" and answer.method == "GET"])
    if not asked:
        return untestable("It needs two contacts.")
    rising = all(
        second.status < REFUSED and max(_numbers(first)) < min(_numbers(second), default=0) for first, second in asked
    )
    return held_if(rising, "The second page does not follow the first one.")


def _following(pages: Sequence[SeenAnswer]) -> list[tuple[SeenAnswer, SeenAnswer]]:
    """Return each page with the answer to its cursor."""
    pairs = []
    for first in good(pages, *{page.endpoint for page in pages}):
        cursor = cursor_of(first.body)
        behind = (page for page in pages if cursor and page.place == first.place and page.query.get("after") == cursor)
        pairs += [(first, second) for second in behind]
    return pairs


def _ids(answer: SeenAnswer, key: str) -> set[str]:
    return {str(row[key]) for row in answer.body["results"]}


def _numbers(answer: SeenAnswer) -> list[int]:
    return [int(key) for key in _ids(answer, "id")]


def cursor_number(cursor: str) -> int:
    """Return the number that a decoded cursor is, in base64 with its padding; 0 where it is none."""
    try:
        content = base64.b64decode(cursor, validate=True)
    except (binascii.Error, ValueError):
        return 0
    return int.from_bytes(content, "big") if len(content) == ID_BYTES else 0


# ---------------------------------------------------------------------------------------------- values
def property_values_kept(answers: Sequence[SeenAnswer], terms: CheckTerms) -> ProbeResult:
    """A6: values that were written come back, in one form by their type."""
    written: dict[str, dict[str, Any]] = {}
    other, tested = set(), set()
    for answer in good(answers, "contacts/batch/update", "contacts/batch/read"):
        if answer.endpoint == "contacts/batch/update":
            for entry in answer.sent["inputs"]:
                written.setdefault(str(entry["id"]), {}).update(entry["properties"])
        for row in answer.body["results"]:
            for name, value in written.get(str(row["id"]), {}).items():
                kind = terms.kinds.get(name)
                if kind is not None and name in row["properties"]:
                    tested.add(kind)
                    other |= {kind} if one_form(row["properties"][name], kind) != one_form(value, kind) else set()
    if not tested:
        return untestable("Nothing was written whose type is known.")
    if other:
        return ProbeResult("broken", f"Not kept: {', '.join(sorted(other))}.")
    return ProbeResult("held", f"Types: {', '.join(sorted(tested))}.")


def taken_twice(answers: Sequence[SeenAnswer], _terms: CheckTerms) -> ProbeResult:
    """A23: who is on a list already is left out of the answer, which is no refusal."""
    seen: set[tuple[str, str]] = set()
    again = []
    for answer in (entry for entry in answers if entry.endpoint == "lists/memberships/add"):
        pairs = {(answer.place, str(key)) for key in answer.sent or () if not isinstance(key, dict)}
        if pairs and pairs <= seen:
            again.append(answer)
        seen |= pairs
    if not again:
        return untestable("Nobody was put on a list twice.")
    taken = [entry for entry in again if entry.status < REFUSED and not entry.body.get("recordsIdsAdded")]
    return held_if(len(taken) == len(again), "The second time is not answered as nothing new.")


# ---------------------------------------------------------------------------------------------- what is not there
def unknown_named(answers: Sequence[SeenAnswer], _terms: CheckTerms) -> ProbeResult:
    """A10: an id that does not exist is named."""
    silent, tested = 0, 0
    for answer in good(answers, "contacts/batch/read", "contacts/batch/update"):
        missing = {str(entry["id"]) for entry in answer.sent["inputs"]} - _ids(answer, "id")
        if missing and not answer.sent.get("idProperty"):
            tested += 1
            silent += not missing <= set(ids_not_found(answer.body))
    if not tested:
        return untestable("No contact was asked for that does not exist.")
    return held_if(not silent, "Nothing says that the contact does not exist.")


def unknown_list(answers: Sequence[SeenAnswer], _terms: CheckTerms) -> ProbeResult:
    """A24: a list that does not exist is a 404, by name and by number."""
    asked = [answer for answer in answers if answer.method == "GET" and answer.endpoint.startswith("lists/")]
    other = [answer for answer in asked if answer.status >= REFUSED]
    if not other:
        return untestable("No list was asked for that does not exist.")
    return held_if(all(answer.status == GONE for answer in other), "An unknown list is refused otherwise than by 404.")


def scopes_named(answers: Sequence[SeenAnswer], _terms: CheckTerms) -> ProbeResult:
    """A9: what a 403 names stands where it is looked for."""
    refused = [answer.body for answer in answers if answer.status == FORBIDDEN]
    if not refused:
        return untestable("Nothing was refused for a scope.")
    for body in refused:
        if not isinstance(body, dict):
            return ProbeResult("broken", "The refusal is not a JSON object.")
        known = {*context(body, "missingScopes")}
        known |= {scope for error in listed_errors(body) for name in ALTERNATIVES for scope in context(error, name)}
        if {text for text in _listed_texts(body) if SCOPE_NAME.match(text)} - known:
            return ProbeResult("broken", "Scopes are listed under other keys.")
    return ProbeResult("held")


def _listed_texts(value: Any) -> Iterator[str]:
    """Yield the texts in lists, wherever they stand."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _listed_texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from [inner] if isinstance(inner, str) else _listed_texts(inner)


def merged_named(answers: Sequence[SeenAnswer], _terms: CheckTerms) -> ProbeResult:
    """A21: a contact that took others in lists them."""
    wanted = {"propertyName": MERGED, "operator": "HAS_PROPERTY"}
    searches = [
        answer
        for answer in answers
        if answer.endpoint == "contacts/search"
        and any(wanted in group["filters"] for group in answer.sent.get("filterGroups") or ())
    ]
    if any(answer.status >= REFUSED for answer in searches):
        return ProbeResult("broken", "The property is refused.")
    rows = [row for answer in searches for row in answer.body["results"]]
    if not rows:
        return untestable("No contact was merged.")
    return held_if(all(row["properties"].get(MERGED) for row in rows), "The property is empty.")


# ---------------------------------------------------------------------------------------------- e-mail
def counters_named(answers: Sequence[SeenAnswer], _terms: CheckTerms) -> ProbeResult:
    """A8: published e-mails have the counters that campaigns are made of."""
    emails = [email for answer in good(answers, "emails") for email in answer.body["results"]]
    if not emails:
        return untestable("No marketing e-mail was published.")
    counted = [(email.get("stats") or {}).get("counters") or {} for email in emails]
    names = {name for counts in counted for name in counts}
    missing = sorted(COUNTERS - names)
    if missing and ("sent" in missing or names - COUNTERS - OTHER_COUNTERS):
        return ProbeResult("broken", f"Missing: {', '.join(missing)}.")
    return ProbeResult("held", f"Not seen, as if nobody did it: {', '.join(missing)}." if missing else "")


def events_known(answers: Sequence[SeenAnswer], _terms: CheckTerms) -> ProbeResult:
    """A20: the types of events are known, and each event has the keys that are read of it."""
    events = [event for answer in good(answers, "email events") for event in answer.body["events"]]
    if not events:
        return untestable("There was no event.")
    unknown = sum(event.get("type") not in EVENT_TYPES for event in events)
    if unknown:
        return ProbeResult("broken", f"{unknown} of {len(events)} events have a type that is not known.")
    lacking = {str(event["type"]) for event in events if not _readable(event)}
    if lacking:
        return ProbeResult("broken", f"Events lack an id, a time, a recipient or a campaign: {', '.join(lacking)}.")
    parts = [part for event in events if event["type"] == "STATUSCHANGE" for part in event.get("subscriptions") or ()]
    if not all(isinstance(part, dict) and part.get("status") for part in parts):
        return ProbeResult("broken", "A subscription has no status.")
    return ProbeResult("held", f"Types: {', '.join(sorted({str(event['type']) for event in events}))}.")


def _readable(event: Mapping[str, Any]) -> bool:
    """Whether an event has what is read of it; whoever leaves on a page of preferences answers no campaign."""
    needed = ("id", "recipient") if event["type"] == "STATUSCHANGE" else ("id", "recipient", "emailCampaignId")
    return isinstance(event.get("created"), int) and all(event.get(name) for name in needed)


# ---------------------------------------------------------------------------------------------- of every answer
def answers_dated(answers: Sequence[SeenAnswer], _terms: CheckTerms) -> ProbeResult:
    """A11: every answer has a Date header."""
    return held_if(answers and all(answer.header("Date") for answer in answers), "An answer has no Date header.")


def paced(answers: Sequence[SeenAnswer], terms: CheckTerms) -> ProbeResult:
    """A26: headers name the window that requests are paced by, and answers of search name none."""
    usual = [answer for answer in answers if not answer.lane and not answer.public]
    searches = [answer for answer in answers if answer.lane == "search"]
    if any(answer.header(name) for answer in searches for name in (MOST, LEFT, SPAN)):
        return ProbeResult("broken", "An answer of search names a window.")
    for answer in usual:
        most, left, span, today = (_whole(answer.header(name)) for name in (MOST, LEFT, SPAN, TODAY))
        if most is None or left is None or span is None:
            return ProbeResult("broken", f"An answer lacks {MOST}, {LEFT} or {SPAN}.")
        if span != terms.limits["burst_seconds"] * MILLISECONDS:
            return ProbeResult("broken", f"The window has {span} ms; plugin.toml names another.")
        if most < terms.limits["burst_requests"] or left >= most or (today is not None and today < 0):
            return ProbeResult("broken", f"{left} of {most} requests are left; plugin.toml allows another number.")
    if not (usual and searches):
        return untestable("It needs an answer of a search and another one.")
    return ProbeResult("held", f"{MOST}: {usual[-1].header(MOST)}.")


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def details_named(answers: Sequence[SeenAnswer], _terms: CheckTerms) -> ProbeResult:
    """A30: the account's details have the keys that are read."""
    details = [answer.body for answer in good(answers, "account")]
    if not details:
        return untestable("The token may not read account information.")
    missing = [name for name in DETAILS if not all(entry.get(name) for entry in details)]
    return held_if(not missing, f"Missing: {', '.join(missing)}.")


CHECKS: Mapping[str, Check] = {
    "A1": sorts_fall,
    "A4": next_members,
    "A6": property_values_kept,
    "A8": counters_named,
    "A9": scopes_named,
    "A10": unknown_named,
    "A11": answers_dated,
    "A20": events_known,
    "A21": merged_named,
    "A23": taken_twice,
    "A24": unknown_list,
    "A26": paced,
    "A28": next_contacts,
    "A30": details_named,
}
"""By number of the assumption; what can only be seen by trying has none here."""
