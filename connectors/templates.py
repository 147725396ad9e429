"""What mail templates of platforms are made of, and how a connector reads those of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class TemplateCondition:
    """A condition; `wanted` None asks whether there is any value."""

    name: str
    wanted: str | None = None
    negated: bool = False

    def holds(self, values: Mapping[str, str]) -> bool:
        """Answer for one person. A default does not count as a value.

        Args:
            values: Of the person, by field.

        Returns:
            Whether it holds.
        """
        value = values.get(self.name, "")
        return (bool(value) if self.wanted is None else value == self.wanted) != self.negated


NEVER = TemplateCondition("", wanted="\0")
"""A condition that a preview can't answer: it does not hold."""


@dataclass(frozen=True, slots=True)
class FieldTag:
    """Prints a field; `default` None leaves it to the platform's field."""

    name: str
    default: str | None = None


@dataclass(frozen=True, slots=True)
class OwnTag:
    """What the platform fills in itself; `shown` stands in a preview, the name in brackets where nobody can know it."""

    name: str
    shown: str


@dataclass(frozen=True, slots=True)
class IfTag:
    """Begins a condition (`new`), or another branch of it; `condition` None: what is printed else.

    Attributes:
        of_field: Whether it asks for a field of the contact.
    """

    condition: TemplateCondition | None
    new: bool
    of_field: bool = True


@dataclass(frozen=True, slots=True)
class EndTag:
    """Ends a condition."""


@dataclass(frozen=True, slots=True)
class OddTag:
    """A problem, in words; `kept`: the tag is shown unchanged."""

    problem: str
    kept: bool = False


DOUBLE_BRACES = re.compile(r"\{\{(?P<print>(?:(?!\{\{).)*?)\}\}|\{%(?P<block>(?:(?!\{%).)*?)%\}", re.DOTALL)
"""Tags of the languages that print in two braces. None begins inside of one of its kind: a text of nothing but
beginnings would else be read to its end for each of them."""

TemplateTag = FieldTag | OwnTag | IfTag | EndTag | OddTag


class TemplateDialect(Protocol):
    """The language of a platform's mail templates.

    Attributes:
        marks: What only such a template has: it tells for which platform a file is meant.
        tags: Finds the tags.
        openings: Finds what begins a tag; where it stands outside of one, the tag is never closed.
    """

    marks: tuple[str, ...]
    tags: re.Pattern[str]
    openings: re.Pattern[str]

    def read(self, match: re.Match[str], today: date) -> Sequence[TemplateTag]:
        """Return what a tag means, its problems among it; nothing: it prints nothing.

        Args:
            match: Of `tags`.
            today: The day on which the mail goes out, for the platform's own dates.
        """


PLACE = "#"
"""What stands in a preview for an address that the platform fills in: it leads nowhere."""
_TEST = r"(?:(?P<sign>==|!=)\s*(?P<quote>['\"])(?P<wanted>.*?)(?P=quote)\s*)?"
_DEFAULT = r"\s*(?:\|\s*default\s*:\s*(?P<quote>['\"])(?P<default>.*?)(?P=quote))?"
QUOTED, WORD = "[^'\"]+", r"\w+"
_PIECES = re.compile(r"(\{name\}|['\"]|[|:])")


class DeclaredTags:
    """Tags in two braces, as a spec declares them (`connectors.declared.TemplateSpec`).

    A field is printed as ``{{ FIELD | default: "..." }}``, conditions are ``{% if not FIELD == "..." %}``, ``elif``,
    ``else`` and ``endif``. What the platform fills in itself stands in square brackets in a preview.

    Args:
        marks: What only such a template has.
        fields: How a field is written, ``{name}`` its name: ``contact.{name}``; quotes may be of either kind.
        places: What the platform prints as an address.
        place_blocks: The same as the first word of a block.
        own: What else it prints; ``*`` stands for words with points.
    """

    tags = DOUBLE_BRACES
    openings = re.compile(r"\{\{|\{%")

    def __init__(
        self,
        *,
        marks: Sequence[str],
        fields: Sequence[str],
        places: Sequence[str] = (),
        place_blocks: Sequence[str] = (),
        own: Sequence[str] = (),
    ) -> None:
        self.marks = tuple(marks)
        field = "|".join(_spelt(form, number) for number, form in enumerate(fields))
        self._printed = re.compile(rf"(?:{field}){_DEFAULT}", re.DOTALL)
        self._asked = re.compile(rf"(?P<word>if|elif)\s+(?P<no>not\s+)?(?:{field})\s*{_TEST}", re.DOTALL)
        self._places, self._place_blocks = frozenset(places), frozenset(place_blocks)
        self._own = [re.compile(re.escape(word).replace(r"\*", r"\w+(\.\w+)*")) for word in own]

    def read(self, match: re.Match[str], today: date) -> Sequence[TemplateTag]:
        """Return what a tag means; see `TemplateDialect`.

        Returns:
            One tag; what nobody knows is an `OddTag`.
        """
        del today
        if match["print"] is None:
            return [self._block(match["block"].strip(" -\t\r\n"), match.group())]
        inner = match["print"].strip()
        if printed := self._printed.fullmatch(inner):
            return [FieldTag(_name(printed), printed["default"] or "")]
        if inner in self._places:
            return [OwnTag(inner, PLACE)]
        is_own = any(word.fullmatch(inner) for word in self._own)
        return [OwnTag(inner, f"[{inner}]") if is_own else _unknown(match.group())]

    def _block(self, inner: str, raw: str) -> TemplateTag:
        if inner in {"else", "endif"}:
            return EndTag() if inner == "endif" else IfTag(None, new=False)
        if inner.partition(" ")[0] in self._place_blocks:
            return OwnTag(inner, PLACE)
        asked = self._asked.fullmatch(inner)
        if asked is None:
            return _unknown(raw)
        negated = bool(asked["no"]) != (asked["sign"] == "!=")
        return IfTag(TemplateCondition(_name(asked), asked["wanted"], negated), new=asked["word"] == "if")


def _spelt(form: str, number: int) -> str:
    """The pattern of a form of a field: spaces stand around its signs, and either kind of quotes where it has any."""
    pattern, quotes = "", 0
    for piece in _PIECES.split(form):
        if piece == "{name}":
            pattern += rf"(?P<name{number}>{QUOTED if quotes % 2 else WORD})"
        elif piece in {"'", '"'}:
            pattern += rf"(?P=opens{number})" if quotes % 2 else rf"(?P<opens{number}>['\"])"
            quotes += 1
        else:
            pattern += rf"\s*{re.escape(piece)}\s*" if piece in {"|", ":"} else re.escape(piece)
    return pattern if "{name}" in form else rf"(?P<name{number}>{pattern})"


def _name(match: re.Match[str]) -> str:
    return next(text for group, text in match.groupdict().items() if group.startswith("name") and text is not None)


def _unknown(raw: str) -> OddTag:
    return OddTag(f"the preview doesn't support {raw!r}; it is shown unchanged", kept=True)


@runtime_checkable
class HasTemplates(Protocol):
    """A connector whose mail templates can be previewed; asked of its class."""

    dialect: TemplateDialect
