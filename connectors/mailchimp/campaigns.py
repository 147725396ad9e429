"""Mailchimp campaigns with their variants, and the activity of each recipient."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from connectors.mailchimp.api import MailchimpApi
from connectors.mailchimp.times import mailchimp_moment
from connectors.records import CAMPAIGNS, DELIVERIES, ENGAGEMENTS, email_key, normalise_email
from connectors.transport import entries

LATEST_ACTIVITY = timedelta(days=60)  # figures of an older campaign hardly move
SPLIT = ("a", "b")
"""The halves of an A/B test, which were sent together. The third group, "winner", was not randomized against them."""
STATUSES = {"sent": "sent", "hard": "hard", "soft": "soft"}


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """One report: a campaign, or one variant of it."""

    report: Mapping[str, Any]
    parent: str | None = None
    variant: str | None = None

    @property
    def id(self) -> str:
        """The campaign's id."""
        return str(self.report["id"])

    @property
    def figures(self) -> str:
        """A digest of what the platform has counted: the same means that nobody did anything since."""
        figures = {name: self.report.get(name) for name in ("emails_sent", "abuse_reports", "unsubscribed", "bounces")}
        opens, clicks = self.report.get("opens") or {}, self.report.get("clicks") or {}  # all kinds have them (A32)
        figures |= {"opens": opens.get("opens_total"), "clicks": clicks.get("clicks_total")}
        return hashlib.sha256(json.dumps(figures, sort_keys=True).encode()).hexdigest()[:12]


class Campaigns:
    """The sent campaigns of one audience."""

    def __init__(self, api: MailchimpApi, connection: str, audience: str, *, size: int) -> None:
        self._api, self._connection, self._audience, self._size = api, connection, audience, size

    def sent(self, since: datetime | None) -> list[CampaignReport]:
        """Return the reports of campaigns sent after *since* (None: all), each variant by itself beside its parent."""
        window = {"since_send_time": since.isoformat()} if since else {}
        sdk = self._api.sdk
        listed = [
            report
            for page in self._api.pages(sdk.reports.get_all_campaign_reports, key="reports", size=self._size, **window)
            for report in page
            if report.get("list_id") == self._audience
        ]
        reports = {report["id"]: CampaignReport(report) for report in listed}
        labels = self._labels(window) if any(report["type"] == "variate" for report in listed) else {}
        for report in listed:
            if report["type"] == "variate" and report["id"] in labels:
                children = self._api.call(sdk.reports.get_sub_reports_for_campaign, report["id"])
                for child in entries(children, "reports"):
                    label = labels[report["id"]].get(child["id"])
                    reports[child["id"]] = CampaignReport(child, parent=report["id"], variant=label)
        return list(reports.values())

    def _labels(self, window: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        """Name the variants of multivariate campaigns by what varies: by campaign and child campaign."""
        pages = self._api.pages(self._api.sdk.campaigns.list, key="campaigns", size=self._size, **window)
        return {
            str(campaign["id"]): _combination_labels(campaign["variate_settings"])
            for page in pages
            for campaign in page
            if campaign.get("variate_settings")
        }

    def rows(self, mails: Sequence[CampaignReport]) -> pa.Table:
        """Return *mails* in the schema of `CAMPAIGNS`."""
        return pa.Table.from_pylist([self._row(mail) for mail in mails], schema=CAMPAIGNS.columns)

    def _row(self, mail: CampaignReport) -> dict[str, Any]:
        report = mail.report
        bounces, shop = report.get("bounces") or {}, report.get("ecommerce") or {}
        opens, clicks = report.get("opens") or {}, report.get("clicks") or {}
        return {
            "connection": self._connection,
            "campaign_id": mail.id,
            "parent_id": mail.parent,
            "name": report.get("campaign_title"),
            "subject": report.get("subject_line"),
            "variant": mail.variant,
            "state": "sent",
            "sent_at": mailchimp_moment(report.get("send_time")),
            "sent": report.get("emails_sent"),
            "opened": opens.get("unique_opens"),
            "clicked": clicks.get("unique_subscriber_clicks"),
            "unsubscribed": report.get("unsubscribed"),
            "bounced": int(bounces.get("hard_bounces") or 0) + int(bounces.get("soft_bounces") or 0)
            if bounces
            else None,
            "complained": report.get("abuse_reports"),
            "ordered": shop.get("total_orders"),
            "revenue": shop.get("total_revenue"),
            "currency": shop.get("currency_code"),
        }

    def deliveries(self, mail: CampaignReport) -> Iterator[pa.Table]:
        """Yield who got *mail*, as of its sending: Mailchimp tells no time by recipient."""
        sent_at = mailchimp_moment(mail.report.get("send_time"))
        pages = self._api.pages(self._api.sdk.reports.get_campaign_recipients, mail.id, key="sent_to", size=self._size)
        for page in pages:
            rows = [
                {
                    "connection": self._connection,
                    "campaign_id": mail.id,
                    "contact_key": email_key(address),
                    "at": sent_at,
                    "status": STATUSES.get(recipient.get("status"), "dropped"),
                    "variant": mail.variant or split_variant(recipient),
                }
                for recipient in page
                if (address := normalise_email(recipient.get("email_address")))
            ]
            yield pa.Table.from_pylist(rows, schema=DELIVERIES.columns)

    def engagements(self, mail: CampaignReport) -> Iterator[pa.Table]:
        """Yield what recipients of *mail* did, all of it: asked for what is new, Mailchimp leaves some out."""
        reports = self._api.sdk.reports
        sources = (
            (reports.get_email_activity_for_campaign, "emails", _acts),
            (reports.get_unsubscribed_list_for_campaign, "unsubscribes", _unsubscribed),
        )
        for method, key, read in sources:
            for page in self._api.pages(method, mail.id, key=key, size=self._size):
                yield self._engaged(mail, [act for recipient in page for act in read(recipient)])
        complaints = entries(self._api.call(reports.get_campaign_abuse_reports, mail.id), "abuse_reports")
        yield self._engaged(mail, [act for complaint in complaints for act in _complained(complaint)])

    def _engaged(self, mail: CampaignReport, acts: Sequence[Mapping[str, Any]]) -> pa.Table:
        rows = [{"connection": self._connection, "campaign_id": mail.id, **act} for act in acts]
        for row in rows:
            row["event_id"] = f"{mail.id}/{row['event_id']}"
        return pa.Table.from_pylist(rows, schema=ENGAGEMENTS.columns)


def split_variant(recipient: Mapping[str, Any]) -> str | None:
    """Return which half of an A/B test somebody was in; None for the rest, who got the winner hours later."""
    group = recipient.get("absplit_group")
    return group if group in SPLIT else None


def _combination_labels(settings: Mapping[str, Any]) -> dict[str, str]:
    parts = {"content_description": "contents", "subject_line": "subject_lines", "from_name": "from_names"}
    labels = {}
    for combination in settings.get("combinations", ()):
        named = [
            str(settings[many][combination[key]]) for key, many in parts.items() if len(settings.get(many) or ()) > 1
        ]
        labels[str(combination["id"])] = " / ".join(named) or "same for everyone"
    return labels


def _acts(entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Opens, clicks and bounces have no id of their own: who, what and when is one, and which of equal ones."""
    address = normalise_email(entry.get("email_address"))
    seen: Counter[str] = Counter()
    for act in entry.get("activity", ()) if address else ():
        about = f"{entry['email_id']}/{act['action']}/{act['timestamp']}/{act.get('url', '')}"
        seen[about] += 1
        yield {
            "event_id": f"{about}/{seen[about]}",
            "kind": act["action"],
            "contact_key": email_key(address or ""),
            "at": mailchimp_moment(act["timestamp"]),
            "url": act.get("url"),
        }


def _unsubscribed(entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from _once(entry, "unsubscribe", entry.get("timestamp"))


def _complained(entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from _once(entry, "complaint", entry.get("date"))


def _once(entry: Mapping[str, Any], kind: str, at: str | None) -> Iterator[dict[str, Any]]:
    address = normalise_email(entry.get("email_address"))
    if address:
        key = f"{entry['email_id']}/{kind}"
        yield {
            "event_id": key,
            "kind": kind,
            "contact_key": email_key(address),
            "at": mailchimp_moment(at),
            "url": None,
        }
