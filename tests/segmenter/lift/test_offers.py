"""The best offer of each persona: equal to SciPy's test of a table, and silent where nobody won."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from segmenter.lift.offers import best_offers
from segmenter.stats.proportions import Responses

CLEAR = {
    ("Bo", "sale"): Responses(1000, 120),
    ("Bo", "gift"): Responses(1000, 50),
    ("Bo", "news"): Responses(1000, 55),
    ("Rita", "sale"): Responses(1000, 80),
    ("Rita", "gift"): Responses(1000, 84),
    ("Rita", "news"): Responses(1000, 76),
}


def test_the_best_offer_is_supported_where_offers_differ_and_not_where_they_do_not() -> None:
    bo, rita = best_offers(CLEAR)
    table = [[120, 50, 55], [880, 950, 945]]

    assert (bo.best.offer, bo.supported, rita.supported) == ("sale", True, False)
    assert bo.p == pytest.approx(chi2_contingency(table, correction=False).pvalue)
    assert bo.lead.low > 0
    assert rita.lead.low < 0


def test_what_to_expect_lies_between_the_offers_rate_and_that_of_all() -> None:
    bo, rita = best_offers(CLEAR)

    assert 0.075 < bo.best.expected <= 0.12
    assert rita.best.expected == pytest.approx(0.08, abs=0.001)


def test_offers_that_reached_nobody_take_no_part() -> None:
    (bo,) = best_offers({("Bo", "sale"): Responses(10, 1), ("Bo", "gift"): Responses(0, 0)})

    assert [cell.offer for cell in bo.offers] == ["sale"]
    assert (bo.p, bo.supported) == (1.0, False)
    assert best_offers({}) == []


def test_where_no_offer_works_better_one_is_called_supported_in_few_of_a_hundred_tries() -> None:
    chance = np.random.default_rng(5)
    called = 0
    for _ in range(300):
        counts = chance.binomial(800, 0.06, size=(4, 4))
        cells = {(f"p{i}", f"o{j}"): Responses(800, int(counts[i, j])) for i in range(4) for j in range(4)}
        called += any(best.supported for best in best_offers(cells))

    assert called <= 300 * 0.05 + 3 * (300 * 0.05 * 0.95) ** 0.5
