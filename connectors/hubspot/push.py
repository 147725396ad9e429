"""HubSpot push: batch updates of owned properties and list memberships, with an outcome per change.

By id and never by address: an update by address changes nothing or fails (PLATFORMS, trap H9). A batch that is refused
as a whole is halved until the bad record stands alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.connector import Still, as_given
from connectors.errors import PlatformDownError, RejectedError
from connectors.hubspot.api import HubSpotApi
from connectors.hubspot.lists import Lists
from connectors.hubspot.operations import CONTACTS_UPDATE, MEMBERS_ADD, MEMBERS_REMOVE
from connectors.hubspot.refusals import context, listed_errors, refusal_code, refusal_words
from connectors.records import Change, Outcome
from connectors.transport import ABOUT_OTHERS, NO_ANSWER, entries, in_order, is_about_others
from connectors.values import one_form

ContactChanges = tuple[str, list[Change]]


def by_contact(changes: Sequence[Change]) -> list[ContactChanges]:
    """Return the field changes of each contact together: an id may stand in a batch only once (trap H7)."""
    groups: dict[str, list[Change]] = {}
    for change in changes:
        if change.kind == "field":
            groups.setdefault(change.platform_id, []).append(change)
    return list(groups.items())


def by_group(changes: Sequence[Change]) -> dict[tuple[str, bool], list[Change]]:
    """Return the changes of each list, joining and leaving apart."""
    groups: dict[tuple[str, bool], list[Change]] = {}
    for change in changes:
        if change.kind == "group":
            groups.setdefault((change.name, change.after is not None), []).append(change)
    return groups


def slices(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """Return *items* in pieces of at most *size*."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def push_fields(
    api: HubSpotApi,
    contacts: Sequence[ContactChanges],
    *,
    kinds: Mapping[str, str],
    batch: int,
    workers: int,
    still: Still = as_given,
) -> Iterator[list[Outcome]]:
    """Write the fields of *contacts*, yielding outcomes batch by batch; *kinds* are the types of the fields."""

    def update(part: Sequence[ContactChanges]) -> list[Outcome]:
        left = by_contact(still([change for _, changes in part for change in changes]))
        return _update(api, left, kinds) if left else []

    yield from in_order(update, slices(contacts, batch), workers=workers)


def _update(api: HubSpotApi, contacts: Sequence[ContactChanges], kinds: Mapping[str, str]) -> list[Outcome]:
    inputs = [
        {"id": key, "properties": {change.name: change.after or "" for change in changes}} for key, changes in contacts
    ]
    try:
        answer = api.call(CONTACTS_UPDATE, body={"inputs": inputs})
    except RejectedError as error:
        if len(contacts) == 1:
            return [Outcome(change, "rejected", str(error), error.code) for change in contacts[0][1]]
        middle = len(contacts) // 2
        return _update(api, contacts[:middle], kinds) + _update(api, contacts[middle:], kinds)
    except PlatformDownError as error:
        if error.answered:
            raise
        return [Outcome(change, "unknown", str(error), NO_ANSWER) for _, changes in contacts for change in changes]
    return _outcomes(contacts, answer, kinds)


def _outcomes(contacts: Sequence[ContactChanges], answer: Mapping[str, Any], kinds: Mapping[str, str]) -> list[Outcome]:
    shown = {str(row["id"]): row.get("properties", {}) for row in entries(answer, "results", optional=True)}
    refused = dict(_refused(answer))
    outcomes = []
    for key, changes in contacts:
        for change in changes:
            if key in shown:
                outcomes.append(_kept(change, shown[key], kinds.get(change.name, "text")))
            else:
                outcomes.append(_silent(change) if key not in refused else Outcome(change, "rejected", *refused[key]))
    return outcomes


def _silent(change: Change) -> Outcome:
    """An answer that does not mention a contact says nothing about it: whoever sent the change has to look."""
    return Outcome(change, "unknown", "HubSpot's response does not include this contact.", "not_mentioned")


def _refused(answer: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, str]]]:
    for error in listed_errors(answer):
        for key in context(error, "ids"):
            yield key, (refusal_words(error), refusal_code(error))


def _kept(change: Change, properties: Mapping[str, Any], kind: str) -> Outcome:
    """A success that shows another value is none; "1" and "1.0" are one number."""
    if change.name in properties and one_form(properties[change.name], kind) != one_form(change.after, kind):
        reason = f"HubSpot reported success but returned {properties[change.name]!r}."
        return Outcome(change, "rejected", reason, "not_kept")
    return Outcome(change, "applied")


def push_groups(
    api: HubSpotApi,
    lists: Lists,
    changes: Sequence[Change],
    *,
    batch: int,
    workers: int,
    still: Still = as_given,
) -> Iterator[list[Outcome]]:
    """Put contacts on lists and take them off, yielding outcomes call by call."""
    calls = [
        (lists.id_of(group), group, part)
        for (group, _), members in by_group(changes).items()
        for part in slices(members, batch)
    ]

    def move(call: tuple[str | None, str, Sequence[Change]]) -> list[Outcome]:
        list_id, group, part = call
        left = still(part)
        return _called(api, list_id, group, left) if left else []

    yield from in_order(move, calls, workers=workers)


def _called(api: HubSpotApi, list_id: str | None, group: str, part: Sequence[Change]) -> list[Outcome]:
    if list_id is None:
        reason = f"There is no list for segment {group!r}; run `personasync setup`."
        return [Outcome(change, "rejected", reason, "no_list") for change in part]
    try:
        return _move(api, list_id, part, joining=part[0].after is not None)
    except PlatformDownError as error:
        if error.answered:
            raise
        return [Outcome(change, "unknown", str(error), NO_ANSWER) for change in part]


def _move(api: HubSpotApi, list_id: str, part: Sequence[Change], *, joining: bool) -> list[Outcome]:
    operation = MEMBERS_ADD if joining else MEMBERS_REMOVE
    try:
        answer = api.call(operation, path={"list_id": list_id}, body=[change.platform_id for change in part])
    except RejectedError as error:
        if len(part) == 1:
            return [Outcome(part[0], "rejected", str(error), error.code)]
        middle = len(part) // 2
        return _move(api, list_id, part[:middle], joining=joining) + _move(api, list_id, part[middle:], joining=joining)
    # `recordsIdsAdded` really has that spelling
    moved = {str(key) for key in answer.get("recordsIdsAdded" if joining else "recordIdsRemoved", ())}
    gone = {str(key) for key in answer.get("recordIdsMissing", ())}
    if is_about_others(moved | gone, (change.platform_id for change in part)):
        return [Outcome(change, "unknown", ABOUT_OTHERS, "not_mentioned") for change in part]
    return [_moved(change, moved, gone, again=api.transport.repeated) for change in part]


def _moved(change: Change, moved: set[str], gone: set[str], *, again: bool) -> Outcome:
    if change.platform_id in moved:
        return Outcome(change, "applied")
    if change.platform_id in gone:
        return Outcome(change, "rejected", "This contact no longer exists in HubSpot.", "OBJECT_NOT_FOUND")
    if again:
        return Outcome(change, "applied", "The first request was applied, although its response was lost.", "seen")
    return Outcome(change, "unchanged", "Already up to date.", "already")
