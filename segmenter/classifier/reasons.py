"""Why the model answered so: what speaks most for the segment against its runner-up, in words.

A feature's part is (w_best - w_runner_up) * (x - mean) (SCIENCE.md 4.5). For one person in Python and for everybody
in Ibis, letter by letter the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import ibis
from ibis import Table

from segmenter.classifier.linear import LinearModel, Score, features_of
from segmenter.shown import shown, shown_one

MOST = 3  # more reasons are not read
NOTHING = "nothing in particular; the commonest answer"


def reasons_one(model: LinearModel, person: Mapping[str, Any], score: Score) -> str:
    """Return the reasons of one person's *score*, the strongest first."""
    values, _ = features_of(model, person)
    weights = dict(zip(model.labels, model.weights, strict=True))
    best, second = weights[score.segment], weights[score.runner_up]
    parts = [(b - s) * (x - m) for b, s, x, m in zip(best, second, values, model.mean, strict=True)]
    strongest = sorted(range(len(parts)), key=lambda place: (-parts[place], place))[:MOST]
    return "; ".join(_phrase_one(model, place, values[place]) for place in strongest if parts[place] > 0) or NOTHING


def _phrase_one(model: LinearModel, place: int, value: float) -> str:
    trait, option, _ = model.reads[place]
    if option is not None:
        return _is_or_not(trait, option)[value < HALF]
    return f"{trait} is {shown_one(value)}{_mean(model, place)}"


HALF = 0.5  # of an indicator that is filled: the likelier of yes and no


def _is_or_not(trait: str, option: str) -> tuple[str, str]:
    return f"{trait} is {option}", f"{trait} is not {option}"


def _mean(model: LinearModel, place: int) -> str:
    return f" (mean {shown_one(model.mean[place])})"


def with_reasons(told: Table, model: LinearModel, prefix: str) -> Table:
    """Add ``reasons`` to what `segmenter.classifier.expression.scored` made.

    Each round takes the largest part that is left; of equal ones the first.
    """
    told = _with_parts(told, model, prefix)
    places = range(len(model.features))
    texts: list[Any] = []
    for number in range(min(MOST, len(model.features))):
        left = ibis.greatest(*(told[f"{prefix}c{i}"] for i in places), 0.0)
        told = told.mutate(**{f"{prefix}most{number}": left}).view()
        most = told[f"{prefix}most{number}"]
        taken = ibis.cases(*((told[f"{prefix}c{i}"] == most, ibis.literal(i, "int64")) for i in places))
        told = told.mutate(**{f"{prefix}taken{number}": ibis.ifelse(most > 0, taken, ibis.null("int64"))}).view()
        place = told[f"{prefix}taken{number}"]
        gone = {f"{prefix}c{i}": ibis.ifelse((place == i).fill_null(False), 0.0, told[f"{prefix}c{i}"]) for i in places}  # noqa: FBT003
        before = "; " if number else ""
        phrase = ibis.cases(*((place == i, _phrase(told, model, prefix, i, before)) for i in places))
        told = told.mutate(**{f"{prefix}phrase{number}": phrase}, **gone).view()
        texts.append(f"{prefix}phrase{number}")
    joined = reduce(lambda left, right: left.concat(told[right].fill_null("")), texts[1:], told[texts[0]])
    return told.mutate(**{f"{prefix}reasons": joined.fill_null(NOTHING)})


def _with_parts(told: Table, model: LinearModel, prefix: str) -> Table:
    def weight(label: Any, feature: int) -> Any:
        rows = zip(model.labels, model.weights, strict=True)
        return ibis.cases(*((label == name, float(row[feature])) for name, row in rows))

    segment, runner_up = told[f"{prefix}segment"], told[f"{prefix}runner_up"]
    parts = {
        f"{prefix}c{i}": (weight(segment, i) - weight(runner_up, i)) * (told[f"{prefix}x{i}"] - float(model.mean[i]))
        for i in range(len(model.features))
    }
    return told.mutate(**parts).view()


def _phrase(told: Table, model: LinearModel, prefix: str, place: int, before: str) -> Any:
    trait, option, _ = model.reads[place]
    value = told[f"{prefix}x{place}"]
    if option is not None:
        yes, no = _is_or_not(trait, option)
        return ibis.ifelse(value < HALF, before + no, before + yes)
    told_trait: Any = ibis.literal(f"{before}{trait} is ")
    return told_trait.concat(shown(value), _mean(model, place))
