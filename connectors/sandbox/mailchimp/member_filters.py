"""Which members a list call shows, and in which order."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from connectors.sandbox.mailchimp import problems

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.sandbox.mailchimp.call import MailchimpCall
    from connectors.sandbox.mailchimp.directory import Directory
    from connectors.sandbox.mailchimp.values import Document

STATUSES = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional", "archived")
SORT_FIELDS = ("timestamp_opt", "timestamp_signup", "last_changed")
KNOWN_ORDERS = 4


def matching(call: MailchimpCall, directory: Directory) -> list[str]:
    """Return the contact ids that match the query, in its order.

    The answer is remembered until a member changes: pages of one pull do not sort again.
    """
    ignored = {"count", "offset", "fields", "exclude_fields"}
    key = tuple(sorted((name, value) for name, value in call.query.items() if name not in ignored))
    known = directory.ordered.get(key)
    if known is not None and known[0] == directory.version:
        return known[1]
    keys = select_members(call, directory)
    if len(directory.ordered) >= KNOWN_ORDERS:
        directory.ordered.clear()
    directory.ordered[key] = (directory.version, keys)
    return keys


def select_members(call: MailchimpCall, directory: Directory) -> list[str]:
    """Return the contact ids that match the query, in its order."""
    passes = tests(call, directory)
    chosen = list(directory.members.values())
    for test in passes:
        chosen = [member for member in chosen if test(member)]
    field = call.query.get("sort_field")
    if field:
        if field not in SORT_FIELDS:
            raise problems.invalid_fields(("sort_field", f"Value must be one of: {', '.join(SORT_FIELDS)}"))
        chosen.sort(key=itemgetter(field), reverse=call.query.get("sort_dir", "").upper() == "DESC")
    return [member["contact_id"] for member in chosen]


def tests(call: MailchimpCall, directory: Directory) -> list[Callable[[Document], bool]]:
    """Return what a member must pass. A time filter leaves its own moment out (since) or in (before)."""
    passes: list[Callable[[Document], bool]] = []
    for field in ("last_changed", "timestamp_opt"):
        since, before = call.moment(f"since_{field}"), call.moment(f"before_{field}")
        if since is not None:
            passes.append(lambda member, field=field, since=since: member[field] > since)  # type: ignore[misc]
        if before is not None:
            passes.append(lambda member, field=field, before=before: "" < member[field] <= before)  # type: ignore[misc]
    passes += status_tests(call)
    if call.flag("vip_only"):
        passes.append(lambda member: bool(member["vip"]))
    if call.query.get("email_type"):
        passes.append(lambda member: member["email_type"] == call.query["email_type"])
    if call.flag("since_last_campaign"):
        passes.append(since_last_campaign(call, directory))
    return passes


def status_tests(call: MailchimpCall) -> list[Callable[[Document], bool]]:
    """Return the tests of `status` and `unsubscribed_since`."""
    status = call.query.get("status")
    since = call.moment("unsubscribed_since")
    if status is not None and status not in STATUSES:
        raise problems.invalid_fields(("status", f"Value must be one of: {', '.join(STATUSES)}"))
    if since is not None and status != "unsubscribed":
        raise problems.invalid_fields(("unsubscribed_since", "Can only be used with status=unsubscribed"))
    passes: list[Callable[[Document], bool]] = []
    if status is not None:
        passes.append(lambda member: member["status"] == status)
    if since is not None:
        passes.append(lambda member: member["last_changed"] > since)
    return passes


def since_last_campaign(call: MailchimpCall, directory: Directory) -> Callable[[Document], bool]:
    """Return the test for a change after the audience's newest campaign; it needs a status."""
    if "status" not in call.query:
        raise problems.invalid_fields(("since_last_campaign", "Can only be used together with status"))
    sent = [c["sent_at"] for c in call.state.campaigns.values() if _of(c, directory.list_id) and c.get("sent_at")]
    newest = max(sent, default="")
    return lambda member: member["last_changed"] > newest


def _of(campaign: Document, list_id: str) -> bool:
    return bool(campaign["recipients"].get("list_id") == list_id)
