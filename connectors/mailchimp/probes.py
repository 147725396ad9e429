"""Tests of what is assumed of Mailchimp (connectors/evidence.toml), on the user's own account.

Each asks as the connector asks, through its transport. Those that write use a member and a tag of their own, which
they make and remove.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from connectors.errors import FixSettingsError, NotFoundError, RejectedError
from connectors.mailchimp.api import MailchimpApi
from connectors.mailchimp.batches import Jobs, job_answers
from connectors.mailchimp.fields import defined, present_merge_fields
from connectors.mailchimp.probe_checks import CHECKS, NO_AUDIENCE, NO_MEMBER, NO_TAG
from connectors.mailchimp.probe_records import TAG, MailchimpTestRecords
from connectors.mailchimp.push import FieldWriter, by_member, push_tags
from connectors.probing import CheckTerms, ProbeResult, SeenAnswer, held_if, untestable
from connectors.records import MEMBER, Change

PING, PINGED, SECOND = "probe", 200, 1.1
MARKS = ("personasync probe 1", "personasync probe 2")
SAMPLES = {"number": "1.0", "date": "2026-02-28", "text": "é" * 125 + " \N{WAVING HAND SIGN}"}  # text of 255 bytes
SOME_REPORTS = 10


@dataclass(slots=True)
class MailchimpProbes:
    """One audience that is asked.

    Attributes:
        owned: Our merge tags.
        address: Of the test member; "": nothing is written.
        limits: Of plugin.toml.
        seen: Answers so far, the newest last.
        made: What has to be removed.
        kinds: Mailchimp's types of merge fields that were looked up, by tag.
    """

    api: MailchimpApi
    audience: str
    owned: Sequence[str]
    address: str
    limits: Mapping[str, int]
    writer: FieldWriter
    wait: Callable[[float], None]
    seen: list[SeenAnswer] = field(default_factory=list)
    made: MailchimpTestRecords | None = None
    kinds: dict[str, str] = field(default_factory=dict)

    def every(self) -> dict[str, Callable[[], ProbeResult]]:
        """Return the probes by number of the assumption."""
        return {number: partial(self._run, number, ask) for number, ask in PROBES.items()}

    def _run(self, number: str, ask: Callable[[MailchimpProbes], ProbeResult | None]) -> ProbeResult:
        start = len(self.seen)
        result = ask(self)
        return result or CHECKS[number](self.seen[start:], CheckTerms(self.limits, self.kinds))

    def records(self) -> MailchimpTestRecords:
        """Return the test member and tag, made on first use."""
        if self.made is None:
            self.made = MailchimpTestRecords(self.api, self.audience, self.address, size=self.limits["page"])
        self.made.make()
        return self.made

    def remove(self) -> None:
        """Remove what was made."""
        if self.made is not None:
            self.made.remove()


def read_webhooks(account: MailchimpProbes) -> None:
    """A14: read the audience's webhooks."""
    account.api.call(account.api.sdk.lists.get_list_webhooks, account.audience)


def ask_unknown_names(account: MailchimpProbes) -> None:
    """A15: ask for a field that no member has."""
    fields = ["members.id", "members.nothing"]
    with suppress(RejectedError):
        account.api.call(account.api.sdk.lists.get_list_members_info, account.audience, count=1, fields=fields)


def read_tagged(account: MailchimpProbes) -> None:
    """A22: read a member of a tag, and the same member by itself; by writing, the test member where no tag has one."""
    wanted = ["segments.id", "segments.member_count"]
    query = {"type": "static", "count": account.limits["page"], "fields": wanted}
    tags = account.api.call(account.api.sdk.lists.list_segments, account.audience, **query)["segments"]
    tag = next((str(entry["id"]) for entry in tags if entry["member_count"]), None)
    if tag is not None:
        _read_member_of(account, tag)
    elif account.address:
        tag = account.records().tag_id
        _move(account, MEMBER)
        _read_member_of(account, tag)
        _move(account, None)


def _read_member_of(account: MailchimpProbes, tag: str) -> None:
    lists = account.api.sdk.lists
    answer = account.api.call(lists.get_segment_members_list, account.audience, tag, count=1, include_unsubscribed=True)
    for member in answer["members"]:
        with suppress(NotFoundError):
            account.api.call(lists.get_list_member, account.audience, str(member.get("id")))


def ask_for_nothing(account: MailchimpProbes) -> None:
    """A25: ask for an audience, a tag and a member that do not exist."""
    lists = account.api.sdk.lists
    asked: tuple[tuple[Callable[..., Any], tuple[str, ...]], ...] = (
        (lists.get_list, (NO_AUDIENCE,)),
        (lists.get_segment_members_list, (account.audience, NO_TAG)),
        (lists.get_list_member, (account.audience, NO_MEMBER)),
    )
    for method, names in asked:
        with suppress(NotFoundError, RejectedError):
            account.api.call(method, *names)


def ask_for_headers(account: MailchimpProbes) -> None:
    """A27: ask for what costs least, and for the audience."""
    account.api.call(account.api.sdk.ping.get)
    account.api.call(account.api.sdk.lists.get_list, account.audience)


def page_audience(account: MailchimpProbes) -> None:
    """A29: read two members, one by one."""
    for offset in range(2):
        account.api.call(
            account.api.sdk.lists.get_list_members_info,
            account.audience,
            count=1,
            offset=offset,
            fields=["members.id", "total_items"],
        )


def read_reports(account: MailchimpProbes) -> None:
    """A32: read the newest reports."""
    account.api.call(account.api.sdk.reports.get_all_campaign_reports, count=SOME_REPORTS)


def batch_results(account: MailchimpProbes) -> ProbeResult:
    """A18: results of a finished batch can be fetched and read."""
    try:
        job = _finished_job(account)
        if job is not None:
            return held_if(job_answers(account.api, job), "The file has no operation.")
        if not account.address:
            return untestable("No batch ran in the last days; --write starts one.")
        operation = {"method": "GET", "path": "/ping", "operation_id": PING}
        status = Jobs(account.api, account.wait).run([operation]).get(PING, (0, None))[0]
        return held_if(status == PINGED, "The file does not say what became of the operation.")
    except FixSettingsError as error:  # a host that files are not fetched from
        return ProbeResult("broken", error.what)


def _finished_job(account: MailchimpProbes) -> Mapping[str, Any] | None:
    wanted = ["batches.id", "batches.status", "batches.response_body_url"]
    jobs = account.api.call(account.api.sdk.batches.list, count=account.limits["page"], fields=wanted)["batches"]
    return next((job for job in jobs if job["status"] == "finished" and job["response_body_url"]), None)


# ---------------------------------------------------------------------------------------------- by writing
def tag_moves(account: MailchimpProbes) -> ProbeResult:
    """A13: a tag says something else after somebody got it, and after somebody lost it."""
    account.records()
    before = _tag_state(account)
    for after, sentence in ((MEMBER, "Nothing moved when somebody got it."), (None, "Nothing moved when it was lost.")):
        account.wait(SECOND)  # a tag's moments have whole seconds, and its count leaves out who is unsubscribed
        _move(account, after)
        state = _tag_state(account)
        if state == before:
            return ProbeResult("broken", sentence)
        before = state
    return ProbeResult("held")


def _tag_state(account: MailchimpProbes) -> Any:
    fields = ["segments.id", "segments.member_count", "segments.updated_at"]
    method, query = account.api.sdk.lists.list_segments, {"type": "static", "fields": fields}
    pages = account.api.pages(method, account.audience, key="segments", size=account.limits["page"], **query)
    tag = account.records().tag_id
    states = (segment for page in pages for segment in page if str(segment["id"]) == tag)
    return [(segment.get("member_count"), segment.get("updated_at")) for segment in states]


def _move(account: MailchimpProbes, after: str | None) -> list[str]:
    records = account.records()
    change = Change("", records.contact_id, "", records.address, "group", TAG, None, after)
    outcomes = push_tags(account.api, account.audience, records.tags, [change], size=1, workers=1)
    return [outcome.state for batch in outcomes for outcome in batch]


def by_contact_id(account: MailchimpProbes) -> ProbeResult:
    """A16: a member is written by its contact_id, alone and in a batch."""
    present = defined(account.api, account.audience)
    tag = next((name for name in account.owned if name in present and present[name].type == "text"), None)
    if tag is None:
        return untestable("There is no merge field of ours; run `personasync setup`.")
    contact = account.records().contact_id
    ways = (account.writer.one_by_one, account.writer.as_jobs)
    for write, value, way in zip(ways, MARKS, ("alone", "in a batch"), strict=True):
        change = Change("", contact, "", account.address, "field", tag, None, value)
        states = {outcome.state for batch in write(by_member([change])) for outcome in batch}
        if states != {"applied"}:
            return ProbeResult("broken", f"The member was not written {way}.")
    return ProbeResult("held")


def tag_twice(account: MailchimpProbes) -> ProbeResult:
    """A17: giving a tag twice is no error."""
    states = [*_move(account, MEMBER), *_move(account, MEMBER)]
    _move(account, None)
    return held_if(states == ["applied", "unchanged"], f"First {states[0]}, then {states[-1]}.")


def write_merge_fields(account: MailchimpProbes) -> ProbeResult | None:
    """A31: write a value of each type to our merge fields of the test member."""
    account.kinds |= {tag: str(row["type"]) for tag, row in present_merge_fields(account.api, account.audience).items()}
    values = {tag: SAMPLES[kind] for tag in account.owned if (kind := account.kinds.get(tag, "")) in SAMPLES}
    if not values:
        return untestable("There is no merge field of ours; run `personasync setup`.")
    contact = account.records().contact_id
    changes = [Change("", contact, "", account.address, "field", tag, None, value) for tag, value in values.items()]
    states = {outcome.code for batch in account.writer.one_by_one(by_member(changes)) for outcome in batch}
    return ProbeResult("broken", "The member was not written.") if states - {"", "not_kept"} else None


PROBES: Mapping[str, Callable[[MailchimpProbes], ProbeResult | None]] = {
    "A13": tag_moves,
    "A14": read_webhooks,
    "A15": ask_unknown_names,
    "A16": by_contact_id,
    "A17": tag_twice,
    "A18": batch_results,
    "A22": read_tagged,
    "A25": ask_for_nothing,
    "A27": ask_for_headers,
    "A29": page_audience,
    "A31": write_merge_fields,
    "A32": read_reports,
}
"""What asks; where it says nothing itself, `CHECKS` does by the answers."""
WRITING = frozenset({"A13", "A16", "A17", "A31"})
"""Probes that write, of the test member and tag."""
