"""Cross-fitting: refit a segmentation on each training fold, so that hit rates are held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from segmenter.classifier.linear import LOG, LinearModel, score_rows
from segmenter.discover.em_bootstrap import class_labels, one_hot_answers
from segmenter.discover.to_linear import by_mixture
from segmenter.errors import DefinitionError
from segmenter.stats.item_matrix import Items, Matrix, coded
from segmenter.stats.kmeans import EXACT, kmeans
from segmenter.stats.mixtures import Shape, best_mixture, starts_of
from segmenter.stats.weighted import as_whole

STARTS = 20

Places = NDArray[np.intp]


def found_again(items: Items, k: int, rng: Generator) -> Callable[[Places], Sequence[str]]:
    """Return what finds *k* segments by k-means among some people, and gives everybody the nearest centre's number.

    Logarithms, means and spreads are those of the people among whom it looks; nothing of the others is used.

    Args:
        items: Numbers, of everybody.
        k: Segments, before any were merged or retired.
        rng: Chance of the starts.

    Returns:
        Takes places of people, (inside,); returns one number per person, "0" to ``str(k - 1)``, for everybody.
    """

    def label(inside: Places) -> list[str]:
        some = items.rows(inside)
        known = coded(some)
        logged = [feature.startswith(LOG) for feature in known.features]
        everybody = np.where(logged, np.log1p(np.maximum(items.values, 0)), items.values)
        everybody = (everybody - known.shift) / _spread(known.scale)
        own = everybody[inside]
        counts = np.ones(len(own)) if some.counts is None else as_whole(some.counts)[0]
        centres = kmeans(own, counts[None], k, starts=STARTS, rng=rng, tolerance=EXACT)
        return [str(number) for number in centres.labels(everybody)[0]]

    return label


def mixtures_again(
    items: Items, k: int, shape: Shape, temperature: float, rng: Generator
) -> Callable[[Places], LinearModel]:
    """Return what fits a mixture among some people, and gives it as a model with the labels "0" to ``str(k - 1)``.

    Logarithms, means and spreads are those of these people; who left something out takes no part.

    Args:
        items: Numbers, of everybody.
        k: Groups.
        shape: Of their covariances.
        temperature: Of the model.
        rng: Chance of the starts.

    Returns:
        Takes places of people, (inside,). It raises a `DefinitionError` where no start keeps *k* groups.
    """
    complete = items.complete()

    def model(inside: Places) -> LinearModel:
        some = items.rows(inside[complete[inside]])
        values = coded(some).values
        fit = best_mixture(values, k, shape, starts_of(values, k, rng, some.counts), counts=some.counts)
        if fit is None:
            raise DefinitionError(f"{k} groups are not found again in a part of the people", where="the mixture")
        return by_mixture(some, fit, [str(number) for number in range(k)], temperature)

    return model


def labelled_by(model: Callable[[Places], LinearModel], rows: Matrix) -> Callable[[Places], Sequence[str]]:
    """Return what gives everybody the label of the *model* that is fitted among some people.

    Args:
        model: As `mixtures_again` returns it.
        rows: (people, items), NaN where nothing is known.

    Returns:
        Takes places of people, (inside,); returns one label per person.
    """

    def label(inside: Places) -> list[str]:
        own = model(inside)
        return [own.labels[place] for place in score_rows(own, logged_rows(own, rows)).best]

    return label


def logged_rows(model: LinearModel, rows: Matrix) -> Matrix:
    """Return *rows*, (people, items), as the features of *model* read them: some by their logarithm."""
    logs = [read.log for read in model.reads]
    columns: Matrix = np.where(logs, np.log(1.0 + np.maximum(rows, 0.0)), rows)
    return columns


def classes_again(items: Items, k: int, rng: Generator) -> Callable[[Places], Sequence[str]]:
    """Return what finds *k* latent classes among some people, and gives everybody the number of the likeliest.

    Args:
        items: Answers, as numbers, of everybody; of an item with others than 0 and 1 each number is a category.
        k: Classes, before any were merged or retired.
        rng: Chance of the starts.

    Returns:
        Takes places of people, (inside,); returns one number per person, "0" to ``str(k - 1)``, for everybody.
    """
    answers, owner = one_hot_answers(items if items.kind == "binary" else _categories(items))

    def label(inside: Places) -> list[str]:
        weights = np.zeros((1, len(answers)))
        weights[0, inside] = 1.0 if items.counts is None else items.counts[inside]
        return [str(number) for number in class_labels(answers, owner, weights, k, starts=STARTS, rng=rng)[0]]

    return label


def _categories(items: Items) -> Items:
    codes, categories = np.full_like(items.values, np.nan), []
    for place, column in enumerate(items.values.T):
        known = ~np.isnan(column)
        options, codes[known, place] = np.unique(column[known], return_inverse=True)
        categories.append(tuple(map(str, options)))
    return Items("categorical", items.names, codes, tuple(categories), items.weights)


def _spread(scale: Matrix) -> Any:
    """A trait that is the same for all of these people tells nothing; it is left as it is."""
    return np.where(scale > 0, scale, 1.0)
