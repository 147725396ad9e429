"""Scoring by an adaptive tool: one segment, one of several, or which question to ask next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segmenter.classifier.label_groups import meaning_of, meant_one
from segmenter.classifier.reasons import NOTHING
from segmenter.classifier.thresholds import Thresholds
from segmenter.stats.discriminant import Labels, Matrix
from segmenter.typing_tool.adaptive_file import answer_model_of
from segmenter.typing_tool.conformal import sets_of
from segmenter.typing_tool.interview import Interview, answer_codes, replay
from segmenter.typing_tool.scoring import MOST_REASONS, Scored, score_answers
from segmenter.typing_tool.tool_file import Adaptive, Profiles, ToolFile

MORE = "ask one more"
VERDICTS = {1: "one segment", 2: "one of two", 3: "one of three"}


def score_by_tool(file: ToolFile, values: Matrix, thresholds: Thresholds) -> list[Scored]:
    """Score respondents as the tool asks: adaptively, or by all its questions (`score_answers`).

    Args:
        file: The tool.
        values: (respondents, questions) in the tool's order; NaN is a missing answer.
        thresholds: When an answer is sure enough; an adaptive tool has limits of its own.

    Returns:
        One per respondent, in their order.
    """
    if file.adaptive is not None and file.profiles is not None:
        return score_adaptively(file, file.adaptive, file.profiles, values)
    return score_answers(file, values, thresholds)


def score_adaptively(file: ToolFile, adaptive: Adaptive, profiles: Profiles, values: Matrix) -> list[Scored]:
    """Score respondents as the form does, question after question.

    Args:
        file: The tool.
        adaptive: Its own limits.
        profiles: Its own chances of answers.
        values: (respondents, questions) in the tool's order; NaN was left out, or not asked.

    Returns:
        One per respondent, in their order; the segment is None where several are possible, or more must be asked.
    """
    model = answer_model_of(file, profiles)
    levels = [np.array([answer.value for answer in question.answers]) for question in file.questions]
    codes = answer_codes(values, levels)
    return [_scored(file, adaptive, replay(model, row.tolist(), adaptive.enough), profiles, row) for row in codes]


def _scored(file: ToolFile, adaptive: Adaptive, at: Interview, profiles: Profiles, codes: Labels) -> Scored:
    names, meaning = file.model.labels, meaning_of(file.model.labels, file.means)
    meant = meant_one(at.likely.tolist(), meaning)
    inside = np.flatnonzero(sets_of(at.likely[None], np.array(adaptive.least))[0])
    possible = tuple(dict.fromkeys(meaning.segments[place] or names[place] for place in _by_chance(at, inside)))
    following = None if at.following is None else file.questions[at.following].item
    done = following is None
    return Scored(
        segment=meant.segment if done and len(possible) == 1 else None,
        best=meant.segment or names[meant.lead],
        confidence=meant.confidence,
        runner_up=meant.runner_up,
        second=meant.second,
        answered=int((codes >= 0).sum()),
        reasons=_reasons(file, profiles, at, codes, (meant.lead, meant.rival)),
        verdict=VERDICTS.get(len(possible), f"one of {len(possible)}") if done else MORE,
        possible=possible if done else (),
        following=following,
    )


def _by_chance(at: Interview, places: Labels) -> list[int]:
    return sorted(places.tolist(), key=lambda place: (-at.likely[place], place))


def _reasons(file: ToolFile, profiles: Profiles, at: Interview, codes: Labels, pair: Sequence[int]) -> str:
    """The answers that speak most for the likeliest segment against the runner-up."""
    lead, rival = pair
    parts = []
    for place in at.asked:
        if codes[place] >= 0:
            question = file.questions[place]
            row = profiles.answers[question.trait][codes[place]]
            parts.append((float(np.log(row[lead] / row[rival])), question, codes[place]))
    strongest = sorted((part for part in parts if part[0] > 0), key=lambda part: -part[0])[:MOST_REASONS]
    return "; ".join(f"{question.item}: {question.answers[code].label}" for _, question, code in strongest) or NOTHING
