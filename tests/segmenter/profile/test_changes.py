"""What changed between two versions of a persona is said with whether chance explains it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from statsmodels.stats.proportion import proportions_ztest

from segmenter.profile.changes import NOISE, profile_changes, rewritten
from segmenter.profile.credibility import Source, Trust
from segmenter.profile.distinctive_traits import DistinctiveTrait
from segmenter.profile.profile import Definition, Profile, profile_of, rounded_profile
from segmenter.profile.typical_member import Said, Typical


def share(value: str, people: int, known: int = 400, *, said: bool = True) -> DistinctiveTrait:
    here = people / known
    return DistinctiveTrait(
        "country",
        "country",
        "",
        "geographic",
        "share",
        value,
        here,
        here - 0.05,
        here + 0.05,
        0.2,
        500 * here,
        400 * here,
        600 * here,
        people,
        known,
        0.4,
        1e-9,
        "chi-squared",
        90.0,
        1e-8,
        marker=True,
        said=said,
    )


def median(here: float, low: float, high: float) -> DistinctiveTrait:
    return DistinctiveTrait(
        "age",
        "age",
        "years",
        "demographic",
        "median",
        "",
        here,
        low,
        high,
        40.0,
        None,
        None,
        None,
        400,
        400,
        0.3,
        1e-9,
        "Kruskal-Wallis",
        80.0,
        1e-8,
        marker=True,
        said=True,
    )


def profile(*distinctive: DistinctiveTrait, people: int = 400, rule: str = "orders_365d >= 3") -> Profile:
    trust = Trust(people, 2000, (Source("rules", people, 1.0),), age_days=1.0)
    return Profile("rita", "2026-11-01T00:00:00+00:00", (Definition("regulars", rule, None),), trust, distinctive)


def test_a_version_changes_nothing_against_itself() -> None:
    version = profile(share("CH", 200), median(44, 42, 46))

    assert profile_changes(version, version) == []
    assert rewritten({"story": "She hikes."}, {"story": "She hikes."}) == []


def test_a_change_beyond_chance_is_real_and_a_small_one_is_noise() -> None:
    before = profile(share("CH", 200), share("DE", 100), median(44, 42, 46))
    now = profile(share("CH", 280), share("DE", 104), median(45, 43, 47))

    changes = {
        persona_change.sentence.split(":")[1].split()[0]: persona_change
        for persona_change in profile_changes(before, now)
    }

    assert changes["CH"].verdict == "real"
    assert "70%, was 50%" in changes["CH"].sentence
    assert changes["DE"].verdict == "noise"
    assert NOISE in changes["DE"].sentence
    assert changes["median"].verdict == "noise"
    assert [persona_change.verdict for persona_change in profile_changes(before, now)] == ["real", "noise", "noise"]


def test_the_test_is_that_of_two_proportions() -> None:
    (change,) = profile_changes(profile(share("CH", 200)), profile(share("CH", 226)))

    assert change.p == pytest.approx(proportions_ztest([226, 200], [400, 400])[1])


def test_medians_are_compared_by_their_intervals() -> None:
    (noise,) = profile_changes(profile(median(44, 40, 48)), profile(median(47, 43, 51)))
    (real,) = profile_changes(profile(median(44, 43, 45)), profile(median(50, 49, 51)))
    (without,) = profile_changes(profile(median(1, 1, 1)), profile(median(2, 2, 2)))

    assert (noise.verdict, real.verdict, without.verdict) == ("noise", "real", "real")


def test_what_is_said_newly_or_no_longer_is_tested_too() -> None:
    (gone,) = profile_changes(profile(share("CH", 200)), profile(share("CH", 190, said=False)))
    (new,) = profile_changes(profile(share("CH", 100, said=False)), profile(share("CH", 190)))
    (hidden,) = profile_changes(profile(share("CH", 200)), profile())
    (first,) = profile_changes(profile(), profile(share("CH", 200)))

    assert gone.sentence.startswith("No longer distinctive")
    assert gone.verdict == "noise"
    assert new.sentence.startswith("New: ")
    assert new.verdict == "real"
    assert hidden.verdict == first.verdict == "unknown"


def test_what_neither_says_is_no_change() -> None:
    assert profile_changes(profile(share("CH", 100, said=False)), profile(share("CH", 190, said=False))) == []


def test_another_rule_another_size_and_other_words_are_told() -> None:
    persona_changes = profile_changes(profile(), profile(people=700, rule="orders_365d >= 2"))

    assert [(persona_change.part, persona_change.verdict) for persona_change in persona_changes] == [
        ("segments", "other"),
        ("size", "real"),
    ]
    assert "was “orders_365d >= 3”" in persona_changes[0].sentence
    words = rewritten({"name": "Rita", "story": ""}, {"name": "Rita R.", "story": "Hikes.", "quote": ""})
    assert [persona_change.sentence for persona_change in words] == [
        "name: “Rita R.”, was “Rita”.",
        "story: added “Hikes.”.",
    ]


def test_a_persona_that_stands_for_more_and_trusts_less_says_so() -> None:
    before = profile()
    now = replace(
        before,
        segments=(*before.segments, Definition("buyers", "orders_total > 0", None)),
        trust=replace(before.trust, sources=(Source("model", 400, 0.5),)),
    )

    sentences = [persona_change.sentence for persona_change in profile_changes(before, now)]

    assert sentences == ["The persona now also stands for buyers.", "Confidence is weak, was strong."]
    assert profile_changes(now, before)[0].sentence == "The persona no longer stands for buyers."


def test_a_profile_reads_as_it_was_written() -> None:
    whole = replace(
        profile(share("CH", 200), median(44.123456, 42, 46)),
        typical=Typical((Said("age", "age", "years", "demographic", "20 to 50"),), 31, ("age",), 0.4),
        compared={"geographic": 3},
    )

    assert profile_of(whole.document()) == rounded_profile(whole)
    assert rounded_profile(whole).document() == whole.document()
    assert rounded_profile(whole).distinctive_traits[1].here == 44.12
    assert profile_of({**whole.document(), "distinctive_traits": [{"trait": "age"}]}) is None
