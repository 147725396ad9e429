"""Email template parser and renderer for any platform's language, with problems by line.

What a tag means, the platform's own connector says (`connectors.templates`).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from connectors.templates import (
    EndTag,
    FieldTag,
    IfTag,
    OddTag,
    OwnTag,
    TemplateCondition,
    TemplateDialect,
    TemplateTag,
)

LONGEST_TAG = 2_000  # characters; the longest that platforms document have some hundreds, with their default
MOST_OPEN = 50  # conditions in each other
MOST_PROBLEMS = 100  # that are told one by one


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
            labels: Field -> label that the platform prints in place of the value; conditions see the value.
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


def read_template(text: str, dialect: TemplateDialect, today: date) -> Template:
    """Read *text*; what is wrong with it stands in `problems`, and the rest is rendered as well as it can be.

    Args:
        text: The template.
        dialect: Its language.
        today: The day on which the mail goes out, for the platform's own dates.

    Returns:
        The template, ready to be rendered for any number of people.
    """
    return _Reader(text, dialect, today).read()


class _Reader:
    def __init__(self, text: str, dialect: TemplateDialect, today: date) -> None:
        self.text, self.dialect, self.today = text, dialect, today
        self.template = Template([], [])
        self.open: list[tuple[TemplateChoice, int]] = []
        self.lines = [0, *(end.end() for end in re.finditer("\n", text))]
        self.untold = 0

    def read(self) -> Template:
        at = 0
        for match in self.dialect.tags.finditer(self.text):
            self._text(self.text[at : match.start()], at)
            if len(match.group()) > LONGEST_TAG:
                self._tag(OddTag(f"a tag of {len(match.group()):,} characters is shown unchanged", kept=True), match)
                at = match.end()
                continue
            for tag in self.dialect.read(match, self.today):
                self._tag(tag, match)
            at = match.end()
        self._text(self.text[at:], at)
        for _, place in self.open:
            self._wrong(place, "this condition is never closed")
        if self.untold:
            self.template.problems.append(Problem(*self._place(len(self.text)), f"{self.untold:,} more problems"))
        return self.template

    def _here(self) -> list[Part]:
        return self.open[-1][0].branches[-1][1] if self.open else self.template.parts

    def _text(self, text: str, at: int) -> None:
        for opening in self.dialect.openings.finditer(text):
            self._wrong(at + opening.start(), f"{opening.group()} is never closed")
        if text:
            self._here().append(text)

    def _tag(self, tag: TemplateTag, place: re.Match[str]) -> None:
        at = place.start()
        match tag:
            case FieldTag(name, default):
                self.template.names.setdefault(name, self._place(at))
                self._here().append(Printed(name, place.group(), default))
            case OwnTag(name, shown):
                self._own(name, shown, at)
            case IfTag():
                self._branch(tag, at)
            case EndTag():
                self._close(at)
            case OddTag(problem, kept):
                self._wrong(at, problem)
                if kept:
                    self._here().append(place.group())

    def _own(self, name: str, shown: str, at: int) -> None:
        if shown == f"[{name}]":
            self.template.own.setdefault(name, self._place(at))
        self._here().append(shown)

    def _branch(self, tag: IfTag, at: int) -> None:
        if tag.condition is not None and tag.of_field:
            self.template.asked.add(tag.condition.name)
            self.template.names.setdefault(tag.condition.name, self._place(at))
        if tag.new and len(self.open) >= MOST_OPEN:
            self._wrong(at, f"more than {MOST_OPEN} conditions in each other")
            return
        if tag.new:
            choice = TemplateChoice()
            self._here().append(choice)
            self.open.append((choice, at))
        elif not self.open:
            self._wrong(at, "no condition is open here")
            return
        self.open[-1][0].branches.append((tag.condition, []))

    def _close(self, at: int) -> None:
        if self.open:
            self.open.pop()
        else:
            self._wrong(at, "no condition is open to close here")

    def _place(self, at: int) -> tuple[int, int]:
        line = bisect_right(self.lines, at)
        return line, at - self.lines[line - 1] + 1

    def _wrong(self, at: int, message: str) -> None:
        if len(self.template.problems) < MOST_PROBLEMS:
            self.template.problems.append(Problem(*self._place(at), message))
        else:
            self.untold += 1
