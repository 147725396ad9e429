"""The merge-tag language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sandbox.mailchimp.render import MailTemplate, links_in, plain_text

BRANCHES = "*|IF:PERSONA=buyer|*B*|ELSEIF:PERSONA=analyst|*A*|ELSE:|*E*|END:IF|*"


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("Hi *|FNAME|*!", {"FNAME": "Ada"}, "Hi Ada!"),
        ("Hi *|FNAME|*!", {"FNAME": ""}, "Hi friend!"),
        ("*|NOBODY|*", {}, "*|NOBODY|*"),
        (BRANCHES, {"PERSONA": "buyer"}, "B"),
        (BRANCHES, {"PERSONA": "analyst"}, "A"),
        (BRANCHES, {"PERSONA": "other"}, "E"),
        (BRANCHES, {}, "E"),
        ("*|IF:PERSONA|*yes*|END:IF|*.", {"PERSONA": "x"}, "yes."),
        ("*|IF:PERSONA|*yes*|END:IF|*.", {"PERSONA": ""}, "."),
        ("*|IFNOT:PERSONA|*no*|END:IF|*.", {}, "no."),
        ("*|IFNOT:PERSONA=x|*no*|END:IF|*.", {"PERSONA": "x"}, "."),
        ("*|IF:PERSONA!=x|*other*|END:IF|*", {"PERSONA": "y"}, "other"),
        ("*|IF:A=1|*[*|IF:B=2|*both*|ELSE:|*one*|END:IF|*]*|END:IF|*.", {"A": "1", "B": "2"}, "[both]."),
        ("*|IF:A=1|*[*|IF:B=2|*both*|ELSE:|*one*|END:IF|*]*|END:IF|*.", {"A": "1"}, "[one]."),
        ("*|IF:A=1|*[*|IF:B=2|*both*|ELSE:|*one*|END:IF|*]*|END:IF|*.", {}, "."),
        ("*|IF:FNAME|*named*|ELSE:|**|FNAME|**|END:IF|*", {"FNAME": ""}, "friend"),
        ("*|IF:A=1|*never closed", {"A": "1"}, "never closed"),
    ],
)
def test_a_text_is_rendered_for_one_recipient(text: str, values: dict[str, str], expected: str) -> None:
    assert MailTemplate(text).render(values, {"FNAME": "friend"}) == expected


@given(st.lists(st.sampled_from(["*|IF:A=1|*", "*|ELSE:|*", "*|ELSEIF:A=2|*", "*|END:IF|*", "*|A|*", "x", "*|", "|*"])))
def test_any_text_is_rendered_to_something(parts: list[str]) -> None:
    assert isinstance(MailTemplate("".join(parts)).render({"A": "1"}, {}), str)


def test_words_and_links_of_a_page() -> None:
    page = '<style>p {}</style><p>Tea &amp; <b>cake</b></p><a href="https://shop.test/a?x=1&amp;y=2">go</a>'

    assert plain_text(page) == "Tea & cake go"
    assert links_in(page) == ["https://shop.test/a?x=1&y=2"]
