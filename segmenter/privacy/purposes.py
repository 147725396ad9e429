"""Consent by purpose: what a person's data may be used for, on which legal basis, and which answer says so. Pure.

A purpose is fed by sources: a property, a merge field, a file's column, a HubSpot subscription type, or a platform's
status. Each answer is read by one table (`YES`, `NO`). A blank is no answer. A word that is in neither is not
understood: it never allows anything, and whoever reads it says where it stands. Of several answers of a person the
strictest decides.

The legal basis says what silence means: for "consent" (GDPR art. 6(1)(a)) it is a no; for "legitimate interest" (f) and
"contract" (b) it is allowed until somebody says no. An objection (art. 21) ends profiling, tracking and advertising on
every basis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal, get_args

from connectors.records import INTEREST_GROUP

ConsentPurpose = Literal["mailing", "profiling", "tracking", "advertising"]
LegalBasis = Literal["consent", "legitimate interest", "contract"]
AnswerKind = Literal["yes", "no", "blank", "not understood"]
SourceKind = Literal["property", "subscription", "status"]

PURPOSES: tuple[ConsentPurpose, ...] = get_args(ConsentPurpose)
OBJECTABLE: tuple[ConsentPurpose, ...] = ("profiling", "tracking", "advertising")
"""What an objection ends. Mailing ends by the platforms' own unsubscribe."""

YES = frozenset(
    (
        *("yes", "y", "true", "t", "1", "on", "ja", "j", "oui", "si", "sí", "sim", "x", "checked", "agree", "agreed"),
        *("opt_in", "optin", "opted_in", "single_opt_in", "double_opt_in", "confirmed", "subscribed", "accepted"),
        *("accepts", "granted", "given", "consented", "explicit_consent", "allowed", "einverstanden", "zugestimmt"),
    )
)
NO = frozenset(
    (
        *("no", "n", "false", "f", "0", "off", "nein", "non", "não", "nao", "unchecked", "disagree", "disagreed"),
        *("opt_out", "optout", "opted_out", "unsubscribed", "declined", "denied", "refused", "rejected", "revoked"),
        *("withdrawn", "not_given", "not_allowed", "objected", "abgelehnt", "widerrufen"),
    )
)
BLANK = frozenset(("", "none", "null", "n/a", "na", "unknown", "not_set", "not_specified", "unspecified", "pending"))
"""No answer: an empty cell, and the words with which exports write one."""


@dataclass(frozen=True, slots=True)
class ConsentSource:
    """Where the answer for a purpose stands.

    Attributes:
        connection: Name of the connection.
        kind: "property": a property, merge field, group or file column; "subscription": a HubSpot subscription type;
            "status": the contact's status on the platform.
        name: Of the property, or of the subscription type; "" for a status.
        dated: The property that says when the answer was given; "": none does.
        statuses: Of a status those that are a yes; any other is no answer.
    """

    connection: str
    kind: SourceKind
    name: str = ""
    dated: str = ""
    statuses: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The place in words: "crm, property profiling_ok"."""
        if self.name.startswith(INTEREST_GROUP):
            return f"{self.connection}, group {self.name.removeprefix(INTEREST_GROUP)}"
        return f"{self.connection}, {self.kind} {self.name or '/'.join(self.statuses)}"


@dataclass(frozen=True, slots=True)
class PurposeRule:
    """What a workspace says of one purpose.

    Attributes:
        basis: The legal basis.
        sources: Where answers stand; none: only an objection, or a platform's status, can end it.
    """

    purpose: ConsentPurpose
    basis: LegalBasis
    sources: tuple[ConsentSource, ...] = ()


@dataclass(frozen=True, slots=True)
class ConsentAnswer:
    """One answer of a person, as a source has it.

    Attributes:
        source: Where it stands.
        contact_key: The contact that shows it.
        text: As the source spells it; None: nothing stands there.
        dated: When it was given, as the source spells it; None: not told.
        gone: Whether the contact is archived, deleted or merged: a no outlives it, a yes does not.
        known_at: When the contact last changed, UTC; None: not told.
    """

    source: ConsentSource
    contact_key: str
    text: str | None
    dated: str | None = None
    gone: bool = False
    known_at: datetime | None = None

    @property
    def kind(self) -> AnswerKind:
        """What the answer says."""
        if self.source.kind == "status":
            return "yes" if self.text in self.source.statuses and not self.gone else "blank"
        answer = read_answer(self.text)
        return "blank" if answer == "yes" and self.gone else answer

    @property
    def day(self) -> str | None:
        """The day on which it was given, as ISO 8601 writes it; None where none is told or it is no date."""
        day = _day(self.dated)
        return day.isoformat() if day else None


@dataclass(frozen=True, slots=True)
class Objection:
    """That a person objected (GDPR art. 21).

    Attributes:
        day: Since when, ISO 8601; None: not told.
        source: Who or what said so: "noted by NAME", or a source's label.
    """

    day: str | None
    source: str


@dataclass(frozen=True, slots=True)
class PurposeStanding:
    """Whether one person's data may be used for a purpose, and what says so.

    Attributes:
        allowed: Whether they may.
        basis: The legal basis of the workspace.
        reason: Why, as a part of a sentence.
        source: Where the answer stands; "": there is none, and the basis decides.
        answer: As the source spells it; None: no answer.
        day: Since when, ISO 8601; None: not told.
    """

    purpose: ConsentPurpose
    allowed: bool
    basis: LegalBasis
    reason: str
    source: str = ""
    answer: str | None = None
    day: str | None = None


def read_answer(text: str | None) -> AnswerKind:
    """Return what an answer says, whatever its case, blanks and hyphens.

    Returns:
        "not understood" for a word in none of the tables; whoever asks must treat it as a no, and say where it stands.
    """
    word = (text or "").strip().casefold().replace("-", "_").replace(" ", "_")
    if word in YES:
        return "yes"
    if word in NO:
        return "no"
    return "blank" if word in BLANK else "not understood"


def standing_of(rule: PurposeRule, answers: Sequence[ConsentAnswer], objection: Objection | None) -> PurposeStanding:
    """Return whether a person's data may be used for a purpose.

    Args:
        rule: What the workspace says of the purpose.
        answers: All answers of the person to the rule's sources.
        objection: That the person objected; None: they did not.
    """
    if objection is not None and rule.purpose in OBJECTABLE:
        reason = f"objected{f' on {objection.day}' if objection.day else ''} ({objection.source})"
        said = (objection.source, OBJECTION, objection.day)
        return PurposeStanding(rule.purpose, False, rule.basis, reason, *said)  # noqa: FBT003
    against, agreed = _first(answers, "no") or _first(answers, "not understood"), _first(answers, "yes")
    if against is not None and _released(against, answers):
        against = None
    deciding, allowed = against or agreed, against is None
    if deciding is None:
        allowed = rule.basis != "consent"
        reason = "no objection is on record" if allowed else "no consent is on record"
        return PurposeStanding(rule.purpose, allowed, rule.basis, reason)
    source, text, day = deciding.source.label, (deciding.text or "").strip(), deciding.day
    unknown = ", which is not understood and never counts as consent" if deciding.kind == "not understood" else ""
    since = f" since {day}" if day else ""
    reason = f"{text!r} in {source}{since}{unknown}"
    return PurposeStanding(rule.purpose, allowed, rule.basis, reason, source, text, day)


def standings_of(
    rules: Sequence[PurposeRule], answers: Sequence[ConsentAnswer], objection: Objection | None
) -> dict[ConsentPurpose, PurposeStanding]:
    """Return a person's standing for each purpose that *rules* name; see `standing_of`.

    Args:
        rules: Of the workspace.
        answers: All answers of the person, of whatever source.
        objection: That the person objected; None: they did not.

    Returns:
        Standings by purpose, in the order of *rules*. An objection ends those of `OBJECTABLE` alone.
    """
    by_source: dict[ConsentSource, list[ConsentAnswer]] = {}
    for answer in answers:
        by_source.setdefault(answer.source, []).append(answer)
    return {
        rule.purpose: standing_of(rule, [a for source in rule.sources for a in by_source.get(source, ())], objection)
        for rule in rules
    }


def _first(answers: Sequence[ConsentAnswer], kind: AnswerKind) -> ConsentAnswer | None:
    return next((answer for answer in answers if answer.kind == kind), None)


def _released(against: ConsentAnswer, answers: Sequence[ConsentAnswer]) -> bool:
    """Tell whether a no of a contact that is gone gave way to a dated yes of another contact that is newer."""
    if not against.gone or against.known_at is None or any(a.kind == "no" and not a.gone for a in answers):
        return False
    days = [day for answer in answers if answer.kind == "yes" and (day := _day(answer.dated))]
    return any(day > against.known_at.date() for day in days)


def _day(text: str | None) -> date | None:
    stamp = (text or "").strip()
    try:
        if stamp.isdigit() and len(stamp) >= MILLISECOND_DIGITS:  # HubSpot writes dates as milliseconds in places
            return datetime.fromtimestamp(int(stamp) / 1000, UTC).date()
        return datetime.fromisoformat(stamp).date()
    except (ValueError, OverflowError, OSError):
        return None


MILLISECOND_DIGITS = 11
OBJECTION = "objection"
"""The answer of a standing that an objection decided."""

NOT_PROFILED = "not profiled: no consent or legal basis, or an objection"
"""The reason of an assignment without segment and persona of somebody who may not be profiled."""
