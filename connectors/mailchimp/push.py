"""Mailchimp push: owned merge fields (never a status) and tags in batches, with an outcome per change.

No call here can subscribe anybody: members are updated by PATCH with `merge_fields` alone. Few go one by one over all
connections, many as one job of the same calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from connectors.connector import Still, as_given
from connectors.errors import NotFoundError, PlatformDownError, RejectedError
from connectors.mailchimp import batches
from connectors.mailchimp.api import MailchimpApi
from connectors.mailchimp.refusals import NOT_NOW, problem_words
from connectors.mailchimp.tags import Tags
from connectors.records import Change, Outcome, normalise_email
from connectors.transport import ABOUT_OTHERS, NO_ANSWER, entries, in_order, is_about_others
from connectors.values import one_form

Member = tuple[str, list[Change]]
TagCall = tuple[str, list[Change], list[Change]]
"""Name of the segment, who gets its tag, who loses it."""
OPERATIONS = 5_000  # of one job: some megabytes, and a kill repeats no more than these
MISSING = "This contact no longer exists in Mailchimp."


def by_member(changes: Sequence[Change]) -> list[Member]:
    """Return the field changes of each member together."""
    groups: dict[str, list[Change]] = {}
    for change in changes:
        if change.kind == "field":
            groups.setdefault(change.platform_id, []).append(change)
    return list(groups.items())


def by_tag(changes: Sequence[Change], size: int) -> list[TagCall]:
    """Return calls for tags: name, at most *size* who get it, at most *size* who lose it."""
    joining: dict[str, list[Change]] = {}
    leaving: dict[str, list[Change]] = {}
    for change in changes:
        if change.kind == "group":
            (leaving if change.after is None else joining).setdefault(change.name, []).append(change)
    calls: list[TagCall] = []
    for name in dict.fromkeys([*joining, *leaving]):
        adds, removals = joining.get(name, []), leaving.get(name, [])
        starts = range(0, max(len(adds), len(removals)), size)
        calls += [(name, adds[start : start + size], removals[start : start + size]) for start in starts]
    return calls


class FieldWriter:
    """Writes merge fields of one audience.

    Args:
        skip_merge_validation: Whether a required field of somebody else may not block ours.
        kinds: Types of the merge fields that we own.
        workers: Connections.
        together: Outcomes that are handed on together where members are written one by one.
        wait: Waits some seconds while a job runs.
    """

    def __init__(
        self,
        api: MailchimpApi,
        audience: str,
        *,
        skip_merge_validation: bool,
        kinds: Mapping[str, str],
        workers: int,
        together: int,
        wait: Callable[[float], None],
    ) -> None:
        self._api, self._audience, self._kinds, self._together = api, audience, kinds, together
        self._skip, self._workers, self._jobs = skip_merge_validation, workers, batches.Jobs(api, wait)

    def one_by_one(self, members: Sequence[Member], still: Still = as_given) -> Iterator[list[Outcome]]:
        """Write each member by itself, several at a time; for *still*, see `connectors.connector.Connector.push`."""
        gathered: list[Outcome] = []

        def patch(member: Member) -> list[Outcome]:
            return [outcome for left in by_member(still(member[1])) for outcome in self._patch(left)]

        for outcomes in in_order(patch, members, workers=self._workers):
            gathered += outcomes
            if len(gathered) >= self._together:
                yield gathered
                gathered = []
        if gathered:
            yield gathered

    def as_jobs(self, members: Sequence[Member], still: Still = as_given) -> Iterator[list[Outcome]]:
        """Write members as jobs of `OPERATIONS` calls; what a job holds can't be stopped once it was handed over."""
        for start in range(0, len(members), OPERATIONS):
            part = members[start : start + OPERATIONS]
            if left := by_member(still([change for _, changes in part for change in changes])):
                yield self._job(left)

    def _patch(self, member: Member) -> list[Outcome]:
        key, changes = member
        try:
            shown = self._api.call(
                self._api.sdk.lists.update_list_member,
                self._audience,
                key,
                _body(changes),
                skip_merge_validation=self._skip,
            )
        except RejectedError as error:
            return [Outcome(change, "rejected", str(error), error.code) for change in changes]
        except NotFoundError:
            return [Outcome(change, "rejected", MISSING, "not_found") for change in changes]
        except PlatformDownError as error:
            if error.answered:
                raise
            return [Outcome(change, "unknown", str(error), NO_ANSWER) for change in changes]
        return _kept(changes, shown, self._kinds)

    def _job(self, members: Sequence[Member]) -> list[Outcome]:
        operations = [
            {
                "method": "PATCH",
                "path": f"/lists/{self._audience}/members/{key}",
                "params": {"skip_merge_validation": str(self._skip).lower()},
                "operation_id": key,
                "body": json.dumps(_body(changes)),
            }
            for key, changes in members
        ]
        try:
            answers = self._jobs.run(operations)
        except PlatformDownError as error:
            reason = batches.failure(error)
            return [Outcome(change, "unknown", reason, NO_ANSWER) for _, changes in members for change in changes]
        return [outcome for key, changes in members for outcome in _answered(changes, answers.get(key), self._kinds)]


def _body(changes: Sequence[Change]) -> dict[str, Any]:
    return {"merge_fields": {change.name: change.after or "" for change in changes}}


def _answered(changes: Sequence[Change], answer: tuple[int, Any] | None, kinds: Mapping[str, str]) -> list[Outcome]:
    if answer is None:
        reason = "The batch results do not include this contact."
        return [Outcome(change, "unknown", reason, "not_mentioned") for change in changes]
    status, body = answer[0], answer[1] if isinstance(answer[1], dict) else {}
    if status == 404:  # noqa: PLR2004
        return [Outcome(change, "rejected", MISSING, "not_found") for change in changes]
    if status >= 500 or status in {429, *NOT_NOW}:  # noqa: PLR2004
        return [Outcome(change, "unknown", f"HTTP {status} in the batch job.", NO_ANSWER) for change in changes]
    if status >= 400:  # noqa: PLR2004
        said = f"Mailchimp refused: {problem_words(body)}"
        return [Outcome(change, "rejected", said, str(body.get("title") or "REFUSED")) for change in changes]
    return _kept(changes, body, kinds)


def _kept(changes: Sequence[Change], shown: Mapping[str, Any], kinds: Mapping[str, str]) -> list[Outcome]:
    """A success that shows another value is none: text is cut at 255 bytes without a word."""
    fields = shown.get("merge_fields") or {}
    outcomes = []
    for change in changes:
        kind = kinds.get(change.name, "text")
        present = one_form(fields.get(change.name, change.after), kind)
        if present == one_form(change.after, kind):
            outcomes.append(Outcome(change, "applied"))
        else:
            reason = f"Mailchimp reported success but returned {present!r}."
            outcomes.append(Outcome(change, "rejected", reason, "not_kept"))
    return outcomes


def push_tags(
    api: MailchimpApi,
    audience: str,
    tags: Tags,
    changes: Sequence[Change],
    *,
    size: int,
    workers: int,
    still: Still = as_given,
) -> Iterator[list[Outcome]]:
    """Give and take tags, yielding outcomes call by call."""
    calls = [(tags.id_of(call[0]), call) for call in by_tag(changes, size)]  # here: threads would look them up each

    def move(pair: tuple[str | None, TagCall]) -> list[Outcome]:
        tag, (_, joining, leaving) = pair
        left = by_tag(still([*joining, *leaving]), size)
        return [outcome for call in left for outcome in _move(api, audience, tag, call)]

    yield from in_order(move, calls, workers=workers)


def _move(api: MailchimpApi, audience: str, tag: str | None, call: TagCall) -> list[Outcome]:
    name, joining, leaving = call
    changes = [*joining, *leaving]
    if tag is None:
        reason = f"There is no tag for segment {name!r}; run `personasync setup`."
        return [Outcome(change, "rejected", reason, "no_tag") for change in changes]
    body = {
        "members_to_add": [change.email for change in joining],
        "members_to_remove": [change.email for change in leaving],
    }
    try:
        answer = api.call(api.sdk.lists.batch_segment_members, body, audience, tag)
    except RejectedError as error:
        if len(changes) == 1:
            return [Outcome(changes[0], "rejected", str(error), error.code)]
        return [outcome for half in _halves(call) for outcome in _move(api, audience, tag, half)]
    except PlatformDownError as error:
        if error.answered:
            raise
        return [Outcome(change, "unknown", str(error), NO_ANSWER) for change in changes]
    moved = {
        _address(member)
        for key in ("members_added", "members_removed")
        for member in entries(answer, key, optional=True)
    }
    refused = {
        normalise_email(address): str(problem.get("error"))
        for problem in entries(answer, "errors", optional=True)
        for address in problem.get("email_addresses", ())
    }
    if is_about_others({*moved, *refused}, (change.email for change in changes)):
        return [Outcome(change, "unknown", ABOUT_OTHERS, "not_mentioned") for change in changes]
    return [_moved(change, moved, refused, again=api.transport.repeated) for change in changes]


def _halves(call: TagCall) -> Iterator[TagCall]:
    """Two calls that do what one did, so that the bad record stands alone in the end."""
    name, joining, leaving = call
    if joining and leaving:
        yield name, joining, []
        yield name, [], leaving
        return
    middle = (len(joining) + len(leaving)) // 2
    yield name, joining[:middle], leaving[:middle]
    yield name, joining[middle:], leaving[middle:]


def _address(member: Mapping[str, Any]) -> str | None:
    return normalise_email(member.get("email_address"))


def _moved(change: Change, moved: set[str | None], refused: Mapping[str | None, str], *, again: bool) -> Outcome:
    if change.email in moved:
        return Outcome(change, "applied")
    if change.email in refused:
        return Outcome(change, "rejected", f"Mailchimp: {refused[change.email]}", "tag_refused")
    if again:
        return Outcome(change, "applied", "The first request was applied, although its response was lost.", "seen")
    return Outcome(change, "unchanged", "Already up to date.", "already")
