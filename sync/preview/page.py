"""Preview page (HTML): the email of every persona side by side, problems, and the share of fallbacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape as escape_html

from connectors.visible import visible
from segmenter.personalize.creepiness import Concern


@dataclass(frozen=True, slots=True)
class FieldShare:
    """What a field shows in the mail, and to how many.

    Attributes:
        share: Of the persona's people, who get this value.
        fallback: Whether it is the fallback.
        others: Share of those who get another value, by value: the most frequent ones.
    """

    field: str
    value: str
    share: float
    fallback: bool
    others: Mapping[str, float]

    def sentence(self) -> str:
        """Return it as text."""
        fallback = " (the fallback)" if self.fallback else ""
        rest = ", ".join(f"“{value}” for {share_text(share)}" for value, share in self.others.items())
        return f"{self.field}: “{self.value}”{fallback} for {share_text(self.share)}{f'; {rest}' if rest else ''}"


def share_text(share: float) -> str:
    """Return a share as text: neither "0%" for somebody nor "100%" for less than all."""
    if 0 < share < 0.005:  # noqa: PLR2004 - what rounds to 0%
        return "less than 1%"
    return "more than 99%" if 0.995 <= share < 1 else f"{share:.0%}"  # noqa: PLR2004 - what rounds to 100%


@dataclass(frozen=True, slots=True)
class PreviewedMail:
    """A template for one persona or one person: the mail that most of them get.

    Attributes:
        people: How many it stands for.
        fallbacks: Share of them who get the fallback, by field of the platform.
        empty: Fields that have no value.
        share: Of them, who get exactly this mail.
        fields: What each of our fields shows, and to how many.
    """

    title: str
    people: int
    html: str
    fallbacks: Mapping[str, float]
    empty: Sequence[str]
    share: float = 1.0
    fields: Sequence[FieldShare] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """A rendered preview, with the template's problems and creepiness warnings.

    Attributes:
        notes: What the preview shows otherwise than the platform will, and why.
        focus: Which segments are pushed, in words; "": all.
    """

    connection: str
    problems: Sequence[str]
    shown: Sequence[PreviewedMail]
    concerns: Sequence[Concern] = ()
    notes: Sequence[str] = ()
    focus: str = ""

    def page(self) -> str:
        """Return all of it as one HTML file; each mail stands in a frame that runs no scripts."""
        body = _listed("Problems", self.problems) if self.problems else "<p>No problems found.</p>"
        body += _listed("Too personal?", [concern.sentence() for concern in self.concerns])
        body += _listed("Notes", [*self.notes, *([self.focus] if self.focus else [])])
        return PAGE.format(told=body, cards="".join(_card(mail) for mail in self.shown))


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Preview</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body{{font:1rem/1.5 system-ui,sans-serif;margin:1rem;color:#1b1b1b;background:#fff;overflow-wrap:anywhere}}
main{{display:grid;margin-top:1rem;grid-template-columns:repeat(auto-fill,minmax(min(20rem,100%),1fr));gap:1rem}}
section{{border:1px solid #888;border-radius:.5rem;padding:.75rem;min-width:0}}
h1{{font-size:1.5rem;margin:0}}h2{{font-size:1.1rem;margin:0 0 .5rem}}h3{{font-size:1rem;margin:.75rem 0 0}}
iframe{{width:100%;height:30rem;border:1px solid #888;background:#fff;box-sizing:border-box}}
ul{{padding-left:1.25rem;margin:.25rem 0}}
@media print{{iframe{{height:20rem}}section{{break-inside:avoid}}}}
</style></head>
<body><h1>Preview</h1>{told}<main>{cards}</main></body></html>
"""


def escape(text: str) -> str:
    """Return a text of others as HTML, with what would turn the order of its letters spelled out."""
    return escape_html(visible(text))


def _listed(title: str, lines: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<h3>{title}</h3><ul>{items}</ul>" if lines else ""


def _card(previewed_mail: PreviewedMail) -> str:
    bullets = "".join(
        f"<li>{escape(field.sentence())}</li>" for field in previewed_mail.fields if field.others or field.fallback
    )
    bullets += "".join(f"<li>{escape(name)}: no value</li>" for name in previewed_mail.empty)
    title, document = escape(previewed_mail.title), escape_html(previewed_mail.html)  # the mail as readers get it
    frame = f'<iframe sandbox title="Email for {title}" srcdoc="{document}"></iframe>'
    people = "1 person" if previewed_mail.people == 1 else f"{previewed_mail.people:,} people"
    people += "" if previewed_mail.share == 1 else f"; {share_text(previewed_mail.share)} get exactly this"
    return f"<section><h2>{escape(previewed_mail.title)}, {people}</h2>{frame}<ul>{bullets}</ul></section>"
