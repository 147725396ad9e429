"""Item matrix for clustering: one row per person, one column per item or trait; checked, coded, scaled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segmenter import minimum
from segmenter.errors import DefinitionError
from segmenter.stats.weighted import column_means, column_spreads, effective_size, kish_counts, population_places

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]
ItemKind = Literal["binary", "categorical", "metric", "mixed"]

YES = frozenset({"yes", "y", "true", "1", "1.0", "agree", "ja", "oui", "si"})
NO = frozenset({"no", "n", "false", "0", "0.0", "disagree", "nein", "non"})
ONE_TWO = frozenset({"1", "2", "1.0", "2.0"})  # no and yes, as statistics programs write them
MOST_CATEGORIES = 12  # more different texts than that are names or remarks, no answers
MOST_EMPTY = 0.5  # share of answers that may be missing in an item
SKEWED = 1.0  # a count with a larger skewness is told by its logarithm


@dataclass(frozen=True, slots=True)
class Items:
    """The base of a segmentation.

    Attributes:
        kind: "binary" (0 and 1), "categorical" (codes from 0), "metric", or "mixed": numbers, yes and no as 0 and 1,
            and codes.
        names: One a column.
        values: (people, items); NaN where an answer is missing.
        categories: Of a categorical item its answers in the order of the codes; empty for the others.
        weights: (people,) how many people of the population each stands for, above 0; None: all alike.
    """

    kind: ItemKind
    names: tuple[str, ...]
    values: Matrix
    categories: tuple[tuple[str, ...], ...] = ()
    weights: Matrix | None = None

    @property
    def counts(self) -> Matrix | None:
        """The weights, adding up to `effective`, (people,); None: all alike."""
        return None if self.weights is None else kish_counts(self.weights)

    @property
    def effective(self) -> int:
        """Size of a sample without weights that is as exact (Kish 1965); the number of people where all are alike."""
        return len(self.values) if self.weights is None else round(effective_size(self.weights))

    def weighted(self, weights: Matrix) -> Items:
        """Return the same with *weights* (people,), above 0; equal ones are none."""
        return replace(self, weights=None if bool((weights == weights[0]).all()) else weights)

    def complete(self) -> NDArray[np.bool_]:
        """Return who answered everything, (people,)."""
        return np.asarray(~np.isnan(self.values).any(axis=1))

    def rows(self, chosen: NDArray[Any]) -> Items:
        """Return the same items of some people.

        Returns:
            In the order of *chosen* (a mask, or places).
        """
        weights = None if self.weights is None else self.weights[chosen]
        return replace(self, values=self.values[chosen], weights=weights)

    def margins(self) -> Matrix:
        """Return columns with the weighted distributions of these, and no relation that means anything."""
        if self.weights is None:
            return self.values
        return np.column_stack([column[population_places(self.weights, column)] for column in self.values.T])


@dataclass(frozen=True, slots=True)
class CodedItems:
    """Items as distances are measured in: value -> (f(value) - shift) / scale, f being log1p or nothing.

    Attributes:
        features: ``item``, ``log1p(item)`` or ``item=answer``, as `segmenter.classifier.linear` names them.
        values: (people, features); missing answers are the feature's mean.
        fill: What a missing answer was replaced with, before shift and scale.
        known: (people, features) whether there is a value.
    """

    features: tuple[str, ...]
    values: Matrix
    shift: Matrix
    scale: Matrix
    fill: Matrix
    known: NDArray[np.bool_]

    @property
    def observed(self) -> Matrix:
        """The values, NaN where nothing was answered: k-means then looks at what was."""
        return np.where(self.known, self.values, np.nan)


def survey_items(columns: Mapping[str, Sequence[str | None]], *, most: int, as_categories: bool = False) -> Items:
    """Read survey answers that are text: all yes/no makes them binary, all numbers metric, all words categorical.

    Numbers beside words make them mixed: numbers keep their order, yes and no are 0 and 1, words are categories.

    Args:
        columns: Item -> the answer of each respondent; None or blank is missing.
        most: Segments that will be asked for at most; there have to be more respondents.
        as_categories: Take each answer as a category, also where it is a number: latent classes know no order.

    Returns:
        Values (respondents, items); NaN is missing. Of categorical items they are codes, whose words come along.

    Raises:
        DefinitionError: Names the item (and the respondent) and what to do about it.
    """
    answers = {name: [cleaned(value) for value in column] for name, column in columns.items()}
    _check_shape(answers, most)
    for name, column in answers.items():
        _check_column(name, column)
    if all(_is_binary(column) for column in answers.values()):
        return Items("binary", tuple(answers), np.array([_zero_one(column) for column in answers.values()]).T)
    if not as_categories and all(all_numbers(column) for column in answers.values()):
        read = [[float("nan") if v is None else float(v) for v in column] for column in answers.values()]
        return Items("metric", tuple(answers), np.array(read).T)
    own = {name for name, column in answers.items() if not as_categories and _is_scale(column)}
    _check_no_mix({name: column for name, column in answers.items() if name not in own})
    if own:
        own |= {name for name, column in answers.items() if _is_binary(column)}
    coded_ = [_as_number(column) if name in own else _as_codes(column) for name, column in answers.items()]
    known = tuple(() if name in own else _options(column) for name, column in answers.items())
    return Items("mixed" if own else "categorical", tuple(answers), np.array(coded_).T, known)


def numbers(columns: Mapping[str, NDArray[np.float64]], *, most: int) -> Items:
    """Take traits that are numbers; NaN is missing.

    Args:
        columns: Trait -> (people,) values.
        most: Segments that will be asked for at most; there have to be more people.

    Returns:
        Kind "metric", (people, traits); infinite values count as missing.

    Raises:
        DefinitionError: A trait is constant or nearly always missing, or there are too few people.
    """
    values = np.column_stack(list(columns.values())) if columns else np.empty((0, 0))
    values = np.where(np.isfinite(values), values, np.nan)
    _check_people(len(values), values.shape[1] if columns else 0, most)
    for name, column in zip(columns, values.T, strict=True):
        known = column[~np.isnan(column)]
        _check_known(name, len(known), len(column), "trait")
        if np.ptp(known) == 0:
            raise DefinitionError(f"all values are {known[0]:g}; exclude it", where=f"trait {name!r}")
    return Items("metric", tuple(columns), values)


def rebuilt_items(columns: Mapping[str, NDArray[np.float64]], *, most: int) -> Items:
    """Take what segments were found on before, as `numbers` does; nothing but 0 and 1 is yes and no.

    Args:
        columns: Trait -> (people,) values; NaN is missing.
        most: Segments that will be asked for at most.

    Returns:
        Kind "binary" where all values are 0 or 1, else "metric".
    """
    items = numbers(columns, most=most)
    known = items.values[~np.isnan(items.values)]
    return Items("binary", items.names, items.values) if np.isin(known, (0.0, 1.0)).all() else items


def cleaned(value: str | None) -> str | None:
    """Return an answer without spaces around it; None where nothing is left."""
    text = (value or "").strip()
    return text or None


def _check_shape(columns: Mapping[str, Sequence[str | None]], most: int) -> None:
    lengths = {len(column) for column in columns.values()}
    _check_people(max(lengths, default=0), len(columns), most)


def _check_people(people: int, items: int, most: int) -> None:
    if items < minimum.ITEMS:
        raise DefinitionError(minimum.needs("a relation", minimum.ITEMS, "items", items), where="the base")
    needed = max(minimum.TO_DISCOVER, most + 1)
    if people < needed:
        shortage = minimum.needs(f"finding up to {most} segments", needed, "people", people)
        raise DefinitionError(f"{shortage}; {minimum.AN_ITEM * items:,} are recommended", where="the base")


def _check_known(name: str, known: int, people: int, what: str) -> None:
    if known == 0:
        raise DefinitionError("no values; exclude it", where=f"{what} {name!r}")
    if known < people * (1 - MOST_EMPTY):
        raise DefinitionError(
            f"{people - known:,} of {people:,} values are missing; exclude it, or survey more people",
            where=f"{what} {name!r}",
        )


def _check_column(name: str, column: Sequence[str | None]) -> None:
    counts = Counter(value for value in column if value is not None)
    _check_known(name, sum(counts.values()), len(column), "item")
    if len(counts) == 1:
        (only,) = counts
        raise DefinitionError(f"all answers are {only!r}; exclude it", where=f"item {name!r}")


def _check_no_mix(columns: Mapping[str, Sequence[str | None]]) -> None:
    """Text among numbers is a mistake of typing; many different texts are no answers."""
    for name, column in columns.items():
        known = [value for value in column if value is not None]
        strange = [(place, v) for place, v in enumerate(column, 1) if v is not None and not _is_number(v)]
        if strange and len(strange) <= len(known) * 0.2:
            place, text = strange[0]
            raise DefinitionError(
                f"answer {place} is {text!r}, the others are numbers; write a number there or leave it empty",
                where=f"item {name!r}",
            )
        if len(set(known)) > MOST_CATEGORIES:
            raise DefinitionError(
                f"{len(set(known))} different answers are too many categories (at most {MOST_CATEGORIES}); exclude it",
                where=f"item {name!r}",
            )


def all_numbers(column: Sequence[str | None]) -> bool:
    """Return whether all answers that are there are numbers."""
    return all(value is None or _is_number(value) for value in column)


def _is_scale(column: Sequence[str | None]) -> bool:
    """Whether a column holds numbers with an order, not the two of yes and no."""
    return all_numbers(column) and len({float(value) for value in column if value is not None}) > 2  # noqa: PLR2004


def _as_number(column: Sequence[str | None]) -> list[float]:
    return _zero_one(column) if _is_binary(column) else [float("nan") if v is None else float(v) for v in column]


def _options(column: Sequence[str | None]) -> tuple[str, ...]:
    """The answers of a category in order: numbers by size, words by the alphabet."""
    options = {value for value in column if value is not None}
    return tuple(sorted(options, key=lambda v: (float(v), v) if all_numbers(column) else (0.0, v)))


def _as_codes(column: Sequence[str | None]) -> list[float]:
    places = {value: float(code) for code, value in enumerate(_options(column))}
    return [float("nan") if value is None else places[value] for value in column]


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _is_binary(column: Sequence[str | None]) -> bool:
    known = {value.casefold() for value in column if value is not None}
    return known <= YES | NO or known <= ONE_TWO


def _zero_one(column: Sequence[str | None]) -> list[float]:
    known = {value.casefold() for value in column if value is not None}
    yes = {"2", "2.0"} if known <= ONE_TWO else YES
    return [float("nan") if value is None else float(value.casefold() in yes) for value in column]


def coded(items: Items) -> CodedItems:
    """Return *items* as distances are measured in.

    Yes/no stays 0 and 1; a category becomes a yes/no a category; numbers are standardised, those that are never
    negative and skewed by their logarithm.

    Returns:
        Values (people, features) with gaps filled, and the shift and scale that lead back to the items.
    """
    if items.kind == "binary":
        nothing = np.zeros(len(items.names))
        return _with_fill(items.names, items.values, nothing, nothing + 1, items.weights)
    if items.kind == "categorical":
        return _indicators(items)
    if items.kind == "mixed":
        return _mixed(items)
    names, columns = [], []
    for name, column in zip(items.names, items.values.T, strict=True):
        logged = _is_skewed(column, items.weights)
        names.append(f"log1p({name})" if logged else name)
        columns.append(np.log1p(column) if logged else column)
    values = np.column_stack(columns)
    shift, scale = column_means(values, items.weights), column_spreads(values, items.weights)
    return _with_fill(tuple(names), values, shift, scale, items.weights)


def of_kind(items: Items, *, words: bool) -> Items:
    """Return those columns of mixed items that are words, or the others: categorical items, or numbers."""
    places = [place for place, options in enumerate(items.categories) if bool(options) == words]
    categories = tuple(items.categories[place] for place in places) if words else ()
    kind: ItemKind = "categorical" if words else "metric"
    names = tuple(items.names[place] for place in places)
    return Items(kind, names, items.values[:, places], categories, items.weights)


def _mixed(items: Items) -> CodedItems:
    """Numbers standardised, and each category scaled such that its indicators have together the spread of one number.

    So every item counts alike, as in Gower's distance and in the factor analysis of mixed data (Pages 2004).
    """
    parts: dict[str, tuple[CodedItems, range, bool]] = {}
    for words in (False, True):
        some, first = of_kind(items, words=words), 0
        base = coded(some) if some.names else None
        for place, name in enumerate(some.names):
            following = first + (len(some.categories[place]) if words else 1)
            if base is not None:
                parts[name] = (base, range(first, following), words)
            first = following
    columns = [_columns_of(*parts[name], items.weights) for name in items.names]
    features, values, shift, scale = (list(part) for part in zip(*columns, strict=True))
    names = tuple(name for some in features for name in some)
    return _with_fill(names, np.column_stack(values), np.concatenate(shift), np.concatenate(scale), items.weights)


def _columns_of(
    base: CodedItems,
    places: range,
    words: bool,  # noqa: FBT001
    weights: Matrix | None,
) -> tuple[tuple[str, ...], Matrix, Matrix, Matrix]:
    """Names, values before shift and scale, shift, and scale of one item's features."""
    own = list(places)
    values = np.where(base.known[:, own], base.values[:, own] * base.scale[own] + base.shift[own], np.nan)
    shift, scale = base.shift[own], base.scale[own]
    if words:
        shift = column_means(values, weights)
        scale = np.full(len(own), np.sqrt(float((shift * (1 - shift)).sum())) or 1.0)
    return tuple(base.features[place] for place in own), values, shift, scale


def _is_skewed(column: Matrix, weights: Matrix | None) -> bool:
    there = ~np.isnan(column)
    known = column[there]
    own = None if weights is None else weights[there]
    spread = known.std()
    if known.min() < 0 or spread <= 0:
        return False
    if own is None:
        return bool(np.mean(((known - known.mean()) / spread) ** 3) > SKEWED)
    standard = (known - np.average(known, weights=own)) / column_spreads(known[:, None], own)[0]
    return bool(np.average(standard**3, weights=own) > SKEWED)


def _indicators(items: Items) -> CodedItems:
    names, columns = [], []
    for name, column, answers_ in zip(items.names, items.values.T, items.categories, strict=True):
        for code, answer in enumerate(answers_):
            names.append(f"{name}={answer}")
            columns.append(np.where(np.isnan(column), np.nan, column == code))
    nothing = np.zeros(len(names))
    return _with_fill(tuple(names), np.column_stack(columns), nothing, nothing + 1, items.weights)


def _with_fill(
    features: tuple[str, ...], values: Matrix, shift: Matrix, scale: Matrix, weights: Matrix | None
) -> CodedItems:
    fill = column_means(values, weights)
    known = ~np.isnan(values)
    return CodedItems(features, (np.where(known, values, fill) - shift) / scale, shift, scale, fill, known)
