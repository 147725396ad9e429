"""Templates render as the local platforms render them, and what is wrong is told with line and column."""

from __future__ import annotations

import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.hubspot.templates import Hubl
from connectors.mailchimp.templates import MergeTags
from connectors.sandbox.hubspot.hubl import renderer
from connectors.sandbox.mailchimp.render import MailTemplate as Theirs
from connectors.templates import DeclaredTags, TemplateDialect
from segmenter.personalize.templates import Template, read_template
from sync.workspace.manifest import plugin_manifest

TAGS = ["*|IF:A=1|*", "*|IF:A|*", "*|IFNOT:A|*", "*|IF:B!=2|*", "*|A|*", "*|B|*", "x"]
HUBL = [
    "{% if contact.a == '1' %}",
    "{% if not contact.b %}",
    "{{ contact.a }}",
    "x",
    "{{ personalization_token('contact.b', 'd') }}",
]
TODAY = date(2027, 3, 9)
VALUES = st.dictionaries(st.sampled_from(["A", "B"]), st.sampled_from(["", "1", "2"]))


DIALECTS: dict[str, TemplateDialect] = {"mailchimp": MergeTags(), "hubspot": Hubl()}


def read(text: str, language: str) -> Template:
    return read_template(text, DIALECTS[language], TODAY)


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
    template = read(text, "mailchimp")

    assert template.problems == []
    assert template.render(values, defaults={"A": "d"}, labels={}) == Theirs(text).render(values, {"A": "d"})


@given(closed(HUBL, ("{% elif contact.b == '2' %}", "{% else %}", "{% endif %}")), VALUES)
def test_hubl_renders_as_the_platform_renders_it(text: str, values: dict[str, str]) -> None:
    lower = {name.lower(): value for name, value in values.items()}
    template = read(text, "hubspot")

    assert template.problems == []
    assert template.render(lower, defaults={}, labels={}) == renderer("", text, {})(lower)[1:]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("mailchimp", "a\n  *|FNAME", "line 2, column 3: *| is never closed"),
        ("mailchimp", "*|IF:A|*x", "line 1, column 1: this condition is never closed"),
        ("mailchimp", "x*|END:IF|*", "line 1, column 2: no condition is open to close here"),
        ("mailchimp", "*|ELSE:|*", "line 1, column 1: no condition is open here"),
        (
            "mailchimp",
            "*|fname|*",
            "line 1, column 1: '*|fname|*' is not a merge tag (upper-case letters, digits, underscore)",
        ),
        (
            "mailchimp",
            "*|ELEVENCHARS|*",
            "line 1, column 1: ELEVENCHARS has 11 characters; a merge tag can have at most 10",
        ),
        ("hubspot", "\n{{ contact.a", "line 2, column 1: {{ is never closed"),
        (
            "hubspot",
            "{% for x in y %}",
            "line 1, column 1: the preview doesn't support '{% for x in y %}'; it is shown unchanged",
        ),
        ("hubspot", "{% endif %}", "line 1, column 1: no condition is open to close here"),
    ],
)
def test_what_is_broken_is_told_with_its_place(language: str, text: str, expected: str) -> None:
    assert [problem.sentence() for problem in read(text, language).problems] == [expected]


@pytest.mark.parametrize(
    ("language", "text", "expected", "own"),
    [
        ("mailchimp", '<a href="*|UNSUB|*">', '<a href="#">', []),
        ("mailchimp", "*|CURRENT_YEAR|* *|DATE:d/m/Y|* *|DATE:F j, Y|*", "2027 09/03/2027 March 9, 2027", []),
        ("mailchimp", "*|LIST:COMPANY|* *|UNIQID|*", "[LIST:COMPANY] [UNIQID]", ["LIST:COMPANY", "UNIQID"]),
        ("mailchimp", "*|IFNOT:ARCHIVE_PAGE|*mail*|END:IF|*", "mail", []),
        (
            "mailchimp",
            "*|INTERESTED:Tea:Green|*x*|END:INTERESTED|*",
            "[INTERESTED:Tea:Green]x",
            ["INTERESTED:Tea:Green"],
        ),
        ("hubspot", "{{ unsubscribe_link }} {{ year }}", "# 2027", []),
        ("hubspot", "{{ site_settings.company_name }}", "[site_settings.company_name]", ["site_settings.company_name"]),
    ],
)
def test_the_platforms_own_tags_are_filled_in_or_stand_in_brackets(
    language: str, text: str, expected: str, own: list[str]
) -> None:
    template = read(text, language)

    assert template.render({}, defaults={}, labels={}) == expected
    assert (template.problems, template.names, list(template.own)) == ([], {}, own)


def test_a_condition_that_nobody_can_answer_is_told_and_closed_all_the_same() -> None:
    template = read("*|IF:AGE > 20|*old*|ELSEIF:AGE < 5|*small*|ELSE:|*other*|END:IF|*", "mailchimp")

    assert template.render({"AGE": "30"}, defaults={}, labels={}) == "other"
    assert [problem.message for problem in template.problems] == [
        "the preview can't evaluate '*|IF:AGE > 20|*'; it shows the email without it",
        "the preview can't evaluate '*|ELSEIF:AGE < 5|*'; it shows the email without it",
    ]


HOSTILE = {
    "merge tags": "*|" * 900_000,
    "merge tags on lines": "*|\n" * 600_000,
    "braces": "{{" * 900_000,
    "blocks": "{%" * 900_000,
    "both": "{{ {% " * 300_000,
    "conditions": "*|IF:A|*" * 100_000 + "{% if contact.a %}" * 50_000,
    "ends": "*|END:IF|*" * 100_000 + "{% endif %}" * 100_000,
    "a long tag": "*|IF:A=x" + " " * 1_800_000 + "y|*",
    "a long print": "{{ " + " " * 1_800_000 + "x }}",
}
SECONDS = 8.0  # of the processor; a few suffice, where hours did not


DECLARED = [
    DeclaredTags(**spec.templates.model_dump())
    for spec in plugin_manifest().connectors.values()
    if spec.templates.marks
]


@pytest.mark.long
@pytest.mark.parametrize("dialect", [MergeTags(), Hubl(), *DECLARED], ids=lambda d: d.marks[0])
def test_a_template_of_nothing_but_beginnings_is_read_in_seconds(dialect: TemplateDialect) -> None:
    for name, text in HOSTILE.items():
        began = time.process_time()
        template = read_template(text, dialect, TODAY)
        template.render({"A": "1", "a": "1"}, defaults={}, labels={})

        assert time.process_time() - began < SECONDS, name
        assert len(template.problems) <= 101


def test_of_many_problems_the_first_are_told_and_the_others_counted() -> None:
    problems = [problem.sentence() for problem in read("*|a|*\n" * 150, "mailchimp").problems]

    assert len(problems) == 101
    assert "line 100," in problems[99]
    assert "50 more problems" in problems[100]
