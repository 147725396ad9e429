"""Email template parser and renderer for Mailchimp merge tags and HubL, with problems by line.

Mailchimp: ``*|TAG|*`` and ``*|IF:TAG=x|* ... *|ELSEIF:|* ... *|ELSE:|* ... *|END:IF|*``. HubL: ``{{ contact.name }}``,
``{{ personalization_token("contact.name", "default") }}``, ``{% if contact.name == "x" %}`` with elif, else and endif.
Tags that the platform fills in itself are in `segmenter.personalize.platform_tags`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from connectors.limits import MERGE_TAG_LENGTH
from segmenter.personalize.platform_tags import NOT_IN_MAILS, printed_by_hubspot, printed_by_mailchimp

Language = Literal["mailchimp", "hubspot"]
TOKENS: Mapping[Language, re.Pattern[str]] = {
    "mailchimp": re.compile(r"\*\|(?P<tag>.*?)\|\*", re.DOTALL),
    "hubspot": re.compile(r"\{\{(?P<print>.*?)\}\}|\{%(?P<block>.*?)%\}", re.DOTALL),
}
OPENING: Mapping[Language, re.Pattern[str]] = {"mailchimp": re.compile(r"\*\|"), "hubspot": re.compile(r"\{\{|\{%")}
ANY_CONDITION = re.compile(r"(IF|ELSEIF|IFNOT):(.*)", re.DOTALL)
CONDITION = re.compile(r"(IF|ELSEIF|IFNOT):\s*([A-Z0-9_:]+)\s*(?:(!?=)\s*(.*?))?\s*", re.DOTALL)
TOKEN = re.compile(r"personalization_token\(\s*(['\"])contact\.(\w+)\1\s*(?:,\s*(['\"])(.*?)\3\s*)?\)", re.DOTALL)
HUBL_IF = re.compile(r"(if|elif)\s+(not\s+)?contact\.(\w+)\s*(?:(==|!=)\s*(['\"])(.*?)\5)?", re.DOTALL)
MERGE_TAG = re.compile(r"[A-Z][A-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of a template, with its place: line and column count from 1."""

    line: int
    column: int
    message: str

    def sentence(self) -> str:
        """Return it as people read it."""
        return f"line {self.line}, column {self.column}: {self.message}"


@dataclass(frozen=True, slots=True)
class TemplateCondition:
    """A condition; `wanted` None asks whether there is any value."""

    name: str
    wanted: str | None = None
    negated: bool = False

    def holds(self, values: Mapping[str, str]) -> bool:
        """Answer for one person. A default does not count as a value."""
        value = values.get(self.name, "")
        return (bool(value) if self.wanted is None else value == self.wanted) != self.negated


NEVER = TemplateCondition("", wanted="\0")
"""A condition that the preview can't answer: it does not hold."""


@dataclass(frozen=True, slots=True)
class Printed:
    """A field that is printed; `default` None leaves it to the platform's field."""

    name: str
    raw: str
    default: str | None = None


@dataclass(slots=True)
class TemplateChoice:
    """Branches, of which the first that holds is printed."""

    branches: list[tuple[TemplateCondition | None, list[str | Printed | TemplateChoice]]] = field(default_factory=list)


Part = str | Printed | TemplateChoice


@dataclass(slots=True)
class Template:
    """A template that was read.

    Attributes:
        names: Each field that is printed or asked for, with the place of its first use (line, column).
        asked: Those of them that conditions ask for.
        own: Each tag of the platform's own that stands in brackets, with the place of its first use.
    """

    language: Language
    parts: list[Part]
    problems: list[Problem]
    names: dict[str, tuple[int, int]] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    own: dict[str, tuple[int, int]] = field(default_factory=dict)

    def render(self, values: Mapping[str, str], *, defaults: Mapping[str, str], labels: Mapping[str, str]) -> str:
        """Return what one person would get.

        Args:
            values: Field -> value, of the person.
            defaults: Field -> what the platform prints where there is no value.
            labels: Field -> label that HubSpot prints in place of the value; conditions see the value.
        """
        return "".join(_rendered(self.parts, values, defaults, labels))


def _rendered(
    parts: Sequence[Part], values: Mapping[str, str], defaults: Mapping[str, str], labels: Mapping[str, str]
) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, Printed):
            if part.default is None and part.name not in values and part.name not in defaults:
                yield part.raw
            else:
                value = labels.get(part.name) or values.get(part.name)
                yield value or (defaults.get(part.name, "") if part.default is None else part.default)
        else:
            chosen = next((inner for asked, inner in part.branches if asked is None or asked.holds(values)), [])
            yield from _rendered(chosen, values, defaults, labels)


def read_template(text: str, language: Language, today: date) -> Template:
    """Read *text*; what is wrong with it stands in `problems`, and the rest is rendered as well as it can be.

    Args:
        text: The template.
        language: Whose.
        today: The day on which the mail goes out, for the platform's own dates.

    Returns:
        The template, ready to be rendered for any number of people.
    """
    return _Reader(text, language, today).read()


class _Reader:
    def __init__(self, text: str, language: Language, today: date) -> None:
        self.text, self.language, self.today = text, language, today
        self.template = Template(language, [], [])
        self.open: list[tuple[TemplateChoice, int]] = []

    def read(self) -> Template:
        at = 0
        for match in TOKENS[self.language].finditer(self.text):
            self._text(self.text[at : match.start()], at)
            self._token(match)
            at = match.end()
        self._text(self.text[at:], at)
        for _, place in self.open:
            self._wrong(place, "this condition is never closed")
        return self.template

    def _here(self) -> list[Part]:
        return self.open[-1][0].branches[-1][1] if self.open else self.template.parts

    def _text(self, text: str, at: int) -> None:
        for opening in OPENING[self.language].finditer(text):
            self._wrong(at + opening.start(), f"{opening.group()} is never closed")
        if text:
            self._here().append(text)

    def _token(self, match: re.Match[str]) -> None:
        groups = match.groupdict()
        if self.language == "mailchimp":
            self._merge_tag(groups["tag"].strip(), match)
        elif groups["print"] is not None:
            self._hubl_print(groups["print"].strip(" -"), match)
        else:
            self._hubl_block(groups["block"].strip(" -"), match)

    def _merge_tag(self, tag: str, match: re.Match[str]) -> None:
        condition = CONDITION.fullmatch(tag)
        if condition:
            word, name, sign, wanted = condition.groups()
            asked = TemplateCondition(name, wanted if sign else None, (sign == "!=") != (word == "IFNOT"))
            self._branch(asked, match.start(), new=word != "ELSEIF")
        elif other := ANY_CONDITION.fullmatch(tag):
            self._wrong(match.start(), f"the preview can't evaluate {match.group()!r}; it shows the email without it")
            self._branch(NEVER, match.start(), new=other.group(1) != "ELSEIF")
        elif tag == "ELSE:":
            self._branch(None, match.start(), new=False)
        elif tag == "END:IF":
            self._close(match.start())
        elif tag.startswith("END:"):
            pass  # of a block of Mailchimp's own, such as INTERESTED
        elif (printed := printed_by_mailchimp(tag, self.today)) is not None:
            self._own(tag, printed, match.start())
        else:
            if not MERGE_TAG.fullmatch(tag):
                self._wrong(
                    match.start(), f"{match.group()!r} is not a merge tag (upper-case letters, digits, underscore)"
                )
            elif len(tag) > MERGE_TAG_LENGTH:
                self._wrong(
                    match.start(), f"{tag} has {len(tag)} characters; a merge tag can have at most {MERGE_TAG_LENGTH}"
                )
            self._print(Printed(tag, match.group()), match.start())

    def _hubl_print(self, inner: str, match: re.Match[str]) -> None:
        token, plain = TOKEN.fullmatch(inner), re.fullmatch(r"contact\.(\w+)", inner)
        if token:
            self._print(Printed(token.group(2), match.group(), token.group(4) or ""), match.start())
        elif plain:
            self._print(Printed(plain.group(1), match.group(), ""), match.start())
        elif (printed := printed_by_hubspot(inner, self.today)) is not None:
            self._own(inner, printed, match.start())
        else:
            self._wrong(match.start(), f"the preview doesn't support {match.group()!r}; it is shown unchanged")
            self._here().append(match.group())

    def _hubl_block(self, inner: str, match: re.Match[str]) -> None:
        condition = HUBL_IF.fullmatch(inner)
        if condition:
            word, negation, name, sign, _, wanted = condition.groups()
            asked = TemplateCondition(name, wanted if sign else None, (sign == "!=") != bool(negation))
            self._branch(asked, match.start(), new=word == "if")
        elif inner == "else":
            self._branch(None, match.start(), new=False)
        elif inner == "endif":
            self._close(match.start())
        else:
            self._wrong(match.start(), f"the preview doesn't support {match.group()!r}; it is shown unchanged")
            self._here().append(match.group())

    def _print(self, part: Printed, at: int) -> None:
        self.template.names.setdefault(part.name, self._place(at))
        self._here().append(part)

    def _own(self, name: str, printed: str, at: int) -> None:
        if printed == f"[{name}]":
            self.template.own.setdefault(name, self._place(at))
        self._here().append(printed)

    def _branch(self, asked: TemplateCondition | None, at: int, *, new: bool) -> None:
        if asked is not None and asked is not NEVER and asked.name not in NOT_IN_MAILS:
            self.template.asked.add(asked.name)
            self.template.names.setdefault(asked.name, self._place(at))
        if new:
            choice = TemplateChoice()
            self._here().append(choice)
            self.open.append((choice, at))
        elif not self.open:
            self._wrong(at, "no condition is open here")
            return
        self.open[-1][0].branches.append((asked, []))

    def _close(self, at: int) -> None:
        if self.open:
            self.open.pop()
        else:
            self._wrong(at, "no condition is open to close here")

    def _place(self, at: int) -> tuple[int, int]:
        return self.text.count("\n", 0, at) + 1, at - (self.text.rfind("\n", 0, at) + 1) + 1

    def _wrong(self, at: int, message: str) -> None:
        self.template.problems.append(Problem(*self._place(at), message))
