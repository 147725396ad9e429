"""Templates render as the local platforms render them, and what is wrong is told with line and column."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sandbox.hubspot.hubl import renderer
from connectors.sandbox.mailchimp.render import Template as Theirs
from segmenter.templates import Language, read_template

TAGS = ["*|IF:A=1|*", "*|IF:A|*", "*|IFNOT:A|*", "*|IF:B!=2|*", "*|A|*", "*|B|*", "x"]
HUBL = [
    "{% if contact.a == '1' %}",
    "{% if not contact.b %}",
    "{{ contact.a }}",
    "x",
    "{{ personalization_token('contact.b', 'd') }}",
]
VALUES = st.dictionaries(st.sampled_from(["A", "B"]), st.sampled_from(["", "1", "2"]))


@st.composite
def closed(draw: st.DrawFn, pieces: list[str], words: tuple[str, str, str]) -> str:
    """Well-formed templates, nested."""
    made = ""
    for piece in draw(st.lists(st.sampled_from(pieces), max_size=6)):
        is_if = "IF" in piece or "if" in piece
        inner = draw(closed(pieces, words)) if is_if and draw(st.booleans()) else "y"
        made += f"{piece}{inner}{words[0]}z{words[1]}n{words[2]}" if is_if else piece
    return made


@given(closed(TAGS, ("*|ELSEIF:B=2|*", "*|ELSE:|*", "*|END:IF|*")), VALUES)
def test_merge_tags_render_as_the_platform_renders_them(text: str, values: dict[str, str]) -> None:
    template = read_template(text, "mailchimp")

    assert template.problems == []
    assert template.render(values, defaults={"A": "d"}, labels={}) == Theirs(text).render(values, {"A": "d"})


@given(closed(HUBL, ("{% elif contact.b == '2' %}", "{% else %}", "{% endif %}")), VALUES)
def test_hubl_renders_as_the_platform_renders_it(text: str, values: dict[str, str]) -> None:
    lower = {name.lower(): value for name, value in values.items()}
    template = read_template(text, "hubspot")

    assert template.problems == []
    assert template.render(lower, defaults={}, labels={}) == renderer("", text, {})(lower)[1:]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("mailchimp", "a\n  *|FNAME", "line 2, column 3: *| is never closed"),
        ("mailchimp", "*|IF:A|*x", "line 1, column 1: this condition is never closed"),
        ("mailchimp", "x*|END:IF|*", "line 1, column 2: there is no condition that this closes"),
        ("mailchimp", "*|ELSE:|*", "line 1, column 1: there is no condition that this belongs to"),
        (
            "mailchimp",
            "*|fname|*",
            "line 1, column 1: '*|fname|*' is no merge tag: upper-case letters, digits, underscore",
        ),
        ("mailchimp", "*|ELEVENCHARS|*", "line 1, column 1: ELEVENCHARS has 11 characters, a merge tag at most 10"),
        ("hubspot", "\n{{ contact.a", "line 2, column 1: {{ is never closed"),
        (
            "hubspot",
            "{% for x in y %}",
            "line 1, column 1: the preview doesn't know '{% for x in y %}'; it is left as it is",
        ),
        ("hubspot", "{% endif %}", "line 1, column 1: there is no condition that this closes"),
    ],
)
def test_what_is_broken_is_told_with_its_place(language: Language, text: str, expected: str) -> None:
    assert [one.sentence() for one in read_template(text, language).problems] == [expected]
