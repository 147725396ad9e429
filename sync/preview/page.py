"""Preview page (HTML): the email of every persona side by side, problems, and the share of fallbacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from segmenter.personalize.creepiness import Concern
from sync.design.page import render


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

    def size(self) -> str:
        """Return how many people it stands for, and how many of them get exactly this mail."""
        people = "1 person" if self.people == 1 else f"{self.people:,} people"
        return people if self.share == 1 else f"{people}; {share_text(self.share)} get exactly this"


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
        return render("sync.preview", "preview.html.j2", preview=self, mail_css=MAILS)


MAILS = """
.mails { display: grid; margin-top: 1rem; gap: 1rem; }
.mails { grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); }
h2.plain { border: 0; margin: 0; padding: 0; font-size: 1.0625rem; }
iframe { width: 100%; height: 30rem; border: 1px solid var(--line); border-radius: .3rem; background: #fff; }
@media print { iframe { height: 20rem; } }
"""
