"""The audit as a letter: what was looked at, what was found, and what to do, for somebody who is no statistician."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from segmenter.monitor.proxy_audit import BLOCK, FOUR_FIFTHS, WARN
from segmenter.privacy.purposes import PurposeRule
from sync.active_people import withheld_active
from sync.monitor.proxy_audit import Audited
from sync.session import Session

VERDICTS: Mapping[str, str] = {
    "ok": "We found no sign that segments stand in for this attribute, and every group is represented alike.",
    "warn": (
        "Segments or traits tell this attribute in part, or a segment holds one group far more often than another. "
        "Please review the traits named in segments.toml, or have counsel review the purpose, before the next campaign."
    ),
    "block": (
        "Segments and traits act as a stand-in for this attribute. Please do not use them for offers until the traits "
        "that predict it are removed and this audit has been repeated."
    ),
}

LIMITS = (
    "This audit has limits. It looks at one attribute, of the people in the file only, and at the data of this day. It "
    "can't show that a campaign's text treats people alike, and a finding of nothing is no proof."
)


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """What the letter says of the workspace.

    Attributes:
        company: Its name.
        at: The day of the audit, UTC.
        rules: Legal basis and sources of each purpose.
        left_out: People who are left out, by purpose.
        purpose: What sensitive traits may be used for; "": nothing.
        allowed: The sensitive traits that it allows.
        review: Who reviewed uses that sound like significant decisions; "": there are none.
        reviewed: Their names.
        unseen: Where on the platforms workflows may read what we write, in sentences.
    """

    company: str
    at: datetime
    rules: tuple[PurposeRule, ...]
    left_out: Mapping[str, int]
    purpose: str
    allowed: tuple[str, ...]
    review: str
    reviewed: tuple[str, ...]
    unseen: tuple[str, ...] = ()


def unseen(session: Session) -> tuple[str, ...]:
    """Return what this audit can't see: for each platform that is written to, the fields and groups to look for.

    No connector reads workflows; its spec says where a person finds what reads a field.

    Args:
        session: The open workspace.
    """
    workspace, sentences = session.workspace, []
    for name in workspace.connections:
        if not (where := workspace.spec(name, session.manifest).used_at):
            continue
        names = [*workspace.owned(name, session.manifest), *workspace.groups]
        sentences.append(f"{name}: {where}: {', '.join(names)}.")
    return tuple(sentences)


def letter_facts(session: Session) -> LetterFacts:
    """Return what the letter says of a workspace."""
    workspace = session.workspace
    return LetterFacts(
        workspace.name,
        session.now(),
        workspace.purposes.purposes,
        withheld_active(session),
        workspace.sensitive.text,
        workspace.sensitive.allow,
        workspace.decisions.review,
        workspace.decisions.allow,
        unseen(session),
    )


def letter(audited: Audited, facts: LetterFacts) -> str:
    """Return the audit as a letter in Markdown, to be signed and kept.

    Args:
        audited: What was found.
        facts: What the workspace says.
    """
    parts = [
        f"# Audit of segments against {audited.flag!r}",
        f"{facts.company}, {facts.at:%d %B %Y}",
        "To whom it may concern,",
        *_looked_at(audited),
        VERDICTS[audited.verdict],
        *_found(audited),
        *_allowed(facts),
        *_decisions(facts),
        LIMITS,
        "Name, position, date: ____________________",
    ]
    return "\n\n".join(parts) + "\n"


def _looked_at(audited: Audited) -> Iterator[str]:
    groups = ", ".join(f"{group}: {people:,}" for group, people in audited.groups.items())
    yield (
        f"We compared the segments of {audited.people:,} people with {audited.flag!r} ({groups}). The attribute came "
        f"from a file that was used for this audit only; it is stored nowhere. {audited.strangers:,} rows of the file "
        "match no contact and were left out."
    )


def _found(audited: Audited) -> Iterator[str]:
    yield "## What we found"
    worst = max([*audited.by_segment, *audited.by_everything], key=lambda part: part.auc, default=None)
    if worst is not None:
        yield (
            f"How well the segment, with all traits that may decide, tells {worst.group!r} from everybody else: "
            f"{worst.auc:.2f}, where 0.50 is chance and 1.00 is certainty (AUC, cross-validated). From {WARN:.2f} we "
            f"warn, from {BLOCK:.2f} we advise against use."
        )
    unequal = [offer for offer in audited.offers if offer.verdict != "ok"]
    if not unequal:
        yield "In every segment, the group with the lowest share has at least four fifths of the highest share."
    for offer in unequal:
        shares = ", ".join(f"{group} {rate:.0%}" for group, rate in offer.rates.items())
        yield (
            f"In segment {offer.segment!r} the shares differ: {shares}. The lowest is {offer.ratio:.2f} of the "
            f"highest; below {FOUR_FIFTHS:.2f} is a sign of unequal treatment."
        )


def _allowed(facts: LetterFacts) -> Iterator[str]:
    yield "## What the data may be used for"
    rows = []
    for rule in facts.rules:
        places = "; ".join(source.label for source in rule.sources) or "the platforms' status and objections"
        count = facts.left_out.get(rule.purpose, 0)
        rows.append(f"- {rule.purpose}: legal basis {rule.basis}, answered in {places}. Left out: {count:,} people.")
    yield "\n".join(rows)
    if facts.purpose:
        yield f"Sensitive traits ({', '.join(facts.allowed)}) are used for this purpose: {facts.purpose}"
    else:
        yield "No sensitive trait is used: the workspace names no purpose for one."


def _decisions(facts: LetterFacts) -> Iterator[str]:
    yield "## Decisions about people"
    yield (
        "Names and copy of all fields, segments and personas were checked for decisions about credit, housing, jobs, "
        "insurance and individual prices. Workflows on the platforms that read them were not: they can't be read with "
        "the rights that personasync has. Please list them, and confirm that none decides on these."
    )
    if facts.unseen:
        yield "\n".join(f"- {sentence}" for sentence in facts.unseen)
    if facts.review and facts.reviewed:
        yield f"Reviewed uses: {', '.join(facts.reviewed)} ({facts.review})."
    else:
        yield "None was found."
