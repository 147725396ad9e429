"""Why the model answered so: what speaks most for the segment against its runner-up, in words.

A feature's part is (w_best - w_runner_up) * (x - mean) (SCIENCE.md 4.5). For one person in Python and for everybody
in Ibis, letter by letter the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis
from ibis import Table

from segmenter.classifier.expression import exact
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
    """Add ``reasons`` to what `segmenter.classifier.expression.scored` made; of equal parts the first wins."""
    parts = _parts(told, model, prefix)
    pairs = [ibis.struct({"part": -part, "place": ibis.literal(place, "int64")}) for place, part in enumerate(parts)]
    told = told.mutate(**{f"{prefix}strongest": ibis.array(pairs).sort()}).view()
    text: Any = ibis.literal("")
    for number in range(min(MOST, len(parts))):
        pair = told[f"{prefix}strongest"][number]
        place, before = pair["place"], "; " if number else ""
        phrases = ((place == i, _phrase(told, model, prefix, i, before)) for i in range(len(parts)))
        text = text.concat(ibis.ifelse(pair["part"] < 0, ibis.cases(*phrases), ""))
    return told.mutate(
        **{f"{prefix}reasons": ibis.ifelse(told[f"{prefix}strongest"][0]["part"] < 0, text, NOTHING)}
    ).drop(f"{prefix}strongest")


def _parts(told: Table, model: LinearModel, prefix: str) -> list[Any]:
    """What each feature adds to the lead of the segment over its runner-up."""

    def weight(label: Any, feature: int) -> Any:
        rows = zip(model.labels, model.weights, strict=True)
        return ibis.cases(*((label == name, exact(row[feature])) for name, row in rows))

    segment, runner_up = told[f"{prefix}segment"], told[f"{prefix}runner_up"]
    return [
        (weight(segment, i) - weight(runner_up, i)) * (told[f"{prefix}x{i}"] - exact(model.mean[i]))
        for i in range(len(model.features))
    ]


def _phrase(told: Table, model: LinearModel, prefix: str, place: int, before: str) -> Any:
    trait, option, _ = model.reads[place]
    value = told[f"{prefix}x{place}"]
    if option is not None:
        yes, no = _is_or_not(trait, option)
        return ibis.ifelse(value < HALF, before + no, before + yes)
    told_trait: Any = ibis.literal(f"{before}{trait} is ")
    return told_trait.concat(shown(value), _mean(model, place))
