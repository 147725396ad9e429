"""Escaping: contact data that prints as plain text in a template (no merge tag, HubL, HTML or line break).

Platforms print the value of a field as it is, in the body, in an attribute or in the subject. So every character that
could begin or end something there gives way to one that looks like it; people read the same.
"""

from __future__ import annotations

from typing import Any

SWAPPED = {
    "<": "\u2039",
    ">": "\u203a",
    "{": "(",
    "}": ")",
    "|": "/",
    '"': "\u201d",
    "'": "\u2019",
    "`": "\u2019",
}
"""A merge tag needs the bar, HubL the brace, a tag of HTML the angle, and an attribute ends with a quote."""

INVISIBLE = "[\\x00-\\x1f\\x7f-\\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]+"
"""Control characters (a new line would end a subject), and marks that turn the direction of writing or hide text.

The joiner and the non-joiner (U+200D, U+200C) stay: emoji of several parts, Persian and Hindi are written with them.
"""

NOTHING = "^[ \u200c\u200d]+$"

ADDRESS = r"^https?://[A-Za-z0-9._~:/?#@!$&()+,;=%-]+$"
"""Addresses of the web without any character that ends an attribute or begins something."""


def harmless(text: Any) -> Any:
    """Return an Ibis text that prints as itself everywhere; nothing else than blanks is empty."""
    swapped = text.translate("".join(SWAPPED), "".join(SWAPPED.values()))
    shown = swapped.re_replace(INVISIBLE, " ").re_replace(" +", " ").strip()
    return shown.re_replace(NOTHING, "")


def bytes_at_most(text: Any) -> Any:
    """Return the most bytes that an Ibis text may have in UTF-8: every character beyond ASCII counts as four."""
    return text.length() + text.re_replace("[ -~]", "").length() * 3
