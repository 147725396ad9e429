"""Mailchimp's merge tags: ``*|TAG|*`` and ``*|IF:TAG=x|* ... *|ELSEIF:|* ... *|ELSE:|* ... *|END:IF|*``.

Tags that Mailchimp fills in itself are those that its help pages call system merge tags. What a preview can't know of
them (the list's address, a coupon) stands in square brackets, so that nobody takes it for text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from connectors.limits import MERGE_TAG_LENGTH
from connectors.templates import NEVER, EndTag, FieldTag, IfTag, OddTag, OwnTag, TemplateCondition, TemplateTag

ANY_CONDITION = re.compile(r"(IF|ELSEIF|IFNOT):(.*)", re.DOTALL)
CONDITION = re.compile(r"(IF|ELSEIF|IFNOT):\s*([A-Z0-9_:]+)\s*(?:(!?=)(.*))?", re.DOTALL)
MERGE_TAG = re.compile(r"[A-Z][A-Z0-9_]*")
LINKS = frozenset({"UNSUB", "UPDATE_PROFILE", "ARCHIVE", "FORWARD", "LIST_UNSUBSCRIBE"})
"""Printed as an address: a preview leads nowhere."""
NOT_IN_MAILS = frozenset({"ARCHIVE_PAGE"})
"""What conditions may ask for, and no mail has."""
WORDS = frozenset(
    {"UNIQID", "CAMPAIGN_UID", "MC_LANGUAGE", "MC_LANGUAGE_LABEL", "MC_PREVIEW_TEXT", "REWARDS", "REWARDS_TEXT"}
)
PLACE = "#"
WRITTEN = {"d": "%d", "D": "%a", "l": "%A", "m": "%m", "M": "%b", "F": "%B", "y": "%y", "Y": "%Y"}  # PHP's letters


class MergeTags:
    """Mailchimp's merge tags."""

    marks: tuple[str, ...] = ("*|",)
    tags = re.compile(r"\*\|(?P<tag>(?:(?!\*\|).)*?)\|\*", re.DOTALL)  # none begins inside: see `DOUBLE_BRACES`
    openings = re.compile(r"\*\|")

    def read(self, match: re.Match[str], today: date) -> Sequence[TemplateTag]:
        """Return what a tag means; see `TemplateDialect`."""
        tag, raw = match["tag"].strip(), match.group()
        if condition := CONDITION.fullmatch(tag):
            word, name, sign, wanted = condition.groups()
            asked = TemplateCondition(name, wanted.strip() if sign else None, (sign == "!=") != (word == "IFNOT"))
            return [IfTag(asked, new=word != "ELSEIF", of_field=name not in NOT_IN_MAILS)]
        if other := ANY_CONDITION.fullmatch(tag):
            problem = OddTag(f"the preview can't evaluate {raw!r}; it shows the email without it")
            return [problem, IfTag(NEVER, new=other.group(1) != "ELSEIF", of_field=False)]
        if tag == "ELSE:":
            return [IfTag(None, new=False)]
        if tag.startswith("END:"):
            return [EndTag()] if tag == "END:IF" else []  # of a block of Mailchimp's own, such as INTERESTED
        printed = printed_by_mailchimp(tag, today)
        return [OwnTag(tag, printed)] if printed is not None else [*_faults(tag, raw), FieldTag(tag)]


def _faults(tag: str, raw: str) -> list[OddTag]:
    if not MERGE_TAG.fullmatch(tag):
        return [OddTag(f"{raw!r} is not a merge tag (upper-case letters, digits, underscore)")]
    if len(tag) > MERGE_TAG_LENGTH:
        return [OddTag(f"{tag} has {len(tag)} characters; a merge tag can have at most {MERGE_TAG_LENGTH}")]
    return []


def printed_by_mailchimp(tag: str, today: date) -> str | None:
    """Return what stands in a preview for a tag of Mailchimp's own; None where it is a field of the audience.

    Args:
        tag: Without the asterisks and bars.
        today: The day that dates are of.
    """
    if tag.startswith("DATE:"):
        return _dated(tag.removeprefix("DATE:"), today)
    if tag in LINKS:
        return PLACE
    if tag == "CURRENT_YEAR":
        return f"{today:%Y}"
    return f"[{tag}]" if ":" in tag or tag in WORDS else None


def _dated(spelt: str, today: date) -> str:
    bare = {"j": str(today.day), "n": str(today.month)}
    return "".join(
        bare.get(letter) or (today.strftime(WRITTEN[letter]) if letter in WRITTEN else letter) for letter in spelt
    )
