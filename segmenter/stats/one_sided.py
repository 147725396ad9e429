"""A test of ways of answering: segments that are up, or down, on more items than chance would have it.

If the items have nothing to do with one another, a segment is above the mean of all on about half of them: the number
is binomial. A yes-sayer is above it on nearly all. (Sign test; Dolnicar, Gruen & Leisch 2018, ch. 7, for the flag.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segmenter.stats.item_matrix import Matrix
from segmenter.stats.multiplicity import holm

LEVEL = 0.05  # of all segmentations without a way of answering, this share is flagged at most
ITEMS_NEEDED = 8  # fewer tell nothing of how somebody answers
WIDEST = 10  # from the lowest to the highest answer of a scale: 0 to 10


def one_sided(shares: Sequence[float], items: int) -> tuple[int, ...]:
    """Return the segments that are above (or below) the mean of all on too many items for chance.

    Args:
        shares: Of each segment, the share of items above the mean of all; NaN where it is not known.
        items: How many items there are.

    Returns:
        Places in *shares*. One of them is wrong in `LEVEL` of all segmentations at most (Holm), if items are unrelated.
    """
    if items < ITEMS_NEEDED or not np.isfinite(shares).all():
        return ()
    flags = holm([sign_test(share, items) for share in shares], family=LEVEL)
    return tuple(place for place, flag in enumerate(flags) if flag)


def sign_test(share: float, items: int) -> float:
    """Return the two-sided p of *share* of *items* being above the mean of all, if one half is expected."""
    from scipy.special import bdtr  # noqa: PLC0415 - only where segments are found

    above = round(share * items)
    return min(1.0, 2 * float(bdtr(min(above, items - above), items, 0.5)))


def on_one_scale(values: Matrix) -> bool:
    """Return whether *values* can be answers on one scale: whole numbers not farther apart than 0 and 10; no spend.

    Args:
        values: (people, items); NaN is missing.

    Returns:
        False where nobody answered.
    """
    known = values[~np.isnan(values)]
    return bool(known.size and (known == np.round(known)).all() and np.ptp(known) <= WIDEST)
