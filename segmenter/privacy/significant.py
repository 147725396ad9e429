"""Significant decisions about people: credit, housing, jobs, insurance, individual prices.

Personas must not drive them. GDPR art. 22 forbids decisions with legal or similarly significant effects that rest on
profiling alone; the EU AI Act (annex III) and US rules (CCPA regulations on automated decisions; Fair Housing Act,
ECOA) name the same areas. What a field is called says what it is for, so names are looked at more strictly than prose:
an email may tell of a mortgage, a field "mortgage_approved" decides on one. The lists are English and German, and can't
be complete.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from segmenter.errors import DefinitionError
from segmenter.privacy.sensitive import words

NAMES: Mapping[str, tuple[str, ...]] = {
    "credit": (
        "credit limit*", "credit line*", "credit scor*", "credit rating*", "credit check*", "credit risk*",
        "credit decision*", "credit approv*", "credit eligib*", "creditworth*", "loan*", "mortgage*", "overdraft*",
        "interest rate*", "financing", "pay later limit*", "installment plan*", "debt collection*", "default risk*",
        "kredit*", "darlehen*", "bonitat*", "schufa*", "zahlungsausfall*", "ratenzahlung*", "dispo*", "hypothek*",
    ),
    "housing": (
        "housing", "tenan*", "tenancy", "rental application*", "rental approv*", "landlord*", "lease approv*",
        "lease eligib*", "eviction*", "mieter*", "mietvertrag*", "mietzusage*", "wohnungsvergabe*", "raumung*",
    ),
    "employment": (
        "hire", "hired", "hiring", "applicant*", "candidate scor*", "candidate rank*", "recruit*", "job offer*",
        "job application*", "promotion eligib*", "termination", "dismissal*", "salary", "salaries", "wage*", "payroll",
        "shift assignment*", "bewerb*", "einstellungs*", "gehalt*", "lohn*", "entlassung*", "beforderung*",
    ),
    "insurance": (
        "insurance*", "insurab*", "underwrit*", "policyholder*", "policy holder*", "risk premium*", "premium rate*",
        "premium class*", "claims decision*", "claim approv*", "versicher*", "tarifklasse*", "schadensfreiheit*",
    ),
    "individual prices": (
        "individual price*", "personal price*", "personalized price*", "personalised price*",
        "price for you", "your price", "own price",
        "dynamic pric*", "price tier*", "price level*", "price group*", "price segment*", "price multiplier*",
        "willingness to pay", "surcharge*", "individueller preis", "individuelle preise", "personlicher preis",
        "preisstufe*", "preisgruppe*", "preisaufschlag*", "zahlungsbereitschaft*",
    ),
}  # fmt: skip
"""By area, as names of fields, segments and groups say it: words as `segmenter.privacy.sensitive.words` spells them."""

PROSE: Mapping[str, tuple[str, ...]] = {
    "credit": (
        "your credit limit", "your loan is", "your loan was", "you are approved for", "you were approved for",
        "pre approved for", "your application was declined", "dein kreditrahmen", "ihr kreditrahmen",
    ),
    "housing": ("your rental application", "you qualify for the apartment", "you qualify for the flat",
                "deine mietzusage", "ihre mietzusage"),
    "employment": ("your job application was", "you are shortlisted", "you have been shortlisted",
                   "deine bewerbung wurde", "ihre bewerbung wurde"),
    "insurance": ("your premium is", "your premium will", "your insurance rate", "your claim was", "your claim is",
                  "deine pramie", "ihre pramie"),
    "individual prices": (
        "your personal price", "your individual price", "price just for you", "price only for you",
        "your price today", "dein personlicher preis", "ihr personlicher preis",
    ),
}  # fmt: skip
"""By area, what only a decision about the reader says in an email."""

FIX = (
    "Leave that decision to people, or to a system with its own safeguards. If counsel has reviewed this use, add to "
    'personasync.toml: [decisions] review = "...", allow = ["{name}"].'
)


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Uses that counsel has reviewed, and by whom.

    Attributes:
        review: Who reviewed them, when, and on which basis; "" allows nothing.
        allow: Names of fields, segments and personas.
    """

    review: str = ""
    allow: tuple[str, ...] = ()

    def allows(self, name: str) -> bool:
        """Return whether what is called *name* was reviewed."""
        return bool(self.review.strip()) and name in self.allow


@dataclass(frozen=True, slots=True)
class SignificantWord:
    """Words that speak of a significant decision, and their area."""

    area: str
    word: str


def find_significant(text: str, *, name: bool) -> SignificantWord | None:
    """Return the first words of *text* that speak of a significant decision; None: there are none.

    Args:
        text: A name, or what an email says.
        name: It is a name: of a field, its label, a segment, a group.
    """
    phrase = " ".join(words(text))
    for area, pattern in _patterns(NAMES if name else PROSE):
        if match := pattern.search(phrase):
            return SignificantWord(area, match.group())
    return None


def _patterns(lists: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, re.Pattern[str]]]:
    for area in lists:
        yield area, _pattern(lists[area])


@cache
def _pattern(listed: Sequence[str]) -> re.Pattern[str]:
    spelt = [" ".join(words(term)) + ("[a-z]*" if term.endswith("*") else "") for term in listed]
    return re.compile(rf"\b(?:{'|'.join(sorted(spelt, key=len, reverse=True))})\b")


def refuse_significant(
    names: Mapping[str, Sequence[str]], texts: Mapping[str, Sequence[str]], reviewed: Reviewed
) -> None:
    """Stop a persona, a segment or a field that would drive a significant decision.

    Args:
        names: What each thing is called, by where it stands: ``field 'offer'``, ``segment 'buyers'``.
        texts: What each thing says in emails, by where it stands.
        reviewed: What counsel has reviewed.

    Raises:
        DefinitionError: A name or a text speaks of one, and nobody reviewed it.
    """
    for by_place, is_name in ((names, True), (texts, False)):
        for where, spoken in by_place.items():
            called = where.split("'")[1]
            if reviewed.allows(called):
                continue
            spotted = next((word for text in spoken if (word := find_significant(text, name=is_name))), None)
            if spotted is not None:
                raise DefinitionError(
                    f"{spotted.word!r} is about {spotted.area}: personas and segments must not drive decisions that "
                    f"significantly affect people. {FIX.format(name=called)}",
                    where=where,
                )
