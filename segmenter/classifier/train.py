"""Training: fit LDA and multinomial logit, calibrate (temperature scaling), cross-validate, choose one.

Everything that is said of a model is said of people whom it did not learn from: fitted on the other folds, with a
temperature from still others, and where the segments themselves were discovered, with these recalculated.
scikit-learn is imported late: 1.8 seconds that nobody pays who fits nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from segmenter.classifier.from_sklearn import at_temperature, from_discriminant
from segmenter.classifier.gate import QualityGate, gate
from segmenter.classifier.leaks import leak_sentence
from segmenter.classifier.linear import LinearModel, score_rows
from segmenter.classifier.metrics import ModelQuality, model_quality
from segmenter.classifier.thresholds import Thresholds
from segmenter.classifier.weighted_lda import fisher_functions
from segmenter.errors import DefinitionError
from segmenter.minimum import A_FEATURE, OF_A_SEGMENT, needs
from segmenter.stats.weighted import EQUAL, column_means, effective_size, kish_counts, mean_of

Discriminant = Literal["lda", "logit"]
Method = Literal["lda", "logit", "mixture"]
DISCRIMINANTS: tuple[Discriminant, ...] = ("lda", "logit")

FOLDS = 10
NAMED = 5  # of many small segments, the rest are counted

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

Labeller = Callable[[Places], Sequence[str]]
"""Segments some people (their row numbers) and returns labels for everyone; labels may be permuted between calls."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Training sample.

    Attributes:
        features: As in `LinearModel`.
        rows: Shape (people, features); NaN is unknown.
        truth: Each person's segment.
        outcome: Whether the truth is what people did, not a segment that they are in.
        late: Features of an outcome that may have been known only after it.
        weights: (people,) above 0: how many people of the population each stands for; None: all alike.
    """

    features: tuple[str, ...]
    rows: Floats
    truth: NDArray[np.str_]
    outcome: bool = False
    late: frozenset[str] = frozenset()
    weights: Floats | None = None

    @property
    def counts(self) -> Floats | None:
        """How many people each counts as: together as many as the effective size (Kish 1965); None: each is one."""
        if self.weights is None or bool((self.weights == self.weights[0]).all()):
            return None
        return kish_counts(self.weights)

    def size(self, among: NDArray[np.bool_] | None = None) -> int:
        """Return the size of a sample without weights that tells as much as these people; None: as everybody."""
        counts = self.counts
        if counts is None:
            return len(self.truth) if among is None else int(among.sum())
        return int(effective_size(counts if among is None else counts[among]) + EQUAL)


@dataclass(frozen=True, slots=True)
class OwnScorer:
    """The scorer that found segments have themselves: nothing is to be learned, only to be judged.

    Attributes:
        model: Calibrated; its labels are the segments.
        rows: (people, features) of the model, NaN unknown.
        again: Fits it among some people (their row numbers), under labels of its own.
    """

    model: LinearModel
    rows: Floats
    again: Callable[[Places], LinearModel]


@dataclass(frozen=True, slots=True)
class Fitted:
    """The chosen model with its metrics.

    Attributes:
        model: Fitted on everybody, calibrated.
        quality: Of held-out people, by the kind of model; the chosen kind's is `chosen`.
        dropped: Features that tell nothing: nobody's is known, or everybody's is the same.
    """

    model: LinearModel
    quality: dict[Method, ModelQuality]
    gate: QualityGate
    dropped: tuple[str, ...]
    folds: int

    @property
    def chosen(self) -> ModelQuality:
        """Metrics of the chosen model."""
        return next(quality for kind, quality in self.quality.items() if kind == self.model.kind)


def missing_for_fit(sample: Sample) -> list[str]:
    """Return what is missing for a fit, in sentences; empty: it can begin."""
    names = np.unique(sample.truth)
    counts = [sample.size(sample.truth == name) for name in names]
    gaps = []
    if len(names) < 2:  # noqa: PLR2004 - one class needs no model
        gaps.append(f"A model needs two or more segments; there is {len(names)} with people.")
    few = [(str(name), int(count)) for name, count in zip(names, counts, strict=True) if count < OF_A_SEGMENT]
    who = "Outcome" if sample.outcome else "Segment"
    if len(few) > NAMED:
        gaps.append(
            f"Each {who.lower()} needs {OF_A_SEGMENT} people, and {len(few)} of {len(names)} have fewer "
            f"({', '.join(f'{name!r}: {count}' for name, count in few[:NAMED])} and {len(few) - NAMED} more). "
            "Merge them, or leave their rows out."
        )
    else:
        gaps += [needs(f"{who} {name!r}", OF_A_SEGMENT, "people", count) + "." for name, count in few]
    wanted = A_FEATURE * len(sample.features)
    if sample.size() < wanted:
        gaps.append(needs(f"A model of {len(sample.features)} features", wanted, "people", sample.size()) + ".")
    if gaps and sample.counts is not None:
        gaps.append("With weights, people are counted by the effective sample size (Kish 1965).")
    return gaps


def fit_classifier(
    sample: Sample,
    *,
    rng: np.random.Generator,
    thresholds: Thresholds,
    labeller: Labeller | None = None,
    rules: NDArray[np.str_] | None = None,
    own: OwnScorer | None = None,
    folds: int = FOLDS,
) -> Fitted:
    """Fit both kinds, choose the one with the smaller Brier score on held-out people, and judge it.

    Args:
        sample: The people to learn from.
        rng: Deals the folds.
        thresholds: Above which a person is assigned, for the figures about the assigned.
        labeller: Where the truth was discovered: recalculates it on each fold's people. None: the truth stands.
        rules: What the workspace's rules say of the same people, "" for nothing; to compare with.
        own: The segments' own scorer, which is taken; both kinds stand beside it.
        folds: Of the cross-validation; each is held out once.

    Returns:
        The chosen model, its calibration, and its quality on people who were held out.

    Raises:
        DefinitionError: There are too few people, or no feature tells anything; the message says what is needed.
    """
    kept, dropped = _with_useful_features(sample)
    labels, counts = tuple(str(name) for name in np.unique(kept.truth)), kept.counts
    with threadpool_limits(1):
        fold_of = _folds(kept.truth, folds, rng)
        held = {kind: _held_out(kept, labels, fold_of, kind, labeller) for kind in DISCRIMINANTS}
        quality: dict[Method, ModelQuality] = {
            kind: model_quality(
                *_calibrated(*held[kind], fold_of, counts), labels, thresholds, folds=folds, counts=counts
            )
            for kind in DISCRIMINANTS
        }
        if own is not None:
            again = _placed_again(own, kept, labels, fold_of)
            quality["mixture"] = model_quality(*again, labels, thresholds, folds=folds, counts=counts)
            return Fitted(own.model, quality, _gated(quality["mixture"], kept, rules), dropped, folds)
        kind = min(DISCRIMINANTS, key=lambda method: quality[method].brier)
        model = trained(kept, np.arange(len(kept.truth)), kept.truth, kind)
    model = at_temperature(model, temperature_of(*held[kind], counts))
    leak = leak_sentence(kept.features, kept.rows, kept.truth, late=kept.late)
    return Fitted(model, quality, _gated(quality[kind], kept, rules, leak), dropped, folds)


def _with_useful_features(sample: Sample) -> tuple[Sample, tuple[str, ...]]:
    """The sample without the features that tell nothing, and their names."""
    gaps = missing_for_fit(sample)
    if gaps:
        raise DefinitionError(" ".join(gaps), where="too few people for training")
    useful = _telling(sample.rows)
    if not useful.any():
        raise DefinitionError("no values, or all the same", where="every feature")
    features = tuple(name for name, tells in zip(sample.features, useful, strict=True) if tells)
    dropped = tuple(name for name, tells in zip(sample.features, useful, strict=True) if not tells)
    return replace(sample, features=features, rows=sample.rows[:, useful]), dropped


def _gated(quality: ModelQuality, sample: Sample, rules: NDArray[np.str_] | None, leak: str = "") -> QualityGate:
    hit = None if rules is None else mean_of(rules == sample.truth, sample.counts)
    return gate(quality, rules_hit=hit, leak=leak)


def _placed_again(own: OwnScorer, sample: Sample, labels: tuple[str, ...], fold_of: Places) -> tuple[Floats, Places]:
    """Everybody's probabilities by the scorer that is fitted without the person's fold, and the true places."""
    truth = sample.truth
    likely = np.zeros((len(truth), len(labels)))
    for fold in np.unique(fold_of):
        inside, outside = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
        model = own.again(inside)
        scores = score_rows(model, own.rows)
        names = aligned([model.labels[place] for place in scores.best], truth, inside, sample.counts)
        for place in range(len(model.labels)):
            called = names[scores.best == place]
            if len(called):
                likely[outside, labels.index(str(called[0]))] += scores.probabilities[outside, place]
    return likely, np.array([labels.index(str(label)) for label in truth], np.intp)


def _telling(rows: Floats) -> NDArray[np.bool_]:
    known = ~np.isnan(rows)
    low = np.where(known, rows, np.inf).min(axis=0)
    high = np.where(known, rows, -np.inf).max(axis=0)
    telling: NDArray[np.bool_] = high > low
    return telling


def _folds(truth: NDArray[np.str_], folds: int, rng: np.random.Generator) -> Places:
    """Fold of each person; every segment is spread evenly over the folds."""
    fold_of = np.empty(len(truth), np.intp)
    for name in np.unique(truth):
        members = rng.permutation(np.flatnonzero(truth == name))
        fold_of[members] = (np.arange(len(members)) + rng.integers(folds)) % folds
    return fold_of


def _held_out(
    sample: Sample, labels: tuple[str, ...], fold_of: Places, kind: Discriminant, labeller: Labeller | None
) -> tuple[Floats, Places]:
    """Totals z and true places of everybody, each from the folds that the person is not in."""
    totals = np.full((len(fold_of), len(labels)), -np.inf)
    truth = np.empty(len(fold_of), np.intp)
    for fold in np.unique(fold_of):
        inside, outside = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
        labelled = sample.truth if labeller is None else aligned(labeller(inside), sample.truth, inside, sample.counts)
        model = trained(sample, inside, labelled, kind)
        places = np.array([labels.index(label) for label in model.labels], np.intp)
        totals[np.ix_(outside, places)] = np.log(
            np.clip(score_rows(model, sample.rows[outside]).probabilities, 1e-300, 1)
        )
        truth[outside] = [labels.index(str(label)) for label in labelled[outside]]
    return totals, truth


def aligned(
    labelled: Sequence[str], truth: NDArray[np.str_], among: Places, counts: Floats | None = None
) -> NDArray[np.str_]:
    """Return discovered labels renamed to those of *truth* that they overlap most with among some people.

    The assignment of names is the best one in sum (Hungarian method). A label too many keeps to its best match.

    Args:
        labelled: One label per person.
        truth: (people,) the labels whose names are to be used.
        among: Places of the people whose overlap counts.
        counts: (people,) how many each counts as; None: once.

    Returns:
        (people,) the same partition under names of *truth*.
    """
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - only discovered segments need it

    labels = np.asarray(labelled)
    olds, news = np.unique(truth), np.unique(labels)
    each = np.ones(len(among), np.int64) if counts is None else counts[among]
    overlap = np.array([[each[(labels[among] == n) & (truth[among] == old)].sum() for old in olds] for n in news])
    names = {new: olds[row.argmax()] for new, row in zip(news, overlap, strict=True)}
    rows, columns = linear_sum_assignment(-overlap)
    names |= {news[row]: olds[column] for row, column in zip(rows, columns, strict=True)}
    return np.array([names[label] for label in labels])


def trained(sample: Sample, among: Places, labelled: NDArray[np.str_], kind: Discriminant) -> LinearModel:
    """Return a model of the people *among*, with the weights of *sample*, before it is calibrated.

    Args:
        sample: Everybody.
        among: Places of those who are learned from.
        labelled: (people,) segment of everybody.
        kind: Which of the two.
    """
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415 - see above

    rows, counts = sample.rows[among], None if sample.counts is None else sample.counts[among]
    known = ~np.isnan(rows)
    mean = _means(rows, known, counts)
    filled = np.where(known, rows, mean)
    scaler = StandardScaler().fit(filled, sample_weight=counts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of collinear traits: they harm no prediction, and many traits are
        fitted = _fitted(kind, scaler.transform(filled), labelled[among], counts)
    return from_discriminant(kind, fitted, sample.features, fill=mean.tolist(), mean=mean.tolist(), scaler=scaler)


def _means(rows: Floats, known: NDArray[np.bool_], counts: Floats | None) -> Floats:
    """The mean of what is known of each feature; 0 where nothing is."""
    if counts is not None:
        return np.nan_to_num(column_means(rows, counts))
    mean: Floats = np.where(known, rows, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return mean


def _fitted(kind: Discriminant, rows: Floats, labels: NDArray[np.str_], counts: Floats | None) -> Any:
    if counts is None:
        return _estimator(kind).fit(rows, labels)
    if kind == "lda":
        return fisher_functions(rows, labels, counts)
    return _estimator(kind).fit(rows, labels, sample_weight=counts)


def _estimator(kind: Discriminant) -> Any:
    if kind == "lda":
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis  # noqa: PLC0415 - see above

        return LinearDiscriminantAnalysis()
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - see above

    return LogisticRegression(max_iter=1000)


def temperature_of(totals: Floats, truth: Places, counts: Floats | None = None) -> float:
    """Return the temperature that makes held-out totals likeliest: above 1 the model was too sure of itself.

    Args:
        totals: (people, labels) z.
        truth: (people,) place of the true label.
        counts: (people,) how many each counts as; None: once.
    """
    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - see above

    def loss(log_temperature: float) -> float:
        likely = softmax(totals / np.exp(log_temperature))
        return mean_of(-np.log(np.clip(likely[np.arange(len(truth)), truth], 1e-300, 1)), counts)

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def softmax(totals: Floats) -> Floats:
    """Return the probabilities that totals mean; shape (people, labels)."""
    grown = np.exp(totals - totals.max(axis=1, keepdims=True))
    likely: Floats = grown / grown.sum(axis=1, keepdims=True)
    return likely


def _calibrated(totals: Floats, truth: Places, fold_of: Places, counts: Floats | None) -> tuple[Floats, Places]:
    """Everybody's probabilities at a temperature that the other folds gave."""
    likely = np.empty_like(totals)
    for fold in np.unique(fold_of):
        others, own = fold_of != fold, fold_of == fold
        each = None if counts is None else counts[others]
        likely[own] = softmax(totals[own] / temperature_of(totals[others], truth[others], each))
    return likely, truth
