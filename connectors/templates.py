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


@runtime_checkable
class HasTemplates(Protocol):
    """A connector whose mail templates can be previewed; asked of its class."""

    dialect: TemplateDialect
