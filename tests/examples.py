"""How many examples Hypothesis tries: few in `make quick`, the usual number in `make test`, many in `make proofs`."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import settings

PROFILES = {"quick": 0.2, "test": 1.0, "proof": 4.0}
"""What part of a test's usual number of examples each profile tries."""

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "test")
USUAL = 100


def load_profile() -> None:
    """Load the profile that HYPOTHESIS_PROFILE names, "test" by default."""
    # A machine that is busy with other tests is slow: no law of ours is about milliseconds.
    for name, share in PROFILES.items():
        settings.register_profile(name, deadline=None, max_examples=_part(USUAL, share))
    settings.load_profile(PROFILE)


def examples(usual: int, **more: Any) -> settings:
    """Return the settings of a test that tries *usual* examples in `make test`, and another profile's part of it."""
    return settings(max_examples=_part(usual, PROFILES[PROFILE]), **more)


def _part(usual: int, share: float) -> int:
    return max(round(usual * share), 2)
