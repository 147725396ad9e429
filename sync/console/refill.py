"""A form that was refused, shown again with what was typed: a page with a session's content is never kept by a browser.

The page that the form stands on is made anew, and what was sent is filled in. Hidden fields stay those of the new page.
"""

from __future__ import annotations

import html
from collections import defaultdict, deque
from collections.abc import Iterable
from html.parser import HTMLParser

FORM = "sent"
"""The id of the form, for a link to it."""
ANEW = "data-anew"
"""Marks a field that confirms something: it is typed anew each time."""
Given = list[tuple[str, str | None]]


def refilled(page: str, action: str, fields: Iterable[tuple[str, str]]) -> str | None:
    """Return a page with the fields of one of its forms filled in; None where it has no such form.

    Args:
        page: HTML of our own templates.
        action: The address that the form posts to, as a browser asks for it.
        fields: Name and text of each field that was sent, in their order.
    """
    filler = _Filler(action, fields)
    filler.feed(page)
    filler.close()
    return "".join(filler.written) if filler.found else None


class _Filler(HTMLParser):
    """Writes what it reads, and other values where they were sent."""

    def __init__(self, action: str, fields: Iterable[tuple[str, str]]) -> None:
        super().__init__(convert_charrefs=False)
        self.action, self.written, self.found = action, list[str](), False
        self._sent: dict[str, deque[str]] = defaultdict(deque)
        for name, text in fields:
            self._sent[name].append(text)
        self._inside = False
        self._chosen: str | None = None
        self._option: tuple[Given, str] | None = None
        self._skips = False
        self._folds: list[int] = []

    def handle_startendtag(self, tag: str, attrs: Given) -> None:
        if tag in {"input", "option"}:
            self.handle_starttag(tag, attrs)
        else:
            self.written.append(self.get_starttag_text() or "")

    def handle_starttag(self, tag: str, attrs: Given) -> None:
        written, known = self.get_starttag_text() or "", dict(attrs)
        if tag == "form" and known.get("method") == "post" and known.get("action") == self.action and not self.found:
            self._inside = self.found = True
            written = _tag(tag, [*attrs, ("id", FORM)])
            for place in self._folds:  # it stands in these
                self.written[place] = self.written[place].replace("<details", "<details open", 1)
        elif tag == "details" and not self._inside:
            self._folds.append(len(self.written))
        elif self._inside and tag == "details":
            written = _tag(tag, [*_without(attrs, "open"), ("open", None)])
        elif self._inside and tag == "input":
            written = self._input(written, attrs, known)
        elif self._inside and tag == "select":
            self._chosen = self._next(known.get("name"))
        elif self._inside and tag == "option" and self._chosen is not None:
            self._option, written = (attrs, ""), ""
        elif self._inside and tag == "textarea" and (text := self._next(known.get("name"))) is not None:
            written, self._skips = f"{written}{html.escape(text)}", True
        self.written.append(written)

    def _next(self, name: str | None) -> str | None:
        """The next text that was sent by a name; None: none."""
        waiting = self._sent.get(name or "")
        return waiting.popleft() if waiting else None

    def _input(self, written: str, attrs: Given, known: dict[str, str | None]) -> str:
        kind, name = known.get("type") or "text", known.get("name")
        if kind in {"hidden", "file"} or ANEW in known:
            return written
        if kind in {"checkbox", "radio"}:
            on = (known.get("value") or "on") in self._sent.get(name or "", ())
            return _tag("input", [*_without(attrs, "checked"), *([("checked", None)] if on else [])])
        text = self._next(name)
        return written if text is None else _tag("input", [*_without(attrs, "value"), ("value", text)])

    def handle_endtag(self, tag: str) -> None:
        if tag == "option" and self._option is not None:
            attrs, label = self._option
            value = dict(attrs).get("value")
            on = (" ".join(html.unescape(label).split()) if value is None else value) == self._chosen
            chosen: Given = [("selected", None)] if on else []
            self.written.append(_tag("option", [*_without(attrs, "selected"), *chosen]) + label)
            self._option = None
        if tag == "details" and self._folds and not self._inside:
            self._folds.pop()
        self._skips = False if tag == "textarea" else self._skips
        self._chosen = None if tag == "select" else self._chosen
        self._inside = False if tag == "form" else self._inside
        self.written.append(f"</{tag}>")

    def _write(self, text: str) -> None:
        if self._option is not None:
            self._option = self._option[0], self._option[1] + text
        elif not self._skips:
            self.written.append(text)

    def handle_data(self, data: str) -> None:
        self._write(data)

    def handle_entityref(self, name: str) -> None:
        self._write(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._write(f"&#{name};")

    def handle_comment(self, data: str) -> None:
        self._write(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self._write(f"<!{decl}>")


def _without(attrs: Given, name: str) -> Given:
    return [each for each in attrs if each[0] != name]


def _tag(name: str, attrs: Given) -> str:
    parts = [key if value is None else f'{key}="{html.escape(value)}"' for key, value in attrs]
    return f"<{' '.join([name, *parts])}>"
