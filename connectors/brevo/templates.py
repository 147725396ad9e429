"""Brevo's template tags: ``{{ contact.NAME | default : "..." }}``, and conditions on the same.

What Brevo fills in itself stands in square brackets in a preview, and links lead nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from connectors.templates import DOUBLE_BRACES, EndTag, FieldTag, IfTag, OddTag, OwnTag, TemplateCondition, TemplateTag

PRINTED = re.compile(r"contact\.(\w+)\s*(?:\|\s*default\s*:\s*(['\"])(.*?)\2)?", re.DOTALL)
ASKED = re.compile(r"(if|elif)\s+(not\s+)?contact\.(\w+)\s*(?:(==|!=)\s*(['\"])(.*?)\5)?", re.DOTALL)
LINKS = frozenset({"unsubscribe", "mirror", "update_profile"})
FROM_ELSEWHERE = re.compile(r"params(\.\w+)+")
PLACE = "#"


class BrevoTags:
    """Brevo's tags, as far as mails use them for contacts."""

    marks: tuple[str, ...] = ("contact.",)
    tags = DOUBLE_BRACES
    openings = re.compile(r"\{\{|\{%")

    def read(self, match: re.Match[str], today: date) -> Sequence[TemplateTag]:
        """Return what a tag means; see `TemplateDialect`."""
        del today
        if match["print"] is None:
            return [_block(match["block"].strip(" -"), match.group())]
        inner = match["print"].strip()
        if printed := PRINTED.fullmatch(inner):
            return [FieldTag(printed[1], printed[3] or "")]
        if inner in LINKS:
            return [OwnTag(inner, PLACE)]
        return [OwnTag(inner, f"[{inner}]") if FROM_ELSEWHERE.fullmatch(inner) else _unknown(match.group())]


def _block(inner: str, raw: str) -> TemplateTag:
    if inner in {"else", "endif"}:
        return EndTag() if inner == "endif" else IfTag(None, new=False)
    asked = ASKED.fullmatch(inner)
    if asked is None:
        return _unknown(raw)
    word, no, name, sign, _, wanted = asked.groups()
    condition = TemplateCondition(name, wanted if sign else None, (sign == "!=") != bool(no))
    return IfTag(condition, new=word == "if")


def _unknown(raw: str) -> OddTag:
    return OddTag(f"the preview doesn't support {raw!r}; it is shown unchanged", kept=True)
