"""A form that was refused comes back with what was typed, and nothing else of its page changes."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from sync.console.refill import refilled

PAGE = """<h1>A &amp; b</h1><svg viewBox="0 0 1 1"><line x1="0"/></svg><details><summary>More</summary>
<form class="card" method="post" action="/do"><input type="hidden" name="token" value="new">
<input name="title" value="old"><input name="arm"><input name="arm"><input name="code" data-anew required>
<input type="checkbox" name="keep" value="1" checked> <input type="checkbox" name="keep" value="2">
<select name="metric"><option value="">none</option><option dir="auto">orders &amp;  more</option><option value="c" selected>c</option></select>
<textarea name="note">before</textarea></form></details><form method="post" action="/other"><input name="title"></form>"""  # noqa: E501 - as a template writes it


class Read(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def inputs(page: str) -> list[dict[str, str | None]]:
    read = Read()
    read.feed(page)
    return [attrs for tag, attrs in read.tags if tag == "input"]


def test_every_kind_of_field_gets_what_was_sent() -> None:
    sent = [("token", "old"), ("title", '<b>"x"'), ("arm", "one"), ("arm", "two"), ("code", "c1"), ("keep", "2")]
    page = refilled(PAGE, "/do", [*sent, ("metric", "orders & more"), ("note", "a</textarea>b")])

    assert page is not None
    fields = inputs(page)
    assert [field.get("value") for field in fields] == ["new", '<b>"x"', "one", "two", None, "1", "2", None]
    assert ["checked" in field for field in fields[5:7]] == [False, True]
    assert '<option dir="auto" selected>orders &amp;  more</option><option value="c">c</option>' in page
    assert '<textarea name="note">a&lt;/textarea&gt;b</textarea>' in page
    assert '<details open><summary>More</summary>\n<form class="card" method="post" action="/do" id="sent">' in page
    assert '<h1>A &amp; b</h1><svg viewBox="0 0 1 1"><line x1="0"/></svg>' in page


def test_a_page_without_the_form_is_told() -> None:
    assert refilled(PAGE, "/gone", []) is None


@given(title=st.text(st.characters(codec="utf-8", exclude_characters="\r\x00")))
def test_any_text_comes_back_as_it_was_typed_and_makes_no_tag(title: str) -> None:
    page = refilled(PAGE, "/do", [("title", title)])

    assert page is not None
    assert inputs(page)[1]["value"] == title
    assert len(inputs(page)) == len(inputs(PAGE))
