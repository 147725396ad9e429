"""Why none of a file's respondents joins anybody: the reason that messages give."""

from __future__ import annotations

import numpy as np
import pytest

from connectors.errors import FixSettingsError
from segmenter.surveys.answers import AnswerSheet
from sync.surveys.answers import Read, why_nobody, with_segments

PEOPLE = [f"p{place}@people.test" for place in range(20)]
IDS = [f"p{place}" for place in range(20)]


@pytest.mark.parametrize(
    ("ours", "theirs", "reason"),
    [
        (PEOPLE, IDS, "they are named by addresses, the others by ids"),
        (IDS, [f"mailto:{who}" for who in PEOPLE], "they are named by ids, the others by addresses"),
        (IDS, ["x"], "both are named by ids, and none of the 20 is among the 1"),
        ([f"row {place}" for place in range(20)], IDS, "the file has no column that says who answered"),
        (IDS, [], "nobody is known there"),
    ],
)
def test_the_reason_names_how_both_are_named(ours: list[str], theirs: list[str], reason: str) -> None:
    assert why_nobody(ours, theirs).startswith(reason)


def test_answers_of_strangers_to_a_proposal_are_an_error_with_the_reason() -> None:
    read = Read(AnswerSheet(tuple(IDS), ("q",), np.ones((20, 1))))

    with pytest.raises(FixSettingsError, match="No respondent is in the proposal 'needs': they are named by ids, the"):
        with_segments(read, dict.fromkeys(PEOPLE, "a"), {}, "needs")

    known = with_segments(read, {"p3": "a"}, {}, "needs")
    assert known.sheet.segments[3] == "a"
