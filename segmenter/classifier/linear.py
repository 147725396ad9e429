"""Linear model (softmax), the form of every classifier: p = softmax(z), z_l = b_l + sum_j w_lj x_j.

LDA, multinomial logit, k-means and binary latent classes all have it (SCIENCE.md 4.5). Groups of a Gaussian mixture
that spread differently have the same form with products of features beside the features. Sums run in the order of the
features wherever they are made, so that one person, an array and an Ibis expression reach the same z bit by bit, and
with it the same label, ties included: of equal z the first label wins.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from segmenter.errors import DefinitionError
from segmenter.late_arrow import np, pa, pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

ModelKind = Literal["lda", "logit", "kmeans", "lca", "mixture"]

LARGEST = 1e100
"""Values beyond this, and infinities, count as unknown."""
CHUNK = 8_192  # rows at a time: what is worked on stays in the processor's cache
FEWEST = 2  # labels: one class needs no model
UNCALIBRATED = 1.0
LOG = "log1p("


def trait_of(feature: str) -> str:
    """Return the trait that *feature* reads.

    Args:
        feature: Of a model.

    Returns:
        ``country`` of ``country=de``, ``orders`` of ``log1p(orders)``.
    """
    return logged(feature) or feature.partition("=")[0]


def logged(feature: str) -> str | None:
    """Return the trait whose logarithm *feature* is.

    Args:
        feature: Of a model.

    Returns:
        None where it is the trait itself.
    """
    return feature[len(LOG) : -1] if feature.startswith(LOG) and feature.endswith(")") else None


def curved(number: float) -> float:
    """Return ln(1 + *number*), of a negative one 0: written so that every engine computes the same."""
    return math.log(1.0 + max(number, 0.0))


def option_of(feature: str) -> str | None:
    """Return the value that *feature* asks for.

    Args:
        feature: Of a model.

    Returns:
        ``de`` of ``country=de``; None where it is the number itself.
    """
    _, equals, option = feature.partition("=")
    return option if equals else None


class FeatureRead(NamedTuple):
    """How a feature is read: from a *trait*, as 1 where it is *option*, or as its number or logarithm; else *fill*."""

    trait: str
    option: str | None
    fill: float
    log: bool


@dataclass(frozen=True, slots=True)
class LinearModel:
    """A fitted model as plain numbers.

    Attributes:
        kind: What it was fitted as. The softmax of k-means is no probability until a temperature was found for it
            (`segmenter.discover.bagged_confidence`): without one such a model answers labels only.
        labels: Segment names.
        features: A trait's name for its number, ``log1p(trait)`` for its logarithm, or ``trait=value``: 1 where the
            trait has that value, else 0.
        weights: A row a label, a column a feature; the temperature is divided in already.
        intercepts: One a label.
        fill: What stands for an unknown feature.
        mean: Of each feature, for reasons.
        temperature: By which weights and intercepts were divided; 1 is uncalibrated.
        products: Places of two features (or twice the same) whose product counts too.
        curves: A row a label, a column a product: its weight.
        reads: Of each feature its trait, its value or None, its fill, and whether it is a logarithm.
    """

    kind: ModelKind
    labels: tuple[str, ...]
    features: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    intercepts: tuple[float, ...]
    fill: tuple[float, ...]
    mean: tuple[float, ...]
    temperature: float = UNCALIBRATED
    products: tuple[tuple[int, int], ...] = ()
    curves: tuple[tuple[float, ...], ...] = ()
    reads: tuple[FeatureRead, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse numbers that fit no model.

        Raises:
            DefinitionError: Shapes differ, a number is missing or huge, a name comes twice, there is one label only.
        """
        _check(self)
        reads = tuple(
            FeatureRead(trait_of(name), option_of(name), fill, logged(name) is not None)
            for name, fill in zip(self.features, self.fill, strict=True)
        )
        object.__setattr__(self, "reads", reads)

    @property
    def traits(self) -> tuple[str, ...]:
        """The traits that the features read, each once, in order."""
        return tuple(dict.fromkeys(read.trait for read in self.reads))

    @property
    def tells_probabilities(self) -> bool:
        """Whether its softmax is a probability."""
        return self.kind != "kmeans" or self.temperature != UNCALIBRATED


def _check(model: LinearModel) -> None:
    where = f"a model of kind {model.kind!r}"
    many, wide = len(model.labels), len(model.features)
    if many < FEWEST or len(set(model.labels)) != many:
        raise DefinitionError("it needs two or more segments with unique names", where=where)
    if not wide or len(set(model.features)) != wide or not all(model.features):
        raise DefinitionError("it needs one or more features with unique names", where=where)
    named = {trait_of(feature) for feature in model.features if option_of(feature) is not None}
    if named & set(model.features):
        raise DefinitionError("it uses a trait both as a number and by its values", where=where)
    shapes = [len(model.intercepts) == many, len(model.weights) == many, len(model.fill) == wide]
    shapes += [len(model.mean) == wide, *(len(row) == wide for row in model.weights)]
    if not all(shapes):
        raise DefinitionError(
            f"weights, intercepts, fill values and means do not fit {many} segments by {wide} features", where=where
        )
    _check_products(model, where)
    rows = (*model.weights, *model.curves)
    numbers = [*model.intercepts, *model.fill, *model.mean, *(weight for row in rows for weight in row)]
    if not all(abs(number) <= LARGEST for number in numbers) or not 0 < model.temperature <= LARGEST:
        raise DefinitionError("a coefficient is not a number, or too large", where=where)


def _check_products(model: LinearModel, where: str) -> None:
    wide, many = len(model.features), len(model.products)
    placed = all(0 <= first <= second < wide for first, second in model.products)
    shaped = len(model.curves) == (len(model.labels) if many else 0) and all(len(row) == many for row in model.curves)
    if not placed or not shaped or len(set(model.products)) != many:
        raise DefinitionError(f"its products and their weights do not fit {wide} features", where=where)


class Score(NamedTuple):
    """A model's prediction for one person.

    Attributes:
        probabilities: One a label.
        segment: The likeliest label.
        confidence: Its probability; None where the model tells none (k-means without a temperature).
        runner_up: The second likeliest label.
        second: Its probability; None as `confidence`.
        known: Share of the model's traits that are known for the person.
    """

    probabilities: tuple[float, ...]
    segment: str
    confidence: float | None
    runner_up: str
    second: float | None
    known: float


def person_features(model: LinearModel, person: Mapping[str, Any]) -> tuple[list[float], float]:
    """Return the person's features, fill values where nothing is known, and the share of traits that are known.

    Args:
        model: Says which features, in which order.
        person: Trait name -> value; None or missing: unknown.

    Returns:
        One number per feature; the share of the model's traits that are known, 0 to 1.
    """
    values: list[float] = []
    known: dict[str, bool] = {}
    for trait, option, fill, log in model.reads:
        value = person.get(trait)
        number = person_number(value) if option is None else _indicator(value, option)
        known[trait] = number is not None
        values.append(fill if number is None else curved(number) if log else number)
    return values, sum(known.values()) / len(known)


def person_number(value: Any) -> float | None:
    """Return a number, None for what is none. NaN is not <= anything, so it is unknown as well."""
    if isinstance(value, int | float) and abs(value) <= LARGEST:
        return float(value)
    return None


def _indicator(value: Any, option: str) -> float | None:
    if value is None or value != value:  # noqa: PLR0124 - NaN is no value
        return None
    number = person_number(value)
    return float(value == option if number is None else number == number_option(option))


def number_option(option: str) -> float | None:
    """Return the number that the *option* of a trait that is a number asks for; None where it is text."""
    try:
        return float(option)
    except ValueError:
        return None


def score_one(model: LinearModel, person: Mapping[str, Any]) -> Score:
    """Score one person, given traits as Python values (None: nothing known); some microseconds.

    Args:
        model: The model.
        person: Trait name -> value; names that the model does not read are ignored.

    Returns:
        Probability of each label, the best two labels, and the share of traits known; a confidence is None where the
        model gives no probabilities.
    """
    values, known = person_features(model, person)
    totals = totals_of(model, values)
    top = max(totals)
    best = totals.index(top)
    after = max(totals[:best] + totals[best + 1 :])
    second = next(place for place, total in enumerate(totals) if total == after and place != best)
    grown = [math.exp(total - top) for total in totals]
    whole = sum(grown)
    likely = tuple([part / whole for part in grown])
    has_chances = model.tells_probabilities
    return Score(
        likely,
        model.labels[best],
        likely[best] if has_chances else None,
        model.labels[second],
        likely[second] if has_chances else None,
        known,
    )


def totals_of(model: LinearModel, values: Sequence[float]) -> list[float]:
    """Return z of each label for one person's *values*, as `person_features` returns them."""
    totals = []
    for total, row in zip(model.intercepts, model.weights, strict=True):
        for weight, value in zip(row, values, strict=True):
            total += weight * value  # noqa: PLW2901 - in the order of the features, as everywhere
        totals.append(total)
    for place, row in enumerate(model.curves):
        for weight, (first, second) in zip(row, model.products, strict=True):
            totals[place] += weight * (values[first] * values[second])
    return totals


class ModelScores(NamedTuple):
    """A model's predictions for many people; arrays with one row per person.

    Attributes:
        probabilities: Shape (people, labels).
        best: Place of the likeliest label, shape (people,).
        second: Place of the second likeliest label.
        known: Share of the model's traits that are known.
    """

    probabilities: NDArray[np.float64]
    best: NDArray[np.intp]
    second: NDArray[np.intp]
    known: NDArray[np.float64]


def score_rows(model: LinearModel, rows: NDArray[np.float64]) -> ModelScores:
    """Score many people.

    Args:
        model: The model.
        rows: Shape (people, features), in the order of the model's features; NaN is unknown. See `design`.

    Returns:
        Probabilities (people, labels), the places of the best two labels (people,), and the share of features known
        (people,).
    """
    people, labels = len(rows), len(model.labels)
    likely = np.empty((people, labels))
    best, second = np.empty(people, np.intp), np.empty(people, np.intp)
    known = np.empty(people)
    for start in range(0, people, CHUNK):
        part = slice(start, min(start + CHUNK, people))
        columns = np.ascontiguousarray(rows[part].T)
        unknown = ~(np.abs(columns) <= LARGEST)
        known[part] = _known_share(model, unknown)
        totals = _totals(model, np.where(unknown, np.array(model.fill)[:, None], columns))
        best[part] = totals.argmax(axis=0)
        everybody = np.arange(totals.shape[1])
        top = totals[best[part], everybody]
        grown = np.exp(totals - top)
        totals[best[part], everybody] = -np.inf
        second[part] = totals.argmax(axis=0)
        likely[part] = (grown / grown.sum(axis=0)).T
    return ModelScores(likely, best, second, known)


def _totals(model: LinearModel, columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shape (labels, people). Not a matrix product: that would add up in an order of its own."""
    totals = np.repeat(np.array(model.intercepts)[:, None], columns.shape[1], axis=1)
    product = np.empty_like(totals)
    for weights, column in zip(np.array(model.weights).T, columns, strict=True):
        np.multiply(weights[:, None], column, out=product)
        totals += product
    for weights, (first, second) in zip(np.array(model.curves).T, model.products, strict=True):
        np.multiply(weights[:, None], columns[first] * columns[second], out=product)
        totals += product
    return totals


def _known_share(model: LinearModel, unknown: NDArray[np.bool_]) -> NDArray[np.float64]:
    places = {read.trait: place for place, read in enumerate(model.reads)}
    share: NDArray[np.float64] = (~unknown[list(places.values())]).sum(axis=0) / len(places)
    return share


def design_matrix(people: pa.Table, features: Sequence[str]) -> NDArray[np.float64]:
    """Return the features of many people as `score_rows` and fitting take them: shape (people, features), NaN unknown.

    Args:
        people: A column a trait, as `segmenter.traits.traits.traits` measures them.
        features: As in `LinearModel`.

    Returns:
        Numbers as they are, or their logarithms; for ``trait=word`` 1 where the text is that word, else 0. Infinite
        counts as unknown.
    """
    matrix = np.full((people.num_rows, len(features)), np.nan)
    for place, feature in enumerate(features):
        column, option = people[trait_of(feature)], option_of(feature)
        if option is not None:
            column = _equals(column, option)
        elif not _holds_numbers(column.type):
            continue
        matrix[:, place] = pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False)
    matrix[~(np.abs(matrix) <= LARGEST)] = np.nan
    for place in (place for place, feature in enumerate(features) if logged(feature) is not None):
        matrix[:, place] = np.log(1.0 + np.maximum(matrix[:, place], 0.0))
    return matrix


def _equals(column: pa.ChunkedArray, option: str) -> Any:
    if not _holds_numbers(column.type):
        return pc.equal(column, option)
    numbers = pc.cast(column, pa.float64())
    known = pc.if_else(pc.is_finite(numbers), numbers, None)
    return pc.equal(known, pa.scalar(number_option(option), pa.float64()))


def _holds_numbers(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))
