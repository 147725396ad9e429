"""Texts of others made safe to show: nothing in them moves a cursor, changes a colour, or turns the order of letters.

A name or a value of a platform may hold anything. A terminal obeys control characters (ECMA-48), and marks of the
bidirectional algorithm (Unicode Standard Annex 9) make a text read otherwise than it is ("Trojan Source").
"""

from __future__ import annotations

import re

_MARKS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # of the direction of writing
_LINES = "\u2028\u2029"  # ends of lines and paragraphs that no program expects
_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f"  # all but the tab and the end of a line
_HALVES = "\ud800-\udfff"  # no text at all: it can't even be written
_TAGS = "\U000e0000-\U000e007f"  # a second, invisible alphabet
_HARMFUL = re.compile(f"[{_CONTROLS}{_MARKS}{_LINES}{_HALVES}{_TAGS}]")


def visible(text: str) -> str:
    r"""Return *text* with each such character spelled out, as Python and JSON spell it: ``\x1b``, ``\u202e``.

    Returns:
        Text without any such character; tabs and ends of lines stay.
    """
    return text if text.isascii() and text.isprintable() else _HARMFUL.sub(_spelled, text)


def _spelled(match: re.Match[str]) -> str:
    number = ord(match.group())
    if number <= 0xFF:  # noqa: PLR2004 - two digits
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"  # noqa: PLR2004 - four digits


def visible_json(text: str) -> str:
    """Return a JSON document that means the same, with each such character as JSON's own escape.

    Returns:
        JSON still; what lies beyond U+FFFF is escaped as two surrogates, as JSON asks.
    """
    return _HARMFUL.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    number = ord(match.group())
    if number <= 0xFFFF:  # noqa: PLR2004 - one unit of UTF-16
        return f"\\u{number:04x}"
    number -= 0x10000
    return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"
