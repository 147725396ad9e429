"""One hue per persona, everywhere: by its place in personas.toml.

The eight hues keep apart for people with protanopia, deuteranopia and tritanopia (tests/sync/design/test_hues.py), and
stand out from the page at 4.5 to 1 or more. From the ninth persona on they begin again: a hue never stands without
the name.
"""

from __future__ import annotations

from collections.abc import Iterable

HUES = 8
GREY = 0
"""Hue of everybody, and of the unclassified."""


def hues_of(slugs: Iterable[str]) -> dict[str, int]:
    """Return the hue of each persona, 1 to `HUES`, in the order of personas.toml."""
    return {slug: place % HUES + 1 for place, slug in enumerate(slugs)}
