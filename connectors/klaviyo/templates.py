"""Klaviyo's template tags: ``{{ person|lookup:'name'|default:'...' }}``, and conditions on the same.

What Klaviyo fills in itself stands in square brackets in a preview, and links lead nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from connectors.templates import DOUBLE_BRACES, EndTag, FieldTag, IfTag, OddTag, OwnTag, TemplateCondition, TemplateTag

FIELD = r"(?:person\s*\|\s*lookup:\s*(['\"])(?P<name>[^'\"]+)\1|person\.(?P<own>\w+)|(?P<bare>first_name|last_name))"
PRINTED = re.compile(FIELD + r"\s*(?:\|\s*default:\s*(['\"])(?P<default>.*?)\5)?", re.DOTALL)
ASKED = re.compile(r"(?P<word>if|elif)\s+(?P<no>not\s+)?" + FIELD.replace(r"\1", r"\3") + r"\s*(?P<test>.*)", re.DOTALL)
TEST = re.compile(r"(==|!=)\s*(['\"])(.*?)\2\s*", re.DOTALL)
LINKS = re.compile(r"(unsubscribe|manage_preferences|web_view)(_link)?\b.*", re.DOTALL)
OF_THE_SENDER = re.compile(r"(organization|event|catalog)(\.\w+)+")
PLACE = "#"


class KlaviyoTags:
    """Klaviyo's tags, as far as mails use them for profiles."""

    marks: tuple[str, ...] = ("person|lookup", "person |", "person.")
    tags = DOUBLE_BRACES
    openings = re.compile(r"\{\{|\{%")

    def read(self, match: re.Match[str], today: date) -> Sequence[TemplateTag]:
        """Return what a tag means; see `TemplateDialect`."""
        del today
        inner = (match["print"] if match["print"] is not None else match["block"]).strip()
        if LINKS.fullmatch(inner):
            return [OwnTag(inner, PLACE)]
        if match["print"] is None:
            return [_block(inner, match.group())]
        if printed := PRINTED.fullmatch(inner):
            return [FieldTag(_name(printed), printed["default"] or "")]
        return [OwnTag(inner, f"[{inner}]") if OF_THE_SENDER.fullmatch(inner) else _unknown(match.group())]


def _name(match: re.Match[str]) -> str:
    return str(match["name"] or match["own"] or match["bare"])


def _block(inner: str, raw: str) -> TemplateTag:
    if inner in {"else", "endif"}:
        return EndTag() if inner == "endif" else IfTag(None, new=False)
    asked = ASKED.fullmatch(inner)
    test = TEST.fullmatch(asked["test"]) if asked else None
    if asked is None or (asked["test"].strip() and test is None):
        return _unknown(raw)
    negated = bool(asked["no"]) != (test is not None and test[1] == "!=")
    return IfTag(TemplateCondition(_name(asked), test[3] if test else None, negated), new=asked["word"] == "if")


def _unknown(raw: str) -> OddTag:
    return OddTag(f"the preview doesn't support {raw!r}; it is shown unchanged", kept=True)
