"""Maximum likelihood over positive parameters, with several starting points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
REACH = 16.0  # parameters are looked for between exp(-16) and exp(16): far beyond what is accepted
NEVER = 1e300  # a likelihood that can't be told is the worst


@dataclass(frozen=True, slots=True)
class Maximum:
    """Where the likelihood is largest. Not yet judged: the place may lie at the border of what makes sense."""

    parameters: tuple[float, ...]
    log_likelihood: float


def maximise(log_likelihood: Callable[[Array], float], starts: Sequence[Sequence[float]]) -> Maximum:
    """Return the best of Nelder-Mead, then L-BFGS, from each of *starts*.

    Args:
        log_likelihood: Of the parameters, all positive; looked for on their logarithms.
        starts: Where to begin, a tuple of parameters each.

    Returns:
        The parameters and their log-likelihood.

    Raises:
        ValueError: *starts* is empty.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 - half a second that most commands need not wait

    def lost(logs: Array) -> float:
        with np.errstate(all="ignore"):
            loss = -log_likelihood(np.exp(np.clip(logs, -REACH, REACH)))
        return loss if np.isfinite(loss) else NEVER

    best: Maximum | None = None
    for start in starts:
        walked = minimize(lost, np.log(start), method="Nelder-Mead", options={"maxiter": 4000, "fatol": 1e-7})
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
