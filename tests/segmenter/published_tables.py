"""Published figures and the small tables behind them, with their sources; and real data that installed packages ship.

What stands here is aggregated (sums, counts of a printed table, parameters): no row of anybody's data.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from statsmodels.datasets import anes96

Matrix = NDArray[np.float64]

# Fisher's iris (scikit-learn ships it): smallest sums of squares by number of clusters, proven by branch and bound.
# du Merle, Hansen, Jaumard & Mladenovic 2000, SIAM Journal on Scientific Computing 21, 1485-1505.
IRIS_OPTIMA = {2: 152.34795, 3: 78.85144, 4: 57.22847, 5: 46.44618, 6: 39.03999, 7: 34.29823, 8: 29.98894}

# 3,398 schoolboys, asked twice: in the leading crowd or not, for it or not (first A, B, then C, D), yes before no.
# Coleman 1964, Introduction to Mathematical Sociology. Two latent classes: G-squared 249.50 with 6 degrees of freedom,
# Goodman 1974, Biometrika 61, 215-231.
SCHOOLBOYS = (458, 140, 110, 49, 171, 182, 56, 87, 184, 75, 531, 281, 85, 97, 338, 554)
SCHOOLBOYS_G2, SCHOOLBOYS_DF = 249.50, 6

# Calls of a bank in order of time, in tenths: how many said yes in the first two together and in each later one, and
# how far that is from the first two in standard errors. Moro, Cortez & Rita 2014 (UCI data set 222); sums are ours.
BANK_CALLS, BANK_YES_BEFORE = 41_188, 259
BANK_YES = {2: 174, 3: 273, 4: 257, 5: 225, 6: 419, 7: 493, 8: 648, 9: 1892}
BANK_Z = {2: 3.1, 3: 9.0, 4: 8.1, 5: 6.3, 6: 16.0, 7: 19.0, 8: 25.0, 9: 59.0}

# CDNOW's sample. BG/NBD r, alpha, a, b (printed with three decimals: .243 4.414 .793 2.426), log-likelihood, and the
# orders of a new customer by weeks: Fader, Hardie & Lee 2005, Marketing Science 24, 275-284, and their spreadsheet.
# Gamma-Gamma p, q, gamma and the mean amount of who has no repeat order: Fader & Hardie 2013.
CDNOW_BG_NBD = (0.2426, 4.4136, 0.7929, 2.4259, -9582.43)
CDNOW_ORDERS_OF_NEW = {0.1429: 0.0078, 1: 0.0532, 3: 0.1506, 31.8571: 1.0405, 32: 1.0437, 78: 1.8576}
CDNOW_GAMMA_GAMMA, CDNOW_MEAN_AMOUNT = (6.25, 3.744, 15.444), 35.17

# Of 64 pixels those that are dark in about half of the drawings, so that each is as good as a yes/no question.
PIXELS = (29, 34, 50, 42, 61, 19, 27, 35, 53, 5, 58)
OTHER_PIXELS = (13, 20, 21, 26, 37, 43, 44, 45)


def schoolboys() -> dict[str, list[str]]:
    """Return the answers of each boy, from the counts of the printed table."""
    cells = list(zip(product(("yes", "no"), repeat=4), SCHOOLBOYS, strict=True))
    return {name: [cell[i] for cell, count in cells for _ in range(count)] for i, name in enumerate("ABCD")}


def bank_calls(block: int) -> int:
    """Return how many calls are in a tenth (0 to 9)."""
    first, after = (-(-BANK_CALLS * place // 10) for place in (block, block + 1))
    return after - first


def drawings() -> tuple[Matrix, Matrix]:
    """Return eleven yes/no items of the 1,797 digits that scikit-learn ships, and eight numbers about each."""
    pixels: Any = load_digits().data
    return (pixels[:, list(PIXELS)] > 7).astype(np.float64), pixels[:, list(OTHER_PIXELS)].astype(np.float64)


def interviewed() -> pd.DataFrame:
    """Return age, schooling (educ, 1-7), income and days of TV news of 944 people: statsmodels, public domain."""
    people: pd.DataFrame = anes96.load_pandas().data[["age", "educ", "income", "TVnews"]]
    return people
