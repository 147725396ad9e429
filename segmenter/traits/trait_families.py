"""Trait families: the five groups of traits that describe a persona, and the family of a trait.

Cultural means language, market, holidays and preferences that people state. It never means ethnicity or religion, which
nobody may infer from anything (see `segmenter.privacy.sensitive`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

Family = Literal["demographic", "geographic", "behavioural", "cultural", "psychographic"]

TRAIT_FAMILIES: Mapping[Family, str] = {
    "demographic": "who they are: age, household, work; of companies industry and size",
    "geographic": "where they are",
    "behavioural": "what they do: orders, emails, website visits",
    "cultural": "language, market, holidays, stated preferences",
    "psychographic": "what they want and think, from surveys",
}

WORDS: Mapping[Family, frozenset[str]] = {
    "demographic": frozenset((
        "age", "birth", "birthday", "birthdate", "born", "gender", "sex", "income", "household", "education",
        "degree", "marital", "employees", "numemployees", "company", "industry", "job", "jobtitle", "role",
        "seniority", "occupation", "profession", "alter", "geschlecht", "geburtstag", "einkommen", "haushalt",
        "bildung", "beruf", "firma", "branche",
    )),
    "geographic": frozenset((
        "country", "city", "town", "region", "state", "province", "county", "zip", "zipcode", "postal",
        "postcode", "address", "location", "timezone", "latitude", "longitude", "territory", "continent", "land",
        "stadt", "ort", "plz", "bundesland", "adresse",
    )),
    "cultural": frozenset((
        "language", "locale", "market", "currency", "holiday", "holidays", "preference", "preferences",
        "preferred", "favourite", "favorite", "interest", "interests", "topic", "topics", "sprache", "markt",
        "feiertag", "feiertage", "interesse", "interessen",
    )),
    "psychographic": frozenset((
        "attitude", "attitudes", "opinion", "motive", "motives", "motivation", "lifestyle", "personality",
        "satisfaction", "nps", "goal", "goals", "need", "needs", "values", "einstellung", "meinung", "motiv",
        "lebensstil", "zufriedenheit",
    )),
    "behavioural": frozenset((
        "visit", "visits", "view", "views", "open", "opens", "click", "clicks", "order", "orders", "purchase",
        "purchases", "bought", "revenue", "spent", "session", "sessions", "download", "downloads", "login",
        "logins", "event", "events", "analytics", "last", "recent", "score", "points", "usage", "activity",
        "lifecycle", "lifecyclestage", "besuche", "bestellungen", "umsatz", "punkte",
    )),
}  # fmt: skip
"""Words in the names of properties and items; of a name with words of several families the first of these counts."""


def likely_family(name: str, otherwise: Family) -> Family:
    """Return the family that *name*, of a property or an item, tells of; *otherwise* where it tells of none."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).casefold()
    tokens = set(re.findall(r"[a-z]+", apart))
    return next((family for family, words in WORDS.items() if tokens & words), otherwise)
