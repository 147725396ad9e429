"""Item matrix for clustering: one row per person, one column per item or trait; checked, coded, scaled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segmenter import minimum
from segmenter.errors import DefinitionError

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]
ItemKind = Literal["binary", "categorical", "metric"]

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
        kind: "binary" (0 and 1), "categorical" (codes from 0), "metric".
        names: One a column.
        values: (people, items); NaN where an answer is missing.
        categories: Of a categorical item its answers in the order of the codes; empty for the others.
    """

    kind: ItemKind
    names: tuple[str, ...]
    values: Matrix
    categories: tuple[tuple[str, ...], ...] = ()

    def complete(self) -> NDArray[np.bool_]:
        """Return who answered everything, (people,)."""
        return np.asarray(~np.isnan(self.values).any(axis=1))

    def rows(self, chosen: NDArray[Any]) -> Items:
        """Return the same items of some people.

        Returns:
            In the order of *chosen* (a mask, or places).
        """
        return Items(self.kind, self.names, self.values[chosen], self.categories)


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


def survey_items(columns: Mapping[str, Sequence[str | None]], *, most: int) -> Items:
    """Read survey answers that are text: all yes/no makes them binary, all numbers of a scale metric, else categorical.

    Args:
        columns: Item -> the answer of each respondent; None or blank is missing.
        most: Segments that will be asked for at most; there have to be more respondents.

    Returns:
        Values (respondents, items); NaN is missing. Of categorical items they are codes, whose words come along.

    Raises:
        DefinitionError: Names the item (and the respondent) and what to do about it.
    """
    answers = {name: [_clean(value) for value in column] for name, column in columns.items()}
    _check_shape(answers, most)
    for name, column in answers.items():
        _check_column(name, column)
    if all(_is_binary(column) for column in answers.values()):
        return Items("binary", tuple(answers), np.array([_zero_one(column) for column in answers.values()]).T)
    if all(v is None or _is_number(v) for column in answers.values() for v in column):
        read = [[float("nan") if v is None else float(v) for v in column] for column in answers.values()]
        return Items("metric", tuple(answers), np.array(read).T)
    _check_no_mix(answers)
    known = {name: tuple(sorted({v for v in column if v is not None})) for name, column in answers.items()}
    codes = [
        [float("nan") if v is None else float(known[name].index(v)) for v in column] for name, column in answers.items()
    ]
    return Items("categorical", tuple(answers), np.array(codes).T, tuple(known.values()))


def words_of(items: Items, columns: Mapping[str, Sequence[str | None]]) -> dict[str, dict[str, float]]:
    """Return for each item what each answer to it counts as in *items*, which `survey_items` made of *columns*.

    Args:
        items: As `survey_items` returned them.
        columns: The same columns that it was given.

    Returns:
        Item -> text of an answer -> its number, the smallest first.
    """
    codes: dict[str, dict[str, float]] = {}
    for place, name in enumerate(items.names):
        pairs = zip(map(_clean, columns[name]), items.values[:, place], strict=True)
        words = {text: float(value) for text, value in pairs if text is not None}
        codes[name] = dict(sorted(words.items(), key=lambda pair: pair[1]))
    return codes


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


def _clean(value: str | None) -> str | None:
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
        return _with_fill(items.names, items.values, np.zeros(len(items.names)), np.ones(len(items.names)))
    if items.kind == "categorical":
        return _indicators(items)
    names, columns = [], []
    for name, column in zip(items.names, items.values.T, strict=True):
        logged = _is_skewed(column)
        names.append(f"log1p({name})" if logged else name)
        columns.append(np.log1p(column) if logged else column)
    values = np.column_stack(columns)
    return _with_fill(tuple(names), values, np.nanmean(values, axis=0), np.nanstd(values, axis=0))


def _is_skewed(column: Matrix) -> bool:
    known = column[~np.isnan(column)]
    spread = known.std()
    return bool(known.min() >= 0 and spread > 0 and np.mean(((known - known.mean()) / spread) ** 3) > SKEWED)


def _indicators(items: Items) -> CodedItems:
    names, columns = [], []
    for name, column, answers_ in zip(items.names, items.values.T, items.categories, strict=True):
        for code, answer in enumerate(answers_):
            names.append(f"{name}={answer}")
            columns.append(np.where(np.isnan(column), np.nan, column == code))
    return _with_fill(tuple(names), np.column_stack(columns), np.zeros(len(names)), np.ones(len(names)))


def _with_fill(features: tuple[str, ...], values: Matrix, shift: Matrix, scale: Matrix) -> CodedItems:
    fill = np.nanmean(values, axis=0)
    known = ~np.isnan(values)
    return CodedItems(features, (np.where(known, values, fill) - shift) / scale, shift, scale, fill, known)
