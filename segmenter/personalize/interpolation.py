"""Interpolation: copy with traits in it, "More {favourite_category|for you}", filled for each person.

A placeholder is the name of a trait in braces; behind a bar stands what is shown where nothing is known of the person,
or may be said. Without it, the whole text gives way to the field's fallback.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

BRACED = re.compile(r"\{([^{}]*)\}")
NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A trait in a text. `fallback`: what is shown without it; None: then the text as a whole can't be shown."""

    trait: str
    fallback: str | None

    def written(self) -> str:
        """Return it as it stands in the text."""
        return "{" + self.trait + ("" if self.fallback is None else f"|{self.fallback}") + "}"


def parts_of(text: str) -> list[str | Placeholder]:
    """Return the parts of a text in order.

    Raises:
        ValueError: A brace that belongs to no placeholder, or a placeholder that names no trait.
    """
    parts: list[str | Placeholder] = []
    at = 0
    for match in BRACED.finditer(text):
        parts.append(_plain(text[at : match.start()]))
        trait, bar, fallback = match.group(1).partition("|")
        if not NAME.fullmatch(trait.strip()):
            message = f"{match.group()!r} is no placeholder; write {{trait}} or {{trait|what is shown without it}}"
            raise ValueError(message)
        parts.append(Placeholder(trait.strip(), fallback.strip() if bar else None))
        at = match.end()
    return [part for part in (*parts, _plain(text[at:])) if part != ""]


def placeholders(text: str) -> list[Placeholder]:
    """Return the placeholders of a text that `parts_of` can read; of one that it can't, none."""
    try:
        return [part for part in parts_of(text) if isinstance(part, Placeholder)]
    except ValueError:
        return []


def without_traits(text: str) -> str | None:
    """Return the text as it is shown to somebody of whom nothing is known; None where it can't be shown then."""
    parts: Sequence[str | Placeholder] = parts_of(text)
    shown = [part if isinstance(part, str) else part.fallback for part in parts]
    return None if None in shown else "".join(part for part in shown if part is not None)


def _plain(text: str) -> str:
    brace = re.search(r"[{}]", text)
    if brace:
        message = f"the brace {brace.group()!r} is not closed or opened; a placeholder is {{trait|fallback}}"
        raise ValueError(message)
    return text
