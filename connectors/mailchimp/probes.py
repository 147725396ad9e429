"""Tests of what is assumed of Mailchimp (connectors/evidence.toml), on the user's own account.

Each asks as the connector asks, through its transport. Those that write use a member and a tag of their own, which
they make and remove.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from connectors.errors import FixSettingsError, RejectedError
from connectors.mailchimp.api import MailchimpApi
from connectors.mailchimp.batches import Jobs, job_answers
from connectors.mailchimp.fields import defined
from connectors.mailchimp.probe_records import TAG, MailchimpTestRecords
from connectors.mailchimp.push import FieldWriter, by_member, push_tags
from connectors.probing import ProbeResult, held_if, untestable
from connectors.records import MEMBER, Change

PINGED, SECOND = 200, 1.1
SAMPLES = ("personasync probe 1", "personasync probe 2")


@dataclass(slots=True)
class MailchimpProbes:
    """One audience that is asked.

    Attributes:
        owned: Our merge tags.
        address: Of the test member; "": nothing is written.
        limits: Of plugin.toml.
        made: What has to be removed.
    """

    api: MailchimpApi
    audience: str
    owned: Sequence[str]
    address: str
    limits: Mapping[str, int]
    writer: FieldWriter
    wait: Callable[[float], None]
    made: MailchimpTestRecords | None = None

    def every(self) -> dict[str, Callable[[], ProbeResult]]:
        """Return the probes by number of the assumption."""
        return {number: partial(probe, self) for number, probe in PROBES.items()}

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


def signing_key(account: MailchimpProbes) -> ProbeResult:
    """A14: webhooks say whether they are signed."""
    webhooks = account.api.call(account.api.sdk.lists.get_list_webhooks, account.audience)["webhooks"]
    if not webhooks:
        return untestable("The audience has no webhook.")
    return held_if(all("signing_enabled" in webhook for webhook in webhooks), "A webhook has no signing_enabled.")


def unknown_names(account: MailchimpProbes) -> ProbeResult:
    """A15: names in fields that no answer has are ignored."""
    fields = ["members.id", "members.nothing"]
    try:
        account.api.call(account.api.sdk.lists.get_list_members_info, account.audience, count=1, fields=fields)
    except RejectedError:
        return ProbeResult("broken", "The request is refused.")
    return ProbeResult("held")


def batch_results(account: MailchimpProbes) -> ProbeResult:
    """A18: results of a finished batch can be fetched and read."""
    try:
        job = _finished_job(account)
        if job is not None:
            return held_if(job_answers(account.api, job), "The file has no operation.")
        if not account.address:
            return untestable("No batch ran in the last days; --write starts one.")
        ping = {"method": "GET", "path": "/ping", "operation_id": "probe"}
        status = Jobs(account.api, account.wait).run([ping]).get("probe", (0, None))[0]
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
    field = next((name for name in account.owned if name in present and present[name].type == "text"), None)
    if field is None:
        return untestable("There is no merge field of ours; run `personasync setup`.")
    contact = account.records().contact_id
    ways = (account.writer.one_by_one, account.writer.as_jobs)
    for write, value, way in zip(ways, SAMPLES, ("alone", "in a batch"), strict=True):
        change = Change("", contact, "", account.address, "field", field, None, value)
        states = {outcome.state for batch in write(by_member([change])) for outcome in batch}
        if states != {"applied"}:
            return ProbeResult("broken", f"The member was not written {way}.")
    return ProbeResult("held")


def tag_twice(account: MailchimpProbes) -> ProbeResult:
    """A17: giving a tag twice is no error."""
    states = [*_move(account, MEMBER), *_move(account, MEMBER)]
    _move(account, None)
    return held_if(states == ["applied", "unchanged"], f"First {states[0]}, then {states[-1]}.")


PROBES: Mapping[str, Callable[[MailchimpProbes], ProbeResult]] = {
    "A13": tag_moves,
    "A14": signing_key,
    "A15": unknown_names,
    "A16": by_contact_id,
    "A17": tag_twice,
    "A18": batch_results,
}
WRITING = frozenset({"A13", "A16", "A17"})
"""Probes that write, of the test member and tag."""
