"""What the people of served platforms tell of themselves: age band, area, interest, motive, as CRM properties.

Each depends on the hidden persona (tastes.py), so that personas differ in every family of traits; a third of the people
leave any one of them empty. Chance is of its own, so that who they are and what they buy stays as it is.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from connectors.sandbox.hubspot.definitions import default_properties
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.tastes import TASTES, TRUTH
from connectors.sandbox.world import World

TOLD = 0.66
Chances = Mapping[str, Mapping[str, float]]

PROPERTIES: Mapping[str, tuple[str, Chances]] = {
    "age_band": (
        "Age band",
        {
            "regular": {"25-34": 2, "35-44": 5, "45-54": 4, "55-64": 2},
            "bargain": {"18-24": 4, "25-34": 5, "35-44": 2, "45-54": 1},
            "gift": {"35-44": 2, "45-54": 4, "55-64": 5, "65+": 3},
            "newcomer": {"18-24": 3, "25-34": 5, "35-44": 2, "45-54": 1},
        },
    ),
    "gender": (
        "Gender",
        {
            "regular": {"female": 5, "male": 5, "other": 0.3},
            "bargain": {"female": 5, "male": 5, "other": 0.3},
            "gift": {"female": 7, "male": 4, "other": 0.2},
            "newcomer": {"female": 5, "male": 5, "other": 0.3},
        },
    ),
    "birthday_month": ("Birthday month", {name: {f"{n:02d}": 1 for n in range(1, 13)} for name in TASTES}),
    "area_type": (
        "Area",
        {
            "regular": {"city": 6, "suburb": 3, "countryside": 1},
            "bargain": {"city": 3, "suburb": 4, "countryside": 3},
            "gift": {"city": 2, "suburb": 4, "countryside": 5},
            "newcomer": {"city": 5, "suburb": 3, "countryside": 2},
        },
    ),
    "interest_group": (
        "Interests",
        {
            "regular": {"design": 5, "cooking": 4, "gardening": 2, "seasonal": 1},
            "bargain": {"design": 1, "cooking": 5, "gardening": 4, "seasonal": 1},
            "gift": {"design": 2, "cooking": 1, "gardening": 2, "seasonal": 7},
            "newcomer": {"design": 3, "cooking": 3, "gardening": 3, "seasonal": 2},
        },
    ),
    "buying_motive": (
        "What matters most",
        {
            "regular": {"quality": 6, "novelty": 4, "price": 1, "giving": 1},
            "bargain": {"quality": 1, "novelty": 1, "price": 8, "giving": 1},
            "gift": {"quality": 3, "novelty": 1, "price": 1, "giving": 7},
            "newcomer": {"quality": 2, "novelty": 5, "price": 2, "giving": 1},
        },
    ),
}
"""Property -> label, and by hidden persona the weight of each value."""


def describe_people(world: World) -> None:
    """Let the people of the CRM tell of themselves, and define the properties that hold it."""
    crm = HubSpotState.of(world)
    sample = next(row for row in default_properties("contacts") if row["name"] == "city")
    for name, (label, _) in PROPERTIES.items():
        crm.properties[f"contacts/{name}"] = {**sample, "name": name, "label": label, "hubspotDefined": False}
    truth = world.store.table(TRUTH)
    for row in list(crm.contact_records.rows()):
        known = truth.get(str(row["properties"].get("email", "")).lower())
        if known is None:
            continue
        dice = random.Random(f"{world.seed}/described/{row['id']}")  # noqa: S311 - people, not secrets
        for name, (_, chances) in PROPERTIES.items():
            weights = chances[str(known["taste"])]
            value = dice.choices(list(weights), list(weights.values()))[0]
            if dice.random() < TOLD:
                row["properties"][name] = value
        crm.contacts[row["id"]] = row
