"""System tags that the platform fills in itself: links, dates, sender data.

Mailchimp's are those that its help pages call system merge tags, HubSpot's the variables of its e-mail templates. What
a preview can't know of them (the list's address, a coupon) stands in square brackets, so that nobody takes it for text.
"""

from __future__ import annotations

import re
from datetime import date

LINKS = frozenset(
    {
        *("UNSUB", "UPDATE_PROFILE", "ARCHIVE", "FORWARD", "LIST_UNSUBSCRIBE"),
        *("unsubscribe_link", "unsubscribe_link_all", "view_as_page_url", "update_subscriptions_link"),
    }
)
"""Printed as an address: a preview leads nowhere."""
NOT_IN_MAILS = frozenset({"ARCHIVE_PAGE"})
"""What conditions may ask for, and no mail has."""
YEARS = frozenset({"CURRENT_YEAR", "year"})
WORDS = frozenset(
    {
        *("UNIQID", "CAMPAIGN_UID", "MC_LANGUAGE", "MC_LANGUAGE_LABEL", "MC_PREVIEW_TEXT", "REWARDS", "REWARDS_TEXT"),
        *("subscription_name", "unsubscribe_section", "office_location"),
    }
)
OF_THE_SENDER = re.compile(r"(site_settings|content|company|owner|email|account|request)(\.\w+)+")
"""HubL: everything with a point that is not the reader's contact record."""
PLACE = "#"
WRITTEN = {  # the letters of Mailchimp's dates are PHP's
    "d": "%d",
    "D": "%a",
    "l": "%A",
    "m": "%m",
    "M": "%b",
    "F": "%B",
    "y": "%y",
    "Y": "%Y",
}


def printed_by_mailchimp(tag: str, today: date) -> str | None:
    """Return what stands in a preview for a tag of Mailchimp's own; None where it is a field of the audience.

    Args:
        tag: Without the asterisks and bars.
        today: The day that dates are of.
    """
    if tag.startswith("DATE:"):
        return _dated(tag.removeprefix("DATE:"), today)
    return f"[{tag}]" if ":" in tag else _common(tag, today)


def printed_by_hubspot(variable: str, today: date) -> str | None:
    """Return what stands in a preview for a variable of HubSpot's own; None where the preview doesn't know it."""
    return f"[{variable}]" if OF_THE_SENDER.fullmatch(variable) else _common(variable, today)


def _common(name: str, today: date) -> str | None:
    if name in LINKS:
        return PLACE
    if name in YEARS:
        return f"{today:%Y}"
    return f"[{name}]" if name in WORDS else None


def _dated(spelt: str, today: date) -> str:
    bare = {"j": str(today.day), "n": str(today.month)}
    return "".join(
        bare.get(letter) or (today.strftime(WRITTEN[letter]) if letter in WRITTEN else letter) for letter in spelt
    )
