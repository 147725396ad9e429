"""Linear model as an Ibis expression: scores on any engine that equal those of `segmenter.classifier.linear`."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from segmenter.classifier.linear import LARGEST, LinearModel, number_option
from segmenter.late_ibis import ibis

if TYPE_CHECKING:
    from ibis import Table


def exact(number: float) -> Any:
    """Return a number as a double, digit by digit.

    DuckDB reads 0.25 as a DECIMAL: differences of two such overflow, and turning one into a double may round it.
    """
    return ibis.literal(repr(float(number))).cast("float64")


def score_expression(people: Table, model: LinearModel, prefix: str = "") -> Table:
    """Add to the trait table what *model* says of each person. See `segmenter.classifier.linear.Score`.

    Args:
        people: A column a trait.
        model: The model.
        prefix: Before the names of the new columns.

    Returns:
        All columns of *people*, ``p0`` to ``pn`` in the order of the labels, ``segment``, ``confidence``,
        ``runner_up``, ``second``, and ``known``; confidence and second are null for k-means.
    """
    table = scored(people, model, prefix)
    return table.drop(*(name for name in table.columns if name in feature_columns(model, prefix)))


def feature_columns(model: LinearModel, prefix: str) -> frozenset[str]:
    """Return the names of the model's features in the table, of which `scored` and the reasons are made.

    Args:
        model: The model that `scored` scores with.
        prefix: What the columns' names begin with.

    Returns:
        One column name per feature, without order.
    """
    return frozenset(f"{prefix}x{i}" for i in range(len(model.features)))


def scored(people: Table, model: LinearModel, prefix: str) -> Table:
    """Do `score_expression`, keeping `feature_columns`. A view a step keeps Ibis from writing steps out in each use.

    Args:
        people: Trait table, one row per person.
        model: Its traits are columns of *people*; null is unknown and gets the model's fill value.
        prefix: Put before the names of all new columns.

    Returns:
        *people* with the feature columns and, after *prefix*, the model's answer as `score_expression` describes it.
    """
    table = _with_totals(people, model, prefix)
    places = range(len(model.labels))
    top = ibis.greatest(*(table[f"{prefix}z{i}"] for i in places))
    best = ibis.cases(*((table[f"{prefix}z{i}"] == top, ibis.literal(i, "int64")) for i in places))
    table = table.mutate(**{f"{prefix}top": top, f"{prefix}best": best}).view()
    after = ibis.greatest(*(_others(table, prefix, i) for i in places))
    table = table.mutate(
        **{f"{prefix}after": after},
        **{f"{prefix}e{i}": (table[f"{prefix}z{i}"] - table[f"{prefix}top"]).exp() for i in places},
    ).view()
    whole = reduce(add, (table[f"{prefix}e{i}"] for i in places))
    second = ibis.cases(
        *((_others(table, prefix, i) == table[f"{prefix}after"], ibis.literal(i, "int64")) for i in places)
    )
    table = table.mutate(**{f"{prefix}whole": whole, f"{prefix}next": second}).view()
    likely = {f"{prefix}p{i}": table[f"{prefix}e{i}"] / table[f"{prefix}whole"] for i in places}
    done = (f"{prefix}{name}{i}" for name in "ze" for i in places)
    table = table.mutate(**likely).drop(*done, f"{prefix}whole", f"{prefix}top", f"{prefix}after").view()
    return _named(table, model, prefix)


def _others(table: Table, prefix: str, place: int) -> Any:
    """One label's z, far below all where it is the best one."""
    return ibis.ifelse(table[f"{prefix}best"] == place, ibis.literal(float("-inf")), table[f"{prefix}z{place}"])


def _named(table: Table, model: LinearModel, prefix: str) -> Table:
    places = range(len(model.labels))
    best, following = table[f"{prefix}best"], table[f"{prefix}next"]
    nothing = ibis.null("float64")

    def likely(place: Any) -> Any:
        return (
            ibis.cases(*((place == i, table[f"{prefix}p{i}"]) for i in places))
            if model.tells_probabilities
            else nothing
        )

    return (
        table.mutate(
            **{
                f"{prefix}segment": ibis.cases(*((best == i, model.labels[i]) for i in places)),
                f"{prefix}confidence": likely(best),
                f"{prefix}runner_up": ibis.cases(*((following == i, model.labels[i]) for i in places)),
                f"{prefix}second": likely(following),
            }
        )
        .drop(f"{prefix}best", f"{prefix}next")
        .view()
    )


def _with_totals(people: Table, model: LinearModel, prefix: str) -> Table:
    """Add features ``x``, totals ``z`` and ``known``."""
    values = {f"{prefix}x{i}": _feature(people, *read) for i, read in enumerate(model.reads)}
    known = reduce(add, (_known(people, trait, model).cast("float64") for trait in model.traits))
    table = people.mutate(**values, **{f"{prefix}known": known / float(len(model.traits))}).view()
    return table.mutate(**{f"{prefix}z{i}": _total(table, model, prefix, i) for i in range(len(model.labels))}).view()


def _total(table: Table, model: LinearModel, prefix: str, place: int) -> Any:
    """Add up b, w0 x0, w1 x1 and so on, products last, in this order: see `segmenter.classifier.linear`."""
    total: Any = exact(model.intercepts[place])
    for number, weight in enumerate(model.weights[place]):
        total = total + table[f"{prefix}x{number}"] * exact(weight)
    for number, (first, second) in enumerate(model.products):
        product = table[f"{prefix}x{first}"] * table[f"{prefix}x{second}"]
        total = total + product * exact(model.curves[place][number])
    return total


def _feature(people: Table, trait: str, option: str | None, fill: float, log: bool) -> Any:  # noqa: FBT001 - a `FeatureRead`
    value: Any = people[trait]
    if option is not None:
        return _equals(value, option).cast("float64").fill_null(exact(fill))
    number = known_number(value)
    if log:
        number = (exact(1.0) + ibis.ifelse(number < 0, exact(0.0), number)).ln()
    return number.fill_null(exact(fill))


def _equals(value: Any, option: str) -> Any:
    if not value.type().is_numeric():
        return value == option
    number = number_option(option)
    return known_number(value) == (ibis.null("float64") if number is None else exact(number))


def known_number(value: Any) -> Any:
    """Return a column as floats, null where it holds no number that counts."""
    return ibis.ifelse(_is_number(value), value.cast("float64"), ibis.null("float64"))


def _is_number(value: Any) -> Any:
    """NaN is larger than every number on DuckDB and Spark, so it counts as unknown here too."""
    kind = value.type()
    if not (kind.is_numeric() or kind.is_boolean()):
        return ibis.literal(value=False)
    return (value.cast("float64").abs() <= LARGEST).fill_null(False)  # noqa: FBT003 - an expression


def _known(people: Table, trait: str, model: LinearModel) -> Any:
    named = any(read.trait == trait and read.option is not None for read in model.reads)
    value = people[trait]
    return value.notnull() if named and not value.type().is_numeric() else _is_number(value)
