"""The best offer of each persona: only where chance dealt the offers out together, and silent where nobody won."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import test_proportions_2indep as two_rates

from segmenter.lift.network import Trial, too_few, trial
from segmenter.lift.offers import best_offers, never_compared
from segmenter.lift.text import apart_sentence, offer_sentence
from segmenter.stats.multiplicity import holm
from segmenter.stats.proportions import Responses

RUNS = 300
AT_MOST = RUNS * 0.05 + 3 * (RUNS * 0.05 * 0.95) ** 0.5
CLEAR = [
    trial("May", "Bo", {"sale": Responses(1000, 120), "gift": Responses(1000, 50), "news": Responses(1000, 55)}),
    trial("May", "Rita", {"sale": Responses(1000, 80), "gift": Responses(1000, 84), "news": Responses(1000, 76)}),
]


def test_the_best_offer_is_supported_where_it_beats_each_other_one() -> None:
    bo, rita = best_offers(CLEAR)

    assert (bo.best.offer, bo.rival, bo.supported, rita.supported) == ("sale", "news", True, False)
    assert bo.p == pytest.approx(two_rates(120, 1000, 55, 1000, method="wald").pvalue)
    assert bo.lead.low > 0 > rita.lead.low
    assert "“sale” is the best of “sale”, “news” and “gift”" in offer_sentence(bo)
    assert "Based on May (1,000 “sale”, 1,000 “news”)" in offer_sentence(bo)


@pytest.mark.parametrize("few", [(0, 1), (0, 10), (1, 5)])
def test_an_offer_that_hardly_anybody_got_is_beaten_by_none_and_beats_none(few: tuple[int, int]) -> None:
    """No variance came from two arms without a responder, so that the first offer was the best of all three."""
    answers, people = few
    big = trial("May", "Bo", {"sale": Responses(2000, 160), "news": Responses(2000, 80)})
    small = trial("June", "Bo", {"gift": Responses(people, answers), "news": Responses(people, 0)})
    (bo,) = best_offers([big, small])

    assert {cell.offer for cell in bo.offers} == {"sale", "news"}
    assert bo.supported
    assert never_compared([big, small], ["Bo"], {"sale", "news", "gift"}) == {"Bo": (("news", "sale"), ("gift",))}
    assert too_few([big, small]) == {"June": ("gift", "news")}


def test_an_arm_of_one_person_in_a_large_campaign_is_no_best_offer() -> None:
    arms = {"sale": Responses(2000, 160), "news": Responses(2000, 80), "gift": Responses(1, 1)}
    (bo,) = best_offers([trial("May", "Bo", arms)])

    assert (bo.best.offer, bo.supported, bo.rival) == ("sale", True, "news")


def test_offers_that_too_few_got_have_no_winner_and_no_interval() -> None:
    (bo,) = best_offers([trial("May", "Bo", {"sale": Responses(8, 8), "news": Responses(8, 0)})])

    assert (bo.supported, bo.p, bo.lead.low, bo.lead.high) == (False, 1.0, -1.0, 1.0)


def test_many_small_campaigns_of_the_same_offers_count_together() -> None:
    several = [trial(f"day {n}", "Bo", {"sale": Responses(30, 6), "news": Responses(30, 1)}) for n in range(12)]
    (bo,) = best_offers(several)

    assert (bo.best.offer, bo.supported, bo.best.responses.people) == ("sale", True, 360)


def test_two_that_are_as_good_hide_that_a_third_is_poor() -> None:
    arms = {"sale": Responses(5000, 500), "early": Responses(5000, 495), "gift": Responses(5000, 100)}
    (bo,) = best_offers([trial("May", "Bo", arms)])

    assert (bo.rival, bo.supported) == ("early", False)


def test_what_to_expect_lies_between_the_offers_rate_and_that_of_all() -> None:
    bo, rita = best_offers(CLEAR)

    assert 0.075 < bo.best.expected <= 0.12
    assert bo.best.rate == pytest.approx(0.12)
    assert rita.best.expected == pytest.approx(0.08, abs=0.001)


def test_the_rates_of_a_single_mailing_are_what_was_seen_in_it() -> None:
    """Also where the variants differ in size: of six people none clicked, so the rate is 0%, not 1.3%."""
    (rita,) = best_offers([trial("spring", "Rita", {"old": Responses(11, 1), "new": Responses(6, 0)})])

    assert {cell.offer: cell.rate for cell in rita.offers} == pytest.approx({"old": 1 / 11, "new": 0.0})


def test_rates_are_told_as_if_all_offers_had_been_in_the_same_mailings() -> None:
    """“c” was tried on the eager people only; there it did as well as “b”."""
    first = trial("calm", "Bo", {"a": Responses(1000, 40), "b": Responses(1000, 40)})
    two = trial("eager", "Bo", {"b": Responses(1000, 80), "c": Responses(1000, 80)})
    (bo,) = best_offers([first, two])

    assert {cell.offer: cell.rate for cell in bo.offers} == pytest.approx(dict.fromkeys("abc", 0.06))
    assert bo.p == pytest.approx(1.0)
    assert not bo.supported


def test_offers_through_a_shared_one_say_so() -> None:
    first = trial("May", "Bo", {"a": Responses(5000, 600), "b": Responses(5000, 300)})
    two = trial("June", "Bo", {"b": Responses(5000, 300), "c": Responses(5000, 290)})
    (bo,) = best_offers([first, two])
    (apart,) = best_offers([two, trial("May", "Bo", {"a": Responses(5000, 600), "c": Responses(5000, 300)})])

    assert (bo.best.offer, bo.rival, bo.direct, bo.supported) == ("a", "b", True, True)
    assert [trial.name for trial in bo.trials] == ["May"]
    assert (apart.rival, apart.direct) == ("b", False)
    assert "an indirect comparison, through offers that they share" in offer_sentence(apart)


def test_offers_that_nothing_connects_are_named() -> None:
    first = trial("May", "Bo", {"a": Responses(1000, 40), "b": Responses(1000, 40)})
    two = trial("June", "Bo", {"c": Responses(500, 40), "d": Responses(500, 40)})
    alone = trial("July", "Bo", {"e": Responses(500, 400)})
    groups = never_compared([first, two, alone], ["Bo", "Rita"], "abcde")

    assert [best.supported for best in best_offers([first, two, alone])] == [False, False]
    assert groups["Bo"] == (("a", "b"), ("c", "d"), ("e",))
    assert len(groups["Rita"]) == 5
    assert apart_sentence("Bo", groups["Bo"]) == "Bo: not compared yet: “a” or “b” with “c” or “d” with “e”."
    assert never_compared([first], ["Bo"], "ab") == {}


def test_few_answers_and_offers_that_reached_nobody_say_nothing() -> None:
    few = trial("May", "Bo", {"sale": Responses(400, 9), "gift": Responses(400, 0)})
    nobody = trial("May", "Rita", {"sale": Responses(10, 1), "gift": Responses(0, 0)})

    assert [(best.persona, best.p) for best in best_offers([few, nobody])] == [("Bo", 1.0)]
    assert best_offers([]) == []


def test_before_the_end_it_takes_more() -> None:
    arms = {"sale": Responses(2000, 160), "gift": Responses(2000, 125)}
    late, early = (best_offers([trial("May", "Bo", arms, early=early)])[0] for early in (False, True))

    assert (late.supported, early.supported) == (True, False)
    assert early.lead.low < late.lead.low
    assert "interim, peeking-safe" in offer_sentence(best_offers([trial("M", "Bo", {
        "sale": Responses(2000, 400), "gift": Responses(2000, 125)}, early=True)])[0])  # fmt: skip


def test_holm_is_that_of_statsmodels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gc.collect", lambda *_: 0)  # statsmodels calls it each time
    chance = np.random.default_rng(2)
    for _ in range(50):
        p_values = (chance.random(6) ** 3).tolist()
        assert holm(p_values) == multipletests(p_values, method="holm")[0].tolist()
    assert holm([]) == []


def arms(chance: np.random.Generator, names: str, base: float, people: int = 800) -> dict[str, Responses]:
    return {name: Responses(people, int(chance.binomial(people, base))) for name in names}


def apart(chance: np.random.Generator) -> list[Trial]:
    """Two campaigns of unequal base rates, no effect."""
    return [trial(m, p, arms(chance, *of)) for p in "PQRS" for m, of in (("1", ("ab", 0.04)), ("2", ("cd", 0.08)))]


def chained(chance: np.random.Generator) -> list[Trial]:
    campaigns = (("1", ("ab", 0.04)), ("2", ("bc", 0.08)), ("3", ("cd", 0.15)))
    return [trial(m, p, arms(chance, *of)) for p in "PQRS" for m, of in campaigns]


def unequal(chance: np.random.Generator) -> list[Trial]:
    """Of two offers one was tried mostly where people are calm."""
    trials = []
    for persona in "PQRS":
        for name, base, few in (("1", 0.04, "b"), ("2", 0.12, "a")):
            sizes = {offer: 150 if offer == few else 1500 for offer in "ab"}
            trials.append(
                trial(name, persona, {o: Responses(n, int(chance.binomial(n, base))) for o, n in sizes.items()})
            )
    return trials


def one_campaign(chance: np.random.Generator) -> list[Trial]:
    return [trial("1", persona, arms(chance, "abcd", 0.06)) for persona in "PQRS"]


def two_ahead(chance: np.random.Generator) -> list[Trial]:
    """Two are equally good and all others are poor: where the best of them is called best, it is false."""
    return [trial("1", p, {**arms(chance, "ab", 0.12), **arms(chance, "cd", 0.03)}) for p in "PQRS"]


@pytest.mark.simulation
@pytest.mark.parametrize("design", [apart, chained, unequal, one_campaign, two_ahead])
def test_where_no_offer_works_better_one_is_called_best_in_few_of_a_hundred_tries(
    design: Callable[[np.random.Generator], list[Trial]],
) -> None:
    chance = np.random.default_rng(5)
    called = sum(any(best.supported for best in best_offers(design(chance))) for _ in range(RUNS))

    assert called <= AT_MOST


@pytest.mark.simulation
def test_where_one_is_better_it_is_found() -> None:
    chance = np.random.default_rng(6)
    hits = 0
    for _ in range(RUNS):
        trials = [
            trial(str(n), "Bo", arms(chance, "bcd", b) | arms(chance, "a", b + 0.04)) for n, b in ((1, 0.04), (2, 0.08))
        ]
        hits += [best.best.offer for best in best_offers(trials) if best.supported] == ["a"]

    assert hits > 0.85 * RUNS
