"""Mailchimp's merge-tag language: `*|TAG|*` and `*|IF:TAG=x|* … *|ELSEIF:…|* … *|ELSE:|* … *|END:IF|*`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN = re.compile(r"\*\|(.*?)\|\*", re.DOTALL)
CONDITION = re.compile(r"(IF|ELSEIF|IFNOT):\s*([A-Z0-9_:]+)\s*(?:(!?=)\s*(.*?))?\s*", re.DOTALL)
MARKUP = re.compile(r"<(?:style|script).*?</(?:style|script)>|<[^>]+>", re.DOTALL | re.IGNORECASE)
LINK = re.compile(r"href\s*=\s*[\"'](https?://[^\"']+)[\"']", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RenderCondition:
    """What an IF asks; `wanted` None asks whether there is any value."""

    tag: str
    wanted: str | None = None
    negated: bool = False

    def holds(self, values: Mapping[str, str]) -> bool:
        """Answer for one recipient. A field's default does not count as a value."""
        shown = values.get(self.tag, "")
        return (bool(shown) if self.wanted is None else shown == self.wanted) != self.negated


@dataclass(frozen=True, slots=True)
class Field:
    """A value of the recipient; `raw` is printed when nobody knows the tag."""

    tag: str
    raw: str


@dataclass(slots=True)
class RenderChoice:
    """Branches, of which the first that holds is printed; ELSE always holds."""

    branches: list[tuple[RenderCondition | None, list[str | Field | RenderChoice]]] = field(default_factory=list)


class MailTemplate:
    """A text with merge tags, read once and rendered for each recipient."""

    def __init__(self, text: str) -> None:
        self.tokens = TOKEN.split(text)
        self.place = 0
        self.parts = self.read(nested=False)

    def read(self, *, nested: bool) -> list[str | Field | RenderChoice]:
        """Read parts until the text ends, or the branch that one is in."""
        parts: list[str | Field | RenderChoice] = []
        while self.place < len(self.tokens):
            word, is_tag = self.tokens[self.place], self.place % 2 == 1
            if is_tag and nested and re.match(r"ELSE(IF)?:|END:IF", word.strip()):
                return parts
            self.place += 1
            condition = condition_of(word) if is_tag else None
            if condition is not None:
                parts.append(self.read_choice(condition))
            elif is_tag and word.strip() != "END:IF":
                parts.append(Field(word.strip(), f"*|{word}|*"))
            elif not is_tag and word:
                parts.append(word)
        return parts

    def read_choice(self, first: RenderCondition) -> RenderChoice:
        """Read the branches of an IF up to its END:IF."""
        choice = RenderChoice([(first, self.read(nested=True))])
        while self.place < len(self.tokens):
            word = self.tokens[self.place].strip()
            self.place += 1
            if word == "END:IF":
                break
            choice.branches.append((condition_of(word), self.read(nested=True)))
        return choice

    def render(self, values: Mapping[str, str], defaults: Mapping[str, str]) -> str:
        """Return the text as one recipient gets it."""
        return "".join(render_part(part, values, defaults) for part in self.parts)


def condition_of(token: str) -> RenderCondition | None:
    """Read an IF, IFNOT or ELSEIF."""
    match = CONDITION.fullmatch(token.strip())
    if match is None:
        return None
    word, tag, sign, wanted = match.groups()
    return RenderCondition(tag, wanted if sign else None, (sign == "!=") != (word == "IFNOT"))


def render_part(part: str | Field | RenderChoice, values: Mapping[str, str], defaults: Mapping[str, str]) -> str:
    """Return one part as one recipient gets it."""
    if isinstance(part, str):
        return part
    if isinstance(part, Field):
        if part.tag not in values and part.tag not in defaults:
            return part.raw
        return values.get(part.tag) or defaults.get(part.tag, "")
    for condition, parts in part.branches:
        if condition is None or condition.holds(values):
            return "".join(render_part(inner, values, defaults) for inner in parts)
    return ""


def plain_text(html: str) -> str:
    """Return the words of an HTML text."""
    return re.sub(r"\s+", " ", unescape(MARKUP.sub(" ", html))).strip()


def links_in(html: str) -> list[str]:
    """Return the addresses that an HTML text links to, in order."""
    return list(dict.fromkeys(unescape(url) for url in LINK.findall(html)))
