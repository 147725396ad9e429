"""BG/NBD model of purchase frequency, NBD as its fallback, and MBG/CNBD-k where buyers order regularly.

Sources: Fader, Hardie & Lee 2005, "Counting your customers the easy way" (BG/NBD, equations 6, 9 and 10);
Ehrenberg 1959 (NBD). Parameters in orders and weeks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segmenter.stats.mle import Maximum, maximise, thinned
from segmenter.value.mbg_cnbd import MOST_K, expected_mbg_cnbd, mbg_cnbd_log_likelihood, regularity

Array = NDArray[np.float64]
FrequencyKind = Literal["bg/nbd", "nbd", "mbg/cnbd-k"]
LEAST_DROPOUT = 1e-6
PARAMETERS = (1e-5, 1e5)
WORTH = 0.5  # of log-likelihood, that the dropout must add to what the NBD says already
STARTS = ((1.0, 10.0, 1.0, 3.0), (0.3, 5.0, 0.5, 2.0), (0.7, 10.0, 0.1, 10.0))
REGULAR = 1.5  # regularity of the gaps, from which a regular model is tried
REGULAR_WORTH = 2.0  # of log-likelihood, that it must add
REGULAR_FITTED = 10_000  # buyers whom it is fitted to
NUDGE = 1e-6
QUANTILES = 400


@dataclass(frozen=True, slots=True)
class Frequency:
    """A fitted model of how often people order.

    Attributes:
        kind: "bg/nbd": people may stop for good; "nbd": nobody stops; "mbg/cnbd-k": they order regularly and may stop.
        r: Shape of the gamma distribution of order rates.
        alpha: Its rate, weeks.
        a: First parameter of the beta distribution of the chance to stop after an order; 0 for "nbd".
        b: Its second parameter; 0 for "nbd".
        log_likelihood: Of the fitted data.
        fallback: Why it is not the BG/NBD, in a sentence; "" where it is.
        k: Regularity of the gaps between orders: 1 is chance, more is more regular.
    """

    kind: FrequencyKind
    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    fallback: str = ""
    k: int = 1

    @property
    def _parameters(self) -> Array:
        return np.array([self.r, self.alpha, self.a, self.b])

    def expected(self, repeats: Array, last: Array, observed: Array, weeks: float) -> Array:
        """Return how many orders each buyer places in the next *weeks*, given the history (E[Y(t)]).

        Args:
            repeats: x, one value a buyer.
            last: t_x, weeks.
            observed: T, weeks.
            weeks: From now on, 0 or more.

        Returns:
            (buyers,) orders, not negative.
        """
        if self.kind == "mbg/cnbd-k":
            return expected_mbg_cnbd(self._parameters, self.k, repeats, last, observed, weeks)
        alive = (self.r + repeats) / (self.alpha + observed) * weeks  # if nobody stopped: never more than that
        if self.kind == "nbd":
            return alive
        return np.clip(_expected_bg(self, repeats, last, observed, weeks), 0.0, alive)

    def expected_of_new(self, weeks: float) -> float:
        """Return how many repeat orders a new buyer places within *weeks* of the first one (E[X(t)]).

        Returns:
            Orders, 0 or more; the first one does not count.
        """
        if self.kind == "nbd":
            return self.r / self.alpha * weeks
        if self.kind == "mbg/cnbd-k":
            return float(self.expected(np.zeros(1), np.zeros(1), np.zeros(1), weeks)[0])
        from scipy.special import hyp2f1  # noqa: PLC0415 - a tenth of a second that most commands need not wait

        a = _off_the_pole(self.a)
        c = a + self.b - 1
        return float(c / (a - 1) * (1 - hyp2f1(self.r, a - 1, c, -weeks / self.alpha)))


def _off_the_pole(a: float) -> float:
    """The formulas divide by a - 1, and have a limit there."""
    return a + 2 * NUDGE if abs(a - 1) < NUDGE else a


def _expected_bg(model: Frequency, x: Array, last: Array, observed: Array, weeks: float) -> Array:
    from scipy.special import hyp2f1  # noqa: PLC0415

    r, alpha, a, b = model.r, model.alpha, _off_the_pole(model.a), model.b
    c = a + b + x - 1
    c = np.where(np.abs(c) < NUDGE, c + 2 * NUDGE, c)
    with np.errstate(all="ignore"):
        # equation 10 after Pfaff's transformation: its power and its series are 0 times infinity for busy buyers
        series = hyp2f1(r + x, a - 1, c, -weeks / (alpha + observed))
        grown = np.asarray(c / (a - 1) * (1 - series))
        lost = ~np.isfinite(grown)
        grown[lost] = _averaged(model, x[lost], observed[lost], weeks)
        stopped = np.where(x > 0, a / (b + np.maximum(x, 1) - 1) * _ratio(alpha, last, observed, r + x), 0.0)
        purchases = grown / (1 + stopped)
    return np.asarray(purchases, dtype=np.float64)


def _averaged(model: Frequency, x: Array, observed: Array, weeks: float) -> Array:
    """E[Y(t)] of who is still alive, where the series has no number: the mean over the chance to stop, p.

    Given p it is (1 - ((alpha + T) / (alpha + T + p t))^(r + x)) / p, and p is Beta(a, b + x).
    """
    from scipy.special import betaincinv  # noqa: PLC0415

    levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
    p = np.maximum(betaincinv(model.a, model.b + x[:, None], levels[None, :]), 1e-12)
    seen = (model.alpha + observed)[:, None]
    terms = -np.expm1((model.r + x)[:, None] * np.log(seen / (seen + p * weeks))) / p
    return np.asarray(terms.mean(axis=1))


def _ratio(alpha: float, last: Array, observed: Array, power: Array) -> Array:
    return np.asarray(np.exp(np.minimum(power * np.log((alpha + observed) / (alpha + last)), 700.0)))


def bg_nbd_log_likelihood(parameters: Array, x: Array, last: Array, observed: Array, weights: Array) -> float:
    """Return the log-likelihood of r, alpha, a, b (equation 6), each history counted *weights* times."""
    from scipy.special import gammaln  # noqa: PLC0415

    r, alpha, a, b = parameters
    orders, place = _different(x)
    counts = gammaln(r + orders) - gammaln(r) + r * np.log(alpha)
    chance = gammaln(a + b) - gammaln(b) + gammaln(b + orders) - gammaln(a + b + orders)
    still = -(r + x) * np.log(alpha + observed)
    with np.errstate(divide="ignore"):
        weight = np.where(orders > 0, np.log(a) - np.log(b + np.maximum(orders, 1) - 1), -np.inf)
    left = weight[place] - (r + x) * np.log(alpha + last)
    return float(np.sum(weights * ((counts + chance)[place] + np.logaddexp(still, left))))


def nbd_log_likelihood(parameters: Array, x: Array, observed: Array, weights: Array) -> float:
    """Return the log-likelihood of r and alpha where nobody stops, each history counted *weights* times."""
    from scipy.special import gammaln  # noqa: PLC0415

    r, alpha = parameters
    orders, place = _different(x)
    waited = np.log(alpha + observed)
    counts = gammaln(r + orders) - gammaln(r) + r * np.log(alpha)
    return float(np.sum(weights * (counts[place] - (r + x) * waited)))


def _different(x: Array) -> tuple[Array, NDArray[np.int64]]:
    """Each number of repeat orders once, and the place of everybody's: to look up a figure is cheaper than to make it.

    Numbers of orders are whole and small; the few that are not are taken as they are.
    """
    most = int(x.max(initial=0.0))
    place = x.astype(np.int64)
    if most > len(x) or (place != x).any():
        return x, np.arange(len(x))
    return np.arange(most + 1, dtype=np.float64), place


def fit_frequency(repeats: Array, last: Array, observed: Array, log_gaps: Array | None = None) -> Frequency:
    """Fit the BG/NBD; where it degenerates, the NBD; where buyers order regularly and it fits better, the MBG/CNBD-k.

    Args:
        repeats: x, one value a buyer.
        last: t_x, weeks.
        observed: T, weeks.
        log_gaps: Sum of the logarithms of each buyer's gaps, in weeks; None: regularity is not looked at.

    Returns:
        The fitted model; its `fallback` says why it is not the BG/NBD.
    """
    histories, weights = np.unique(np.column_stack([repeats, last, observed]), axis=0, return_counts=True)
    x, t_x, seen = histories.T
    counts = weights.astype(np.float64)
    some = thinned(len(x))
    full = maximise(
        lambda p: bg_nbd_log_likelihood(p, x, t_x, seen, counts),
        STARTS,
        of_some=some and (lambda p: bg_nbd_log_likelihood(p, x[some], t_x[some], seen[some], counts[some])),
    )
    plain = maximise(
        lambda p: nbd_log_likelihood(p, x, seen, counts),
        [start[:2] for start in STARTS],
        of_some=some and (lambda p: nbd_log_likelihood(p, x[some], seen[some], counts[some])),
    )
    reason = boundary(full, plain)
    if reason:
        r, alpha = plain.parameters
        usual = Frequency("nbd", r, alpha, 0.0, 0.0, plain.log_likelihood, reason)
    else:
        r, alpha, a, b = full.parameters
        usual = Frequency("bg/nbd", r, alpha, a, b, full.log_likelihood)
    if log_gaps is None or regularity(repeats, last, log_gaps) < REGULAR:
        return usual
    return _regular(usual, repeats, last, observed, log_gaps)


def _regular(usual: Frequency, repeats: Array, last: Array, observed: Array, log_gaps: Array) -> Frequency:
    """The MBG/CNBD-k with the k next to what the gaps show, where it is likelier than the *usual* model."""
    some = slice(None, None, max(1, len(repeats) // REGULAR_FITTED))
    x, t_x, seen, gaps = repeats[some], last[some], observed[some], log_gaps[some]
    ones = np.ones(len(x))
    near = regularity(x, t_x, gaps)
    tried = {}
    for k in sorted({min(max(place, 2), MOST_K) for place in (int(near), int(near) + 1)}):
        start = [(usual.r, usual.alpha / k, usual.a or 0.1, usual.b or 1.0)]
        tried[k] = maximise(lambda p, k=k: mbg_cnbd_log_likelihood(p, k, x, t_x, seen, gaps, ones), start)  # type: ignore[misc] # mypy knows no default of a lambda
    k = max(tried, key=lambda candidate: tried[candidate].log_likelihood)
    r, alpha, a, b = tried[k].parameters
    if usual.kind == "nbd":
        before = nbd_log_likelihood(np.array([usual.r, usual.alpha]), x, seen, ones)
    else:
        before = bg_nbd_log_likelihood(usual._parameters, x, t_x, seen, ones)  # noqa: SLF001 - of the same module
    low, high = PARAMETERS
    if tried[k].log_likelihood - before < REGULAR_WORTH or not (low <= r <= high and low <= alpha <= high):
        return usual
    said = f"buyers order regularly (k = {k}), so MBG/CNBD-k is used"
    return Frequency("mbg/cnbd-k", r, alpha, a, b, tried[k].log_likelihood, said, k)


def boundary(full: Maximum, plain: Maximum) -> str:
    """Return why a BG/NBD fit lies at the border of what makes sense, "" where it does not (SCIENCE, section 7)."""
    _, _, a, b = full.parameters
    low, high = PARAMETERS
    if full.log_likelihood - plain.log_likelihood < WORTH:
        return "no buyer seems to churn, so BG/NBD reduces to NBD; NBD is used"
    if a / (a + b) < LEAST_DROPOUT:
        return f"BG/NBD estimates a churn probability of {a / (a + b):.1g}, close to zero; NBD is used"
    outside = [
        f"{name} = {value:.3g}"
        for name, value in zip(("r", "alpha", "a", "b"), full.parameters, strict=True)
        if not low <= value <= high
    ]
    return f"BG/NBD does not converge ({', '.join(outside)}); NBD is used" if outside else ""
