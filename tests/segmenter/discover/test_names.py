"""Names of discovered segments can be read."""

from __future__ import annotations

import pytest

from segmenter.discover.markers import Marker
from segmenter.discover.names import said_of


def marked(*items: str) -> list[Marker]:
    return [Marker(item.removeprefix("-"), 1.0, 0.5, not item.startswith("-")) for item in items]


@pytest.mark.parametrize(
    ("items", "name"),
    [
        (("-Quality matters more than price", "I look for the lowest price", "I compare prices"), "price seekers"),
        (("I buy gifts for others", "Wrapping matters to me", "I buy before holidays"), "gift seekers"),
        (("I like to try new things", "I read about new products", "-I wait for a sale"), "new product seekers"),
        (("Mir ist der Preis wichtig", "Ich vergleiche"), "preis seekers"),
        (("-I wait for a sale",), "less wait"),
        (("q1", "q7"), "high q1"),
        (("owns_pet=yes",), "owns pet: yes"),
        ((), ""),
    ],
)
def test_a_segment_of_a_survey_is_named_after_what_its_people_ask_for(items: tuple[str, ...], name: str) -> None:
    assert said_of(marked(*items), survey=True)[0] == name


def test_a_segment_of_traits_is_named_after_its_strongest_trait() -> None:
    names = said_of(marked("orders_365d", "-click_rate_90d"), survey=False)

    assert names == ("high orders 365d", "High orders 365d, low click rate 90d")
