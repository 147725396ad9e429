"""Maximum likelihood over positive parameters, with several starting points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
REACH = 16.0  # parameters are looked for between exp(-16) and exp(16): far beyond what is accepted
INSIDE = (1e-4, 1e4)  # parameters of a sample from which the search goes on
LARGE, SOME = 20_000, 8_000  # from so many histories on, so many are searched first
EXACT = {"maxiter": 4000, "fatol": 1e-7}
NEAR = {"maxiter": 4000, "fatol": 1e-3, "xatol": 1e-2}  # of a sample: where the search for all data begins
NEVER = 1e300  # a likelihood that can't be told is the worst


@dataclass(frozen=True, slots=True)
class Maximum:
    """Where the likelihood is largest. Not yet judged: the place may lie at the border of what makes sense."""

    parameters: tuple[float, ...]
    log_likelihood: float


def thinned(count: int) -> slice | None:
    """Return which histories of *count* are searched first, evenly over their order; None where all are few enough."""
    return slice(None, None, -(-count // SOME)) if count >= LARGE else None


def maximise(
    log_likelihood: Callable[[Array], float],
    starts: Sequence[Sequence[float]],
    *,
    of_some: Callable[[Array], float] | None = None,
) -> Maximum:
    """Return the best of Nelder-Mead, then L-BFGS, from each of *starts*.

    Args:
        log_likelihood: Of the parameters, all positive; looked for on their logarithms.
        starts: Where to begin, a tuple of parameters each.
        of_some: The same of a sample of large data: its best place is the one start for all data, where the search
            ends within the same tolerances after a tenth of the steps. None: all data are few enough. A sample whose
            best place is at the border says nothing, and all data are searched from *starts*.

    Returns:
        The parameters and their log-likelihood.

    Raises:
        ValueError: *starts* is empty.
    """
    if of_some is not None:
        near = _search(of_some, starts, NEAR).parameters
        starts = [near] if all(INSIDE[0] < each < INSIDE[1] for each in near) else starts
    return _search(log_likelihood, starts, EXACT)


def _search(
    log_likelihood: Callable[[Array], float], starts: Sequence[Sequence[float]], options: Mapping[str, float]
) -> Maximum:
    from scipy.optimize import minimize  # noqa: PLC0415 - half a second that most commands need not wait

    def lost(logs: Array) -> float:
        with np.errstate(all="ignore"):
            loss = -log_likelihood(np.exp(np.clip(logs, -REACH, REACH)))
        return loss if np.isfinite(loss) else NEVER

    best: Maximum | None = None
    for start in starts:
        walked = minimize(lost, np.log(start), method="Nelder-Mead", options=dict(options))
        bounds = [(-REACH, REACH)] * len(start)
        refined = minimize(lost, np.clip(walked.x, -REACH, REACH), method="L-BFGS-B", bounds=bounds)
        place = refined if refined.fun <= walked.fun else walked
        logs = np.clip(place.x, -REACH, REACH)
        maximum = Maximum(tuple(float(p) for p in np.exp(logs)), -float(place.fun))
        if best is None or maximum.log_likelihood > best.log_likelihood:
            best = maximum
    if best is None:
        raise ValueError("maximise needs at least one start")
    return best
