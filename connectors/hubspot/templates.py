"""HubL: ``{{ contact.name }}``, ``{{ personalization_token("contact.name", "default") }}`` and conditions.

These are ``{% if contact.name == "x" %}`` with elif, else and endif. What HubSpot fills in itself are the variables of
its e-mail templates. What a preview can't know of them (the sender's address) stands in square brackets, so that nobody
takes it for text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from connectors.templates import DOUBLE_BRACES, EndTag, FieldTag, IfTag, OddTag, OwnTag, TemplateCondition, TemplateTag

TOKEN = re.compile(r"personalization_token\(\s*(['\"])contact\.(\w+)\1\s*(?:,\s*(['\"])(.*?)\3\s*)?\)", re.DOTALL)
HUBL_IF = re.compile(r"(if|elif)\s+(not\s+)?contact\.(\w+)\s*(?:(==|!=)\s*(['\"])(.*?)\5)?", re.DOTALL)
LINKS = frozenset({"unsubscribe_link", "unsubscribe_link_all", "view_as_page_url", "update_subscriptions_link"})
"""Printed as an address: a preview leads nowhere."""
WORDS = frozenset({"subscription_name", "unsubscribe_section", "office_location"})
OF_THE_SENDER = re.compile(r"(site_settings|content|company|owner|email|account|request)(\.\w+)+")
"""Everything with a point that is not the reader's contact record."""
PLACE = "#"


class Hubl:
    """HubSpot's template language, as far as mails use it for contacts."""

    marks: tuple[str, ...] = ("{{", "{%")
    tags = DOUBLE_BRACES
    openings = re.compile(r"\{\{|\{%")

    def read(self, match: re.Match[str], today: date) -> Sequence[TemplateTag]:
        """Return what a tag means; see `TemplateDialect`."""
        if match["print"] is not None:
            return [_printing(match["print"].strip(" -"), match.group(), today)]
        return [_block(match["block"].strip(" -"), match.group())]


def _printing(inner: str, raw: str, today: date) -> TemplateTag:
    if token := TOKEN.fullmatch(inner):
        return FieldTag(token.group(2), token.group(4) or "")
    if plain := re.fullmatch(r"contact\.(\w+)", inner):
        return FieldTag(plain.group(1), "")
    printed = printed_by_hubspot(inner, today)
    return _unknown(raw) if printed is None else OwnTag(inner, printed)


def _block(inner: str, raw: str) -> TemplateTag:
    if condition := HUBL_IF.fullmatch(inner):
        word, negation, name, sign, _, wanted = condition.groups()
        asked = TemplateCondition(name, wanted if sign else None, (sign == "!=") != bool(negation))
        return IfTag(asked, new=word == "if")
    if inner == "else":
        return IfTag(None, new=False)
    return EndTag() if inner == "endif" else _unknown(raw)


def _unknown(raw: str) -> OddTag:
    return OddTag(f"the preview doesn't support {raw!r}; it is shown unchanged", kept=True)


def printed_by_hubspot(variable: str, today: date) -> str | None:
    """Return what stands in a preview for a variable of HubSpot's own; None where the preview doesn't know it."""
    if variable in LINKS:
        return PLACE
    if variable == "year":
        return f"{today:%Y}"
    return f"[{variable}]" if OF_THE_SENDER.fullmatch(variable) or variable in WORDS else None
