"""Segments that `survey design -k N` finds itself: tested like those of `discover` before a tool is made for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connectors.errors import FixSettingsError
from segmenter.discover.propose import SearchOptions
from segmenter.discover.verdict_text import missing_sentence
from segmenter.discover.wished_number import JudgedNumber, judge
from segmenter.errors import DefinitionError
from segmenter.minimum import needs, of_a_segment
from segmenter.stats.item_matrix import Items, rebuilt_items
from segmenter.surveys.answers import AnswerSheet
from segmenter.surveys.survey_checks import SurveyFinding, centred_answers
from segmenter.typing_tool.targets import Relabeller, found_anew


@dataclass(frozen=True, slots=True)
class WishedSegments:
    """Segments of a wished number.

    Attributes:
        labeller: Finds them anew among some respondents.
        names: Of the segments.
        judged: What the tests say of them.
        findings: What to know about them.
    """

    labeller: Relabeller
    names: list[str]
    judged: JudgedNumber
    findings: list[SurveyFinding]


def wished_segments(sheet: AnswerSheet, k: int | None, *, centre: bool, anyway: bool, seed: int) -> WishedSegments:
    """Find *k* segments in the answers, scaled as `discover` scales them, and test whether there are any.

    Args:
        sheet: Usable items and respondents, without segments.
        k: How many; None: nobody said it.
        centre: Whether each respondent's mean is taken out before.
        anyway: Go on where the answers have no such segments.
        seed: Of the tests.

    Returns:
        The segments, with a warning where they did not pass the tests.

    Raises:
        FixSettingsError: Nobody said how many, the answers can't be segmented, or they have no such segments.
    """
    if k is None:
        raise FixSettingsError(
            "The answers have no segments.",
            fix="Name the segment column: --segment NAME; or set how many to find: -k 4.",
        )
    different = len(np.unique(sheet.values, axis=0))
    if different < k:
        raise FixSettingsError(
            f"{needs(f'Finding {k} segments', k, 'different answers', different)}.",
            fix="Set fewer segments, or survey more people.",
        )
    base = centred_answers(sheet.values) if centre else sheet.values
    items = _items(sheet, base, k) if sheet.weights is None else _items(sheet, base, k).weighted(sheet.weights)
    judged = judge(items, k, SearchOptions(), np.random.default_rng(seed))
    if judged.light == "red" and not anyway:
        raise FixSettingsError(
            judged.sentence,
            fix="Run `personasync discover` on the answers to see how many segments they have, if any. --anyway makes "
            "the tool all the same; its file and its report will say so.",
        )
    names = [f"segment_{place + 1}" for place in range(k)]
    return WishedSegments(
        found_anew(base, k, judged.labels, sheet.weights), names, judged, _findings(items, judged, names)
    )


def _items(sheet: AnswerSheet, base: np.ndarray, k: int) -> Items:
    try:
        return rebuilt_items(dict(zip(sheet.items, base.T, strict=True)), most=k)
    except DefinitionError as error:
        raise FixSettingsError(f"Can't find {k} segments: {error}.", fix="Pass --exclude for such a column.") from error


def _findings(items: Items, judged: JudgedNumber, names: list[str]) -> list[SurveyFinding]:
    findings = []
    if judged.light == "red":
        message = f"{judged.sentence} The tool was made with --anyway: it tells groups apart that chance made."
        findings.append(SurveyFinding("anyway", message, "Do not base decisions on it; run `personasync discover`."))
    least = of_a_segment(judged.solution.everybody)
    small = [name for name, size in zip(names, judged.solution.counted, strict=True) if size < least]
    if small:
        message = f"{', '.join(small)}: fewer than {least:,} respondents, so that its profile is uncertain."
        findings.append(SurveyFinding("small", message, "Set fewer segments, or survey more people."))
    if np.isnan(items.values).any():
        message = f"Segments: {missing_sentence(items)}"
        findings.append(
            SurveyFinding("missing", message, "Ask why they are missing; leave out items that few answered.")
        )
    return findings
