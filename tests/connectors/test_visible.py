"""Nothing that a terminal obeys, or that turns the order of letters, is left; a JSON document stays the same."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.visible import visible, visible_json

TEXTS = st.text(st.characters() | st.sampled_from("\x1b\x07\x9b\u202e\u2066\u200f\u2028\ud800\U000e0041\r\t\n"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ada\tLovelace\nLondon", "Ada\tLovelace\nLondon"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b2J", r"\x9b2J"),
        ("user\u202etxt.exe", r"user\u202etxt.exe"),
        ("\ud83d", r"\ud83d"),
        ("a\U000e0041", r"a\U000e0041"),
        ("Zoë 李 👩‍👩‍👧 क्‍ष", "Zoë 李 👩‍👩‍👧 क्‍ष"),
    ],
)
def test_what_a_terminal_obeys_is_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(TEXTS)
def test_nothing_of_it_is_left_in_any_text(text: str) -> None:
    shown = visible(text)

    assert not any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} and c not in "\t\n" for c in shown)
    assert not any(
        unicodedata.bidirectional(c) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"} for c in shown
    )
    assert visible(shown) == shown
    shown.encode()


@given(st.recursive(TEXTS, lambda parts: st.lists(parts, max_size=3) | st.dictionaries(TEXTS, parts, max_size=3)))
def test_a_json_document_says_the_same(document: object) -> None:
    text = visible_json(json.dumps(document, ensure_ascii=False))

    assert json.loads(text) == document
    assert visible(text) == text
