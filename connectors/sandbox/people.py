"""Invented people who buy as real ones did: BG/NBD for when, Gamma-Gamma for how much.

Purchases follow the BG/NBD model (Fader, Hardie & Lee 2005, "Counting Your Customers" the Easy Way, Marketing
Science 24(2)) with the parameters published there for CDNOW, in weeks; the worth of an order follows the
Gamma-Gamma model (Fader & Hardie 2013, "The Gamma-Gamma Model of Monetary Value") with the parameters published
there for the same data. Both are scaled by the hidden persona's pace and spend (tastes.py).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.sandbox.tastes import TASTES

R, ALPHA, A, B = 0.243, 4.414, 0.793, 2.426  # BG/NBD, CDNOW, weeks
P, Q, GAMMA = 6.25, 3.74, 15.44  # Gamma-Gamma, CDNOW, dollars

OLDEST_WEEKS = 104.0
NEWCOMER_WEEKS = 6.0
LEAD = 0.25  # people who never bought
GIFT_WEEKS = (47, 51)  # weeks of the year in which gift buyers buy

GIVEN = (
    "Ada",
    "Bela",
    "Chen",
    "Dina",
    "Emre",
    "Femi",
    "Greta",
    "Hana",
    "Ivo",
    "Jun",
    "Kofi",
    "Lena",
    "Milo",
    "Noor",
    "Olga",
)
FAMILY = (
    "Arden",
    "Brook",
    "Castell",
    "Dorn",
    "Eklund",
    "Farrow",
    "Grove",
    "Hale",
    "Imber",
    "Jarvis",
    "Kestrel",
    "Lund",
)
COUNTRIES = ("GB", "DE", "US", "FR", "NL", "SE")


@dataclass(frozen=True, slots=True)
class Purchase:
    """One purchase; UTC, US dollars."""

    at: datetime
    amount: float


@dataclass(frozen=True, slots=True)
class Human:
    """One invented human, before any platform knows them."""

    number: int
    given: str
    family: str
    email: str
    country: str
    taste: str
    since: datetime
    orders: list[Purchase] = field(default_factory=list)


def people(count: int, *, seed: int, now: datetime) -> Iterator[Human]:
    """Yield *count* humans as of *now* (UTC); the same seed and moment give the same ones."""
    names = list(TASTES)
    weights = [TASTES[name].share for name in names]
    for number in range(1, count + 1):
        dice = random.Random(f"{seed}/human/{number}")  # noqa: S311 - people, not secrets
        taste = dice.choices(names, weights)[0]
        given, family = dice.choice(GIVEN), dice.choice(FAMILY)
        age = dice.uniform(0.2, NEWCOMER_WEEKS if taste == "newcomer" else OLDEST_WEEKS)
        yield Human(
            number,
            given,
            family,
            f"{given}.{family}.{number}@people.test".lower(),
            dice.choice(COUNTRIES),
            taste,
            now - timedelta(weeks=age),
            [] if dice.random() < LEAD else list(_orders(dice, taste, now, age)),
        )


def _orders(dice: random.Random, taste: str, now: datetime, weeks: float) -> Iterator[Purchase]:
    """The first order on the first day, then BG/NBD: an exponential wait; after each repeat maybe none ever again."""
    traits = TASTES[taste]
    rate = dice.gammavariate(R, 1 / ALPHA) * traits.pace
    drop = dice.betavariate(A, B)
    worth = dice.gammavariate(Q, 1 / GAMMA)
    elapsed = 0.0
    while elapsed < weeks:
        at = now - timedelta(weeks=weeks - elapsed)
        amount = round(max(0.5, dice.gammavariate(P, 1 / worth) * traits.spend), 2)
        yield Purchase(_in_season(dice, at, now) if taste == "gift" else at, amount)
        if (elapsed > 0 and dice.random() < drop) or rate <= 0:
            return
        elapsed += dice.expovariate(rate)


def _in_season(dice: random.Random, at: datetime, now: datetime) -> datetime:
    """Move a gift buyer's order into the weeks before the holidays, if that is in the past."""
    week = dice.uniform(*GIFT_WEEKS)
    moved = at.replace(month=1, day=1) + timedelta(weeks=week)
    return moved if moved < now else at
