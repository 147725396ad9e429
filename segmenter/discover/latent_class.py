"""Latent class analysis and mixtures (StepMix): fit, BIC, entropy and posteriors.

Linzer & Lewis 2011 (poLCA) for answers; a mixture of independent normals for numbers.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from segmenter.stats.item_matrix import Items, Labels, Matrix, coded
from segmenter.stats.kmeans import Rows

MISSING = -1.0
EXACT, NEAR_ENOUGH = 1e-10, 1e-7  # change of a person's mean log-likelihood at which EM stops
STEPS = 2000
MANY_VALUES = 20  # different values from which on a number is taken as normal beside categories
LARGEST_SEED = 2**31 - 1
CLEAR = 0.8  # relative entropy that is wanted
SURE = 0.7  # mean posterior of each class's people that is wanted (Nagin 2005)


@dataclass(frozen=True, slots=True)
class Classes:
    """The best of many starts for one number of classes.

    Attributes:
        k: Classes, by falling share.
        log_likelihood: Of all people.
        parameters: Free ones.
        bic: -2 LL + parameters ln n.
        icl: BIC with each person counted for the likeliest class only.
        entropy: Relative, 1 where every person's class is certain.
        shares: Of each class.
        posteriors: (people, k).
        means: (k, features of `coded`): probability of yes, of each category, or mean.
    """

    k: int
    log_likelihood: float
    parameters: int
    bic: float
    icl: float
    entropy: float
    shares: Matrix
    posteriors: Matrix
    means: Matrix

    @property
    def labels(self) -> Labels:
        """The likeliest class of each person."""
        labels: Labels = self.posteriors.argmax(axis=1).astype(np.int64)
        return labels

    def mean_posteriors(self) -> tuple[float, ...]:
        """Return how sure each class is of its own people; NaN for a class that is nobody's likeliest."""
        own = self.labels
        return tuple(
            float(self.posteriors[own == j, j].mean()) if (own == j).any() else float("nan") for j in range(self.k)
        )


def latent_classes(items: Items, k: int, *, starts: int, rng: Generator, tolerance: float = EXACT) -> Classes:
    """Return the best of *starts* fits of *k* classes; a missing answer counts as not asked.

    Single starts often end in a worse optimum (gss82 of poLCA: every second one), so take 20 or more.
    """
    from stepmix.stepmix import StepMix  # noqa: PLC0415 - 1.5 s, only where models are made

    values, measurement = _measured(items)
    rows = Rows.of(np.where(np.isnan(values), MISSING, values), items.counts)
    answers = _are_answers(measurement, values.shape[1])
    different = np.where((rows.values == MISSING) & answers, np.nan, rows.values)
    model = StepMix(
        n_components=k,
        measurement=measurement,
        n_init=starts,
        abs_tol=tolerance,
        max_iter=STEPS,
        random_state=int(rng.integers(LARGEST_SEED)),
        progress_bar=0,
        verbose=0,
    )
    # in one step weights are used: people with the same answers are one row
    with warnings.catch_warnings():
        # some starts creep along a ridge; the best of all is what counts
        warnings.filterwarnings("ignore", "Initializations did not converge")
        model.fit(different, sample_weight=rows.counts)
    people = float(rows.counts.sum())
    log_likelihood = float(model.score(different, sample_weight=rows.counts)) * people
    posteriors = model.predict_proba(different)[rows.place]
    sums = posteriors.sum(axis=0) if items.counts is None else items.counts @ posteriors
    order = np.argsort(-sums, kind="stable")
    return _judged(items, posteriors[:, order], log_likelihood, int(model.n_parameters))


def _measured(items: Items) -> tuple[Matrix, Any]:
    if items.kind == "metric":
        return coded(items).values, "gaussian_diag"
    if items.kind == "binary":
        return items.values, "binary_nan" if np.isnan(items.values).any() else "binary"
    if items.kind == "mixed":
        return _mixed_measured(items)
    return items.values, "categorical_nan" if np.isnan(items.values).any() else "categorical"


def _mixed_measured(items: Items) -> tuple[Matrix, Any]:
    """Numbers of many values as normals, all others answer by answer: a normal that has no spread explains anything."""
    columns: dict[bool, list[Matrix]] = {True: [], False: []}
    for column, options in zip(items.values.T, items.categories, strict=True):
        known = ~np.isnan(column)
        levels, codes = np.unique(column[known], return_inverse=True)
        if options or len(levels) < MANY_VALUES:
            own = np.full(len(column), np.nan)
            own[known] = codes
            columns[False].append(own)
        else:
            columns[True].append(np.where(known, column, column[known].mean()))
    normal = [(column - column.mean()) / column.std() for column in columns[True]]
    parts = {"numbers": ("gaussian_diag", len(normal)), "answers": ("categorical_nan", len(columns[False]))}
    measurement = {name: {"model": model, "n_columns": many} for name, (model, many) in parts.items() if many}
    return np.column_stack([*normal, *columns[False]]), measurement


def _are_answers(measurement: Any, columns: int) -> NDArray[np.bool_]:
    """Which columns are answers, where -1 can only mean that one is missing, (columns,)."""
    if isinstance(measurement, dict):
        numbers = measurement.get("numbers", {"n_columns": 0})["n_columns"]
        return np.asarray(np.arange(columns) >= numbers)
    return np.full(columns, measurement != "gaussian_diag")


def _judged(items: Items, posteriors: Matrix, log_likelihood: float, parameters: int) -> Classes:
    k = posteriors.shape[1]
    counts = np.ones(len(posteriors)) if items.counts is None else items.counts
    people = float(counts.sum())
    bic = -2 * log_likelihood + parameters * np.log(people)
    logs = np.log(posteriors, out=np.zeros_like(posteriors), where=posteriors > 0)
    return Classes(
        k=k,
        log_likelihood=log_likelihood,
        parameters=parameters,
        bic=float(bic),
        icl=float(bic - 2 * (counts * np.log(posteriors.max(axis=1))).sum()),
        entropy=1.0 if k == 1 else float(1 + (counts[:, None] * posteriors * logs).sum() / (people * np.log(k))),
        shares=posteriors.mean(axis=0) if items.counts is None else counts @ posteriors / people,
        posteriors=posteriors,
        means=_class_means(items, posteriors if items.counts is None else posteriors * counts[:, None]),
    )


def _class_means(items: Items, posteriors: Matrix) -> Matrix:
    """Means of each class over those who answered: what EM's last step sets the probabilities to."""
    values = items.values if items.kind == "binary" else coded(items).values
    known = ~np.isnan(values)
    asked = posteriors.T @ known
    sums = posteriors.T @ np.where(known, values, 0.0)
    return np.divide(sums, asked, out=np.zeros_like(sums), where=asked > 0)


def by_number(items: Items, most: int, *, starts: int, rng: Generator) -> dict[int, Classes]:
    """Return the classes for 1 to *most* (k = 1 needs one start), near enough to compare their BIC."""
    return {
        k: latent_classes(items, k, starts=1 if k == 1 else starts, rng=rng, tolerance=NEAR_ENOUGH)
        for k in range(1, most + 1)
    }
