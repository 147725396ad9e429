"""What to stop, to keep or scale and to test next follows from significant effects only."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmenter.lift.advice import MeasuredCampaign, advise_on_campaigns
from segmenter.lift.effects import Comparison, LiftQuestion, compare_arms, corrected_for_multiplicity
from segmenter.lift.network import trial
from segmenter.lift.offers import best_offers, never_compared
from segmenter.lift.outcomes import Stratum
from segmenter.lift.randomization import HOLDOUT
from segmenter.stats.means import Amounts, Paired
from segmenter.stats.proportions import Responses

NOTHING = Paired(Amounts(2, 0.0, 0.0), Amounts(2, 0.0, 0.0), 0.0)
METRICS = ("clicked", "ordered", "opened", "unsubscribed", "complained")


def stratum(persona: str, arm: str, people: int, **counts: int) -> Stratum:
    return Stratum(persona, arm, people, {**dict.fromkeys(METRICS, 0), **counts}, NOTHING)


def comparisons(strata: list[Stratum], *metrics: str) -> list[Comparison]:
    results = [compare_arms(strata, LiftQuestion(metric, "own", "plain", 0.01)) for metric in metrics]
    return corrected_for_multiplicity(results, primary=metrics[0])


def test_an_arm_that_surely_does_better_goes_on_and_one_that_surely_does_worse_stops() -> None:
    strata = [
        stratum("Rita", "own", 4000, clicked=400),
        stratum("Rita", "plain", 4000, clicked=200),
        stratum("Gus", "own", 4000, clicked=150),
        stratum("Gus", "plain", 4000, clicked=400),
    ]
    advice = advise_on_campaigns([MeasuredCampaign("May", comparisons(strata, "clicked"))], [], {})

    assert ("Rita", "own") in {(tip.persona, tip.arm) for tip in advice.go_on}
    assert ("Gus", "own") in {(tip.persona, tip.arm) for tip in advice.stop}
    assert "click rate +5.0 pp vs “plain” in May" in advice.go_on[0].sentence


def test_what_makes_more_people_unsubscribe_stops_even_where_more_click() -> None:
    strata = [
        stratum("Rita", "own", 4000, clicked=400, unsubscribed=200),
        stratum("Rita", "plain", 4000, clicked=200, unsubscribed=20),
    ]
    advice = advise_on_campaigns([MeasuredCampaign("May", comparisons(strata, "clicked", "unsubscribed"))], [], {})

    assert [tip.arm for tip in advice.stop] == ["own"]
    assert "unsubscribe rate +4.5 pp vs “plain” in May" in advice.stop[0].sentence
    assert advice.go_on == ()


def test_what_every_mail_costs_against_the_holdout_stops_nothing() -> None:
    strata = [
        stratum("Rita", "own", 4000, clicked=400, unsubscribed=200, complained=60),
        stratum("Rita", HOLDOUT, 4000),
    ]
    results = [
        compare_arms(strata, LiftQuestion(metric, "own", HOLDOUT, 0.01))
        for metric in ("clicked", "unsubscribed", "complained")
    ]
    comparisons = corrected_for_multiplicity(results, primary="clicked")

    assert [comparison.everyone.verdict for comparison in comparisons] == ["more"] * 3
    assert advise_on_campaigns([MeasuredCampaign("May", comparisons)], [], {}).stop == ()


def test_the_newer_finding_about_one_arm_counts() -> None:
    better = [stratum("Rita", "own", 4000, clicked=400), stratum("Rita", "plain", 4000, clicked=200)]
    advice = advise_on_campaigns(
        [
            MeasuredCampaign("June", comparisons(better, "clicked")),
            MeasuredCampaign("May", comparisons(better, "clicked")),
        ],
        [],
        {},
    )

    assert [tip.persona for tip in advice.go_on] == ["everyone"]
    assert "in June" in advice.go_on[0].sentence


def test_a_supported_offer_goes_on_and_a_persona_without_one_is_tested_the_most_valuable_first() -> None:
    trials = [
        trial("May", "Rita", {"gift": Responses(2000, 300), "sale": Responses(2000, 100)}),
        trial("May", "Gus", {"gift": Responses(100, 10), "sale": Responses(100, 11)}),
    ]
    advice = advise_on_campaigns(
        [], best_offers(trials), {"Gus": 10.0, "Nora": 90.0, "Rita": 50.0, "unclassified": 999.0}
    )

    assert [(tip.persona, tip.arm) for tip in advice.go_on] == [("Rita", "gift")]
    assert "Based on May (2,000 “gift”, 2,000 “sale”)" in advice.go_on[0].sentence
    assert [tip.persona for tip in advice.test_next] == ["Nora", "Gus"]
    assert "none have been compared for Nora yet" in advice.test_next[0].sentence
    # 10% to 11% at 80% power needs 14,749, by the formula for two proportions without pooling; 100 are there
    assert "14,649 more contacts per variant to detect 1 pp" in advice.test_next[1].sentence


def test_who_is_missed_by_a_campaign_that_was_too_small_is_said_with_the_people_it_lacks() -> None:
    strata = [stratum("Gus", "own", 100, clicked=10), stratum("Gus", "plain", 100, clicked=9)]
    results = comparisons(strata, "clicked")
    offers = best_offers([trial("May", "Gus", {"own": Responses(100, 10), "plain": Responses(100, 9)})])
    advice = advise_on_campaigns([MeasuredCampaign("May", results)], offers, {"Gus": 1.0})

    assert f"{results[0].personas[0].more:,} more contacts per variant to detect 1 pp" in advice.test_next[0].sentence


def test_clicks_speak_for_no_arm_against_people_who_got_no_mail() -> None:
    strata = [stratum("Rita", "own", 4000, clicked=400), stratum("Rita", HOLDOUT, 4000)]
    comparisons = corrected_for_multiplicity(
        [compare_arms(strata, LiftQuestion("clicked", "own", HOLDOUT, 0.01))], primary="clicked"
    )

    assert comparisons[0].everyone.verdict == "more"
    assert advise_on_campaigns([MeasuredCampaign("May", comparisons)], [], {}).go_on == ()


def test_every_sentence_names_the_comparison_and_its_people() -> None:
    strata = [
        stratum("Rita", "own", 4000, clicked=400, unsubscribed=200),
        stratum("Rita", "plain", 3900, clicked=200, unsubscribed=20),
    ]
    few = [trial("June", "Gus", {"gift": Responses(100, 10), "sale": Responses(90, 11)})]
    advice = advise_on_campaigns(
        [MeasuredCampaign("May", comparisons(strata, "clicked", "unsubscribed"))], best_offers(few), {"Gus": 1.0}
    )

    assert "in May" in advice.stop[0].sentence
    assert "4,000 vs 3,900 contacts" in advice.stop[0].sentence
    assert "Based on June (90 “sale”, 100 “gift”)" in advice.test_next[0].sentence
    assert "“sale” +2.2 pp vs “gift” (95% CI " in advice.test_next[0].sentence


@pytest.mark.simulation
def test_of_four_arms_that_are_alike_one_is_seldom_praised_or_stopped() -> None:
    chance = np.random.default_rng(4)
    rates = {"clicked": 0.06, "ordered": 0.02, "opened": 0.25, "unsubscribed": 0.01, "complained": 0.002}
    advised = 0
    for _ in range(300):
        strata = [
            stratum(p, arm, 800, **{metric: int(chance.binomial(800, rate)) for metric, rate in rates.items()})
            for p in ("Rita", "Gus")
            for arm in ("a", "b", "c", "d")
        ]
        asked = [LiftQuestion(metric, arm, "a", 0.01) for arm in "bcd" for metric in rates]
        advice = advise_on_campaigns(
            [
                MeasuredCampaign(
                    "May",
                    corrected_for_multiplicity(
                        [compare_arms(strata, question) for question in asked], primary="clicked"
                    ),
                )
            ],
            [],
            {},
        )
        advised += bool(advice.stop or advice.go_on)

    assert advised <= 300 * 0.1  # three families: the first metric, all others, what must not rise


def test_nothing_is_left_to_test_only_where_every_offer_was_compared() -> None:
    won = trial("May", "Rita", {"gift": Responses(2000, 300), "sale": Responses(2000, 100)})
    apart = never_compared([won], ["Rita"], ["gift", "sale", "early"])
    whole = advise_on_campaigns([], best_offers([won]), {"Rita": 0.0})
    hole = advise_on_campaigns([], best_offers([won]), {"Rita": 9.0}, apart)
    worthless = advise_on_campaigns([], [], {"Rita": 0.0})

    assert "Rita: “gift” is the best of “gift” and “sale”" in whole.settled
    assert "Based on May (2,000 “gift”, 2,000 “sale”)" in whole.settled
    assert whole.test_next == ()
    assert not hole.settled
    assert [tip.sentence for tip in hole.test_next] == ["Test “gift” vs “early” for Rita: not compared yet."]
    assert (worthless.settled, worthless.compared, worthless.test_next) == ("", "", ())
    assert not advise_on_campaigns([], [], {}).settled


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 400)), min_size=2, max_size=8))
def test_nothing_is_stopped_and_gone_on_with_at_once(counts: list[tuple[int, int]]) -> None:
    strata = [
        stratum(f"P{place // 2}", ("own", "plain")[place % 2], people, clicked=min(people, n))
        for place, (people, n) in enumerate(counts)
    ]
    advice = advise_on_campaigns([MeasuredCampaign("May", comparisons(strata, "clicked"))], [], {})

    assert not {(t.persona, t.arm) for t in advice.stop} & {(t.persona, t.arm) for t in advice.go_on}
