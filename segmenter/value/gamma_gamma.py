"""Gamma-Gamma model of order value (Fader & Hardie 2013, "The Gamma-Gamma model")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segmenter.stats.mle import Maximum, maximise, thinned

Array = NDArray[np.float64]
PARAMETERS = (1e-5, 1e5)
TOO_RELATED = 0.3  # of the correlation between how often and how much, which the model takes for 0
STARTS = ((6.0, 4.0, 15.0), (1.0, 2.0, 1.0), (3.0, 3.0, 300.0))


@dataclass(frozen=True, slots=True)
class SpendModel:
    """A fitted model of the amount of one order.

    Attributes:
        kind: "gamma-gamma"; "mean": each buyer's own mean, with one order at the mean of all beside it; "none": no
            order has an amount, so each counts 1.
        p: Shape of the amounts around a buyer's mean; 0 for "mean".
        q: Shape of the means between buyers; 0 for "mean".
        gamma: Their scale, in money; 0 for "mean".
        mean: Of all repeat orders' buyer means, in money.
        log_likelihood: Of the fitted data; 0 for "mean".
        buyers: With a repeat order of more than nothing.
        correlation: Between the number of repeat orders and their mean amount.
        fallback: Why it is not Gamma-Gamma, in a sentence; "" where it is.
    """

    kind: Literal["gamma-gamma", "mean", "none"]
    p: float
    q: float
    gamma: float
    mean: float
    log_likelihood: float
    buyers: int
    correlation: float
    fallback: str = ""

    def expected(self, repeats: Array, repeat_mean: Array) -> Array:
        """Return the expected amount of a buyer's next order (E[M]); who has no repeat order takes the common one.

        Args:
            repeats: (buyers,) repeat orders (x).
            repeat_mean: (buyers,) mean amount of those (m); NaN: none above 0.

        Returns:
            (buyers,) money in the model's currency.
        """
        x = np.where(np.isnan(repeat_mean), 0.0, repeats)
        m = np.where(np.isnan(repeat_mean), 0.0, repeat_mean)
        if self.kind == "none":
            return np.ones(len(repeats))
        if self.kind == "mean":
            return np.asarray((x * m + self.mean) / (x + 1))
        return np.asarray(self.p * (self.gamma + m * x) / (self.p * x + self.q - 1))

    @property
    def warning(self) -> str:
        """A sentence where how often and how much hang together more than the model allows for, else ""."""
        if abs(self.correlation) <= TOO_RELATED:
            return ""
        return (
            f"order frequency and order value are correlated ({self.correlation:.2f}); Gamma-Gamma assumes "
            "independence, so values of frequent buyers may be biased"
        )


NO_AMOUNTS = SpendModel("none", 0.0, 0.0, 0.0, 1.0, 0.0, 0, 0.0, "no order has an amount; values are numbers of orders")


def gamma_gamma_log_likelihood(parameters: Array, x: Array, m: Array) -> float:
    """Return the log-likelihood of p, q, gamma for buyers with *x* repeat orders of mean *m*."""
    from scipy.special import gammaln  # noqa: PLC0415 - a tenth of a second that most commands need not wait

    p, q, gamma = parameters
    terms = gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(gamma)
    terms = terms + (p * x - 1) * np.log(m) + p * x * np.log(x) - (p * x + q) * np.log(gamma + m * x)
    return float(np.sum(terms))


def fit_spend(repeats: Array, repeat_mean: Array) -> SpendModel:
    """Fit Gamma-Gamma to buyers with a repeat order of more than nothing; where it degenerates, take means.

    Raises:
        ValueError: There is no such buyer.
    """
    usable = (repeats > 0) & (repeat_mean > 0)
    x, m = repeats[usable], repeat_mean[usable]
    if not len(m):
        raise ValueError("there is no repeat order above zero")
    related = float(np.corrcoef(x, m)[0, 1]) if x.std() > 0 and m.std() > 0 else 0.0
    mean = float(m.mean())
    if m.std() <= 1e-9 * mean:
        return _means(mean, len(m), related, "all orders have the same amount; means are used")
    some = thinned(len(m))
    best = maximise(
        lambda p: gamma_gamma_log_likelihood(p, x, m),
        STARTS,
        of_some=some and (lambda p: gamma_gamma_log_likelihood(p, x[some], m[some])),
    )
    reason = _boundary(best)
    if reason:
        return _means(mean, len(m), related, reason)
    p, q, gamma = best.parameters
    return SpendModel("gamma-gamma", p, q, gamma, mean, best.log_likelihood, len(m), related)


def _means(mean: float, buyers: int, related: float, reason: str) -> SpendModel:
    return SpendModel("mean", 0.0, 0.0, 0.0, mean, 0.0, buyers, related, reason)


def _boundary(best: Maximum) -> str:
    _, q, _ = best.parameters
    if q <= 1:
        return f"Gamma-Gamma has no finite mean (q = {q:.2f}); means are used"
    low, high = PARAMETERS
    outside = [
        f"{n} = {v:.3g}" for n, v in zip(("p", "q", "gamma"), best.parameters, strict=True) if not low <= v <= high
    ]
    return f"Gamma-Gamma does not converge ({', '.join(outside)}); means are used" if outside else ""
