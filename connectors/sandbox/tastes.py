"""Who the people of the local platforms really are: what no platform shows, and campaigns have to find out.

Each person has one hidden persona. It decides how they buy (people.py) and how they answer a mail (responses.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from connectors.sandbox.world import World

TRUTH = "truth"  # the table that says who is who


@dataclass(frozen=True, slots=True)
class Taste:
    """One hidden persona.

    Attributes:
        share: Of generated people, 0 to 1.
        cues: Words that speak to them; content that holds one is "for them".
        pace: Factor on how often they buy, against the published average.
        spend: Factor on what an order is worth, against the published average.
        open: Chance that a mail is opened.
        click: Chance that an opened mail is clicked.
        order: Chance that a click leads to an order.
        leave: Chance that an opened mail makes them unsubscribe.
    """

    share: float
    cues: tuple[str, ...]
    pace: float
    spend: float
    open: float
    click: float
    order: float
    leave: float


TASTES = {
    "regular": Taste(0.25, ("early access", "new arrivals", "loyal"), 6.0, 1.0, 0.42, 0.22, 0.20, 0.004),
    "bargain": Taste(0.30, ("sale", "% off", "bargain", "save"), 2.0, 0.5, 0.32, 0.16, 0.12, 0.010),
    "gift": Taste(0.20, ("gift",), 1.0, 1.8, 0.28, 0.12, 0.14, 0.008),
    "newcomer": Taste(0.25, ("welcome", "getting started", "first order"), 1.0, 0.8, 0.36, 0.14, 0.06, 0.012),
}
MATCHED = 2.5  # factor on clicks where the content is for them; generic content is the base
MISSED = 0.6  # factor where it is for somebody else
ORDER_VALUE = 30.0  # mean of an order, before the factor `spend`


def taste_of(world: World, email: str) -> str:
    """Return the hidden persona behind an address; strangers are newcomers."""
    row = world.store.table(TRUTH).get(email.lower())
    return str(row["taste"]) if row else "newcomer"


def remember_taste(world: World, email: str, taste: str) -> None:
    """Note the hidden persona behind an address."""
    world.store.table(TRUTH)[email.lower()] = {"taste": taste}


def click_factor(taste: str, content: str) -> float:
    """Return the factor on clicks of somebody of *taste* who reads *content*."""
    text = content.lower()
    if any(cue in text for cue in TASTES[taste].cues):
        return MATCHED
    others = (cue for name, other in TASTES.items() if name != taste for cue in other.cues)
    return MISSED if any(cue in text for cue in others) else 1.0
