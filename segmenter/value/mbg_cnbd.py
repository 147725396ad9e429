"""MBG/CNBD-k model: people who order regularly, each with the same regularity k, and may stop after any order.

Source: Reutterer, Platzer & Schröder 2021, "Leveraging purchase regularity for predicting customer behavior the easy
way" (International Journal of Research in Marketing 38): times between orders are Erlang-k with gamma-distributed
rates, and after each order, the first one too, people stop with a beta-distributed chance. k = 1 is the MBG/NBD
(Batislam, Denizel & Filiztekin 2007). The expectation is the exact sum over coming orders.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MOST_K = 6
LEAST_GAPS = 2  # repeat orders of a buyer, from which gaps can be compared
NEGLIGIBLE = 1e-7  # of an order
CHUNK = 2_000  # histories at once: bounds the memory


def regularity(repeats: Array, last: Array, log_gaps: Array) -> float:
    """Return the k that the gaps between orders show, without a model of anything else; 1 is chance, more is regular.

    A buyer's x gaps add up to t_x. If they are gamma-distributed with shape k, then ln(t_x / x) - mean(ln gap) has the
    mean psi(k x) - ln x - psi(k), whatever the buyer's rate. k is where the sum over buyers meets that of the means.

    Args:
        repeats: x, one value a buyer; those with fewer than two don't count.
        last: t_x, weeks.
        log_gaps: Sum of the logarithms of a buyer's gaps, in weeks.

    Returns:
        Between .2 and 20; 1 where nobody has two gaps.
    """
    from scipy.optimize import brentq  # noqa: PLC0415 - half a second that most commands need not wait
    from scipy.special import digamma  # noqa: PLC0415

    several = (repeats >= LEAST_GAPS) & (last > 0) & np.isfinite(log_gaps)
    if not several.any():
        return 1.0
    x = repeats[several]
    spread = float((np.log(last[several] / x) - log_gaps[several] / x).sum())

    def surplus(k: float) -> float:
        return float((digamma(k * x) - np.log(x) - digamma(k)).sum()) - spread

    low, high = 0.2, 20.0
    if surplus(low) < 0:
        return low
    return high if surplus(high) > 0 else float(brentq(surplus, low, high))


def mbg_cnbd_log_likelihood(
    parameters: Array, k: int, x: Array, last: Array, observed: Array, log_gaps: Array, weights: Array
) -> float:
    """Return the log-likelihood of r, alpha, a, b for regularity *k*, each history counted *weights* times."""
    from scipy.special import gammaln, logsumexp  # noqa: PLC0415

    r, alpha, a, b = parameters
    gaps = (k - 1) * log_gaps - x * gammaln(k)
    stopped = _log_beta(a + 1, b + x) + gammaln(r + k * x) - (r + k * x) * np.log(alpha + last)
    alive = _log_beta(a, b + x + 1) + logsumexp(_log_phases(parameters, k, x, last, observed), axis=0)
    common = r * np.log(alpha) - gammaln(r) - _log_beta(a, b)
    return float(np.sum(weights * (gaps + common + np.logaddexp(stopped, alive))))


def _log_beta(a: Array | float, b: Array | float) -> Array:
    from scipy.special import betaln  # noqa: PLC0415

    return np.asarray(betaln(a, b), dtype=np.float64)


def _log_phases(parameters: Array, k: int, x: Array, last: Array, observed: Array) -> Array:
    """Weight of each phase j of the Erlang clock, 0 to k - 1, of buyers who are still there: shape (k, buyers)."""
    from scipy.special import gammaln  # noqa: PLC0415

    r, alpha = parameters[:2]
    phases = np.arange(k, dtype=np.float64)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        waited = np.where(phases > 0, phases * np.log(observed - last), 0.0)
    shape = r + k * x + phases
    return np.asarray(
        waited - gammaln(phases + 1) + gammaln(shape) - shape * np.log(alpha + observed), dtype=np.float64
    )


def expected_mbg_cnbd(parameters: Array, k: int, x: Array, last: Array, observed: Array, weeks: float) -> Array:
    """Return how many orders each buyer places in the next *weeks*, given the history (E[Y(t)]).

    Of somebody who is there in phase j of the clock, the n-th coming order is due once nk - j ticks have passed. The
    ticks in t weeks are Poisson with a rate of Gamma(r + kx + j, alpha + T), thus negative binomial, and the person has
    stopped at none of the n - 1 orders before with the mean of (1 - p)^(n - 1) over Beta(a, b + x + 1).

    Args:
        parameters: r, alpha, a, b.
        k: The regularity.
        x: Repeat orders, one value a buyer.
        last: t_x, weeks.
        observed: T, weeks.
        weeks: From now on, 0 or more.

    Returns:
        (buyers,) orders.
    """
    order = np.argsort((parameters[0] + k * x) / (parameters[1] + observed), kind="stable")
    expected = np.empty(len(x))
    for start in range(0, len(x), CHUNK):
        some = order[start : start + CHUNK]
        expected[some] = sum(_terms(parameters, k, (x[some], last[some], observed[some]), weeks))
    return expected


def _terms(parameters: Array, k: int, history: tuple[Array, Array, Array], weeks: float) -> Iterator[Array]:
    """Chance of each coming order, the first one first, until it is negligible for everybody."""
    from scipy.special import betainc, gammaln, logsumexp  # noqa: PLC0415

    r, alpha, a, b = parameters
    x, last, observed = history
    phases = _log_phases(parameters, k, x, last, observed)
    alive = _log_beta(a, b + x + 1) + logsumexp(phases, axis=0)
    stopped = _log_beta(a + 1, b + x) + gammaln(r + k * x) - (r + k * x) * np.log(alpha + last)
    there = np.exp(alive - np.logaddexp(alive, stopped))
    weight = there * np.exp(phases - logsumexp(phases, axis=0))
    ticks = weeks / (alpha + observed + weeks)
    shape = r + k * x + np.arange(k)[:, None]
    stays = np.ones(len(x))
    n = 0
    while True:
        n += 1
        due = betainc(np.arange(n * k, n * k - k, -1.0)[:, None], shape, ticks)  # P(negative binomial >= nk - j)
        chance = stays * (weight * due).sum(axis=0)
        yield chance
        stays = stays * (b + x + n) / (a + b + x + n)
        if not len(x) or float(chance.max()) < NEGLIGIBLE:
            return
