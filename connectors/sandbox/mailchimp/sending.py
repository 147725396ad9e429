"""Sending a campaign: who gets it, what each one reads, and what they do about it."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from connectors.sandbox.mailchimp.render import MailTemplate, links_in, plain_text
from connectors.sandbox.mailchimp.report_totals import deliveries_of, delivery_totals, orders_of
from connectors.sandbox.mailchimp.segment_rules import in_segment, meets, reachable
from connectors.sandbox.mailchimp.shopping import order_from
from connectors.sandbox.mailchimp.values import parse_time, stamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.sandbox.mailchimp.state import MailchimpState
    from connectors.sandbox.mailchimp.values import Document
    from connectors.sandbox.responses import RecipientResponse

EVERYBODY = 100  # percent
OWN_TAGS = {"UNSUB": "https://sandbox.test/unsubscribe", "ARCHIVE": "https://sandbox.test/archive"}


def recipients_of(state: MailchimpState, row: Document) -> list[Document]:
    """Return the subscribed members that a campaign is meant for."""
    list_id, options = row["recipients"]["list_id"], row["recipients"].get("segment_opts")
    everybody = list(state.members(list_id).values())
    if options:
        segment = state.segments(list_id).get(str(options["saved_segment_id"]))
        if segment is not None:
            everybody = in_segment(state, list_id, segment)
        elif options["conditions"]:
            everybody = [member for member in everybody if meets(member, options)]
    return [member for member in reachable(everybody) if member["email_address"]]


def checklist(state: MailchimpState, row: Document) -> list[Document]:
    """Return what is in order and what is not, as the send checklist shows it."""
    settings, content, variants = row["settings"], row["content"], row["variate_settings"] or {}
    listed = bool(row["recipients"].get("list_id"))
    texts = any(content.get(key) for key in ("html", "plain_text", "variate_contents"))
    checks = [
        ("List", listed and bool(recipients_of(state, row)), "Your campaign has no recipients."),
        ("Subject", bool(settings.get("subject_line") or variants.get("subject_lines")), "There is no subject line."),
        ("From name", bool(settings.get("from_name") or variants.get("from_names")), "There is no from name."),
        ("Reply-to", bool(settings.get("reply_to") or variants.get("reply_to_addresses")), "There is no reply-to."),
        ("Content", texts, "Your campaign has no content."),
    ]
    return [
        {
            "type": "success" if good else "error",
            "id": 500 + place,
            "heading": heading,
            "details": "" if good else wrong,
        }
        for place, (heading, good, wrong) in enumerate(checks)
    ]


def send_out(state: MailchimpState, row: Document) -> None:
    """Send a campaign; a multivariate one to its test part first, the rest later, by what won."""
    row["sent_at"] = row["send_time"] = state.now()
    members = recipients_of(state, row)
    chance(state, row["id"]).shuffle(members)
    variants = row["variate_settings"]
    if variants is None:
        deliver(state, row, row["id"], Variant(row), members)
    else:
        size = -(-len(members) * variants["test_size"] // EVERYBODY)
        for place, combination in enumerate(variants["combinations"]):
            child = add_child(state, row, combination)
            combination["id"], share = child["id"], members[place : size : len(variants["combinations"])]
            combination["recipients"] = len(share)
            deliver(state, row, child["id"], Variant(row, combination), share)
        if members[size:] and variants["winner_criteria"] != "manual":
            at = stamp(parse_time(row["sent_at"]) + timedelta(minutes=variants["wait_time"]))
            rest = [member["contact_id"] for member in members[size:]]
            state.plan_effect(at, "winner", campaign_id=row["id"], contacts=rest)
    row["status"] = "sending" if row["emails_sent"] < len(members) else "sent"
    state.campaigns[row["id"]] = row
    if row["status"] == "sent":
        state.told.sent(row)


def send_rest(state: MailchimpState, effect: Document) -> None:
    """Send what won the test to everybody else."""
    row = state.campaigns.get(effect["campaign_id"])
    if row is None:
        return
    variants, criteria = row["variate_settings"], row["variate_settings"]["winner_criteria"]
    best = max(
        variants["combinations"], key=lambda variant: variant_score(state, state.campaigns[variant["id"]], criteria)
    )
    members = state.members(row["recipients"]["list_id"])
    rest = reachable([members[key] for key in effect["contacts"] if key in members])
    child = add_child(state, row, best)
    variants["winning_combination_id"], variants["winning_campaign_id"] = best["id"], child["id"]
    deliver(state, row, child["id"], Variant(row, best), rest)
    row["status"] = "sent"
    state.campaigns[row["id"]] = row
    state.told.sent(row)


def variant_score(state: MailchimpState, child: Document, criteria: str) -> float:
    """Return how a combination did in the test."""
    if criteria == "total_revenue":
        return sum(float(order["order_total"]) for order in orders_of(state, child))
    figures = delivery_totals(deliveries_of(state, child), state.now())
    return figures.rate(figures.unique_opens if criteria == "opens" else figures.clickers)


class Variant:
    """Subject and content of one combination, or of the whole campaign."""

    def __init__(self, row: Document, combination: Document | None = None) -> None:
        content, self.subject = row["content"], row["settings"].get("subject_line", "")
        self.html = content.get("html") or content.get("plain_text", "")
        if combination is not None:
            self.subject = pick(row["variate_settings"]["subject_lines"], combination["subject_line"], self.subject)
            parts = [part.get("html", "") for part in content.get("variate_contents", [])]
            self.html = pick(parts, combination["content_description"], self.html)
        self.subject_template, self.html_template = MailTemplate(self.subject), MailTemplate(self.html)


def pick(variants: list[str], place: int, default: str) -> str:
    """Return a variant, or the campaign's own when nothing varies."""
    return variants[place] if place < len(variants) else default


def add_child(state: MailchimpState, row: Document, combination: Document) -> Document:
    """Create the child campaign of a combination; reports know it, the list of campaigns does not show it."""
    child_id = state.token("campaign")
    variants, settings = row["variate_settings"], dict(row["settings"])
    settings["subject_line"] = pick(
        variants["subject_lines"], combination["subject_line"], settings.get("subject_line", "")
    )
    settings["from_name"] = pick(variants["from_names"], combination["from_name"], settings.get("from_name", ""))
    child = {
        **row,
        "id": child_id,
        "parent_campaign_id": row["id"],
        "settings": settings,
        "variate_settings": None,
        "status": "sent",
        "send_time": state.now(),
        "sent_at": state.now(),
        "emails_sent": 0,
    }
    state.campaigns[child_id] = child
    return child


def chance(state: MailchimpState, *about: str) -> random.Random:
    """Return the chance of one matter: the same in every run of one seed."""
    return random.Random("/".join([str(state.world.seed), *about]))  # noqa: S311 - people, not secrets


def deliver(state: MailchimpState, row: Document, campaign_id: str, variant: Variant, members: list[Document]) -> None:
    """Send one variant to *members* and file what they will do."""
    from connectors.sandbox import responses  # noqa: PLC0415

    list_id, now = row["recipients"]["list_id"], state.now()
    fields = list(state.fields(list_id).values())
    defaults = {field["tag"]: str(field["default_value"]) for field in fields} | OWN_TAGS
    subject, html = variant.subject_template, variant.html_template
    pages: dict[str, str] = {}
    recipients = []
    for member in members:
        values = {tag: str(value) for tag, value in member["merge_fields"].items()}
        values["EMAIL"] = member["email_address"]
        pages[member["email_address"].lower()] = page = html.render(values, defaults)
        content = f"{subject.render(values, defaults)}\n{plain_text(page)}"
        recipients.append(responses.Recipient(email=member["email_address"], content=content))
    answers: dict[str, list[RecipientResponse]] = defaultdict(list)
    for response in (state.respond or responses.respond)(state.world, recipients, sent_at=parse_time(now)):
        answers[response.email.lower()].append(response)
    dice = chance(state, campaign_id, "clicks")
    for member in members:
        address = member["email_address"].lower()
        delivery = new_delivery(member, list_id, campaign_id, now)
        for response in sorted(answers[address], key=lambda answer: answer.at):
            links = links_in(pages[address]) or [OWN_TAGS["ARCHIVE"]]
            file_response(state, row, delivery, response, response.url or dice.choice(links))
        state.deliveries(row["id"])[member["contact_id"]] = delivery
    reached = [row] if campaign_id == row["id"] else [row, state.campaigns[campaign_id]]
    for campaign in reached:
        campaign["emails_sent"] += len(members)
        state.campaigns[campaign["id"]] = campaign


def new_delivery(member: Document, list_id: str, campaign_id: str, now: str) -> Document:
    """Return the delivery of a campaign to one member, nothing done yet."""
    return {
        "contact_id": member["contact_id"],
        "email_id": member["id"],
        "email_address": member["email_address"],
        "merge_fields": member["merge_fields"],
        "list_id": list_id,
        "campaign_id": campaign_id,
        "sent_at": now,
        "activity": [],
        "unsubscribed": None,
        "complaint": None,
    }


def file_response(
    state: MailchimpState, row: Document, delivery: Document, response: RecipientResponse, url: str
) -> None:
    """File one thing that a recipient will do."""
    at, kind = stamp(response.at), response.kind
    who = {"list_id": delivery["list_id"], "contact_id": delivery["contact_id"]}
    if kind in {"open", "machine_open"}:  # Mailchimp does not tell them apart
        delivery["activity"].append({"action": "open", "timestamp": at, "ip": "203.0.113.5"})
    elif kind == "click":
        delivery["activity"].append({"action": "click", "timestamp": at, "url": url, "ip": "203.0.113.5"})
    elif kind in {"hard_bounce", "soft_bounce"}:
        delivery["activity"].append({"action": "bounce", "type": kind.partition("_")[0], "timestamp": at})
        if kind == "hard_bounce":
            state.plan_effect(at, "status", status="cleaned", reason="", **who)
    elif kind == "unsubscribe":
        delivery["unsubscribed"] = {"timestamp": at, "reason": "None given"}
        state.plan_effect(at, "status", status="unsubscribed", reason="None given", **who)
    elif kind == "complaint":
        delivery["complaint"] = {"timestamp": at, "id": state.world.store.next_id("mailchimp.complaint")}
        state.plan_effect(at, "status", status="unsubscribed", reason="Abuse complaint", **who)
    elif kind == "order":
        order_from(state, delivery, row["id"], at, response.amount or 0.0)


def change_status(state: MailchimpState, effect: Document) -> None:
    """Let somebody leave, complain or bounce: nobody may subscribe them again."""
    directory = state.directory(effect["list_id"])
    member = directory.members.get(effect["contact_id"])
    if member is None or member["status"] in {"archived", "cleaned"}:
        return
    member |= {"status": effect["status"], "compliance": True, "last_changed": effect["at"]}
    if effect["reason"]:
        member["unsubscribe_reason"] = effect["reason"]
    with state.told.by("user"):
        directory.save(member)


def send_scheduled(state: MailchimpState, effect: Document) -> None:
    """Send a campaign whose time has come, unless it was unscheduled or scheduled anew."""
    row: dict[str, Any] | None = state.campaigns.get(effect["campaign_id"])
    if row is not None and row["status"] == "schedule" and row["send_time"] == effect["at"]:
        send_out(state, row)


EFFECTS: dict[str, Callable[[MailchimpState, Document], None]] = {
    "status": change_status,
    "send": send_scheduled,
    "winner": send_rest,
}
