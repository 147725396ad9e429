"""What answers of Mailchimp say about what is assumed of it (connectors/evidence.toml).

The same checks hold the answers that a probe asks for on an account, those of the local platform, and recorded ones.
Where an answer that a check needs is not among them, nothing can be said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.probing import REFUSED, Check, CheckTerms, ProbeResult, SeenAnswer, good, held_if, untestable
from connectors.values import one_form

GONE = 404
ABOUT_RATES = re.compile(r"rate-?limit|retry-after", re.IGNORECASE)
TYPES = frozenset({"text", "number", "date", "dropdown", "radio", "url"})
"""Types of merge fields whose values are compared; addresses, telephones and birthdays are not ours."""
KINDS = {"dropdown": "enumeration", "radio": "enumeration"}
COUNTS: Mapping[str, tuple[str, ...]] = {
    "": ("emails_sent", "abuse_reports", "unsubscribed"),
    "opens": ("opens_total", "unique_opens"),
    "clicks": ("clicks_total", "unique_subscriber_clicks"),
    "bounces": ("hard_bounces", "soft_bounces"),
}
"""Counters of a report by where they stand in it."""
WRITTEN = ("members/{member}", "members")
NO_AUDIENCE, NO_TAG, NO_MEMBER = "0" * 10, "999999999", "0" * 32
NOT_THERE = (f"/lists/{NO_AUDIENCE}", f"/segments/{NO_TAG}/members", f"/members/{NO_MEMBER}")


def says_signed(answers: Sequence[SeenAnswer], _terms: CheckTerms) -> ProbeResult:
    """A14: webhooks say whether they are signed."""
    webhooks = [webhook for answer in good(answers, "webhooks") for webhook in answer.body["webhooks"]]
    if not webhooks:
        return untestable("The audience has no webhook.")
    return held_if(all("signing_enabled" in webhook for webhook in webhooks), "A webhook has no signing_enabled.")


def ignores_names(answers: Sequence[SeenAnswer], _terms: CheckTerms) -> ProbeResult:
    """A15: names in fields that no answer has are ignored."""
    asked = [answer for answer in answers if ".nothing" in answer.query.get("fields", "")]
    if not asked:
        return untestable("No unknown name was asked for.")
    return held_if(all(answer.status < REFUSED for answer in asked), "The request is refused.")


def tagged_known(answers: Sequence[SeenAnswer], _terms: CheckTerms) -> ProbeResult:
    """A22: a member of a tag has the hash under which the member itself is found, with its contact_id."""
    tagged = [member for answer in good(answers, "segments/members") for member in answer.body["members"]]
    if not tagged:
        return untestable("No tag has a member.")
    if not all(isinstance(member.get("id"), str) for member in tagged):
        return ProbeResult("broken", "A member of a tag has no id.")
    members = {answer.body["id"]: answer.body for answer in good(answers, "members/{member}") if answer.method == "GET"}
    known = [members.get(member["id"]) for member in tagged]
    if not all(member and member.get("contact_id") for member in known):
        return ProbeResult("broken", "The id of a tag's member is not that of a member with a contact_id.")
    also = "also" if all("contact_id" in member for member in tagged) else "no"
    return ProbeResult("held", f"Members of a tag have {also} contact_id.")


def gone_is_404(answers: Sequence[SeenAnswer], _terms: CheckTerms) -> ProbeResult:
    """A25: an audience, a tag or a member that does not exist is a 404."""
    about = {"lists/{list}", "segments/members", "members/{member}"}
    asked = [answer for answer in answers if answer.method == "GET" and answer.endpoint in about]
    refused = [answer for answer in asked if answer.status >= REFUSED or answer.place.endswith(NOT_THERE)]
    if not refused:
        return untestable("Nothing was asked for that does not exist.")
    return held_if(all(answer.status == GONE for answer in refused), "What does not exist is answered in another way.")


def says_no_rate(answers: Sequence[SeenAnswer], _terms: CheckTerms) -> ProbeResult:
    """A27: no header tells a rate, so connections are all that is counted."""
    usual = [answer for answer in answers if not answer.public]
    if not usual:
        return untestable("There was no answer.")
    named = sorted({name for answer in usual for name in answer.headers if ABOUT_RATES.search(name)})
    return held_if(not named, f"An answer has {', '.join(named)}.")


def pages_follow(answers: Sequence[SeenAnswer], _terms: CheckTerms) -> ProbeResult:
    """A29: pages by offset follow each other: no member comes twice, and no page has more than was asked for."""
    pages: dict[tuple[str, ...], dict[int, SeenAnswer]] = {}
    for answer in good(answers, "members"):
        if answer.method == "GET" and "offset" in answer.query and "count" in answer.query:
            others = (f"{name}={value}" for name, value in sorted(answer.query.items()) if name != "offset")
            pages.setdefault((answer.place, *others), {})[int(answer.query["offset"])] = answer
    tested = 0
    for by_offset in pages.values():
        for offset, first in by_offset.items():
            count, second = int(first.query["count"]), by_offset.get(offset + int(first.query["count"]))
            ids = _ids(first)
            if second is None or len(ids) < count:
                continue
            tested += 1
            both = [*ids, *_ids(second)]
            if len(ids) > count or len(set(both)) < len(both):
                return ProbeResult("broken", "The second page does not follow the first one.")
    return ProbeResult("held") if tested else untestable("It needs two members.")


def _ids(answer: SeenAnswer) -> list[str]:
    return [str(member["id"]) for member in answer.body["members"]]


def merge_values_kept(answers: Sequence[SeenAnswer], terms: CheckTerms) -> ProbeResult:
    """A31: values of merge fields come back as they were written, in one form by their type."""
    other, tested = set(), set()
    for answer in good(answers, *WRITTEN):
        if answer.method == "GET" or not isinstance(answer.sent, dict):
            continue
        shown = answer.body.get("merge_fields") or {}
        for name, value in (answer.sent.get("merge_fields") or {}).items():
            kind = terms.kinds.get(name)
            if kind in TYPES and name in shown:
                tested.add(kind)
                form = KINDS.get(kind, kind)
                other |= {kind} if one_form(shown[name], form) != one_form(value, form) else set()
    if not tested:
        return untestable("Nothing was written whose type is known.")
    if other:
        return ProbeResult("broken", f"Not kept: {', '.join(sorted(other))}.")
    return ProbeResult("held", f"Types: {', '.join(sorted(tested))}.")


def counts_named(answers: Sequence[SeenAnswer], _terms: CheckTerms) -> ProbeResult:
    """A32: every report has its counters, whatever kind of campaign it is of."""
    reports = [report for answer in good(answers, "reports") for report in answer.body["reports"]]
    if not reports:
        return untestable("No campaign was sent.")
    missing = {
        f"{place}.{name}".removeprefix(".")
        for report in reports
        for place, names in COUNTS.items()
        for name in names
        if not isinstance(_at(report, place).get(name), int)
    }
    return held_if(not missing, f"Missing: {', '.join(sorted(missing))}.")


def _at(report: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    inner = report.get(place) if place else report
    return inner if isinstance(inner, dict) else {}


CHECKS: Mapping[str, Check] = {
    "A14": says_signed,
    "A15": ignores_names,
    "A22": tagged_known,
    "A25": gone_is_404,
    "A27": says_no_rate,
    "A29": pages_follow,
    "A31": merge_values_kept,
    "A32": counts_named,
}
"""By number of the assumption; what can only be seen by trying has none here."""
