"""Templates of Klaviyo and Brevo: what a person would get, and what a preview can't show."""

from __future__ import annotations

from datetime import date

import pytest

from connectors.templates import DeclaredTags, TemplateDialect
from segmenter.personalize.templates import read_template
from sync.workspace.manifest import plugin_manifest

DAY = date(2026, 12, 1)
KLAVIYO, BREVO = (
    DeclaredTags(**plugin_manifest().connectors[name].templates.model_dump()) for name in ("klaviyo", "brevo")
)


def shown(text: str, dialect: TemplateDialect, **values: str) -> str:
    return read_template(text, dialect, DAY).render(values, defaults={}, labels={})


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("Hello {{ person|lookup:'ps_headline'|default:'you' }}!", KLAVIYO),
        ('Hello {{ person | lookup: "ps_headline" | default: "you" }}!', KLAVIYO),
        ("Hello {{person.ps_headline|default:'you'}}!", KLAVIYO),
        ('Hello {{ contact.ps_headline | default : "you" }}!', BREVO),
        ("Hello {{contact.ps_headline|default:'you'}}!", BREVO),
    ],
)
def test_a_field_is_printed_and_its_default_where_there_is_none(text: str, dialect: TemplateDialect) -> None:
    assert shown(text, dialect, ps_headline="Ada") == "Hello Ada!"
    assert shown(text, dialect) == "Hello you!"
    assert read_template(text, dialect, DAY).problems == []


@pytest.mark.parametrize(("field", "dialect"), [("person|lookup:'seg'", KLAVIYO), ("contact.seg", BREVO)])
def test_conditions_choose(field: str, dialect: TemplateDialect) -> None:
    text = "{% if F == 'a' %}A{% elif F != 'b' %}not B{% else %}B{% endif %}{% if not F %} nothing{% endif %}"
    text = text.replace("F", field)
    shows = [shown(text, dialect, seg="a"), shown(text, dialect, seg="b"), shown(text, dialect, seg="c")]

    assert shows == ["A", "B", "not B"]
    assert shown(text, dialect) == "not B nothing"


@pytest.mark.parametrize(
    ("text", "dialect", "what"),
    [
        ("{% unsubscribe 'Bye' %} {{ organization.name }}", KLAVIYO, "# [organization.name]"),
        ("{% for x in y %}", KLAVIYO, "{% for x in y %}"),
        ("{% if person|lookup:'a' > 3 %}{% endif %}", KLAVIYO, ""),
        ("{{ unsubscribe }} {{ params.code }}", BREVO, "# [params.code]"),
        ("{% for x in y %}", BREVO, "{% for x in y %}"),
    ],
)
def test_what_a_preview_cannot_know_is_said(text: str, dialect: TemplateDialect, what: str) -> None:
    template = read_template(text, dialect, DAY)

    assert what in template.render({}, defaults={}, labels={})
    assert bool(template.problems) == ("{%" in text and "unsubscribe" not in text)


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("{{ first_name|default:'you' }}", KLAVIYO),
        ("{{ person|lookup:'a b'|default:'x' }}", KLAVIYO),
        ("{{ contact.a | default : 'it is | odd' }}", BREVO),
    ],
)
def test_names_and_defaults_may_have_signs_of_their_own(text: str, dialect: TemplateDialect) -> None:
    template = read_template(text, dialect, DAY)

    assert template.problems == []
    assert shown(text, dialect, first_name="Ada", a="Ada", **{"a b": "Ada"}) == "Ada"


@pytest.mark.parametrize(
    "text", ["{{ person|lookup:'a\" }}", "{{ contact.a.b }}", "{{ contact. }}", "{% unsubscribe %}"]
)
def test_what_only_looks_like_a_tag_is_told(text: str) -> None:
    assert read_template(text, BREVO, DAY).problems
