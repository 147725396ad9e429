"""A persona is as firm as the weakest thing that it stands on, and says which."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from segmenter.profile.credibility import SegmentStability, Source, Trust

FIRM = Trust(
    400, 1600, (Source("model", 400, 0.9),), stability=(SegmentStability("needs", "kinds", 0.9),), age_days=1.0
)


@pytest.mark.parametrize(
    ("change", "grade", "says"),
    [
        ({}, "strong", "400 people, 25% of all."),
        ({"people": 60}, "fair", "a small group"),
        ({"people": 20}, "weak", "too few to rely on"),
        ({"sources": (Source("model", 400, 0.7),)}, "fair", "400 by the model: mean confidence 70%"),
        ({"sources": (Source("model", 300, 0.9), Source("survey", 100, 0.1))}, "fair", "100 by the survey"),
        ({"sources": (Source("survey", 400, 0.5),)}, "weak", "mean confidence 50%"),
        ({"stability": (SegmentStability("needs", "kinds", 0.65),)}, "fair", "membership is uncertain"),
        ({"stability": (SegmentStability("needs", "kinds", 0.4),)}, "weak", "do not rely on it"),
        (
            {"stability": (SegmentStability("needs", "kinds", 0.9, 180.2),)},
            "strong",
            "Stability of needs 0.90 (proposal kinds, weighted: as exact as 180 respondents without weights): stable",
        ),
        ({"stability": ()}, "fair", "is not tested"),
        ({"stability": (), "sources": (Source("rules", 400, 1.0),)}, "strong", "The segment is defined"),
        ({"age_days": 40}, "fair", "was 40 days old"),
        ({"age_days": 400}, "weak", "was 400 days old"),
        ({"age_days": None}, "fair", "No order, email or visit was read"),
        ({"kept": 12}, "strong", "12 of them keep the segment although no source confirms it"),
        ({"sources": (Source("declared", 400, None),), "stability": ()}, "strong", "400 by declaration."),
    ],
)
def test_the_weakest_leg_decides_and_is_named(change: dict[str, Any], grade: str, says: str) -> None:
    trust = replace(FIRM, **change)

    assert trust.grade == grade
    assert any(says in sentence for sentence in trust.sentences())


def test_the_unclassified_are_no_segment_that_could_be_firm() -> None:
    sentences = Trust(40, 400, age_days=0.1).sentences()

    assert len(sentences) == 2
    assert "less than a day" in sentences[1]
