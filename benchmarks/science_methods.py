"""Independent implementations beside which `benchmarks/science.py` puts `discover`: methods of scikit-learn."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, KMeans
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

MOST = 6
SHAPES = ("full", "tied", "diag", "spherical")
STARTS = 3


def prepared(columns: Mapping[str, list[str]]) -> Any:
    """Return a file's columns as these methods take them: standardised, answers as 0 and 1, gaps as the mean."""
    made = []
    for column in columns.values():
        try:
            values = np.array([float(cell) if cell else np.nan for cell in column])
            values = np.where(np.isnan(values), np.nanmean(values), values)
            made.append(((values - values.mean()) / values.std())[:, None])
        except ValueError:
            options = sorted(set(column))[1:] if len(set(column)) == len(("no", "yes")) else sorted(set(column))
            made.append(np.array([[float(cell == option) for option in options] for cell in column]))
    return np.concatenate(made, axis=1)


def mixture_by_bic(values: Any) -> Any:
    """Return labels of the Gaussian mixture with the least BIC, of 1 to `MOST` groups and four shapes."""
    fits = [
        GaussianMixture(k, covariance_type=shape, n_init=STARTS, reg_covar=1e-4, random_state=0).fit(values)
        for k in range(1, MOST + 1)
        for shape in SHAPES
    ]
    return min(fits, key=lambda fit: fit.bic(values)).predict(values)


def kmeans_by_silhouette(values: Any) -> Any:
    """Return labels of the k-means solution with the largest silhouette."""
    fits = [KMeans(k, n_init=10, random_state=0).fit_predict(values) for k in range(2, MOST + 1)]
    return max(fits, key=lambda labels: silhouette_score(values, labels))


def bayesian_mixture(values: Any) -> Any:
    """Return labels of a variational mixture that empties the groups which it does not need."""
    fit = BayesianGaussianMixture(n_components=MOST, n_init=STARTS, reg_covar=1e-4, max_iter=300, random_state=0).fit(
        values
    )
    return fit.predict(values)


def ward_by_silhouette(values: Any) -> Any:
    """Return labels of agglomerative clustering (Ward) with the largest silhouette."""
    fits = [AgglomerativeClustering(k).fit_predict(values) for k in range(2, MOST + 1)]
    return max(fits, key=lambda labels: silhouette_score(values, labels))


def density(values: Any) -> Any:
    """Return labels of HDBSCAN; who is in no cluster is in a group of its own kind."""
    return HDBSCAN(min_cluster_size=max(10, len(values) // 20), copy=True).fit_predict(values)


METHODS: Mapping[str, Callable[[Any], Any]] = {
    "mixture, BIC": mixture_by_bic,
    "k-means, silhouette": kmeans_by_silhouette,
    "Bayesian mixture": bayesian_mixture,
    "Ward, silhouette": ward_by_silhouette,
    "HDBSCAN": density,
}


def agreements_of(columns: Mapping[str, list[str]], truth: Any) -> dict[str, float]:
    """Return the adjusted Rand index of each method with the truth."""
    values = prepared(columns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fits that stop early: their labels are compared as they are
        return {name: float(adjusted_rand_score(truth, method(values))) for name, method in METHODS.items()}


def attainable(columns: Mapping[str, list[str]], truth: Any) -> float:
    """Return the adjusted Rand index of a classifier that is told the truth: what overlap leaves to be found."""
    values = prepared(columns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        makers = (LinearDiscriminantAnalysis(), QuadraticDiscriminantAnalysis(reg_param=1e-3))
        return max(float(adjusted_rand_score(truth, maker.fit(values, truth).predict(values))) for maker in makers)
