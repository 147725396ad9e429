"""Ids of people: new ones that nobody has, and for the demo the same ones in every run."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from itertools import count

GREGORIAN = 0x01B21DD213814000  # 100 ns from 1582 to 1970: ids count as uuid1 does, which asks a daemon each time


def new_person_id() -> str:
    """Return a person id that nobody has. Ids sort by age, so that where persons join the oldest survives."""
    return f"p-{time.time_ns() // 100 + GREGORIAN:016x}-{uuid.uuid4().hex[:8]}"


def counted_person_ids(seed: int) -> Callable[[], str]:
    """Return what makes person ids that are the same for one *seed*: who is in which variant follows from the id.

    Only for a workspace that is new, and that one process writes to.

    Args:
        seed: The same number gives the same ids.

    Returns:
        Gives the next id at each call.
    """
    numbers = count(1)
    return lambda: f"p-{next(numbers):016x}-{seed & 0xFFFFFFFF:08x}"
