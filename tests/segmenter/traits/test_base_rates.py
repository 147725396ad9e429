"""The rates of everybody are the same from mails alone as from everybody's aggregates."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from segmenter.traits.builtin import catalogue
from segmenter.traits.traits import aggregates, base_rates, base_rates_of
from tests.segmenter.traits.trait_rows import NOW, Rows, contact, inputs, mail

GONE: dict[str, dict[str, object]] = {
    "p1": {"state": "archived"},
    "p2": {"created_at": NOW + timedelta(days=1)},
    "p3": {"created_at": None},
}


def mailed(seed: int) -> dict[str, Rows]:
    """Mails and answers within 90 days and outside, some after the moment, some answers without a mail."""
    rng, people = np.random.default_rng(seed), [f"p{number}" for number in range(9)]
    rows: dict[str, Rows] = {"contacts": [contact(key, **GONE.get(key, {})) for key in people]}
    rows |= {"deliveries": [], "engagements": []}
    for number in range(240):
        key, ago = str(rng.choice(people)), round(float(rng.uniform(-10, 200)), 2)
        rows["deliveries"].append(mail(key, f"c{number}", ago) | {"status": str(rng.choice(["sent", "sent", "hard"]))})
        event = mail(key, f"c{rng.integers(9)}", ago, str(rng.choice(["open", "open", "click", "visit"])))
        rows["engagements"].append({**event, "event_id": f"e{number}"} | ({} if number % 7 else {"campaign_id": None}))
    return rows


@pytest.mark.parametrize("seed", [1, 2])
def test_they_are_those_of_the_aggregates_in_every_digit(seed: int) -> None:
    tables = inputs(**mailed(seed))

    [expected] = base_rates(aggregates(tables, catalogue(()), NOW)).to_pyarrow().to_pylist()

    assert base_rates_of(tables, NOW).to_pyarrow().to_pylist() == [expected]
    assert None not in expected.values()


def test_without_a_mail_there_is_no_rate() -> None:
    tables = inputs(contacts=[contact("p1")])

    [expected] = base_rates(aggregates(tables, catalogue(()), NOW)).to_pyarrow().to_pylist()

    assert base_rates_of(tables, NOW).to_pyarrow().to_pylist() == [expected]
    assert expected["open_base"] is None
