"""Reasons of a prediction: the features that contribute most to the segment over its runner-up.

A feature's part is (w_best - w_runner_up) * (x - mean) (SCIENCE.md 4.5). What the product of two features adds is
shared between them as Shapley 1953 shares it: x y - mean_x mean_y is (x - mean_x) (y + mean_y) / 2 of the first and
(y - mean_y) (x + mean_x) / 2 of the second. For one person in Python and for everybody
in Ibis, letter by letter the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from segmenter.classifier.expression import exact, known_number
from segmenter.classifier.linear import LinearModel, Score, person_features, person_number
from segmenter.late_ibis import ibis
from segmenter.rules.format_value import formatted, shown_one

if TYPE_CHECKING:
    from ibis import Table

MOST = 3  # more reasons are not read
NOTHING = "no particular trait; the most common segment"


@dataclass(frozen=True, slots=True)
class Spoken:
    """Wording of a trait that is a survey answer, in a reason.

    Attributes:
        item: What the question is called.
        answers: What each number means in words.
    """

    item: str
    answers: tuple[tuple[float, str], ...] = ()


Speech = Mapping[str, Spoken]
"""By trait; other traits are printed with their name and number."""


def reasons_one(
    model: LinearModel, person: Mapping[str, Any], score: Score, speech: Speech = MappingProxyType({})
) -> str:
    """Return the reasons of one person's *score*, the strongest first, answers in the words of *speech*.

    Args:
        model: The model that scored.
        person: Trait name -> value; None or missing: unknown.
        score: What `segmenter.classifier.linear.score_one` returned.
        speech: Trait -> how to say it; other traits are printed with name and number.

    Returns:
        Phrases joined by "; ": what speaks for the segment and against the runner-up.
    """
    values, _ = person_features(model, person)
    parts = lead_parts(model, values, *(model.labels.index(label) for label in (score.segment, score.runner_up)))
    strongest = sorted(range(len(parts)), key=lambda place: (-parts[place], place))[:MOST]
    phrases = (_phrase_one(model, place, values[place], person, speech) for place in strongest if parts[place] > 0)
    return "; ".join(phrases) or NOTHING


def lead_parts(model: LinearModel, values: Sequence[float], lead: int, rival: int) -> list[float]:
    """Return what each feature adds to the lead of one label over another, (features,).

    Args:
        model: The model.
        values: Of its features, as `segmenter.classifier.linear.person_features` returns them.
        lead: Place of the label that leads.
        rival: Place of the other.
    """
    both = zip(model.weights[lead], model.weights[rival], values, model.mean, strict=True)
    parts = [(b - s) * (x - m) for b, s, x, m in both]
    for number, (first, second) in enumerate(model.products):
        weight = model.curves[lead][number] - model.curves[rival][number]
        (x, y), (mean_x, mean_y) = (values[first], values[second]), (model.mean[first], model.mean[second])
        parts[first] += weight * (x - mean_x) * (y + mean_y) * HALF
        parts[second] += weight * (y - mean_y) * (x + mean_x) * HALF
    return parts


def _phrase_one(model: LinearModel, place: int, value: float, person: Mapping[str, Any], speech: Speech) -> str:
    trait, option, fill, log = model.reads[place]
    spoken = speech.get(trait)
    if option is not None:
        return _is_or_not(trait, option, spoken)[value < HALF]
    if log:
        known = person_number(person.get(trait))
        value = math.expm1(fill) if known is None else known
    if spoken is not None:
        return f"{spoken.item}: {next((text for number, text in spoken.answers if number == value), shown_one(value))}"
    return f"{trait} is {shown_one(value)}{_mean(model, place)}"


HALF = 0.5  # of an indicator that is filled: the likelier of yes and no; and of a product, for each of its two


def _is_or_not(trait: str, option: str, spoken: Spoken | None) -> tuple[str, str]:
    if spoken is not None:
        shown = next((text for number, text in spoken.answers if f"{number:g}" == option), option)
        return f"{spoken.item}: {shown}", f"{spoken.item}: not {shown}"
    return f"{trait} is {option}", f"{trait} is not {option}"


def _mean(model: LinearModel, place: int) -> str:
    if model.reads[place].log:
        return f" (typical {shown_one(math.expm1(model.mean[place]))})"
    return f" (mean {shown_one(model.mean[place])})"


def with_reasons(table: Table, model: LinearModel, prefix: str, speech: Speech = MappingProxyType({})) -> Table:
    """Add ``reasons`` to what `segmenter.classifier.expression.scored` made; of equal parts the first wins.

    Args:
        table: One row per person, with the columns that `scored` added.
        model: The model that scored.
        prefix: As it was given to `scored`.
        speech: Trait -> how to say it, as in `reasons_one`.

    Returns:
        *told* and the text column ``reasons`` after *prefix*.
    """
    parts = _parts(table, model, prefix)
    pairs = [ibis.struct({"part": -part, "place": ibis.literal(place, "int64")}) for place, part in enumerate(parts)]
    table = table.mutate(**{f"{prefix}strongest": ibis.array(pairs).sort()}).view()
    text: Any = ibis.literal("")
    for number in range(min(MOST, len(parts))):
        pair = table[f"{prefix}strongest"][number]
        place, before = pair["place"], "; " if number else ""
        phrases = ((place == i, _phrase(table, model, prefix, i, before, speech)) for i in range(len(parts)))
        text = text.concat(ibis.ifelse(pair["part"] < 0, ibis.cases(*phrases), ""))
    return table.mutate(
        **{f"{prefix}reasons": ibis.ifelse(table[f"{prefix}strongest"][0]["part"] < 0, text, NOTHING)}
    ).drop(f"{prefix}strongest")


def _parts(table: Table, model: LinearModel, prefix: str) -> list[Any]:
    """Contribution of each feature to the lead of the segment over its runner-up."""

    def weight(label: Any, rows: Sequence[Sequence[float]], place: int) -> Any:
        return ibis.cases(*((label == name, exact(row[place])) for name, row in zip(model.labels, rows, strict=True)))

    segment, runner_up = table[f"{prefix}segment"], table[f"{prefix}runner_up"]

    def lead(rows: Sequence[Sequence[float]], place: int) -> Any:
        return weight(segment, rows, place) - weight(runner_up, rows, place)

    values, means = ([table[f"{prefix}x{i}"], exact(mean)] for i, mean in enumerate(model.mean)), model.mean
    parts = [lead(model.weights, i) * (value - mean) for i, (value, mean) in enumerate(values)]
    for number, (first, second) in enumerate(model.products):
        curve = lead(model.curves, number)
        x, y = table[f"{prefix}x{first}"], table[f"{prefix}x{second}"]
        mean_x, mean_y = exact(means[first]), exact(means[second])
        parts[first] = parts[first] + curve * (x - mean_x) * (y + mean_y) * exact(HALF)
        parts[second] = parts[second] + curve * (y - mean_y) * (x + mean_x) * exact(HALF)
    return parts


def _phrase(table: Table, model: LinearModel, prefix: str, place: int, before: str, speech: Speech) -> Any:
    trait, option, fill, log = model.reads[place]
    value, spoken = table[f"{prefix}x{place}"], speech.get(trait)
    if log:
        value = known_number(table[trait]).fill_null(exact(math.expm1(fill)))
    if option is not None:
        yes, no = _is_or_not(trait, option, spoken)
        return ibis.ifelse(value < HALF, before + no, before + yes)
    if spoken is not None:
        named: Any = ibis.literal(f"{before}{spoken.item}: ")
        words = [(value == exact(number), f"{before}{spoken.item}: {text}") for number, text in spoken.answers]
        return ibis.cases(*words, else_=named.concat(formatted(value))) if words else named.concat(formatted(value))
    told_trait: Any = ibis.literal(f"{before}{trait} is ")
    return told_trait.concat(formatted(value), _mean(model, place))
