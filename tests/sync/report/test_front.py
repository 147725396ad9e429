"""The front page: decisions of each kind, figures as the evidence carries them, and what to paste into an email."""

from __future__ import annotations

from segmenter.lift.advice import CampaignAdvice, Gain, Tip
from segmenter.lift.effects import LiftQuestion, compare_arms, corrected_for_multiplicity
from segmenter.lift.outcomes import Stratum
from segmenter.stats.means import Amounts, Paired
from sync.report.changes import KeyFigures
from sync.report.front import (
    KeyFigure,
    Tile,
    count_change,
    count_text,
    decisions,
    effect_plot,
    extra_responses,
    tile_of,
)
from sync.report.mail_summary import mail_summary

CLICKS = Gain("clicked", 50.0, 20.0, 80.0, 1000, measured=True)
EXPECTED = Gain("clicked", 40.0, 9.0, 71.0, 1000, measured=False)
COMPLAINTS = Gain("complained", 10.0, 4.0, 16.0, 1000, measured=True)
KEPT, LEFT = "Keep “b” for everyone", "Stop “a” for everyone"
KEEP = Tip("everyone", "b", f"{KEPT}: click rate +5.0 pp. Based on May (9 “b”).", KEPT, "May", CLICKS)
SEND = Tip("Ada", "b", "Send “b” to Ada, best of “a” and “b”.", "Send “b” to Ada", gain=EXPECTED)
TEST = Tip("Bo", "a", "Test “a” vs “b” for Bo: not compared yet.", "Test “a” vs “b” for Bo")
STOP = Tip("everyone", "a", f"{LEFT}: spam complaint rate +1.0 pp.", LEFT, "May", COMPLAINTS)
NOTHING_SPENT = Paired(Amounts(2, 0.0, 0.0), Amounts(2, 0.0, 0.0), 0.0)


def test_at_most_three_decisions_one_of_each_kind_before_a_second_of_any() -> None:
    chosen = decisions(CampaignAdvice((STOP,), (SEND, KEEP), (TEST, TEST)), {"May": "lift-0-0"})
    two = decisions(CampaignAdvice((), (SEND, KEEP), ()), {})

    assert [decision.headline for decision in chosen] == [STOP.headline, KEEP.headline, TEST.headline]
    assert [decision.evidence for decision in chosen] == ["lift-0-0", "lift-0-0", "offers"]
    assert (chosen[1].gain, chosen[1].gain_detail) == (
        "+50 clicks", "from 1,000 contacts who got it (95% CI +20 to +80)",
    )  # fmt: skip
    assert chosen[1].because == "Click rate +5.0 pp."
    assert (chosen[2].gain, chosen[0].gain) == ("", "+10 spam complaints")
    assert [decision.gain_detail for decision in two][1] == "per 1,000 contacts (95% CI +9 to +71)"


def test_extra_clicks_are_those_of_the_people_who_got_the_variant() -> None:
    strata = [
        Stratum(name, arm, 500, {"clicked": clicked}, NOTHING_SPENT)
        for name in ("Ada", "Bo")
        for arm, clicked in (("own", 60), ("random", 30))
    ]
    (comparison,) = corrected_for_multiplicity(
        [compare_arms(strata, LiftQuestion("clicked", "own", "random", mde=0.01))], primary="clicked"
    )
    figure, drawn = extra_responses(comparison, "worth"), effect_plot(comparison, {"Ada": 3})

    assert figure.value is not None
    assert round(figure.value) == 60  # 6 points of the 1,000 who got "own", not of all 2,000
    assert drawn is not None
    assert [(strip.row.label, strip.row.hue) for strip in drawn.strips] == [("Everyone", 0), ("Ada", 3), ("Bo", 0)]
    assert extra_responses(None, "").value is None


def test_a_tile_says_what_changed_and_never_compares_another_experiment() -> None:
    figure = KeyFigure("gain May clicked", "Extra clicks", 65.0, "30 to 100", count_text, count_change)
    other = KeyFigures("2026-11-01", tiles={"gain April clicked": 10.0})
    same = KeyFigures("2026-11-02", tiles={"gain May clicked": 60.0})

    assert tile_of(figure, [other]).change == "first report"
    assert (tile_of(figure, [other, same]).change, tile_of(figure, [other, same]).spark is None) == ("+5", False)
    assert tile_of(KeyFigure("x", "X", None, "why", count_text, count_change), [same]).shown == "–"


def test_the_summary_for_an_email_is_a_subject_and_three_points_with_and_without_results() -> None:
    tiles = [
        Tile("marketable", "Marketable people", "90", "of 100 people"),
        Tile("gain May clicked", "Extra clicks, “May”", "+50", "+20 to +80 (95% CI)"),
    ]
    chosen = decisions(CampaignAdvice((), (KEEP,), (TEST,)), {"May": "lift-0-0"})
    full = mail_summary("Shop", tiles, chosen, "100 people.")
    empty = mail_summary("Shop", [], [], "Nobody is assigned yet.")

    assert full.subject == "Shop: Keep “b” for everyone (+50 clicks)"
    assert full.bullets == (
        "100 people. 90 marketable.",
        "Extra clicks, “May”: +50 (+20 to +80 (95% CI)).",
        "Recommended: Keep “b” for everyone; Test “a” vs “b” for Bo.",
    )
    assert empty.subject == "Shop: Nobody is assigned yet"
    assert len(empty.bullets) == 3
