"""Survey quality checks: constant items, duplicate respondents, reverse-coded items, response styles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from segmenter.minimum import AN_ITEM, needs
from segmenter.stats.one_sided import on_one_scale, one_sided
from segmenter.surveys.answers import MOST_LEVELS, AnswerSheet, Matrix

REVERSED = -0.2  # item-rest correlation from which an item looks turned round
STYLE_ITEMS = 8  # fewer items tell nothing of how somebody answers
YES_SAYER = 0.9  # mean place on the scale, 0 to 1
HALF = 0.5


@dataclass(frozen=True, slots=True)
class SurveyFinding:
    """A survey quality warning.

    Attributes:
        kind: A short word to count by.
        message: What, and where.
        fix: What to do.
    """

    kind: str
    message: str
    fix: str


def unusable_items(sheet: AnswerSheet) -> dict[str, str]:
    """Return the items that can't tell anybody apart, each with the reason.

    Returns:
        Item -> reason, as a part of a sentence.
    """
    reasons = {}
    for item, column in zip(sheet.items, sheet.values.T, strict=True):
        answered = column[~np.isnan(column)]
        if not answered.size:
            reasons[item] = "no answers"
        elif np.ptp(answered) == 0:
            shown = sheet.labels.get(item, {}).get(float(answered[0]), f"{answered[0]:g}")
            reasons[item] = f"all answers are {shown}"
    return reasons


def repeated(sheet: AnswerSheet) -> dict[str, list[int]]:
    """Return the respondents that stand in several rows, with the places of these rows."""
    places: dict[str, list[int]] = {}
    for place, who in enumerate(sheet.respondents):
        places.setdefault(who, []).append(place)
    return {who: rows for who, rows in places.items() if len(rows) > 1}


def latest_answers(sheet: AnswerSheet) -> AnswerSheet:
    """Return the sheet with the last row of each respondent only.

    Returns:
        In the order in which those rows stood.
    """
    last = {who: place for place, who in enumerate(sheet.respondents)}
    return sheet.only(sorted(last.values()), sheet.items)


def item_rest_correlations(sheet: AnswerSheet) -> dict[str, float]:
    """Return each item's correlation with the mean of the others, over those who answered it; 0 where there is none."""
    placed = scale_places(sheet.values)
    correlations = {}
    for place, item in enumerate(sheet.items):
        rest = _mean(np.delete(placed, place, axis=1))
        both = ~np.isnan(placed[:, place]) & ~np.isnan(rest)
        own, others = placed[both, place], rest[both]
        varies = both.sum() > 2 and np.ptp(own) > 0 and np.ptp(others) > 0  # noqa: PLR2004 - two points are always a line
        correlations[item] = float(np.corrcoef(own, others)[0, 1]) if varies else 0.0
    return correlations


def scale_places(values: Matrix) -> Matrix:
    """Return each answer's place between its item's smallest (0) and largest (1) answer."""
    answered = ~np.isnan(values)
    low = np.where(answered, values, np.inf).min(axis=0)
    wide = np.where(answered, values, -np.inf).max(axis=0) - low
    with np.errstate(invalid="ignore"):
        return np.asarray((values - low) / np.where(wide > 0, wide, 1.0), dtype=np.float64)


def _mean(values: Matrix) -> Matrix:
    """The mean of each row over what was answered; NaN for nobody."""
    answered = ~np.isnan(values)
    counted = answered.sum(axis=1)
    sums = np.where(answered, values, 0.0).sum(axis=1)
    return np.where(counted > 0, sums / np.maximum(counted, 1), np.nan)


def response_styles(sheet: AnswerSheet) -> dict[int, str]:
    """Return the rows that show a way of answering rather than a content: place -> which.

    Straight-liners gave one and the same number to all of at least eight items with more than two answers; yes- and
    no-sayers stand at one end of the scale over at least eight items.

    Returns:
        Place of the row -> "straight-liner", "yes-sayer" or "no-sayer"; empty for fewer than eight items.
    """
    if len(sheet.items) < STYLE_ITEMS:
        return {}
    placed = scale_places(sheet.values)
    answered = (~np.isnan(placed)).sum(axis=1)
    means = _mean(placed)
    low = np.where(np.isnan(sheet.values), np.inf, sheet.values).min(axis=1)
    high = np.where(np.isnan(sheet.values), -np.inf, sheet.values).max(axis=1)
    styles = {}
    for row in np.flatnonzero(answered >= STYLE_ITEMS):
        if means[row] >= YES_SAYER:
            styles[int(row)] = "yes-sayer"
        elif means[row] <= 1 - YES_SAYER:
            styles[int(row)] = "no-sayer"
        elif low[row] == high[row]:
            styles[int(row)] = "straight-liner"
    return styles


def one_sided_segments(values: Matrix, labels: Sequence[int]) -> dict[int, float]:
    """Return the segments above, or below, everybody on more answers than chance explains: segment -> share above.

    Probably a way of answering, not a need (`segmenter.stats.one_sided`: 5% false alarms where items are unrelated).

    Args:
        values: (respondents, items); NaN is missing.
        labels: The segment of each respondent.

    Returns:
        Share of items, 0 to 1; empty for fewer than eight items, or items that are no answers on one scale.
    """
    if not on_one_scale(values):
        return {}
    known, overall = np.asarray(labels), _mean(values.T)
    shares = {int(label): float((_mean(values[known == label].T) > overall).mean()) for label in np.unique(known)}
    flags = one_sided([*shares.values()], values.shape[1])
    return {label: share for place, (label, share) in enumerate(shares.items()) if place in flags}


def centred_answers(values: Matrix) -> Matrix:
    """Return each answer less the mean of its respondent: what is left when the way of answering is taken out.

    Returns:
        The same shape; NaN stays NaN.
    """
    return np.asarray(values - _mean(values)[:, None], dtype=np.float64)


def telling_items(sheet: AnswerSheet) -> list[SurveyFinding]:
    """Return a finding on each item that tells the known segment by itself: perhaps made from it, or asked after it.

    Args:
        sheet: Answers; without segments there is none.
    """
    segments = np.array(sheet.segments)
    reasons = {}
    for item, column in zip(sheet.items if sheet.segments else (), sheet.values.T, strict=False):
        known = ~np.isnan(column)
        inside, outside = set(segments[known].tolist()), set(segments[~known].tolist())
        levels = np.unique(column[known])
        of_each = [set(segments[column == level].tolist()) for level in levels]
        if outside and not inside & outside:
            reasons[item] = f"all of {', '.join(sorted(inside))} answered it, and nobody else"
        elif len(inside) > 1 and len(levels) <= MOST_LEVELS and all(len(own) == 1 for own in of_each):
            reasons[item] = "each of its answers is given in one segment only"
    return [
        SurveyFinding(
            "telling",
            f"{item!r} tells the segment by itself: {why}. If it was made from the segments, or asked after them, hit "
            "rates with it say nothing.",
            f"Pass --exclude {item!r} in that case.",
        )
        for item, why in reasons.items()
    ]


def turned_round(sheet: AnswerSheet, items: Sequence[str]) -> AnswerSheet:
    """Return the sheet with the scales of *items* the other way round: the smallest answer is the largest.

    Args:
        sheet: The answers.
        items: Names of items that the sheet has.

    Returns:
        A new sheet, whose words for answers are turned as well.
    """
    values, labels = sheet.values.copy(), dict(sheet.labels)
    for item in items:
        place = sheet.items.index(item)
        column = values[:, place]
        ends = float(np.nanmin(column) + np.nanmax(column))
        values[:, place] = ends - column
        labels[item] = {ends - value: text for value, text in sheet.labels.get(item, {}).items()}
    kept = {item: words for item, words in labels.items() if words}
    return replace(sheet, values=values, labels=kept)


def check_survey(sheet: AnswerSheet) -> list[SurveyFinding]:
    """Return what a person should look at, the gravest first. *sheet* as it was read, duplicates and all.

    Returns:
        Findings on items, respondents, reversed scales, ways of answering and sample size.
    """
    return [*_items(sheet), *_respondents(sheet), *_reversed(sheet), *_styles(sheet), *_size(sheet)]


def _items(sheet: AnswerSheet) -> Iterator[SurveyFinding]:
    for item, reason in unusable_items(sheet).items():
        yield SurveyFinding("item", f"{item!r} is excluded: {reason}.", "Check how the column was read.")


def _respondents(sheet: AnswerSheet) -> Iterator[SurveyFinding]:
    for who, places in repeated(sheet).items():
        rows = ", ".join(str(sheet.rows[place]) for place in places)
        yield SurveyFinding(
            "duplicate", f"{who!r} answered several times (rows {rows}); the last answer counts.", "Delete the others."
        )
    empty = int(np.isnan(sheet.values).all(axis=1).sum())
    if empty:
        yield SurveyFinding("empty", f"{empty:,} respondents have no answers and are excluded.", "Delete their rows.")


def _reversed(sheet: AnswerSheet) -> Iterator[SurveyFinding]:
    for item, correlation in item_rest_correlations(sheet).items():
        if correlation <= REVERSED:
            yield SurveyFinding(
                "reversed",
                f"{item!r} correlates negatively with the other items ({correlation:.2f}).",
                f"If its scale is reverse-coded, pass --reverse {item}. If it asks for the opposite, keep it.",
            )


def _styles(sheet: AnswerSheet) -> Iterator[SurveyFinding]:
    counted = Counter(response_styles(sheet).values())
    for style, people in counted.items():
        share = people / len(sheet.respondents)
        yield SurveyFinding(
            "style",
            f"{people:,} of {len(sheet.respondents):,} ({share:.0%}) are {style}s: a response style, not a need.",
            "Rerun with --centre, which subtracts each person's mean, and compare.",
        )


def _size(sheet: AnswerSheet) -> Iterator[SurveyFinding]:
    wanted = AN_ITEM * len(sheet.items)
    if len(sheet.respondents) < wanted:
        yield SurveyFinding(
            "size",
            needs(
                f"For reliable segments, a survey of {len(sheet.items)} items",
                wanted,
                "respondents",
                len(sheet.respondents),
            )
            + ".",
            "The hit rates and their intervals are valid, but the segments may be unstable.",
        )


def incomplete(values: Matrix, least: float = HALF) -> Mapping[int, int]:
    """Return the rows that answered fewer than *least* of the items: place -> how many they answered."""
    answered = (~np.isnan(values)).sum(axis=1)
    return {int(row): int(answered[row]) for row in np.flatnonzero(answered < least * values.shape[1])}
